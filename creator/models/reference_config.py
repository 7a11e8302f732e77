"""What a released checkpoint was made with: the three LLMs and the settings, read from JSON or YAML.

Two spellings are understood: that of the golden vectors' manifest.json (LLM configurations inline, tokenizers as
`item_tokenizer.json` and `creative_tokenizer.json` beside it) and that of the reference's own YAML files
(`item_pretrain_dir: FOLDER`, `MAX_TEXT_LENGTH: 64`, `cls_dim: 2048`, ...). An LLM may be a configuration, a Hugging
Face folder (its weights are not needed), or a backbone's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from creator.core.errors import HllmCreatorError, InputError, UsageError
from creator.models.config import ModelConfig

PARTS = ("item", "user", "creative")
AUXILIARY = {"align": "align", "cls": "match", "match": "match", "recon": "recon"}
UPSTREAM = {
    "MAX_ITEM_LIST_LENGTH": "max_history",
    "MAX_TEXT_LENGTH": "max_text_tokens",
    "max_title_tokens": "max_text_tokens",
    "MAX_GEN_TEXT_LENGTH": "max_creative_tokens",
    "MAX_USER_PROFILE_TEXT_LENGTH": "max_profile_tokens",
    "item_emb_token_n": "item_tokens_per_title",
    "emb_token_n": "user_tokens",
    "cls_block_type": "match_head",
    "cls_block_num": "match_blocks",
    "cls_dim": "match_width",
    "aux_loss": "auxiliary_losses",
    **{f"{part}_pretrain_dir": f"{part}_llm" for part in PARTS},
}


@dataclass(frozen=True, slots=True)
class Backbone:
    """One of the LLMs.

    Args:
        name: how the configuration names it, for the record.
        config: its transformers configuration.
        tokenizer: its tokenizer, where one was found.
    """

    name: str
    config: Any
    tokenizer: Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A released checkpoint's make-up.

    Args:
        kind: "creator" (HLLM-Creator) or "hllm" (no Creative LLM).
        item, user: its LLMs.
        creative: its Creative LLM; for "hllm" the one that is put in its place.
        model: our settings that mean the same.
        auxiliary: which of "align", "match" and "recon" it was trained with.
    """

    kind: Literal["creator", "hllm"]
    item: Backbone
    user: Backbone
    creative: Backbone
    model: ModelConfig
    auxiliary: frozenset[str]


def read_reference(path: Path, creative: str | None = None) -> Reference:
    """Read the configuration of a released checkpoint.

    Args:
        path: JSON or YAML.
        creative: backbone to put in the place of a Creative LLM where the checkpoint has none; left out, its Item
            LLM's own language model takes it.

    Raises:
        InputError: the file cannot be read.
        UsageError: it lacks something, or asks for something that is not supported; every fault is listed.
    """
    given = _read(path)
    settings = {UPSTREAM.get(k, k): v for k, v in {**given, **(given.get("settings") or {})}.items()}
    faults: list[str] = []
    found = {part: _backbone(part, settings, path.parent, faults) for part in PARTS}
    for name in ("item_tokens_per_title", "user_tokens"):
        if settings.get(name, 1) != 1:
            faults.append(f"{name} is {settings[name]}; only one learned vector per text and user is supported")
    if settings.get("match_head", "mixer") not in ("mixer", "linear"):
        faults.append(f"match_head is {settings['match_head']!r}, expected mixer or linear")
    if found["item"] and found["item"].tokenizer is None:
        faults.append("no tokenizer of the Item LLM: put item_tokenizer.json beside the file, or name a folder")
    if found["creative"] and found["creative"].tokenizer is None:
        faults.append("no tokenizer of the Creative LLM: put creative_tokenizer.json beside the file, or name a folder")
    item, user, own = found["item"], found["user"], found["creative"]
    lent = item
    if creative is not None and own is None:
        try:
            lent = named_backbone(creative, Path())
        except (HllmCreatorError, OSError, ValueError) as error:
            faults.append(f"the Creative LLM '{creative}' cannot be used ({error})")
    if faults or item is None or user is None or lent is None:
        raise UsageError([f"{path}: {fault}" for fault in faults])
    try:
        model = _settings(settings, item, own or lent, is_creator=own is not None)
    except (TypeError, ValueError) as error:
        raise UsageError([f"{path}: a setting has the wrong type ({error})"]) from None
    kind = "hllm" if own is None else "creator"
    return Reference(kind, item, user, own or lent, model, _auxiliary(settings.get("auxiliary_losses")))


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"no configuration at {path}", cure="name the JSON or YAML file of the checkpoint") from None
    try:
        given: object = json.loads(text)
    except ValueError:
        import yaml

        try:
            given = yaml.safe_load(text)
        except yaml.YAMLError:
            given = None
    if not isinstance(given, dict):
        raise InputError(f"{path} is neither JSON nor YAML with named settings", cure="see docs/reference.md")
    return cast(dict[str, Any], given)


