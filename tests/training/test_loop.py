from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from creator.core.errors import HllmCreatorError
from creator.training.collapse import LEAST_LIVE, MOST_PARALLEL, PATIENCE
from creator.training.loop import LoopSettings, finish, learning_rate_at, run_loop

STEPS = 12
SETTINGS = LoopSettings(STEPS, 0.05, warmup_steps=3, save_every_s=0.0, log_every=2, bf16=False)


class KillError(Exception):
    """Stands for the kill: nothing in the loop may catch it."""


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


class Steps:
    """A fit whose passes also draw noise and carry a running mean: what an exact resume has to put back."""

    def __init__(self, model, dies_at=None):
        self.model, self.dies_at, self.mean = model, dies_at, torch.zeros(1)

    def __call__(self, step):
        if step == self.dies_at:
            raise KillError
        draw = torch.Generator().manual_seed(step)
        rows = torch.randn(16, 4, generator=draw) + 0.01 * torch.randn(16, 4)
        loss = nn.functional.mse_loss(self.model(rows).squeeze(-1), rows.sum(1).sin() + 0.1 * self.mean)
        self.mean = 0.9 * self.mean + 0.1 * loss.detach()
        return {"fit": loss, "tokens": torch.tensor(64.0), "total": loss * 2}

    def memory(self):
        return {"mean": self.mean}

    def remember(self, memory):
        self.mean = memory["mean"]


def steps_of(model):
    """The same without noise and memory."""

    def losses(step):
        draw = torch.Generator().manual_seed(step)
        rows = torch.randn(16, 4, generator=draw)
        loss = nn.functional.mse_loss(model(rows).squeeze(-1), rows.sum(1).sin())
        return {"fit": loss, "total": loss * 2}

    return losses


def run(model, folder, dies_at=None, settings=SETTINGS):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(5)
    run_loop(model, [("2.", 0.5)], Steps(model, dies_at), settings, folder, label="test",
             validate=lambda: {"fit": float(model(torch.ones(1, 4))), "total": float(model(torch.ones(1, 4)).square())},
             validate_every=5)  # fmt: skip


def history(folder):
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in ("seconds", "tokens_per_s")} for row in rows]


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


@pytest.mark.parametrize(("dies_at", "accumulate", "patience"), [(1, 1, 0), (7, 1, 1), (STEPS - 1, 1, 0), (13, 2, 9)])
def test_a_killed_and_resumed_run_takes_the_very_steps_of_an_uninterrupted_one(tmp_path, dies_at, accumulate, patience):
    settings = replace(SETTINGS, accumulate=accumulate, patience=patience)
    calm, killed, resumed = net(), net(), net()
    run(calm, tmp_path / "calm", settings=settings)
    with pytest.raises(KillError):
        run(killed, tmp_path / "killed", dies_at, settings)
    # a kill cuts a line of the history short, and leaves one of a step that no checkpoint holds
    with (tmp_path / "killed/history.jsonl").open("a") as stream:
        stream.write('{"step": 99, "fit": 1}\n{"step": 10')
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.fill_(9.0)
    run(resumed, tmp_path / "killed", settings=settings)
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
    settings = LoopSettings(1, 0.05, warmup_steps=1, clip=1e9, bf16=False)
    run_loop(model, [("2.", 0.5)], steps_of(model), settings, tmp_path, label="test")
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
    assert torch.load(tmp_path / ".checkpoint.pt", weights_only=True)["progressed"]["step"] == 4
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_finish_drops_the_checkpoint_and_nothing_else(tmp_path):
    run(net(), tmp_path)
    finish(tmp_path)
    finish(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]


