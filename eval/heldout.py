"""The impressions a match score is judged on: those that training may not read.

Everything about a user is read strictly before the moment of the impression, and before the ad started to run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.acts import AdActs
from creator.core.data import Data

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


def past_purchases(data: Data, held: HeldOut) -> npt.NDArray[np.int64]:
    """How many past events of each impression's user were with an item that its ad covers; [N]."""
    return AdActs(data, list(data.ads)).before(held.users, held.ads, held.before).astype(np.int64)
