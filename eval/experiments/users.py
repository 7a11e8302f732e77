"""From events to users, the units that were randomised: who saw which variation, and what they did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.errors import InputError
from creator.statistics.ratio import Floats


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment's users and events.

    Args:
        users: a row a user: variation, cluster (NaN where unknown), clicks, exposures, clicks_before,
            exposures_before.
        events: the experiment's events of those users, with `user` (the row) in time order.
        started_at: the first exposure, epoch seconds.
        crossed: users that saw more than one variation; they are in neither.
        stray_clicks: clicks of users that no exposure of the experiment knows.
    """

    users: pd.DataFrame
    events: pd.DataFrame
    started_at: float
    crossed: int
    stray_clicks: int

    def treated(self, variation: str) -> npt.NDArray[np.bool_]:
        """Who saw this variation; [N]."""
        return self.users["variation"].eq(variation).to_numpy(dtype=np.bool_)


def gather(events: pd.DataFrame, experiment: str) -> Trial:
    """Find an experiment's users.

    A user belongs to the variation that was recorded with the exposures; it is never worked out again. What lies
    before the experiment's first exposure is the users' past.

    Args:
        events: from `read_events`.
        experiment: its key.

    Raises:
        InputError: no exposure names the experiment.
    """
    tagged = events[events["experiment"].eq(experiment) & events["variation"].notna()]
    shown = tagged[tagged["kind"].eq("exposure")]
    if not len(shown):
        names = sorted(set(events["experiment"].dropna()))
        raise InputError("no exposure names the experiment", got=experiment,
                         expected=", ".join(names[:10]) or "events with experiment and variation")  # fmt: skip
    arms = shown.groupby("user_id")["variation"].nunique()
    first = shown.drop_duplicates("user_id").set_index("user_id")
    users = pd.DataFrame({"variation": first["variation"]})[arms.reindex(first.index).eq(1).to_numpy()]
    known = shown[shown["cluster_id"].notna()].drop_duplicates("user_id").set_index("user_id")["cluster_id"]
    users["cluster"] = known.reindex(users.index)
    row = pd.Series(np.arange(len(users)), index=users.index)
    started = float(shown["timestamp"].iloc[0])
    own = tagged[tagged["user_id"].isin(users.index)]
    own = own.assign(user=row.reindex(own["user_id"]).to_numpy())
    past = events[(events["timestamp"] < started) & events["user_id"].isin(users.index)]
    past = past.assign(user=row.reindex(past["user_id"]).to_numpy())
    for kind, name in (("click", "clicks"), ("exposure", "exposures")):
        users[name] = count(own, kind, len(users))
        users[f"{name}_before"] = count(past, kind, len(users))
    clicks = tagged[tagged["kind"].eq("click")]
    stray = int((~clicks["user_id"].isin(arms.index)).sum())
    return Trial(users, own, started, int((arms > 1).sum()), stray)


def count(events: pd.DataFrame, kind: str, users: int) -> Floats:
    """Events of a kind by user; [N].

    Args:
        events: with `user`, the row.
        kind: "exposure" or "click".
        users: N.
    """
    return np.bincount(events["user"][events["kind"].eq(kind)].to_numpy(dtype=np.int64), minlength=users).astype(
        np.float64
    )


def spans(started_at: float, ended_at: float, most: int = 60) -> list[float]:
    """Moments to look at: the end of each day, thinned to at most `most`, the last one the end itself."""
    days = max(1, int(np.ceil((ended_at - started_at + 1e-9) / 86_400)))
    chosen = np.unique(np.linspace(1, days, min(days, most)).round().astype(int))
    return [started_at + 86_400.0 * day for day in chosen]
