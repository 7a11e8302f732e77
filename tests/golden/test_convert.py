"""`convert reference`: torch and safetensors give the same MODEL, faults are named together, nothing runs code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from creator.cli import main
from creator.core.artefacts import open_artefact
from creator.models.checkpoint import load_model
from creator.models.reference_weights import StateDict, write_shards
from tests.golden.conftest import convert
from tests.golden.passes import unpack
from tests.golden.vectors import Vectors, deviation

CREATOR, HLLM = Vectors("hllm_creator"), Vectors("hllm")
WEIGHTS = CREATOR.folder / "weights.safetensors"


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.parent.name}/{name}": tensor
        for file in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


@pytest.mark.golden
@pytest.mark.parametrize(
    "wrap", [dict, lambda t: {"state_dict": t}, lambda t: {f"module.{k}": v for k, v in t.items()}]
)
def test_a_torch_file_gives_the_same_model_as_safetensors(
    wrap: Callable[[dict], dict], tmp_path: Path, models: dict[str, Path]
):
    torch.save(wrap(load_file(WEIGHTS)), tmp_path / "zero3_merge_states.pt")
    assert convert(CREATOR, tmp_path / "model", weights=tmp_path / "zero3_merge_states.pt") == 0
    ours, theirs = tensors_of(tmp_path / "model"), tensors_of(models["hllm_creator"])
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.golden
def test_a_sharded_state_dict_and_small_shards_give_the_golden_embeddings(tmp_path: Path, models: dict[str, Path]):
    weights = tmp_path / "sharded"
    weights.mkdir()
    write_shards(weights, load_file(WEIGHTS).items(), 100_000)
    assert len(list(weights.glob("*.safetensors"))) > 5
    assert convert(CREATOR, tmp_path / "model", "--shard-mib", "1", weights=weights) == 0
    batch, golden = CREATOR.of_worker("inputs", "w0"), CREATOR.of_worker("outputs", "w0")
    with torch.no_grad():
        items = load_model(tmp_path / "model").item(unpack(batch["history_token_ids"], batch["history_token_lengths"]))
    assert deviation(items, golden["item_embeddings"]) < 2e-5


@pytest.mark.golden
def test_the_model_is_an_artefact_that_names_what_the_state_dict_lacked(models: dict[str, Path]):
    facts = open_artefact(models["hllm"], "model").facts
    assert facts["reference"] == "hllm"
    assert {"match", "user.user_token", "align_projector.weight"} <= set(facts["initialised"])  # pyright: ignore[reportArgumentType]
    assert "item.item_token" not in facts["initialised"]  # pyright: ignore[reportOperatorIssue]
    assert open_artefact(models["hllm_creator"], "model").facts["initialised"] == [
        "choice_scale.value",
        "next_item_scale.value",
        "user.item_offset",
    ]


def test_every_missing_unexpected_and_misshapen_key_is_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture):
    tensors = load_file(WEIGHTS)
    del tensors["user_projector.weight"], tensors["creative_llm.model.norm.weight"]
    tensors["item_llm.extra.weight"] = torch.zeros(2)
    tensors["emb_tokens"] = torch.zeros(1, 1, 7)
    tensors["user_tower.weight"] = tensors["user_tower.weight"].T.contiguous()[:-1]
    save_file(tensors, tmp_path / "wrong.safetensors")
    assert convert(CREATOR, tmp_path / "model", weights=tmp_path / "wrong.safetensors") == 1
    said = capsys.readouterr().err
    for fault in (
        "5 faults",
        "missing user_projector.weight",
        "missing creative_llm.model.norm.weight",
        "unexpected item_llm.extra.weight [2]",
        "emb_tokens is [1, 1, 7]",
        "user_tower.weight is [",
    ):
        assert fault in said
    assert not (tmp_path / "model").exists()


def test_the_decoder_s_second_name_is_accepted_only_if_it_is_the_creative_llm(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    tensors = load_file(WEIGHTS)
    name = "creative_llm.model.norm.weight"
    twin = name.replace("creative_llm", "decoder_llm")
    buffer = {"user_llm.model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4)}
    save_file({**tensors, twin: tensors[name].clone(), **buffer}, tmp_path / "same.safetensors")
    assert convert(CREATOR, tmp_path / "same", weights=tmp_path / "same.safetensors") == 0
    save_file({**tensors, twin: tensors[name] + 1}, tmp_path / "other.safetensors")
    assert convert(CREATOR, tmp_path / "other", weights=tmp_path / "other.safetensors") == 1
    assert "profile decoder is not the Creative LLM" in capsys.readouterr().err


class Attack:
    """Unpickled by Python's own reader, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("wrapped", [True, False], ids=["torch zip", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    wrapped: bool, tmp_path: Path, capsys: pytest.CaptureFixture
):
    harm, weights = tmp_path / "harm", tmp_path / "zero3_merge_states.pt"
    payload = {"item_emb_tokens": Attack(harm)}
    if wrapped:
        torch.save(payload, weights)
    else:
        weights.write_bytes(pickle.dumps(payload))
    assert convert(CREATOR, tmp_path / "model", weights=weights) == 1
    said = capsys.readouterr().err
    assert "could run code" in said or "can run code" in said
    assert "Traceback" not in said
    assert not harm.exists()
    pickle.loads(pickle.dumps(payload))  # the attack is a real one
    assert harm.is_dir()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 and no more", b"\x00" * 64, (1 << 62).to_bytes(8, "little") + b"{}"],
    ids=["empty", "cut zip", "zeros", "wild header"],
)
def test_damaged_weights_are_an_error_and_no_traceback(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "weights.pt").write_bytes(content)
    assert convert(CREATOR, tmp_path / "model", weights=tmp_path / "weights.pt") == 1
    assert "weights.pt" in capsys.readouterr().err


