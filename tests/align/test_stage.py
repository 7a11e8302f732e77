"""`align` on the generated shop: a tiny model with a supervised start, then a few steps of each method."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from creator.align import trainers
from creator.align.asked import Asking
from creator.align.draws import log_likelihoods
from creator.align.options import AlignOptions
from creator.cli import main
from creator.core.artefacts import open_artefact
from creator.core.data import EXAMPLES, open_data, read_table
from creator.models.checkpoint import load_model
from tests.domain import write_shop
from tests.end_to_end.backbones import make_backbone

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TRL and what it imports warn of themselves
START = shlex.split(
    "--user-layers 1 --history 20 --match-width 16 --lora-rank 0 --dtype fp32 --titles-per-ad 8 --profiles 1 "
    "--match-steps 0 --reconstruction-weight 0 --alignment-weight 0 --matching-weight 0 --choice-weight 0 "
    "--learning-rate 0.005 --warmup-steps 5 --validate-every 1000 --steps 80"
)
FEW = shlex.split("--steps 4 --prompts 16 --heldout 6 --batch 16 --generations 4 --lora-rank 4 --learning-rate 0.002")


@dataclass(frozen=True)
class Started:
    """A model after its supervised start, and what it was trained on."""

    folder: Path

    def frame(self) -> pd.DataFrame:
        return read_table(self.folder / "examples" / "examples.parquet", EXAMPLES)

    def inputs(self) -> list[str]:
        return [word for name in ("model", "data", "examples") for word in (f"--{name}", str(self.folder / name))]


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Started:
    folder = tmp_path_factory.mktemp("started")
    tables, data, examples = write_shop(folder / "tables", ads=4), folder / "data", folder / "examples"
    dates = ["--train-until", "2023-12-06", "--live-at", "2023-12-07"]
    assert main(["ingest", "--source", "tables", "--path", str(tables), *dates, "--out", str(data)]) == 0
    small = shlex.split("--history 20 --min-history 5 --min-events 1 --limit 120 --heldout 20")
    assert main(["synthesize", "--data", str(data), *small, "--out", str(examples)]) == 0
    made = Started(folder)
    texts = [line for path in tables.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    texts += sorted(set(made.frame()["title"])) * 3
    for seed, name in enumerate(("item", "creative")):
        make_backbone(folder / name, texts, seed=seed)
    backbones = ["--item", str(folder / "item"), "--creative", str(folder / "creative")]
    inputs = ["--data", str(data), "--examples", str(examples)]
    assert main(["train", *inputs, *backbones, *START, "--out", str(folder / "model")]) == 0
    return made


@pytest.mark.parametrize(("method", "figure"), [("dpo", "rewards/margins"), ("grpo", "reward")])
def test_a_few_steps_make_a_model_that_loads_and_reads_its_reader(started, tmp_path, method, figure):
    out = tmp_path / "aligned"
    assert main(["align", *started.inputs(), "--out", str(out), "--method", method, *FEW]) == 0

    artefact = open_artefact(out, "model")
    assert artefact.manifest["rows"]["steps"] == 4
    steps = [json.loads(line) for line in (out / "history_align.jsonl").read_text().splitlines()]
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    assert all(np.isfinite(row[figure]) for row in steps)
    assert not (out / ".trl").exists()
    assert f"- {method}, 4 steps" in (out / "model_card.md").read_text(encoding="utf-8")

    # the Creative LLM's layers have moved, its words have not, and no id was added for a soft token
    before, after = (load_file(f / "creative_llm" / "model.safetensors") for f in (started.folder / "model", out))
    assert {name: t.shape for name, t in before.items()} == {name: t.shape for name, t in after.items()}
    moved = {name for name, tensor in before.items() if not tensor.equal(after[name])}
    assert moved
    assert all("_proj" in name for name in moved)

    model, data = load_model(out), open_data(started.folder / "data")
    items = model.encode_texts(data.item_texts)
    asking = Asking.of(model, data, started.frame(), items, 8, 0)
    titles = [(asked, model.prompts.title(asked.example)) for asked in asking.pairs]
    own = log_likelihoods(model, asking, titles, [asked.reader for asked in asking.pairs])
    other = log_likelihoods(model, asking, titles, [(asked.reader + 1) % len(asking.soft) for asked in asking.pairs])
    assert (own - other).abs().min() > 1e-4


@pytest.mark.parametrize("method", ["dpo", "grpo"])
def test_killed_and_started_again_it_ends_as_if_never_killed(started, tmp_path, monkeypatch, method):
    call = ["align", *started.inputs(), "--method", method, *FEW, "--out"]
    assert main([*call, str(tmp_path / "whole")]) == 0

    class Killed(BaseException):
        pass

    told = trainers._Told.on_step_end

    def killed(self, args, state, control, **more):
        if state.global_step == 3:
            raise Killed
        return told(self, args, state, control, **more)

    with monkeypatch.context() as patch:
        patch.setattr(trainers._Told, "on_step_end", killed)
        with pytest.raises(Killed):
            main([*call, str(tmp_path / "again")])
    assert not (tmp_path / "again").exists()
    (tmp_path / "again.partial" / ".trl" / "checkpoint-9").mkdir()  # as if killed while writing it
    assert main([*call, str(tmp_path / "again")]) == 0
    one, two = (load_file(tmp_path / name / "creative_llm" / "model.safetensors") for name in ("whole", "again"))
    assert all(tensor.equal(two[name]) for name, tensor in one.items())
    figures = [
        [json.loads(line)["loss"] for line in (tmp_path / name / "history_align.jsonl").read_text().splitlines()]
        for name in ("whole", "again")
    ]
    assert figures[0] == figures[1]
    assert len(figures[0]) == 4


def test_examples_without_held_out_ones_are_refused_with_a_cure(started, tmp_path, capsys):
    bare = tmp_path / "examples"
    small = shlex.split("--history 20 --min-history 5 --min-events 1 --limit 20 --heldout 0")
    assert main(["synthesize", "--data", str(started.folder / "data"), *small, "--out", str(bare)]) == 0
    inputs = ["--model", str(started.folder / "model"), "--data", str(started.folder / "data")]
    assert main(["align", *inputs, "--examples", str(bare), "--out", str(tmp_path / "out"), *FEW]) == 1
    said = capsys.readouterr().err
    assert "0 held out" in said
    assert "--heldout" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"steps": 0, "temperature": 0.0, "beta": -1.0}, ["steps", "temperature", "beta"]),
        ({"method": "grpo", "batch": 12, "generations": 8}, ["batch"]),
        ({"method": "grpo", "batch": 32, "generations": 8, "prompts": 3}, ["prompts"]),
        ({"method": "dpo", "batch": 12, "generations": 8, "prompts": 3}, []),
    ],
)
def test_all_faults_of_the_settings_are_told_at_once(changes, names):
    path = Path("unused")
    options = AlignOptions(model=path, data=path, examples=path, out=path, **changes)
    assert sorted(fault.split(":")[0] for fault in AlignOptions.faults(options)) == sorted(names)
