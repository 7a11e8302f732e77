"""How much of a profile the User Interest Decoder gets back from the soft token alone (HLLM-Creator section 3.3).

The decoder writes the profile greedily from a held-out user's soft token; what is counted are the profile's phrases
(the strings of its JSON) that it writes. The mean user's soft token is asked beside it: what it gets back is what
everybody has in common.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.core.progress import Progress
from eval.figures import Figure, share

USERS_AT_ONCE = 32
HELD_OUT = "Profiles of held-out examples' users, which no training step read; only what fits the decoder's length."
OWN = "Profile regained"
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')


def phrases(profile: str) -> frozenset[str]:
    """The strings of a profile's JSON without keys and an unfinished end, case and white space aside."""
    return frozenset(" ".join(text.casefold().split()) for text, key in _STRING.findall(profile) if not key and text)


def regained(asked: Sequence[frozenset[str]], written: Sequence[frozenset[str]]) -> npt.NDArray[np.float64]:
    """The share of each profile's phrases that was written; [N]. Every profile must have one."""
    return np.array([len(own & got) / len(own) for own, got in zip(asked, written, strict=True)], dtype=np.float64)


@torch.inference_mode()
def write_profiles(model: Any, users: npt.NDArray[np.float32]) -> list[str]:
    """What the decoder writes from user embeddings [B, d_u], greedily.

    Args:
        model: an `HllmCreator`.
        users: embeddings as `encode_users` gives them.
    """
    from transformers import GenerationConfig

    creative, base, end = model.creative, model.creative.base, model.prompts.end
    words = creative.embed_tokens(torch.tensor(model.prompts.profile_prompt(), dtype=torch.long, device=model.device))
    settings = GenerationConfig(max_new_tokens=model.config.profile_tokens, do_sample=False, eos_token_id=end,
                                pad_token_id=end)  # fmt: skip
    texts: list[str] = []
    progress = Progress("writing profiles", len(users), "users")
    for start in range(0, len(users), USERS_AT_ONCE):
        part = torch.from_numpy(users[start : start + USERS_AT_ONCE]).to(model.device)
        soft = creative.profile_projector(part).to(words.dtype).unsqueeze(1)
        embeds = torch.cat([soft, words.expand(len(part), -1, -1)], dim=1)
        mask = torch.ones(embeds.shape[:2], dtype=torch.long, device=model.device)
        written = base.generate(inputs_embeds=embeds, attention_mask=mask, generation_config=settings)
        texts += creative.tokenizer.batch_decode(written, skip_special_tokens=True)
        progress.advance(len(part))
    progress.close()
    return texts


def reconstruction_figures(
    model: Any,
    profiles: Sequence[str],
    users: npt.NDArray[np.float32],
    groups: npt.NDArray[np.int64],
    mean: npt.NDArray[np.float32],
    *,
    resample_count: int,
    seed: int,
) -> list[Figure]:
    """The share of a profile's phrases that comes back from its own user, from the mean user, and the difference.

    Args:
        model: an `HllmCreator`.
        profiles: [N] JSON texts.
        users: [N, d_u] the user embedding at each profile's moment.
        groups: [N] the user of each, for resampling.
        mean: [d_u] the mean user.
        resample_count: bootstrap resamples of users.
        seed: of the resampling.
    """
    decode = model.creative.tokenizer.decode
    # a profile longer than the decoder is trained on is cut there: what it never saw cannot come back
    asked = [phrases(decode(model.prompts.profile(text)[:-1], skip_special_tokens=True)) for text in profiles]
    kept = [n for n, own in enumerate(asked) if own]
    what = "Share of the phrases of a user's profile that the User Interest Decoder writes from "
    if not kept:
        return [Figure("reconstruction_own", OWN, None, 0, "profiles",
                       "Not computed: no held-out profile has a phrase.", HELD_OUT)]  # fmt: skip
    written = [phrases(text) for text in write_profiles(model, np.concatenate([users[kept], mean[None]]))]
    wanted = [asked[n] for n in kept]
    own, common = regained(wanted, written[:-1]), regained(wanted, [written[-1]] * len(kept))

    def figure(key: str, label: str, values: npt.NDArray[np.float64], said: str, goal: float | None = None) -> Figure:
        value, low, high = share(values, groups[kept], resample_count=resample_count, seed=seed)
        return Figure(f"reconstruction_{key}", label, value, len(kept), "profiles", said, HELD_OUT, low, high, goal)

    return [
        figure("own", OWN, own, what + "its own soft token."),
        figure("mean", "Profile of the mean user", common, what + "the mean user's soft token."),
        figure("gain", "Regained above the mean user", own - common, "The first share minus the second.", 0.0),
    ]


def profile_rows(profiles: Sequence[str], moments: npt.NDArray[np.float64], limit: int, seed: int) -> list[int]:
    """One row for each (user, moment), [N, 2], at most `limit` of them, drawn by the seed.

    Args:
        profiles: [N] the examples' profiles.
        moments: [N, 2] user and time of each example.
        limit: at most so many.
        seed: of the draw.
    """
    _, first = np.unique(moments, axis=0, return_index=True)
    first = np.sort([n for n in first if profiles[n]])
    if len(first) > limit:
        first = np.sort(np.random.default_rng(seed).choice(first, limit, replace=False))
    return [int(n) for n in first]
