"""HLLM pretraining: what comes next, and who acts on or clicks which ad (HLLM sections 3.2 and 3.3).

Stage I trains Item LLM and User LLM end to end on short histories; stage II leaves the Item LLM as it is, embeds every
item once and reads long histories. One pass of the User LLM serves the generative objective (its states at the history
predict the next item) and late fusion (its state at [USER] meets the ad in the match head); early fusion appends the
ad to the history in a pass of its own. The weights of the losses mix them (the paper's lambda is `next_item`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from creator.core.data import Data
from creator.core.errors import InputError
from creator.models.assembly import Float, HllmCreator
from creator.models.losses import near_duplicates, next_item_loss
from creator.models.user_encoder import parallel_share
from creator.training.item_source import FrozenItems, LiveItems, StepItems
from creator.training.loop import LoopSettings, Losses, run_loop
from creator.training.matching import Acts, Clicks, Matching, bce
from creator.training.negatives import NegativeQueue
from creator.training.windows import DAY_S, WindowBatch, WindowSampler
from creator.training.workers import workers

VALIDATION_DRAWS = 12345
HELD_PERCENT = 3


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """What the LLMs are pretrained on.

    Args:
        windows: histories a step reads.
        negatives: random items a step draws as shared negatives.
        batch_negatives: whether what comes next in the step's other histories is a negative too; such items come as
            often as they are bought, so that popular ones are held back.
        queue: embeddings of earlier steps' negatives that are kept as further ones, where the Item LLM is trained.
        near_duplicates: cosine above which a negative is masked, as the reference does; 0 masks by identity and
            identical text alone.
        train_items: whether the Item LLM is trained along (stage I).
        ads: ads a step asks about.
        horizon_days: acting on an ad's items within so many days counts as a match.
        impressions: (user, moment) groups of impressions a step reads, half of them clicked; 0 for none.
        next_item: weight of the next-item loss.
        acts: weight of the loss on acts.
        clicks: weight of the loss on impressions.
        early: weight of both by early fusion, where the model has it.
        seed: of every draw.
    """

    windows: int = 32
    negatives: int = 512
    batch_negatives: bool = False
    queue: int = 0
    near_duplicates: float = 0.0
    train_items: bool = False
    ads: int = 64
    horizon_days: float = 28.0
    impressions: int = 24
    next_item: float = 1.0
    acts: float = 1.0
    clicks: float = 1.0
    early: float = 1.0
    seed: int = 0


class PretrainStep:
    """The losses of one step; what it draws depends on the seed and the step alone.

    Args:
        model: the model.
        data: the tables.
        item_embeddings: [I, d]; not read where the Item LLM is trained.
        settings: what to draw.
        users: [B] bool, whose histories are drawn; everybody's when None.
    """

    def __init__(
        self,
        model: HllmCreator,
        data: Data,
        item_embeddings: Float,
        settings: PretrainSettings,
        users: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._model, self._settings, self._group = model, settings, workers()
        texts = data.item_texts
        same = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        self._identity = np.asarray([same[text] for text in texts])
        table = torch.from_numpy(item_embeddings).to(model.device)
        live = LiveItems(model, texts, self._group) if settings.train_items else None
        self._source = live or FrozenItems(table)
        self._queue = NegativeQueue(settings.queue if live else 0, model.item.width, model.device)
        self._matching = Matching(
            model,
            data,
            table,
            ads=settings.ads,
            horizon_days=settings.horizon_days,
            embed=live.texts if live else None,
        )
        self._sampler = WindowSampler(data.histories, data.train_until, settings.horizon_days * DAY_S, users=users)
        if not len(self._sampler):
            raise InputError(
                "there is no history to pretrain on",
                expected=f"a user with over 5 events that end {settings.horizon_days:g} days before train_until",
                cure="ingest more events, or lower horizon_days",
            )

    def memory(self) -> dict[str, Tensor]:
        """The queue, for a resumption."""
        return self._queue.memory()

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Go on with a queue."""
        self._queue.remember(dict(memory))

    def __call__(self, step: int) -> Losses:
        """The losses of a step by name; "total" is their weighted sum."""
        return self.losses(np.random.default_rng((self._settings.seed, step)))

    def losses(self, random: np.random.Generator) -> Losses:
        """The losses on what is drawn, this process's share of it."""
        settings, model, group = self._settings, self._model, self._group
        batch = self._sampler.draw(random, settings.windows, model.config.history)
        shared = random.integers(0, len(self._identity), settings.negatives).astype(np.int64)
        acts = self._matching.draw_acts(batch.users, batch.as_of, random) if self._asks_acts else None
        clicks = self._matching.draw_clicks(settings.impressions, random) if self._asks_clicks else None
        if settings.batch_negatives:
            shared = np.unique(np.concatenate([shared, *(w[1:].astype(np.int64) for w in batch.items)]))
        mine = group.share(len(batch))
        own = batch.take(mine)
        seen = clicks.windows.take(group.share(len(clicks.windows))) if clicks else None
        items = self._source.draw([*own.items, *(seen.items if seen else ())], shared)
        states, users = self._read(items, own)
        losses: Losses = {}
        queries = sum(max(len(window) - 1, 0) for window in batch.items)
        losses["next_item"], live = self._next_item(states, own, items, shared, queries)
        total = settings.next_item * losses["next_item"]
        early = list[Tensor]()
        if acts:
            losses["acts"] = self._acts(acts, mine, own, users, items, early)
            total = total + settings.acts * losses["acts"]
        if clicks and seen:
            losses["clicks"] = self._clicks(clicks, seen, items, early)
            total = total + settings.clicks * losses["clicks"]
        if early:
            losses["early"] = torch.stack(early).sum()
            total = total + settings.early * losses["early"]
        losses["live_negatives"] = live
        if len(batch) >= 2 * group.count:
            losses["parallel_users"] = total.new_tensor(parallel_share(users.detach()))
        if settings.train_items and len(shared) > 1:
            losses["parallel_items"] = total.new_tensor(parallel_share(items.shared.detach()))
        read = sum(len(window) + 1 for window in own.items)
        return {**losses, "tokens": total.new_tensor(float(read)), "total": total}

    @property
    def _asks_acts(self) -> bool:
        return self._matching.has_acts and self._settings.acts > 0

    @property
    def _asks_clicks(self) -> bool:
        return self._matching.has_clicks and self._settings.clicks > 0 and self._settings.impressions > 0

    def _read(self, items: StepItems, batch: WindowBatch) -> tuple[Tensor, Tensor]:
        return self._model.read_windows(
            items.table, [items.at(window) for window in batch.items], batch.ages_s, batch.as_of
        )

    def _next_item(
        self, states: Tensor, batch: WindowBatch, items: StepItems, shared: npt.NDArray[np.int64], queries: int
    ) -> tuple[Tensor, Tensor]:
        """The loss of this process's queries, as a part of all `queries`, and the live negatives likewise."""
        settings, model = self._settings, self._model
        follows = np.concatenate([np.arange(len(window)) > 0 for window in batch.items])
        asks = np.concatenate([np.arange(len(window)) < len(window) - 1 for window in batch.items])
        target = np.concatenate(batch.items).astype(np.int64)[follows]
        if not len(target):  # events of one basket share a moment, so that a window may hold next to nothing
            return states.sum() * 0.0, states.new_zeros(())
        candidates = torch.cat([items.shared, self._queue.vectors.to(items.shared)])
        rows = np.concatenate([shared, self._queue.rows])
        positives = items.table[torch.from_numpy(items.at(target)).to(items.table.device)]
        masked = torch.from_numpy(self._identity[target][:, None] == self._identity[rows][None]).to(states.device)
        if settings.near_duplicates:
            masked |= near_duplicates(positives, candidates, settings.near_duplicates)
        projected = model.next_item_projector(states[torch.from_numpy(np.flatnonzero(asks)).to(states.device)])
        loss, live = next_item_loss(projected, positives, candidates, masked, model.next_item_scale())
        if torch.is_grad_enabled():
            self._queue.push(items.shared, shared)
        part = self._group.part_of(len(target), queries)
        return loss * part, live * part

    def _acts(
        self,
        acts: Acts,
        mine: npt.NDArray[np.int64],
        own: WindowBatch,
        users: Tensor,
        items: StepItems,
        early: list[Tensor],
    ) -> Tensor:
        """The loss on acts by late fusion; that by early fusion is put into `early`, where the model has it."""
        here = np.isin(acts.users, mine)
        at = np.searchsorted(mine, acts.users[here])
        if not len(at):
            if self._model.early is not None and self._settings.early:
                early.append(users.sum() * 0.0)
            return users.sum() * 0.0
        part = self._group.part_of(len(at), len(acts.users))
        label = torch.from_numpy(acts.label[here]).to(users.device)
        if self._model.early is not None and self._settings.early:
            targets = self._matching.vectors(acts.ads).expand(len(at), -1, -1)
            early.append(bce(self._early(items, own.take(at), targets), label) * part)
        return bce(self._matching.grid(users[torch.from_numpy(at).to(users.device)], acts.ads), label) * part

    def _clicks(self, clicks: Clicks, seen: WindowBatch, items: StepItems, early: list[Tensor]) -> Tensor:
        """The loss on impressions, likewise."""
        _, users = self._read(items, seen)
        share = self._group.share(len(clicks.windows))
        shown, label = clicks.ads[share], clicks.label[share]
        known = ~np.isnan(label)
        rows, columns = np.nonzero(known)
        if not len(rows):
            if self._model.early is not None and self._settings.early:
                early.append(users.sum() * 0.0)
            return users.sum() * 0.0
        part = self._group.part_of(len(rows), int((~np.isnan(clicks.label)).sum()))
        given = torch.from_numpy(label[known].astype(np.float32)).to(users.device)
        if self._model.early is not None and self._settings.early:
            asked, at = np.unique(shown, return_inverse=True)
            targets = self._matching.vectors(asked)[torch.from_numpy(at.reshape(shown.shape)).to(users.device)]
            logits = self._early(items, seen, targets)[torch.from_numpy(known).to(users.device)]
            early.append(bce(logits + clicks.prior, given) * part)
        return bce(self._matching.pairs(users, rows, shown[rows, columns]) + clicks.prior, given) * part

    def _early(self, items: StepItems, batch: WindowBatch, targets: Tensor) -> Tensor:
        windows = [items.at(window) for window in batch.items]
        return self._model.early_logits(items.table, windows, targets, batch.ages_s, batch.as_of)


