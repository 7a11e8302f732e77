"""`convert reference`: released HLLM and HLLM-Creator state dicts become MODEL folders.

Names and shapes are checked against models of the same make-up before anything is written; the LLMs' weights then go
from file to file, one shard at a time. What a state dict does not hold (HLLM has no match head and no soft tokens) is
initialised as a new model's and named in the manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor

from creator.core.artefacts import Draft, write_artefact, write_text
from creator.core.errors import ModelError
from creator.core.progress import Progress
from creator.engine.backbone import resolve_backbone
from creator.models.assembly import HllmCreator
from creator.models.checkpoint import FOLDERS, head_parameters
from creator.models.convert_options import ConvertReferenceOptions
from creator.models.creative import CreativeLLM
from creator.models.item_encoder import ItemEncoder
from creator.models.reference_config import Backbone, Reference, read_reference
from creator.models.reference_names import reference_name
from creator.models.reference_weights import StateDict, write_shards
from creator.models.user_encoder import UserEncoder

NUMBERS = {"keep": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LISTED = 40

NEEDED_FOR = {
    "user_projector.": "creative",
    "emb_tokens": "creative",
    "user_profile_projector.": "recon",
    "user_profile_align_projector.": "align",
    "align_temp": "align",
    "dec_emb_tokens": "align",
    "user_tower.": "match",
    "item_tower.": "match",
    "cls_tower.": "match",
    "logit_scale": "hllm",
}


def convert_reference(options: ConvertReferenceOptions) -> Mapping[str, object]:
    """Write a MODEL from a released state dict.

    Raises:
        HllmCreatorError: an input cannot be read or would run code, keys or shapes do not fit, or `out` exists.
    """
    reference = read_reference(options.config, options.creative)
    state = StateDict.open(options.weights)
    llms = {part: _on_meta(backbone) for part, backbone in _backbones(reference).items()}
    model = _assemble(reference, llms)
    expected, optional = _expected(reference, model, llms, lends_creative=options.creative is None)
    _check(state, expected, optional, options)
    inputs = {"config": options.config, **{f"weights/{file.name}": file for file in state.files}}
    settings: dict[str, object] = {
        "reference": reference.kind,
        "dtype": options.dtype,
        "creative": options.creative,
        "shard_mib": options.shard_mib,
    }
    with write_artefact(options.out, "model", config=settings, inputs=inputs) as draft:
        size = _write(draft, reference, state, model, llms, options)
    print(f"{len(state.shapes):,} tensors, {size / 2**30:.2f} GiB of LLM weights -> {options.out}")
    if initialised := draft.facts["initialised"]:
        print(f"not in the state dict, initialised as in a new model: {', '.join(cast(list[str], initialised))}")
    return {"reference": reference.kind, "tensors": len(state.shapes), "bytes": size, "out": str(options.out)}


def _backbones(reference: Reference) -> dict[str, Backbone]:
    return {"item": reference.item, "user": reference.user, "creative": reference.creative}


def _on_meta(backbone: Backbone) -> Any:
    """The causal LM's names and shapes, without memory for its weights."""
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(backbone.config)
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"'{backbone.name}' is no causal language model that transformers knows", got=type(error).__name__
        ) from error


def _assemble(reference: Reference, llms: Mapping[str, Any]) -> HllmCreator:
    """The model with real heads, freshly initialised, around LLMs without memory."""
    torch.manual_seed(0)
    settings = reference.model
    item = ItemEncoder(llms["item"].get_decoder(), reference.item.tokenizer, "item_token", settings.item_text_tokens)
    user = UserEncoder(llms["user"].get_decoder(), item.width, settings.user_prompt_ids)
    tokenizer = reference.creative.tokenizer
    return HllmCreator(settings, item, user, CreativeLLM(llms["creative"], tokenizer, user.width))


def _expected(
    reference: Reference, model: HllmCreator, llms: Mapping[str, Any], *, lends_creative: bool
) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Shape by name of all that the state dict may hold, and which of it may be absent."""
    tied: set[str] = set()
    held = ("item", "user", "creative") if reference.kind == "creator" else ("item", "user")
    shapes = {
        f"{part}_llm.{name}": tuple(tensor.shape) for part in held for name, tensor in llms[part].named_parameters()
    }
    for part in held:
        if llms[part].config.tie_word_embeddings:
            shapes[f"{part}_llm.lm_head.weight"] = tuple(llms[part].get_input_embeddings().weight.shape)
            tied.add(f"{part}_llm.lm_head.weight")
    unread = {"user"} | ({"item"} if reference.kind == "creator" or not lends_creative else set[str]())
    optional = tied | {f"{part}_llm.lm_head.weight" for part in unread}
    trained = reference.auxiliary | {"creative"} if reference.kind == "creator" else {"hllm"}
    for ours, tensor in head_parameters(model).items():
        name = reference_name(ours)
        need = next((part for start, part in NEEDED_FOR.items() if name and name.startswith(start)), None)
        if name is None or (need in ("creative", "recon", "align", "match") and reference.kind == "hllm"):
            continue
        shapes[name] = tuple(tensor.shape)
        if need is not None and need not in trained:
            optional.add(name)
    return shapes, optional


def _check(
    state: StateDict, expected: Mapping[str, tuple[int, ...]], optional: set[str], options: ConvertReferenceOptions
) -> None:
    """Name every key that is missing, unknown or of another shape, at once."""
    found = {name: shape for name, shape in state.shapes.items() if not _is_ignored(name, state)}
    faults = [
        f"missing {name} {list(expected[name])}" for name in expected if name not in found | dict.fromkeys(optional)
    ]
    faults += [f"unexpected {name} {list(shape)}" for name, shape in found.items() if name not in expected]
    faults += [
        f"{name} is {list(shape)}, not {list(expected[name])}"
        for name, shape in found.items()
        if name in expected and _bare(shape) != _bare(expected[name])
    ]
    if faults:
        more = [f"and {len(faults) - LISTED} more"] if len(faults) > LISTED else []
        raise ModelError(
            f"{options.weights} does not fit {options.config}; {len(faults)} faults"
            + "".join(f"\n  - {fault}" for fault in faults[:LISTED] + more)
            + "\n",
            cure="name the configuration that this state dict was trained with",
        )
    differing = [
        name
        for name in state.shapes
        if name.startswith("decoder_llm.") and not torch.equal(state[name], state[_twin(name)])
    ]
    if differing:
        raise ModelError(
            "the profile decoder is not the Creative LLM in this state dict",
            got=f"{len(differing)} tensors that differ, {differing[0]} first",
            expected="one LLM under both names",
        )


def _is_ignored(name: str, state: StateDict) -> bool:
    """Buffers of old transformers versions, and the Creative LLM's second name."""
    return name.endswith(".rotary_emb.inv_freq") or (
        name.startswith("decoder_llm.") and state.shapes.get(_twin(name)) == state.shapes[name]
    )


