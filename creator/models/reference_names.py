"""What our parameters are called in released HLLM and HLLM-Creator checkpoints."""

from __future__ import annotations

_WHOLE = {
    "item.item_token": "item_emb_tokens",
    "user.user_token": "emb_tokens",
    "profile_token": "dec_emb_tokens",
    "align_scale.value": "align_temp",
    "next_item_scale.value": "logit_scale",
    "align_projector.weight": "user_profile_align_projector.weight",
    "creative.user_projector.weight": "user_projector.weight",
    "creative.profile_projector.weight": "user_profile_projector.weight",
}
_PARTS = {
    "item.llm.": "item_llm.model.",
    "user.llm.": "user_llm.model.",
    "creative.llm.": "creative_llm.",
    "match.user_tower.": "user_tower.",
    "match.item_tower.": "item_tower.",
    "match.blocks.": "cls_tower.mixer_blocks.",
    "match.norm.": "cls_tower.layer_norm.",
    "match.out.0.": "cls_tower.0.",
    "match.out.2.": "cls_tower.2.",
    "match.out.": "cls_tower.mlp_head.0.",
}
_IN_BLOCK = {
    ".pair_norm.": ".token_norm.",
    ".pair_mlp.0.": ".token_forward.net.0.",
    ".pair_mlp.2.": ".token_forward.net.3.",
    ".channel_norm.": ".channel_mix.0.",
    ".channel_mlp.0.": ".channel_mix.1.net.0.",
    ".channel_mlp.2.": ".channel_mix.1.net.3.",
}


def reference_name(name: str) -> str | None:
    """What a parameter of `HllmCreator` is called in released checkpoints; None for those that are ours alone."""
    if name in _WHOLE:
        return _WHOLE[name]
    for ours, theirs in _PARTS.items():
        if name.startswith(ours):
            name = theirs + name.removeprefix(ours)
            for old, new in _IN_BLOCK.items() if ours == "match.blocks." else ():
                name = name.replace(old, new)
            return name
    return None
