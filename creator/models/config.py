"""What a MODEL folder's model.json records: how its parts fit together and how they were trained to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

from creator.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The conventions of one model.

    Args:
        item_pooling: how an item's text becomes one vector: the state at a learned [ITEM] vector (causal Item LLM,
            HLLM section 3.1) or the mean state, scaled to unit variance (always for a BERT-type sentence encoder).
        item_text_tokens: an item's text is cut to this many tokens.
        item_prompt: words in front of every item's text that is not empty (HLLM's instruction).
        item_start: whether a decoder's begin-of-sequence token stands in front of them (as HLLM does and HLLM-Creator
            does not).
        history: items of a user's history that the User LLM reads, the latest ones.
        time_features: what is added to each item embedding: nothing, a learned embedding of the event's age
            (half-octaves of the time before the user is read), or one of its date and time of day (HLLM section 3.4).
        fusion: how a target meets the history where behaviour is predicted: "late" (the match head on the user
            embedding) or "early" too (the target behind the history, a logit off its state; HLLM section 3.3).
        user_prompt: text read between the history and the learned [USER] vector.
        user_prompt_ids: its token ids in the User LLM's vocabulary.
        position: where the soft token stands: "user_first" [instruction | U | ad | cue] (the reference) or
            "ad_first" [instruction | ad | U | cue], whose prefix is shared by all clusters of an ad.
        instruction: first words of the creative prompt.
        ad_template: how the ad is written in the prompt, with {title} and {description}; when empty, its title and one
            selling point a line.
        cue: last words of the creative prompt, before the title; where they end in a space or a new line, or are
            empty, the title starts without a space.
        ad_tokens: the ad's text is cut to this many tokens.
        title_tokens: the longest title that is trained on or written, in tokens.
        profile_instruction: words between the reconstruction soft token and the profile.
        profile_tokens: the profile is cut to this many tokens.
        profile_encoder: who embeds the profile for the alignment loss: the Creative LLM (the reference) or the Item
            LLM (the profile's embedding is then computed once and kept).
        match_width: width of the two towers of the match head.
        match_head: see `creator.models.heads.MatchHead`.
        match_blocks: Mixer blocks of the match head.
        match_calibration: (scale, offset) that turn match logits into probabilities of a click.
        item_backbone: what the Item LLM started from, as `creator.engine.backbone` names it.
        creative_backbone: what the Creative LLM started from.
        creative_layers: how many of its layers are kept, 0 for all.
        choice: whether the soft token was trained to pick selling points by their words.
        lora_rank: rank of the adapters on the Creative LLM, 0 when it is trained whole.
    """

    item_pooling: Literal["item_token", "mean"] = "item_token"
    item_text_tokens: int = 64
    item_prompt: str = ""
    item_start: bool = False
    history: int = 50
    time_features: Literal["none", "age", "calendar"] = "none"
    fusion: Literal["late", "early"] = "late"
    user_prompt: str = ""
    user_prompt_ids: tuple[int, ...] = ()
    position: Literal["ad_first", "user_first"] = "ad_first"
    instruction: str = "Write a title for this ad that leads with what its reader cares about.\n"
    ad_template: str = ""
    cue: str = "\nTitle:"
    ad_tokens: int = 160
    title_tokens: int = 40
    profile_instruction: str = "The reader's interests: "
    profile_tokens: int = 64
    profile_encoder: Literal["creative", "item"] = "creative"
    match_width: int = 64
    match_head: Literal["mixer", "linear", "mixer_dot", "wide"] = "mixer"
    match_blocks: int = 2
    match_calibration: tuple[float, float] = (1.0, 0.0)
    item_backbone: str = ""
    creative_backbone: str = ""
    creative_layers: int = 0
    choice: bool = False
    lora_rank: int = 0

    def to_json(self) -> str:
        """The text of model.json."""
        return json.dumps({"schema_version": 1, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelConfig:
        """Read model.json.

        Raises:
            ModelError: it is not JSON, of another version, or has settings this code does not know.
        """
        try:
            values = json.loads(text)
        except ValueError:
            raise ModelError(f"{where} is not valid JSON", cure="train or convert the model again") from None
        if not isinstance(values, dict) or values.pop("schema_version", None) != 1:
            raise ModelError(f"{where} has another schema version", expected=1, cure="train or convert the model again")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ModelError(f"{where} has unknown settings", got=unknown, cure="update hllm-creator")
        values["match_calibration"] = tuple(values.get("match_calibration", (1.0, 0.0)))
        values["user_prompt_ids"] = tuple(values.get("user_prompt_ids", ()))
        return cls(**values)
