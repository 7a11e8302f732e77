"""HLLM as a ranker of the catalogue (arXiv 2409.12740): frozen Item LLM, User LLM, InfoNCE against the catalogue.

The parts are those of `creator.models`; the objective is HLLM's next-item InfoNCE as `pretrain` has it, put to the
question that is asked here. Ours, beside the paper: a query is read before a moment and answered by what was bought
at it (a basket has no order); where items already bought may not be ranked, only first purchases are targets and what
the user had is no negative; negatives are drawn half by popularity, and the loss is corrected for it (logQ,
Yi et al. 2019); and the popularity of an item up to the moment stands beside the cosine, which alone cannot tell
products with equal texts apart (16,427 texts of 78,761 products on Complete Journey).

Shapes: B windows, L events, Q queries' targets, C candidates, I items, M moments, d item width.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from creator.core.errors import InputError
from creator.core.progress import Progress
from creator.models.assembly import HllmCreator
from creator.models.item_encoder import ItemEncoder
from creator.models.losses import LogScale, contrastive_loss
from creator.models.parts import new_user_llm
from creator.models.user_encoder import UserEncoder, start_as_mean
from creator.training.loop import LoopSettings, Losses, run_loop
from eval.ranking_metrics import NOWHERE, PLACES, Lists, Ranked
from eval.ranking_popularity import AT_FIRST, Popularity
from eval.ranking_split import Split, first_times

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

FASTER = (("popular", 10.0), ("scale", 10.0))
"""A few numbers that have far to go learn faster than the matrices."""
MOMENTS_AT_ONCE = 128


class Ranker(nn.Module):
    """Scores of items for users: scaled cosine of projected states and items, plus what popularity says.

    Args:
        user: the User LLM.
        item_width: d.
        shift: [d] added to items before they are compared; a catalogue's mean taken off, what items have in common
            does not drown what tells them apart.
    """

    def __init__(self, user: UserEncoder, item_width: int, shift: Tensor) -> None:
        super().__init__()
        self.user = user
        self.shift = nn.Parameter(shift.detach().clone())
        self.query = nn.Linear(user.width, item_width, bias=False)
        self.item = nn.Linear(item_width, item_width, bias=False)
        self.scale = LogScale(0.07)
        self.popular = nn.Parameter(torch.tensor(AT_FIRST))
        with torch.no_grad():
            self.item.weight.copy_(torch.eye(item_width))
            nn.init.eye_(self.query.weight)

    def towards(self, items: Tensor) -> Tensor:
        """Items as queries see them, of length 1: [.., d] -> [.., d]."""
        return nn.functional.normalize(self.item(items + self.shift).float(), dim=-1)

    def asks(self, states: Tensor) -> Tensor:
        """Queries of states, as long as the scale: [.., d_u] -> [.., d]."""
        return nn.functional.normalize(self.query(states).float(), dim=-1) * self.scale()


@dataclass(frozen=True, slots=True)
class HllmSettings:
    """How to train.

    Args:
        steps, windows, negatives, learning_rate: of a run.
        history: events of a window.
        layers: of the User LLM.
        share: of the users that are trained on.
        seed: of weights and draws.
    """

    steps: int
    windows: int
    negatives: int
    learning_rate: float
    history: int
    layers: int
    share: float
    seed: int


class RankingStep:
    """The loss of one step; what it draws depends on the seed and the step alone.

    Args:
        model: the ranker.
        split: whose training events are read.
        items: [I, d].
        settings: what to draw.

    Raises:
        InputError: no user has two moments to train on.
    """

    def __init__(
        self, model: Ranker, split: Split, items: Tensor, popularity: Popularity, settings: HllmSettings
    ) -> None:
        self._model, self._split, self._items, self._popularity = model, split, items, popularity
        self._settings = settings
        histories = split.histories
        same_moment = np.zeros(len(histories.items), dtype=np.bool_)
        same_moment[1:] = (histories.timestamps[1:] == histories.timestamps[:-1]) & (
            split.owners[1:] == split.owners[:-1]
        )
        places = np.arange(len(same_moment))
        self._basket = np.maximum.accumulate(np.where(same_moment, 0, places))
        self._wanted = split.trained & (self._basket > histories.offsets[split.owners])
        if split.exclude_bought:
            self._wanted &= first_times(histories)
        able = np.unique(split.owners[self._wanted])
        if not len(able):
            raise InputError("there is no history to train a ranker on", got="no user with two moments before the cut",
                             cure="ingest more events, or with a later --train-until")  # fmt: skip
        random = np.random.default_rng((settings.seed, 1))
        self._users = np.sort(random.choice(able, max(1, round(settings.share * len(able))), replace=False))
        self._stops = histories.offsets[:-1] + np.bincount(
            split.owners[split.trained], minlength=len(histories.user_ids)
        )
        firsts = np.flatnonzero(first_times(histories) & split.trained)
        self._had = sparse.csr_matrix(
            (firsts - histories.offsets[split.owners[firsts]] + 1.0, (split.owners[firsts], histories.items[firsts])),
            shape=(len(histories.user_ids), len(split.texts)),
        )

    def __call__(self, step: int) -> Losses:
        """InfoNCE over shared candidates, corrected for how they were drawn."""
        settings, random = self._settings, np.random.default_rng((self._settings.seed, 2, step))
        users = random.choice(self._users, settings.windows)
        states, of_query, targets = self._draw(random, users)
        if not len(targets):
            return {"live_negatives": states.new_zeros(()), "total": states.sum() * 0.0}
        drawn = np.unique(random.choice(len(self._items), settings.negatives, p=self._popularity.draw_weights))
        with torch.autocast(states.device.type, enabled=False):
            logits = self._logits(states.float(), of_query, targets, drawn)
        live = logits[:, 1:].isfinite().sum(1).float().mean()
        return {"live_negatives": live, "total": contrastive_loss(logits)}

    def _logits(self, states: Tensor, of_query: Integers, targets: Integers, drawn: Integers) -> Tensor:
        """[Q, 1 + C], the right item first; each less the logarithm of its chance to be among the candidates."""
        split, model = self._split, self._model
        wanted = split.histories.items[targets].astype(np.int64)
        weeks = self._popularity.at(split.histories.timestamps[targets])
        asked = model.asks(states)[torch.from_numpy(of_query)]
        right = (asked * model.towards(self._items[wanted])).sum(-1) + self._prior(weeks, wanted)
        distinct, back = np.unique(weeks, return_inverse=True)
        others = asked @ model.towards(self._items[drawn]).T
        others = others + self._prior(distinct[:, None], drawn[None, :])[back]
        right, others = right - self._log_chance(wanted), others - self._log_chance(drawn)
        others = others.masked_fill(self._no_negative(targets, wanted, drawn), -torch.inf)
        return torch.cat([right.unsqueeze(1), others], dim=1)

    def _draw(self, random: np.random.Generator, users: Integers) -> tuple[Tensor, Integers, Integers]:
        """States before moments [S, d_u], each target's state [Q], the targets' places among the events [Q]."""
        length, split = self._settings.history, self._split
        starts = split.histories.offsets[users]
        ends = starts + 2 + np.floor(random.random(len(users)) * (self._stops[users] - starts - 1)).astype(np.int64)
        ends = np.minimum(ends, self._stops[users])
        begins = np.maximum(starts, ends - length - 1)
        windows = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        longest = max(len(window) for window in windows)
        rows = torch.zeros(len(windows), longest, dtype=torch.long)
        mask = torch.zeros(len(windows), longest)
        places: list[Integers] = []
        targets: list[Integers] = []
        for b, window in enumerate(windows):
            rows[b, -len(window) :] = torch.from_numpy(split.histories.items[window].astype(np.int64))
            mask[b, -len(window) :] = 1.0
            asked = window[self._wanted[window] & (self._basket[window] > window[0])]
            targets.append(asked)
            places.append(b * longest + longest - len(window) + self._basket[asked] - 1 - window[0])
        states = self._model.user.states(self._items[rows] * mask.unsqueeze(-1), mask).flatten(0, 1)
        needed, of_query = np.unique(np.concatenate(places), return_inverse=True)
        return states[torch.from_numpy(needed)], of_query, np.concatenate(targets)

    def _prior(self, weeks: Integers, items: Integers) -> Tensor:
        return self._popularity.features(weeks, items) @ self._model.popular

    def _log_chance(self, items: Integers) -> Tensor:
        drawn = -np.expm1(self._settings.negatives * np.log1p(-self._popularity.draw_weights[items]))
        return torch.from_numpy(np.log(drawn)).float()

    def _no_negative(self, targets: Integers, wanted: Integers, drawn: Integers) -> Tensor:
        """[Q, C] True for the target itself and, where it could not be ranked, for what its user had before."""
        masked = wanted[:, None] == drawn[None, :]
        if self._split.exclude_bought:
            users, back = np.unique(self._split.owners[targets], return_inverse=True)
            had = self._had[users][:, drawn].toarray()[back]
            before = self._basket[targets] - self._split.histories.offsets[self._split.owners[targets]]
            masked |= (had > 0) & (had <= before[:, None])
        return torch.from_numpy(masked)


def encode_items(split: Split, encoder: ItemEncoder, batch: int = 256) -> Floats:
    """[I, d] the Item LLM's vectors; equal texts are read once."""
    distinct, back = np.unique(np.asarray(split.texts, dtype=object).astype(str), return_inverse=True)
    order = np.argsort([len(text) for text in distinct], kind="stable")
    table = np.empty((len(distinct), encoder.width), dtype=np.float32)
    progress = Progress("items", len(distinct), "texts")
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            table[part] = encoder(encoder.tokenize([str(distinct[n]) for n in part])).float().numpy()
            progress.advance(len(part))
    progress.close()
    return table[back]


