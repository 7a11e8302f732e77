"""What `evaluate ranking` asks: leave-one-out by time, with training strictly before DATA's `train_until`.

Every model is trained on events before that time. A user's target is the latest event at or after it that is new to
the user (or the latest at all, when what was bought before may be ranked); everything strictly before the target's
moment is the history that the models read. Products are told apart by id: two products with the same text are two.
Shapes: E events, I items, B users, N targets, M moments (a user at a time), K places of a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from creator.core.data import Data, Histories
from creator.core.errors import InputError

Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """The question put to every model.

    Args:
        histories: everybody's events.
        texts: [I], what the Item LLM reads of each item.
        cut: seconds; training ends before it.
        moments: [M] the user of each moment, a row of `histories.user_ids`.
        before: [M] seconds; the history ends before it.
        of_target: [N] the moment of each target.
        items: [N] the item that was bought then.
        exclude_bought: whether items of the history may not be ranked.
        left_out: users without a target, by reason.
    """

    histories: Histories
    texts: list[str]
    cut: float
    moments: Integers
    before: Doubles
    of_target: Integers
    items: Integers
    exclude_bought: bool
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def users(self) -> Integers:
        """[N] the user of each target."""
        return self.moments[self.of_target]

    @cached_property
    def trained(self) -> Flags:
        """[E] which events may be trained on."""
        return self.histories.timestamps < self.cut

    @cached_property
    def owners(self) -> Integers:
        """[E] the user of each event."""
        return np.repeat(np.arange(len(self.histories.user_ids)), np.diff(self.histories.offsets))

    @cached_property
    def counts(self) -> Integers:
        """[I] training events of each item."""
        return np.bincount(self.histories.items[self.trained], minlength=len(self.texts)).astype(np.int64)

    @property
    def cold_items(self) -> Flags:
        """[I] which items no training event names."""
        return self.counts == 0

    @property
    def cold(self) -> Flags:
        """[N] whose target no training event names."""
        return self.cold_items[self.items]

    def past(self, moment: int) -> slice:
        """Where in the flat events the history of a moment lies."""
        start, end = self.histories.offsets[self.moments[moment] : self.moments[moment] + 2]
        stop = start + np.searchsorted(self.histories.timestamps[start:end], self.before[moment], side="left")
        return slice(int(start), int(stop))

    def pasts(self) -> Iterator[slice]:
        """`past` of every moment."""
        return (self.past(moment) for moment in range(len(self.moments)))


def in_no_order(histories: Histories, random: np.random.Generator) -> Histories:
    """The same events, those of one moment shuffled: a basket's order is that of its product ids, which tell the future
    (new products have high ones), and no model shall learn it."""
    owners = np.repeat(np.arange(len(histories.user_ids)), np.diff(histories.offsets))
    order = np.lexsort((random.random(len(owners)), histories.timestamps, owners))
    return replace(histories, items=histories.items[order])


def first_times(histories: Histories) -> Flags:
    """[E] whether an event is its user's first with that item; of several at one moment the first in order counts."""
    owners = np.repeat(np.arange(len(histories.user_ids)), np.diff(histories.offsets))
    pair = owners * len(histories.item_ids) + histories.items
    found = np.zeros(len(pair), dtype=np.bool_)
    found[np.unique(pair, return_index=True)[1]] = True
    return found


def leave_one_out(data: Data, *, exclude_bought: bool, last: int = 1, limit: int = 0, seed: int = 0) -> Split:
    """Draw the targets.

    Args:
        data: the tables; `train_until` is the cut.
        exclude_bought: targets are items new to their user.
        last: targets of a user, its latest ones.
        limit: users to keep, drawn by the seed; 0 for all.
        seed: of the draws, and of the order of a moment's events.

    Raises:
        InputError: nobody has a history and a target after the cut.
    """
    random = np.random.default_rng(seed)
    histories = in_no_order(data.histories, random)
    wanted = histories.timestamps >= data.train_until
    if exclude_bought:
        wanted &= first_times(histories)
    chosen: list[tuple[int, float, int]] = []
    none_after = without_history = 0
    users = np.arange(len(histories.user_ids))
    if 0 < limit < len(users):
        users = np.sort(random.choice(users, limit, replace=False))
    for user in users:
        start, end = histories.offsets[user : user + 2]
        at = start + np.flatnonzero(wanted[start:end])
        none_after += not len(at)
        later = at[histories.timestamps[at] > histories.timestamps[start]] if len(at) else at
        without_history += bool(len(at)) and not len(later)
        chosen += [(int(user), float(histories.timestamps[e]), int(histories.items[e])) for e in later[-last:]]
    if not chosen:
        raise InputError("there is nothing to rank", got="no user with events before and after train_until",
                         cure="ingest more events, or with an earlier --train-until")  # fmt: skip
    moments, of_target = np.unique([(user, time) for user, time, _ in chosen], axis=0, return_inverse=True)
    return Split(
        histories,
        data.item_texts,
        data.train_until,
        moments[:, 0].astype(np.int64),
        moments[:, 1].astype(np.float64),
        of_target.ravel().astype(np.int64),
        np.array([item for _, _, item in chosen], dtype=np.int64),
        exclude_bought,
        {
            why: n
            for why, n in {
                "users without a target after train_until": none_after,
                "users without a history before it": without_history,
            }.items()
            if n
        },
    )
