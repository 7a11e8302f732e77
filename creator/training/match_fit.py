"""The match head, trained to the end on users that stand still.

The joint training shows the head a few dozen users a step. Afterwards the User LLM is fixed, its users are computed
once, and the head alone sees them thousands of times for the price of a few joint steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from creator.core.data import Data
from creator.core.progress import Progress
from creator.models.assembly import Float, HllmCreator
from creator.models.heads import WideCounts
from creator.training.impressions import ClickedImpressions
from creator.training.matching import Matching, bce
from creator.training.windows import WindowBatch, WindowSampler

CENTRE_DRAWS = 8
MISSES = 50_000
PAIRS_AT_ONCE = 4_096
COUNTS_STEPS = 200
COUNTS_RATE = 0.02


@dataclass(frozen=True, slots=True)
class MatchFitSettings:
    """How the head is fitted.

    Args:
        steps: optimiser steps.
        windows: (user, moment) pairs whose acts are learnt from.
        users: users a step reads.
        groups: (user, moment) groups of impressions a step reads.
        ads: ads a step asks about each of its users' acts.
        learning_rate: its peak, for the vectors; a linear decay to zero follows.
        weight_decay: on matrices.
        clicks: weight of the impressions against the acts.
        seed: of every draw.
    """

    steps: int = 800
    windows: int = 6000
    users: int = 64
    groups: int = 48
    ads: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    clicks: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs of users and ads whose outcome is known.

    Args:
        users: [B, d_u] embeddings of users at their moments.
        rows: [P] the user of each pair.
        ads: [P] its ad, a row of the trainable ads.
        label: [P] 1.0 where they matched.
        counts: [P, 3], or None where the head is to answer from its vectors.
        shift: log-odds by which matches are drawn too often.
        weight: of the loss.
    """

    users: Tensor
    rows: npt.NDArray[np.int64]
    ads: npt.NDArray[np.int64]
    label: npt.NDArray[np.float32]
    counts: npt.NDArray[np.float32] | None
    shift: float
    weight: float


Draw = Callable[[np.random.Generator], Asked]


def fit_match(model: HllmCreator, data: Data, item_embeddings: Float, settings: MatchFitSettings) -> None:
    """Fit the match head in place; nothing happens where there are neither impressions nor acts to learn from.

    A wide head is fitted in two passes where there are both: its vectors anew on the plentiful acts, then its counts,
    and how far the vectors are to be trusted beside them, on the few impressions, which the vectors have not seen.
    Together on impressions the vectors learn them by heart and drown the counts. With one source, all learn from it.
    """
    matching = Matching(model, data, torch.from_numpy(item_embeddings).to(model.device))
    head, wide = model.match, model.match.wide
    alone = wide is not None and not matching.has_clicks
    acts = _acts(model, data, matching, item_embeddings, settings, with_counts=alone)
    two_passes = wide is not None and acts is not None and matching.has_clicks
    clicks = None if two_passes else _clicks(model, data, matching, item_embeddings, settings)
    sources = [source for source in (acts, clicks) if source]
    if not sources:
        return
    model.requires_grad_(False)
    if not two_passes or wide is None:
        if wide is not None:
            drawn = [sources[0](np.random.default_rng((settings.seed, 11, n))).counts for n in range(CENTRE_DRAWS)]
            wide.measure(torch.from_numpy(np.concatenate([c for c in drawn if c is not None])).to(model.device))
        _optimise("match head", matching, sources, list(head.parameters()), settings)
        return
    for part in head.children():
        if part is not wide:
            part.apply(_start_anew)
    vectors = [p for name, p in head.named_parameters() if not name.startswith("wide.")]
    _optimise("match head", matching, sources, vectors, settings)
    _fit_counts(model, data, matching, item_embeddings, wide, settings)


