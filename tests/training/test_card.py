from __future__ import annotations

import json

import pytest

from creator.models.config import ModelConfig
from creator.training.card import write_card
from creator.training.curves import draw_curves, read_history

HISTORY = [
    {"step": 5, "creative": 4.0, "total": 4.5},
    {"step": 10, "creative": 2.5, "total": 2.75, "valid_creative": 3.125, "seconds": 12.5},
]


def write_history(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def model(backbones):
    return backbones.build(ModelConfig(history=20, match_width=16), user_layers=1)


def test_the_card_tells_parts_data_and_first_and_last_losses(model, shop, tmp_path):
    text = write_card(model, shop.data, None, write_history(tmp_path, HISTORY), None).read_text()
    assert "| creative | 4.000 | 2.500 | 3.125 |" in text
    assert "- 10 steps" in text
    # a Llama layer of width 64: 2 x 64 x 64 + 2 x 64 x 64 for attention, 3 x 64 x 168, norms; 8 words; a last norm
    user = 4 * 64 * 64 + 3 * 64 * 168 + 2 * 64 + 8 * 64 + 64
    assert f"User LLM: {user / 1e6:.1f} M parameters" in text
    assert "75 items, 60 users, 1,500 events; nothing at or after 1702166400 (epoch seconds)" in text


@pytest.mark.parametrize(("same", "inherits"), [(True, True), (False, False)])
def test_a_model_that_was_only_put_together_keeps_the_card_it_came_with(model, shop, tmp_path, same, inherits):
    init = write_history(tmp_path / "init", HISTORY)
    (init / "model_card.md").write_text("the card of the folder it came from")
    out = write_history(
        tmp_path / "out", HISTORY if same else [*HISTORY, {"step": 15, "creative": 2.0, "total": 2.0, "seconds": 1.0}]
    )
    text = write_card(model, shop.data, None, out, init).read_text()
    assert (text == "the card of the folder it came from") == inherits


def test_curves_are_drawn_where_something_was_trained(tmp_path):
    folder = write_history(tmp_path / "trained", HISTORY)
    draw_curves(folder)
    alone = (folder / "curves.png").read_bytes()
    assert alone.startswith(b"\x89PNG")
    (folder / "history_users.jsonl").write_text(json.dumps({"step": 5, "choice": 2.0, "total": 2.0}) + "\n")
    draw_curves(folder)
    assert (folder / "curves.png").read_bytes() != alone
    draw_curves(write_history(tmp_path / "none", []))
    assert not (tmp_path / "none/curves.png").exists()
    assert read_history(folder / "history.jsonl") == HISTORY


def test_the_card_tells_the_steps_of_the_user_llm_apart(model, shop, tmp_path):
    folder = write_history(tmp_path, HISTORY)
    rows = [{"step": 7, "choice": 2.0, "total": 2.0, "seconds": 3.0}, {"step": 9, "choice": 1.0, "seconds": 4.0}]
    (folder / "history_users.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "history_drills.jsonl").write_text('{"step": 3, "creative": 7.0, "total": 7.0, "seconds": 1.0}\n')
    text = write_card(model, shop.data, None, folder, None).read_text()
    assert "- 3 steps" in text.split("## Training of the drills")[1].split("## Training of the users")[0]
    users, titles = text.split("## Training of the users")[1].split("## Training\n")
    assert "- 9 steps" in users
    assert "| choice | 2.000 | 1.000 | - |" in users
    assert "| creative | 4.000 | 2.500 | 3.125 |" in titles