def test_a_torch_file_cut_short_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture):
    torch.save(load_file(WEIGHTS), tmp_path / "whole.pt")
    content = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: len(content) // 2])
    assert convert(CREATOR, tmp_path / "model", weights=tmp_path / "cut.pt") == 1
    assert "cut.pt is damaged" in capsys.readouterr().err


def test_every_fault_of_the_configuration_is_listed_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture):
    given = json.loads((CREATOR.folder / "manifest.json").read_text(encoding="utf-8"))
    del given["user_llm"]
    given["item_llm"]["model_type"] = "no-such-kind"
    given["settings"] |= {"match_head": "tree", "user_tokens": 4}
    (tmp_path / "config.json").write_text(json.dumps(given), encoding="utf-8")
    call = ["convert", "reference", "--weights", str(WEIGHTS), "--config", str(tmp_path / "config.json")]
    assert main([*call, "--out", str(tmp_path / "model")]) == 2
    said = capsys.readouterr().err
    for fault in ("'user_llm' is missing", "'item_llm' cannot be used", "user_tokens is 4", "match_head is 'tree'"):
        assert fault in said
    assert "no tokenizer of the Creative LLM" in said


@pytest.mark.golden
def test_the_reference_s_own_yaml_and_folders_serve_as_configuration(tmp_path: Path, models: dict[str, Path]):
    settings, model = CREATOR.settings, models["hllm_creator"]
    for part in ("item_llm", "user_llm"):  # configuration and tokenizer suffice; the users' prompt has the items' words
        shutil.copytree(model / "item_llm", tmp_path / part, ignore=shutil.ignore_patterns("*.safetensors*"))
        shutil.copy(model / part / "config.json", tmp_path / part / "config.json")
    lines = [
        "model: HLLM_Creator",
        "item_pretrain_dir: item_llm",
        "user_pretrain_dir: user_llm",
        f"creative_pretrain_dir: {model / 'creative_llm'}",
        f"user_prompt: {json.dumps(settings['user_prompt'])}",
        f"user_profile_prompt: {json.dumps(settings['user_profile_prompt'])}",
        "emb_token_n: 1",
        "aux_loss: 'align_cls_recon'",
        f"cls_block_type: {settings['match_head']}",
        f"cls_block_num: {json.dumps(settings['match_blocks'])}",
        f"cls_dim: {settings['match_width']}",
        f"MAX_ITEM_LIST_LENGTH: {settings['max_history']}",
        f"MAX_TEXT_LENGTH: {settings['max_title_tokens']}",
        f"MAX_GEN_TEXT_LENGTH: {settings['max_creative_tokens']}",
        f"MAX_USER_PROFILE_TEXT_LENGTH: {settings['max_profile_tokens']}",
    ]
    (tmp_path / "HLLM_Creator.yaml").write_text("\n".join(lines), encoding="utf-8")
    call = ["convert", "reference", "--weights", str(WEIGHTS), "--config", str(tmp_path / "HLLM_Creator.yaml")]
    assert main([*call, "--out", str(tmp_path / "model")]) == 0
    ours, theirs = (json.loads((f / "model.json").read_text(encoding="utf-8")) for f in (tmp_path / "model", model))
    for named in ("item_backbone", "creative_backbone"):
        ours.pop(named), theirs.pop(named)
    assert ours == theirs
    converted, golden = tensors_of(tmp_path / "model"), tensors_of(model)
    assert converted.keys() == golden.keys()
    assert all(torch.equal(converted[name], golden[name]) for name in golden)