def _fit_counts(
    model: HllmCreator, data: Data, matching: Matching, items: Float, wide: WideCounts, settings: MatchFitSettings
) -> None:
    """Fit counts and trust on all clicks and up to `MISSES` impressions that were not clicked, all at each step."""
    clicked = ClickedImpressions.of(data, matching.ad_ids)
    hits, misses = np.flatnonzero(clicked.clicked), np.flatnonzero(~clicked.clicked)
    kept = np.random.default_rng((settings.seed, 11)).permutation(misses)[:MISSES]
    some = np.sort(np.concatenate([hits, kept]))
    group, ads = np.repeat(np.arange(len(clicked.users)), np.diff(clicked.starts))[some], clicked.ads[some]
    groups, rows = np.unique(group, return_inverse=True)
    batch = WindowBatch.read(data.histories, clicked.users[groups], clicked.as_of[groups], model.config.history)
    users = _encode(model, items, batch, "users for clicks")
    counts = torch.from_numpy(matching.acts.log_pairs(clicked.users[group], ads, clicked.as_of[group])).to(users)
    with torch.no_grad():
        parts = [slice(start, start + PAIRS_AT_ONCE) for start in range(0, len(some), PAIRS_AT_ONCE)]
        vectors = torch.cat([matching.pairs(users, rows[part], ads[part]) for part in parts])
    label = torch.from_numpy(clicked.clicked[some]).to(users)
    odds = float(len(hits)) / max(1, len(misses))
    shift = math.log(max(1, len(misses)) / max(1, len(kept)))
    wide.measure(counts)
    parameters = [wide.trust, *wide.inner.parameters(), *wide.outer.parameters()]
    nn.init.zeros_(wide.trust)
    wide.inner.reset_parameters()
    wide.start_at(math.log(odds))
    for parameter in parameters:
        parameter.requires_grad = True
    optimiser = torch.optim.AdamW(parameters, lr=COUNTS_RATE, weight_decay=settings.weight_decay)
    for step in range(COUNTS_STEPS):
        for options in optimiser.param_groups:
            options["lr"] = COUNTS_RATE * (1 - step / COUNTS_STEPS)
        bce(wide.trust * vectors + wide(counts) + shift, label).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        wide.trust.data.clamp_(min=0.0)  # vectors that mislead are left out, not turned round


def _start_anew(part: nn.Module) -> None:
    if isinstance(part, nn.Linear | nn.LayerNorm):
        part.reset_parameters()


def _optimise(
    label: str,
    matching: Matching,
    sources: Sequence[Draw],
    parameters: Sequence[nn.Parameter],
    settings: MatchFitSettings,
) -> None:
    for parameter in parameters:
        parameter.requires_grad = True
    matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    progress = Progress(label, settings.steps, "steps")
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / 50) * (1 - step / settings.steps)
        random = np.random.default_rng((settings.seed, 7, step))
        total = torch.stack([_loss(matching, source(random)) for source in sources]).sum()
        total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        progress.advance(note=f"loss {float(total.detach()):.3f}")
    progress.close()
    for parameter in parameters:
        parameter.requires_grad = False


def _loss(matching: Matching, asked: Asked) -> Tensor:
    logits = matching.pairs(asked.users, asked.rows, asked.ads, asked.counts) + asked.shift
    return asked.weight * bce(logits, torch.from_numpy(asked.label).to(logits.device))


def _encode(model: HllmCreator, items: Float, batch: WindowBatch, label: str) -> Tensor:
    with torch.autocast(model.device.type, torch.bfloat16):
        users = model.encode_users(items, batch.items, batch.ages_s, batch.as_of, label=label)
    return torch.from_numpy(users).to(model.device)


def _acts(
    model: HllmCreator, data: Data, matching: Matching, items: Float, settings: MatchFitSettings, *, with_counts: bool
) -> Draw | None:
    sampler = WindowSampler(data.histories, data.train_until, matching.horizon_s)
    if not matching.has_acts or not len(sampler):
        return None
    batch = sampler.draw(np.random.default_rng((settings.seed, 5)), settings.windows, model.config.history)
    users = _encode(model, items, batch, "users for acts")
    acts = matching.acts

    def draw(random: np.random.Generator) -> Asked:
        some = random.choice(len(batch.users), size=min(settings.users, len(batch.users)), replace=False)
        chosen = random.choice(matching.acted_ads, size=min(settings.ads, len(matching.acted_ads)), replace=False)
        label = acts.after(batch.users[some], batch.as_of[some], matching.horizon_s)[:, chosen]
        rows, ads = np.repeat(np.arange(len(some)), len(chosen)), np.tile(chosen, len(some))
        counts = acts.log_counts(batch.users[some], batch.as_of[some]).pairs(rows, ads) if with_counts else None
        return Asked(users[torch.from_numpy(some)], rows, ads, label.ravel(), counts, 0.0, 1.0)

    return draw


def _clicks(
    model: HllmCreator, data: Data, matching: Matching, items: Float, settings: MatchFitSettings
) -> Draw | None:
    clicked = ClickedImpressions.of(data, matching.ad_ids)
    if not clicked:
        return None
    batch = WindowBatch.read(data.histories, clicked.users, clicked.as_of, model.config.history)
    users = _encode(model, items, batch, "users for clicks")
    wide = model.reads_counts

    def draw(random: np.random.Generator) -> Asked:
        groups, shown, label = clicked.draw(random, settings.groups)
        rows, columns = np.nonzero(~np.isnan(label))
        ads = shown[rows, columns]
        known = matching.acts.log_counts(clicked.users[groups], clicked.as_of[groups]) if wide else None
        counts = known.pairs(rows, ads) if known else None
        given = label[rows, columns].astype(np.float32)
        return Asked(users[torch.from_numpy(groups)], rows, ads, given, counts, clicked.prior, settings.clicks)

    return draw
