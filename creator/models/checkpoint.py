"""MODEL folders: building a model from backbones, saving it, loading it back.

    item_llm/  user_llm/  creative_llm/   ordinary Hugging Face folders; vLLM loads creative_llm/ as it is
    heads.safetensors                     every parameter outside the three LLMs
    adapter.safetensors                   the LoRA adapters before they were merged into creative_llm/
    model.json                            ModelConfig

A *light* folder lacks item_llm/ and, where the Creative LLM was adapted, creative_llm/: loading takes them from their
backbones and merges the adapters.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from creator.core.artefacts import write_text
from creator.core.errors import ModelError
from creator.engine.quiet import quiet_transformers
from creator.models.assembly import HllmCreator
from creator.models.config import ModelConfig
from creator.models.creative import CreativeLLM
from creator.models.parts import (
    new_user_llm,
    read_causal_llm,
    read_decoder,
    read_item_encoder,
    read_tokenizer,
)
from creator.models.user_encoder import UserEncoder

FOLDERS = {"item": "item_llm", "user": "user_llm", "creative": "creative_llm"}


def build_model(
    config: ModelConfig,
    *,
    item_folder: Path,
    creative_folder: Path,
    user_folder: Path | None = None,
    user_layers: int = 2,
    dtype: torch.dtype = torch.float32,
) -> HllmCreator:
    """Put a new model together from backbones.

    Args:
        config: its conventions.
        item_folder: Hugging Face folder of the Item LLM.
        creative_folder: that of the Creative LLM.
        user_folder: that of the User LLM; left out, it is a new Llama of the Item LLM's width.
        user_layers: how many layers the User LLM has or keeps; 0 keeps all of `user_folder`.
        dtype: of the Creative LLM's frozen weights.

    Raises:
        ModelError: a folder is no model, or of a kind that does not fit.
    """
    item = read_item_encoder(item_folder, config)
    user_llm = new_user_llm(item.width, user_layers) if user_folder is None else read_decoder(user_folder, user_layers)
    prompt_ids = (
        tuple(read_tokenizer(user_folder)(config.user_prompt)["input_ids"])
        if user_folder and config.user_prompt
        else ()
    )
    config = replace(config, user_prompt_ids=prompt_ids)
    user = UserEncoder(user_llm, item.width, prompt_ids, time=config.time_features)
    creative_llm: Any = read_causal_llm(creative_folder, config.creative_layers, dtype)
    if config.lora_rank:
        creative_llm = with_adapters(creative_llm, config.lora_rank)
    return HllmCreator(config, item, user, CreativeLLM(creative_llm, read_tokenizer(creative_folder), user.width))


def with_adapters(llm: nn.Module, rank: int) -> nn.Module:
    """A causal LM with fresh LoRA adapters (arXiv 2106.09685) on all linear layers but the output layer."""
    from peft import LoraConfig, get_peft_model

    adapted: Any = get_peft_model(
        llm,
        LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            target_modules="all-linear",  # pyright: ignore[reportArgumentType]
            task_type="CAUSAL_LM",
        ),
    )
    return adapted


def save_model(model: HllmCreator, folder: Path, *, light: bool = False) -> None:
    """Write a MODEL folder; adapters are merged into the Creative LLM, in place.

    Args:
        model: what to save.
        folder: an existing folder.
        light: leave out what comes from a backbone again on loading: the Item LLM, which must have been frozen, and
            an adapted Creative LLM. Half precision.
    """
    number = torch.float16 if light else torch.float32
    write_text(folder / "model.json", model.config.to_json())
    save_file({name: t.to(number) for name, t in head_parameters(model).items()}, folder / "heads.safetensors")
    _save_llm(model.user.llm, folder / FOLDERS["user"], half=light)
    if adapters := _adapters(model):
        save_file({name: t.to(number) for name, t in adapters.items()}, folder / "adapter.safetensors")
    if light and model.config.lora_rank:
        return
    creative: Any = model.creative.llm
    if not light:
        _save_llm(model.item.llm, folder / FOLDERS["item"], half=False)
        model.item.tokenizer.save_pretrained(folder / FOLDERS["item"])
        if hasattr(creative, "merge_and_unload"):
            model.creative.llm = creative = creative.merge_and_unload()
    _save_llm(creative, folder / FOLDERS["creative"], half=light)
    model.creative.tokenizer.save_pretrained(folder / FOLDERS["creative"])


def load_model(
    folder: Path, *, device: str = "cpu", dtype: torch.dtype | None = None, adapters: bool = False
) -> HllmCreator:
    """Load a MODEL folder, whole or light, ready for inference.

    Args:
        folder: as `save_model` wrote it.
        device: "cpu" or "cuda".
        dtype: of the Creative LLM; as saved when None.
        adapters: keep a light folder's adapters apart from the Creative LLM, to train on.

    Raises:
        ModelError: the folder is no model, or its parts do not fit each other.
    """
    if not (folder / "model.json").is_file():
        raise ModelError(f"{folder} is no model folder", got="no model.json", cure="make one with 'hllm-creator train'")
    config = ModelConfig.from_json((folder / "model.json").read_text(encoding="utf-8"), str(folder / "model.json"))
    item_folder, creative_folder = folder / FOLDERS["item"], folder / FOLDERS["creative"]
    light = not creative_folder.is_dir()
    if not item_folder.is_dir():
        from creator.engine.backbone import resolve_backbone

        item_folder = resolve_backbone(config.item_backbone)
        if light:
            creative_folder = resolve_backbone(config.creative_backbone)
        else:  # a light folder keeps a Creative LLM that was trained whole in half precision; it computes in full
            dtype = dtype or torch.float32
    item = read_item_encoder(item_folder, config)
    user = UserEncoder(
        read_decoder(folder / FOLDERS["user"], 0),
        item.width,
        config.user_prompt_ids,
        time=config.time_features,
    )
    creative_llm: Any = read_causal_llm(creative_folder, config.creative_layers if light else 0, dtype or "auto")
    if light or (adapters and config.lora_rank):
        creative_llm = with_adapters(creative_llm, config.lora_rank)
    model = HllmCreator(config, item, user, CreativeLLM(creative_llm, read_tokenizer(creative_folder), user.width))
    _fill(model, head_parameters(model), _tensors(folder / "heads.safetensors"), folder)
    if light:
        _fill(model, _adapters(model), _tensors(folder / "adapter.safetensors"), folder)
        if not adapters:
            model.creative.llm = creative_llm.merge_and_unload()
    return model.eval().to(device)


def _save_llm(llm: nn.Module, folder: Path, *, half: bool) -> None:
    # a copy: rounding the model itself would round what is saved of it next
    written: Any = copy.deepcopy(llm).half() if half else llm
    with quiet_transformers():
        written.save_pretrained(folder)


def head_parameters(model: HllmCreator) -> dict[str, Tensor]:
    """Every parameter outside the three LLMs by name: what heads.safetensors holds."""
    inside = ("item.llm.", "user.llm.", "creative.llm.")
    return {name: t.detach() for name, t in model.named_parameters() if not name.startswith(inside)}


def _adapters(model: HllmCreator) -> dict[str, Tensor]:
    return {name: t.detach() for name, t in model.named_parameters() if "lora_" in name}


def _fill(model: HllmCreator, wanted: dict[str, Tensor], found: dict[str, Tensor], folder: Path) -> None:
    faults = [f"missing {name}" for name in sorted(set(wanted) - set(found))]
    faults += [f"unknown {name}" for name in sorted(set(found) - set(wanted))]
    faults += [
        f"{name} is {tuple(found[name].shape)}, not {tuple(t.shape)}"
        for name, t in wanted.items()
        if name in found and found[name].shape != t.shape
    ]
    if faults:
        raise ModelError(
            f"the weights in {folder} do not fit its model.json",
            got="; ".join(faults[:5]),
            cure="use the folder as train wrote it",
        )
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in found.items():
            parameters[name].copy_(tensor)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        raise ModelError(
            f"{path} is missing or not readable safetensors", cure="use the folder as train wrote it"
        ) from None