def new_ranker(items: Tensor, layers: int) -> Ranker:
    """A ranker that starts as the mean of the history, from item vectors [I, d]."""
    user = UserEncoder(new_user_llm(items.shape[1], layers), items.shape[1])
    start_as_mean(user, items)
    return Ranker(user, items.shape[1], -items.float().mean(0))


def pretrained_ranker(model: HllmCreator) -> Ranker:
    """A ranker that starts with what `pretrain` taught a MODEL's User LLM.

    Raises:
        InputError: the User LLM reads times, which ranking does not give it.
    """
    if model.config.time_features != "none":
        raise InputError("ranking goes on from a User LLM that reads items alone", got=model.config.time_features,
                         expected="time_features none", cure="pretrain without --time-features")  # fmt: skip
    ranker = Ranker(model.user, model.item.width, torch.zeros(model.item.width))
    ranker.scale.load_state_dict(model.next_item_scale.state_dict())
    if isinstance(model.next_item_projector, nn.Linear):
        ranker.query.load_state_dict(model.next_item_projector.state_dict())
    return ranker


def rank_with_hllm(
    split: Split, items: Floats, settings: HllmSettings, folder: Path, label: str, model: Ranker | None = None
) -> Ranked:
    """Train HLLM and let it rank; resumable in `folder`.

    Args:
        split: the question.
        items: [I, d].
        settings: how to train.
        folder: for the checkpoint.
        label: what the progress calls it.
        model: what to go on from; a new one when None.
    """
    started = time.monotonic()
    torch.manual_seed(settings.seed)
    table = torch.from_numpy(np.ascontiguousarray(items))
    model, popularity = model or new_ranker(table, settings.layers), Popularity(split)
    step = RankingStep(model, split, table, popularity, settings)
    run_loop(model, FASTER, step, LoopSettings(settings.steps, settings.learning_rate), folder, label=label)
    return rank(model.eval(), split, table, popularity, settings.history, started)


