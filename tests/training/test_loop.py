from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from creator.core.errors import HllmCreatorError
from creator.training.loop import LoopSettings, finish, learning_rate_at, run_loop

STEPS = 12
SETTINGS = LoopSettings(STEPS, 0.05, warmup_steps=3, save_every_s=0.0, log_every=2, bf16=False)


class KillError(Exception):
    """Stands for the kill: nothing in the loop may catch it."""


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def steps_of(model, dies_at=None):
    def losses(step):
        if step == dies_at:
            raise KillError
        draw = torch.Generator().manual_seed(step)
        rows = torch.randn(16, 4, generator=draw)
        loss = nn.functional.mse_loss(model(rows).squeeze(-1), rows.sum(1).sin())
        return {"fit": loss, "total": loss * 2}

    return losses


def run(model, folder, dies_at=None, settings=SETTINGS):
    folder.mkdir(exist_ok=True)
    run_loop(model, [("2.", 0.5)], steps_of(model, dies_at), settings, folder, label="test",
             validate=lambda: {"fit": float(model(torch.ones(1, 4)))}, validate_every=5)  # fmt: skip


def history(folder):
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.001),
        (8, 0.009),
        (9, 0.010),
        (10, 0.010),  # the cosine's start
        (60, 0.0055),  # half-way: the mean of peak and tenth
        (35, 0.001 + 0.009 * 0.5 * (1 + math.sqrt(0.5))),  # an eighth of a turn
        (110, 0.001),
        (500, 0.001),
    ],
)
def test_learning_rates_by_hand(step, rate):
    assert learning_rate_at(step, LoopSettings(110, 0.01, warmup_steps=10)) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize("dies_at", [1, 7, STEPS - 1])
def test_a_killed_and_resumed_run_takes_the_very_steps_of_an_uninterrupted_one(tmp_path, dies_at):
    calm, killed, resumed = net(), net(), net()
    run(calm, tmp_path / "calm")
    with pytest.raises(KillError):
        run(killed, tmp_path / "killed", dies_at)
    # a kill cuts a line of the history short, and leaves one of a step that no checkpoint holds
    with (tmp_path / "killed/history.jsonl").open("a") as stream:
        stream.write('{"step": 99, "fit": 1}\n{"step": 10')
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.fill_(9.0)
    run(resumed, tmp_path / "killed")
    for ours, theirs in zip(resumed.parameters(), calm.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert history(tmp_path / "killed") == history(tmp_path / "calm")


def test_the_history_holds_every_other_step_the_validations_and_the_last(tmp_path):
    model = net()
    run(model, tmp_path)
    rows = history(tmp_path)
    assert [row["step"] for row in rows] == [2, 4, 5, 6, 8, 10, 12]
    assert [row["step"] for row in rows if "valid_fit" in row] == [5, 10, 12]
    assert rows[-1]["total"] == pytest.approx(2 * rows[-1]["fit"], abs=2e-5)
    assert rows[-1]["total"] < rows[0]["total"]
    assert not model.training


def test_the_optimiser_is_adamw_with_a_slower_group_and_decay_on_matrices_alone(tmp_path):
    model, plain = net(), net()
    run(model, tmp_path, settings=LoopSettings(1, 0.05, warmup_steps=1, clip=1e9, bf16=False))
    steps_of(plain)(0)["total"].backward()
    for name, parameter in plain.named_parameters():
        # the first step of Adam moves by the rate against the gradient's sign
        rate = 0.05 * (0.5 if name.startswith("2.") else 1.0)
        decay = 0.01 if parameter.ndim > 1 else 0.0
        moved = parameter.detach() * (1 - rate * decay) - rate * parameter.grad.sign()
        torch.testing.assert_close(model.get_parameter(name).detach(), moved, rtol=1e-4, atol=1e-5)


def test_frozen_parameters_stay(tmp_path):
    model = net()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    run(model, tmp_path)
    torch.testing.assert_close(model[0].weight, before, rtol=0, atol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_checkpoint(tmp_path, bad):
    model = net()
    good = steps_of(model)

    def losses(step):
        return {"total": good(step)["total"] * (bad if step == 4 else 1.0)}

    with pytest.raises(HllmCreatorError, match="no longer finite; got: step 4; try: lower the learning rate"):
        run_loop(model, (), losses, SETTINGS, tmp_path, label="test")
    assert torch.load(tmp_path / ".checkpoint.pt", weights_only=True)["step"] == 4
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_finish_drops_the_checkpoint_and_nothing_else(tmp_path):
    run(net(), tmp_path)
    finish(tmp_path)
    finish(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]
