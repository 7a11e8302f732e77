"""The impressions a match score is judged on: those that training may not read.

Everything about a user is read strictly before the moment of the impression, and before the ad started to run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.data import Data, Histories

NO_CAMPAIGN = "(none)"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Impressions of held-out ads, flat.

    Args:
        users: [N], row in `Histories.user_ids`.
        ads: [N], row in DATA's ads table.
        before: [N], seconds; the user's window ends before this time.
        clicked: [N].
        campaigns: [N], the ad's campaign.
        without_history: impressions left out because the user has no event at all in DATA.
    """

    users: npt.NDArray[np.int64]
    ads: npt.NDArray[np.int64]
    before: npt.NDArray[np.float64]
    clicked: npt.NDArray[np.bool_]
    campaigns: npt.NDArray[np.object_]
    without_history: int

    def __len__(self) -> int:
        return len(self.users)


def held_out_impressions(data: Data) -> HeldOut:
    """DATA's impressions at or after `train_until`, and those of ads that are not trainable.

    These are the ones that training leaves out (creator.training.impressions). The window of an impression ends before
    its timestamp or the ad's `starts_at`, whichever is earlier.
    """
    ads, seen = data.ads_frame, data.impressions
    row = pd.Index(ads["ad_id"]).get_indexer(pd.Index(seen["ad_id"]))
    trainable = ads["trainable"].fillna(True).to_numpy(dtype=bool)
    late = seen["timestamp"].to_numpy(dtype=np.float64) >= data.train_until
    wanted = (row >= 0) & (late | ~trainable[row])
    seen, row = seen[wanted], row[wanted]
    user = pd.Index(data.histories.user_ids).get_indexer(pd.Index(seen["user_id"]))
    known = user >= 0
    starts = ads["starts_at"].to_numpy(dtype=np.float64)[row]
    stamps = seen["timestamp"].to_numpy(dtype=np.float64)
    campaigns = ads["campaign"].fillna(NO_CAMPAIGN).to_numpy(dtype=object)[row]
    return HeldOut(
        user[known].astype(np.int64),
        row[known].astype(np.int64),
        np.fmin(stamps, starts)[known],
        seen["clicked"].to_numpy(dtype=bool)[known],
        campaigns[known],
        int((~known).sum()),
    )


def past_events(
    histories: Histories, users: npt.NDArray[np.int64], before: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Where in the flat event array each user's past ends.

    Args:
        histories: all events, ordered by user, then time.
        users: [N], user rows.
        before: [N], seconds.

    Returns:
        [N]; user b's events strictly before the time are positions offsets[b] up to, and without, this one.
    """
    owners = np.repeat(np.arange(len(histories.user_ids)), np.diff(histories.offsets))
    is_event = np.concatenate([np.zeros(len(users), dtype=bool), np.ones(len(owners), dtype=bool)])
    order = np.lexsort((is_event, np.concatenate([before, histories.timestamps]), np.concatenate([users, owners])))
    counted = np.cumsum(is_event[order])
    ends = np.empty(len(order), dtype=np.int64)
    ends[order] = counted
    return ends[: len(users)]


def past_purchases(data: Data, held: HeldOut) -> npt.NDArray[np.int64]:
    """How many past events of each impression's user were with an item that its ad covers; [N].

    An ad covers `item_ids`, or its `item_id` when that is empty.
    """
    histories = data.histories
    starts, ends = histories.offsets[held.users], past_events(histories, held.users, held.before)
    by_item = np.argsort(histories.items, kind="stable")
    first = np.searchsorted(histories.items, np.arange(len(histories.item_ids) + 1), sorter=by_item)
    row_of = {str(item): row for row, item in enumerate(histories.item_ids)}
    ads = list(data.ads.values())
    counts = np.zeros(len(held), dtype=np.int64)
    order = np.argsort(held.ads, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(held.ads[order])) + 1):
        if not len(rows):
            continue
        ad = ads[held.ads[rows[0]]]
        covered = ad.item_ids or ((ad.item_id,) if ad.item_id else ())
        known = {row_of[item] for item in covered if item in row_of}
        if not known:
            continue
        events = np.sort(np.concatenate([by_item[first[item] : first[item + 1]] for item in known]))
        counts[rows] = np.searchsorted(events, ends[rows]) - np.searchsorted(events, starts[rows])
    return counts