def _backbone(part: str, settings: Mapping[str, Any], folder: Path, faults: list[str]) -> Backbone | None:
    given = settings.get(f"{part}_llm")
    if given is None:
        if part != "creative":
            faults.append(f"'{part}_llm' is missing")
        return None
    try:
        if isinstance(given, Mapping):
            return _inline(part, dict(cast(Mapping[str, Any], given)), settings, folder)
        return named_backbone(str(given), folder)
    except (HllmCreatorError, OSError, ValueError, KeyError, TypeError) as error:
        faults.append(f"'{part}_llm' cannot be used ({type(error).__name__}: {error})")
        return None


def _inline(part: str, values: dict[str, Any], settings: Mapping[str, Any], folder: Path) -> Backbone:
    from transformers import CONFIG_MAPPING

    kind = values.pop("model_type")
    config: Any = CONFIG_MAPPING[kind](**values)
    named = settings.get(f"{part}_tokenizer", f"{part}_tokenizer.json")
    file = next((f / named for f in (folder, folder.parent) if (f / named).is_file()), None)
    return Backbone(kind, config, None if file is None else _tokenizer(file, config))


def _tokenizer(file: Path, config: Any) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer.from_file(str(file))
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    special = {"bos_token": config.bos_token_id, "eos_token": ends[0]}
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        clean_up_tokenization_spaces=False,
        **{name: raw.id_to_token(number) for name, number in special.items() if number is not None},
    )


def named_backbone(name: str, beside: Path) -> Backbone:
    """A backbone by folder (absolute, or relative to where one is or to `beside`), hub id or short name."""
    from transformers import AutoConfig, AutoTokenizer

    from creator.engine.backbone import resolve_backbone

    folder = next((f for f in (Path(name), beside / name) if (f / "config.json").is_file()), None)
    folder = resolve_backbone(name) if folder is None else folder
    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return Backbone(name, config, tokenizer)


def _settings(settings: Mapping[str, Any], item: Backbone, creative: Backbone, *, is_creator: bool) -> ModelConfig:
    """Our settings; what the reference does not say keeps our default."""
    default = ModelConfig()
    prompt = str(settings.get("user_prompt") or "") if is_creator else ""
    # HLLM's texts begin with the tokenizer's own first token, HLLM-Creator's do not
    start = not is_creator and item.tokenizer.bos_token_id is not None
    return ModelConfig(
        item_text_tokens=int(settings.get("max_text_tokens", default.item_text_tokens)),
        item_prompt=str(settings.get("item_prompt") or ""),
        item_start=start,
        history=int(settings.get("max_history", default.history)),
        user_prompt=prompt,
        user_prompt_ids=tuple(item.tokenizer(prompt, add_special_tokens=False)["input_ids"]) if prompt else (),
        position="user_first",
        instruction=str(settings.get("instruction", default.instruction)),
        ad_template=str(settings.get("ad_template", default.ad_template)),
        cue=str(settings.get("cue", default.cue)),
        ad_tokens=int(settings.get("max_creative_tokens", default.ad_tokens)),
        profile_instruction=str(settings.get("user_profile_prompt", default.profile_instruction)),
        profile_tokens=int(settings.get("max_profile_tokens", default.profile_tokens)),
        match_width=int(settings.get("match_width", default.match_width)),
        match_head=settings.get("match_head", default.match_head),
        match_blocks=int(settings.get("match_blocks") or default.match_blocks),
        item_backbone=item.name,
        creative_backbone=creative.name,
    )


def _auxiliary(given: object) -> frozenset[str]:
    if given is None:
        return frozenset(AUXILIARY.values())
    words = given.split("_") if isinstance(given, str) else cast(list[str], given)
    return frozenset(AUXILIARY[word] for word in words if word in AUXILIARY)