def pretrain(
    model: HllmCreator,
    data: Data,
    item_embeddings: Float,
    folder: Path,
    settings: PretrainSettings,
    loop: LoopSettings,
    *,
    validate_every: int = 0,
) -> None:
    """Pretrain the User LLM and the heads in place, and the Item LLM where it is trained; resumable in `folder`.

    A stable 3% of the users are never trained on; their histories validate.
    """
    trained = ("user.", "match.", "early.", "next_item", "creative.user_projector")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(trained) or (settings.train_items and name.startswith("item."))
    held = pd.util.hash_array(np.asarray(data.histories.user_ids, dtype=object)) % 100 < HELD_PERCENT
    step = PretrainStep(model, data, item_embeddings, settings, ~held)
    check: PretrainStep | None = None
    if validate_every:
        try:
            check = PretrainStep(model, data, item_embeddings, replace(settings, queue=0, clicks=0.0), held)
        except InputError:  # too few users to set any apart
            check = None

    def validate() -> dict[str, float]:
        if check is None:
            return {}
        figures = check.losses(np.random.default_rng(VALIDATION_DRAWS))
        return {name: float(loss) for name, loss in figures.items() if name != "tokens"}

    run_loop(model, (), step, loop, folder, label="pretrain", validate=validate, validate_every=validate_every)