@pytest.mark.golden
def test_a_creative_llm_can_be_named_for_an_hllm_state_dict(tmp_path: Path, models: dict[str, Path]):
    creative = models["hllm_creator"] / "creative_llm"
    weights = {name: t for name, t in load_file(HLLM.folder / "weights.safetensors").items() if "lm_head" not in name}
    save_file(weights, tmp_path / "headless.safetensors")
    assert convert(HLLM, tmp_path / "none", weights=tmp_path / "headless.safetensors") == 1
    named = ("--creative", str(creative))
    assert convert(HLLM, tmp_path / "model", *named, weights=tmp_path / "headless.safetensors") == 0
    words = (
        load_model(folder).creative.embed_tokens(torch.tensor([5])) for folder in (tmp_path / "model", creative.parent)
    )
    assert torch.equal(*words)


def test_half_precision_is_written_when_asked(tmp_path: Path):
    assert convert(HLLM, tmp_path / "model", "--dtype", "bf16") == 0
    llms = {n: t for n, t in tensors_of(tmp_path / "model").items() if "_llm/" in n}
    assert {tensor.dtype for tensor in llms.values()} == {torch.bfloat16}
    assert load_model(tmp_path / "model").creative.base.dtype == torch.bfloat16


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_a_state_dict_is_converted_in_a_fraction_of_its_size(kind: str, tmp_path: Path):
    count, each_mib, shard_mib = 48, 4, 8
    big = {f"layer.{n}": torch.full((each_mib * 2**18,), float(n)) for n in range(count)}
    weights = tmp_path / f"big.{kind}"
    torch.save(big, weights) if kind == "pt" else save_file(big, weights)
    del big
    state = StateDict.open(weights)
    with private_memory() as peak:
        size = write_shards(tmp_path, ((name, state[name]) for name in state.shapes), shard_mib * 2**20)
    assert size == count * each_mib * 2**20
    assert peak.grown_mib() < 4 * shard_mib < count * each_mib / 4
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert len(set(index["weight_map"].values())) == count * each_mib // shard_mib
    last = load_file(tmp_path / index["weight_map"]["layer.47"])["layer.47"]
    assert torch.equal(last, torch.full_like(last, 47.0))


class private_memory:  # noqa: N801  (used as a function)
    """Peak growth of the memory that cannot be dropped and read again: mapped files do not count."""

    def __enter__(self) -> private_memory:
        self._start, self._peak, self._done = self._now(), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def grown_mib(self) -> float:
        return (self._peak - self._start) / 1024

    def _watch(self) -> None:
        while not self._done.is_set():
            self._peak = max(self._peak, self._now())
            time.sleep(0.001)

    @staticmethod
    def _now() -> int:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def test_a_torch_file_in_zip_format_with_a_foreign_member_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "archive.pt", "w") as archive:
        archive.writestr("notes.txt", "no tensors here")
    assert convert(CREATOR, tmp_path / "model", weights=tmp_path / "archive.pt") == 1


def test_finished_shards_are_kept_when_a_conversion_goes_on(tmp_path: Path):
    tensors = {f"t{n}": torch.full((1000,), float(n)) for n in range(6)}
    write_shards(tmp_path, tensors.items(), 8000)
    first = {f.name: f.stat().st_mtime_ns for f in tmp_path.glob("*.safetensors")}
    lost = tmp_path / "model-00002.safetensors"
    lost.unlink()
    write_shards(tmp_path, tensors.items(), 8000)
    again = {f.name: f.stat().st_mtime_ns for f in tmp_path.glob("*.safetensors")}
    assert {name for name in first if again[name] == first[name]} == set(first) - {lost.name}
    assert torch.equal(load_file(lost)["t2"], tensors["t2"])
