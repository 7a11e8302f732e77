"""Ablations on the small run: one table, one thing changed at a time, and a killed call goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from creator.cli import main
from creator.core.errors import HllmCreatorError
from creator.training import stage
from creator.training.options import TrainOptions

pytestmark = pytest.mark.slow

CONFIG = """
[model]
item = "{0}/backbone"
creative = "{0}/backbone"
history = 8
user_layers = 1
match_width = 8
lora_rank = 0
dtype = "fp32"
steps = 2
match_steps = 2
warmup_steps = 1
ads = 2
titles_per_ad = 2
profiles = 2
"""
WITHOUT = "--without alignment reconstruction"
KEPT = ["full", "mean", "choice", "matching", "frozen", "random"]


@pytest.fixture
def command(whole_run: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "ablations.toml").write_text(CONFIG.format(whole_run))
    line = (f"evaluate ablations --data {whole_run}/data --examples {whole_run}/examples --limit 8 --profiles 4 "
            f"--resamples 20 --config {tmp_path}/ablations.toml --out {tmp_path}/report {WITHOUT}")  # fmt: skip
    return line.split()


def test_every_variant_is_trained_once_with_one_thing_changed_and_a_killed_call_goes_on(
    command: list[str], whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[TrainOptions] = []
    really = stage.run_train

    def counted(options: TrainOptions) -> Mapping[str, object]:
        if len(trained) == 2:
            trained.clear()
            raise HllmCreatorError("the power went out")
        trained.append(options)
        return really(options)

    monkeypatch.setattr(stage, "run_train", counted)
    assert main(command) == 1
    assert not (tmp_path / "report").exists()
    partial = tmp_path / "report.partial" / ".variants"
    assert sorted(path.name for path in partial.iterdir() if (path / "model").is_dir()) == ["choice", "full"]

    trained.clear()
    kept: dict[str, dict[str, Any]] = {}

    def watched(options: TrainOptions) -> Mapping[str, object]:
        found = really(options)
        trained.append(options)
        if options.out.parent.name == "random":
            kept["weights"] = dict(load_file(options.out.parent / "item" / "model.safetensors"))
        kept[options.out.parent.name] = dict(load_file(options.out / "creative_llm" / "model.safetensors"))
        return found

    monkeypatch.setattr(stage, "run_train", watched)
    assert main(command) == 0
    assert [options.out.parent.name for options in trained] == ["matching", "frozen", "random"]
    assert [options.matching_weight for options in trained] == [0.0, 1.0, 1.0]
    assert {options.choice_weight for options in trained} == {1.0}
    own = load_file(whole_run / "backbone" / "model.safetensors")
    assert all((own[name] == tensor).all() for name, tensor in kept["frozen"].items())
    assert not all((own[name] == tensor).all() for name, tensor in kept["matching"].items())
    drawn = kept["weights"]
    assert drawn
    matrices = [name for name, tensor in drawn.items() if getattr(tensor, "ndim", 1) > 1]
    assert not any((own[f"model.{name}"] == drawn[name]).all() for name in matrices)

    found = {v["name"]: v for v in json.loads((tmp_path / "report" / "summary.json").read_text())["variants"]}
    assert list(found) == KEPT
    full, mean = found["full"]["figures"], found["mean"]["figures"]
    assert mean["perplexity_own"]["value"] == full["perplexity_mean"]["value"]
    assert 0 <= full["conditioning"]["value"] <= 1
    assert 0 < full["matching_auc"]["value"] < 1
    assert not (tmp_path / "report" / ".variants").exists()
    for name in ("report.html", "ablations.png"):
        assert (tmp_path / "report" / name).stat().st_size > 1_000


def test_a_configuration_without_training_is_told(
    tmp_path: Path, whole_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.toml").write_text("[data]\nsource = 'tables'\n")
    line = (f"evaluate ablations --data {whole_run}/data --examples {whole_run}/examples --config {tmp_path}/no.toml "
            f"--out {tmp_path}/report")  # fmt: skip
    assert main(line.split()) == 2
    assert "no section [model]" in capsys.readouterr().err