def test_gradients_of_several_passes_add_up_to_those_of_one_on_all_their_rows(tmp_path):
    rows = torch.randn(24, 4, generator=torch.Generator().manual_seed(1))
    wanted = rows.sum(1).sin()

    def passes(model, count):
        def losses(number):
            part = slice(number % count * (24 // count), (number % count + 1) * (24 // count))
            return {"total": nn.functional.mse_loss(model(rows[part]).squeeze(-1), wanted[part])}

        return losses

    models = {count: net() for count in (1, 3)}
    for count, model in models.items():
        folder = tmp_path / str(count)
        folder.mkdir()
        settings = LoopSettings(4, 0.05, 1, clip=0.1, bf16=False, log_every=1, accumulate=count)
        run_loop(model, (), passes(model, count), settings, folder, label="test")
    for ours, theirs in zip(models[3].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    once, thrice = (history(tmp_path / str(count)) for count in (1, 3))
    assert [row["total"] for row in thrice] == pytest.approx([row["total"] for row in once], abs=2e-5)


@pytest.mark.parametrize("dies_at", [None, 5])
def test_training_stops_when_validation_no_longer_improves_and_keeps_the_best_weights(tmp_path, dies_at):
    scripted = {2: 3.0, 4: 1.0, 6: 2.0, 8: 1.5, 10: 0.1}
    model, kept = net(), {}
    settings = LoopSettings(20, 0.05, 1, save_every_s=0.0, bf16=False, patience=2)

    def losses(step):
        taken.append(step)
        if step == dies_at and len(taken) == 6:
            raise KillError
        return steps_of(model)(step)

    def validate():
        kept[taken[-1] + 1] = [p.detach().clone() for p in model.parameters()]
        return {"total": scripted[taken[-1] + 1]}

    taken = []
    for _ in range(1 if dies_at is None else 2):
        try:
            run_loop(model, (), losses, settings, tmp_path, label="test", validate=validate, validate_every=2)
        except KillError:
            continue
    assert taken[-1] == 7  # 4 was the best, 6 and 8 were not better
    for ours, best in zip(model.parameters(), kept[4], strict=True):
        torch.testing.assert_close(ours, best, rtol=0, atol=0)
    run_loop(model, (), losses, settings, tmp_path, label="test", validate=validate, validate_every=2)
    assert taken[-1] == 7  # what stopped stays stopped
    finish(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]


def test_the_best_weights_are_put_back_at_the_last_step_too(tmp_path):
    model, kept, told = net(), [], iter([1.0, 2.0])
    settings = LoopSettings(4, 0.05, 1, bf16=False, patience=5)

    def validate():
        kept.append([p.detach().clone() for p in model.parameters()])
        return {"total": next(told)}

    run_loop(model, (), steps_of(model), settings, tmp_path, label="test", validate=validate, validate_every=2)
    for ours, best, last in zip(model.parameters(), *kept, strict=True):
        torch.testing.assert_close(ours, best, rtol=0, atol=0)
        assert not torch.equal(best, last)


@pytest.mark.parametrize(
    ("name", "bad", "good", "told"),
    [
        ("parallel_items", MOST_PARALLEL + 0.005, 0.5, "embeddings of different items are nearly parallel"),
        ("live_negatives", LEAST_LIVE - 0.5, 30.0, "hardly a negative is left"),
    ],
)
def test_a_collapse_ends_training_and_says_why(tmp_path, name, bad, good, told):
    model = net()
    steps = PATIENCE + 30

    def run_with(values):
        fit = steps_of(model)
        settings = LoopSettings(steps, 0.001, bf16=False, save_every_s=1e9)
        run_loop(model, (), lambda s: {**fit(s), name: torch.tensor(values(s))}, settings, tmp_path, label="test")

    run_with(lambda step: good if step % PATIENCE == PATIENCE - 1 else bad)  # it recovers in time
    finish(tmp_path)
    with pytest.raises(HllmCreatorError, match=rf"collapsed: .*{told}.* up to step {PATIENCE + 10};.*try: "):
        run_with(lambda step: bad if step >= 10 else good)


def test_tensorboard_holds_every_figure_and_loses_none_to_a_kill(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = replace(SETTINGS, tensorboard=tmp_path / "board")
    model = net()
    with pytest.raises(KillError):
        run(model, tmp_path / "run", 7, settings)
    run(model, tmp_path / "run", settings=settings)
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    rows = history(tmp_path / "run")
    for tag, name in (("fit/train", "fit"), ("fit/valid", "valid_fit"), ("lr/train", "lr")):
        told = {event.step: event.value for event in board.Scalars(tag)}
        assert told == pytest.approx({row["step"]: row[name] for row in rows if name in row}, abs=2e-5), tag
    assert all(event.value > 0.05 for event in board.Scalars("memory_gib/train"))
    assert all(event.value > 0 for event in board.Scalars("tokens_per_s/train"))


def test_progress_shows_the_loss_tokens_a_second_and_memory(tmp_path, capsys):
    run(net(), tmp_path)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"12 of 12 steps.*, loss \d\.\d{3}, [\d,]+ tokens/s, \d\.\d GiB$", last)