def _twin(name: str) -> str:
    return "creative_llm." + name.removeprefix("decoder_llm.")


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A learned vector is [1, 1, d] there and [d] here."""
    return shape[2:] if shape[:2] == (1, 1) else shape


def _write(
    draft: Draft,
    reference: Reference,
    state: StateDict,
    model: HllmCreator,
    llms: Mapping[str, Any],
    options: ConvertReferenceOptions,
) -> int:
    sources = _sources(reference, llms)
    if options.creative is not None and reference.kind == "hllm":
        del sources["creative"]
        shutil.copytree(resolve_backbone(options.creative), draft.path / FOLDERS["creative"], dirs_exist_ok=True)
    progress = Progress("convert", sum(len(names) for _, names in sources.values()), "tensors")

    def stream(names: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
        number = NUMBERS[options.dtype]
        for ours, theirs in names.items():
            yield ours, state[theirs] if number is None else state[theirs].to(number)
            progress.advance()

    size = 0
    for part, (llm, names) in sources.items():
        folder = draft.path / FOLDERS[part]
        folder.mkdir(exist_ok=True)
        size += write_shards(folder, stream(names), options.shard_mib * 2**20)
        llm.config.architectures = [type(llm).__name__]
        llm.config.save_pretrained(folder)
        if part != "user":
            _backbones(reference)[part].tokenizer.save_pretrained(folder)
    progress.close()
    initialised = _fill_heads(model, state)
    heads = {name: tensor.contiguous() for name, tensor in head_parameters(model).items()}
    save_file(heads, draft.path / "heads.safetensors")
    write_text(draft.path / "model.json", reference.model.to_json())
    write_text(draft.path / "model_card.md", _card(reference, options, initialised))
    draft.rows["tensors"] = len(state.shapes)
    draft.facts.update(reference=reference.kind, initialised=initialised)
    return size


def _sources(reference: Reference, llms: Mapping[str, Any]) -> dict[str, tuple[Any, dict[str, str]]]:
    """For each folder the LLM that goes there and, by its parameters' names, their names in the state dict."""
    sources: dict[str, tuple[Any, dict[str, str]]] = {}
    for part, llm in llms.items():
        prefix = "item_llm." if part == "creative" and reference.kind == "hllm" else f"{part}_llm."
        kept = llm
        if part != "creative":  # only hidden states are read: the output layer stays behind
            prefix += f"{llm.base_model_prefix}."
            kept = getattr(llm, llm.base_model_prefix)
        sources[part] = kept, {name: prefix + name for name, _ in kept.named_parameters()}
    return sources


@torch.no_grad()
def _fill_heads(model: HllmCreator, state: StateDict) -> list[str]:
    """Put the state dict's values into the heads; returns those that it has none for."""
    initialised: set[str] = set()
    for ours, tensor in head_parameters(model).items():
        name = reference_name(ours)
        if name is not None and name in state.shapes:
            tensor.copy_(state[name].reshape(tensor.shape))
        else:
            initialised.add("match" if ours.startswith("match.") else ours)
    return sorted(initialised)


def _card(reference: Reference, options: ConvertReferenceOptions, initialised: list[str]) -> str:
    parts = [(name.capitalize(), backbone.name) for name, backbone in _backbones(reference).items()]
    kind = "HLLM-Creator (arXiv 2508.18118)" if reference.kind == "creator" else "HLLM (arXiv 2409.12740)"
    return "\n".join(
        [
            "# Model card",
            "",
            f"Converted from a released {kind} state dict, {options.weights.name}; trained by its publishers.",
            "",
            *[f"- {part} LLM: {name}" for part, name in parts],
            f"- numbers: {options.dtype}; history {reference.model.history} events",
            f"- initialised here and not trained: {', '.join(initialised) or 'nothing'}",
            "",
            "Licences are those of the backbones and of the released weights: see where they were published.",
            "",
        ]
    )