@torch.inference_mode()
def rank(model: Ranker, split: Split, items: Tensor, popularity: Popularity, history: int, started: float) -> Ranked:
    """The first places of every moment; popularity is that at the cut, as the other models know it."""
    catalogue, everything = model.towards(items), np.arange(len(items))
    known = popularity.features(popularity.last, everything) @ model.popular
    unseen = torch.from_numpy(split.cold_items)
    lists = np.full((2, len(split.moments), PLACES[-1]), NOWHERE, dtype=np.int32)
    spans = list(split.pasts())
    progress = Progress("ranking", len(spans), "moments")
    for start in range(0, len(spans), MOMENTS_AT_ONCE):
        part = spans[start : start + MOMENTS_AT_ONCE]
        longest = min(history, max(span.stop - span.start for span in part))
        rows, mask = torch.zeros(len(part), longest, dtype=torch.long), torch.zeros(len(part), longest)
        for b, span in enumerate(part):
            window = split.histories.items[max(span.start, span.stop - history) : span.stop]
            rows[b, -len(window) :] = torch.from_numpy(window.astype(np.int64))
            mask[b, -len(window) :] = 1.0
        states = model.user.states(items[rows] * mask.unsqueeze(-1), mask)[:, -1]
        scores = model.asks(states) @ catalogue.T + known
        if split.exclude_bought:
            for b, span in enumerate(part):
                scores[b, torch.from_numpy(split.histories.items[span].astype(np.int64))] = -torch.inf
        at = slice(start, start + len(part))
        lists[0, at] = _first(scores)
        lists[1, at] = _first(scores.masked_fill(~unseen, -torch.inf))
        progress.advance(len(part))
    progress.close()
    return Ranked(lists[0], lists[1], time.monotonic() - started)


def _first(scores: Tensor) -> Lists:
    """The best items of each row [B, I], NOWHERE where fewer than K may be ranked; [B, K]."""
    best = scores.topk(min(PLACES[-1], scores.shape[1]), dim=1)
    found = torch.where(best.values.isfinite(), best.indices, NOWHERE).numpy().astype(np.int32)
    return np.pad(found, ((0, 0), (0, PLACES[-1] - found.shape[1])), constant_values=NOWHERE)
