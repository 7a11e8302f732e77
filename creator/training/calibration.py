"""Platt scaling of the match head: probabilities that mean what they say (Platt 1999)."""

from __future__ import annotations

import numpy as np

from creator.core.acts import AdActs
from creator.core.data import Data
from creator.models.assembly import Float, HllmCreator
from creator.training.windows import WindowBatch

MOMENTS = 3000


def calibrate(model: HllmCreator, data: Data, item_embeddings: Float) -> tuple[float, float]:
    """(scale, offset) of a logistic regression from match logits to clicks, on impressions before `train_until`.

    Returns (1, 0), probabilities as the head gives them, where the data have no such impressions of both outcomes.
    """
    frame = data.impressions
    trainable = set(data.ads_frame["ad_id"][data.ads_frame["trainable"].astype(bool)])
    frame = frame[
        (frame["timestamp"] < data.train_until)
        & frame["ad_id"].isin(trainable)
        & frame["user_id"].isin(data.histories.row_of)
    ]
    if frame["clicked"].nunique() < 2:
        return 1.0, 0.0
    from sklearn.linear_model import LogisticRegression

    moments = frame.groupby(["user_id", "timestamp"], sort=True).ngroup().to_numpy()
    keys = frame.assign(moment=moments).drop_duplicates("moment").sort_values("moment")
    chosen = np.sort(np.random.default_rng(0).permutation(len(keys))[:MOMENTS])
    users = np.asarray(keys["user_id"].map(data.histories.row_of), dtype=np.int64)[chosen]
    moments_s = np.asarray(keys["timestamp"], dtype=np.float64)[chosen]
    batch = WindowBatch.read(data.histories, users, moments_s, model.config.history)
    embedded = model.encode_users(item_embeddings, batch.items, batch.ages_s, batch.as_of, label="calibrate")
    ad_ids = sorted(set(frame["ad_id"]))
    ads = model.encode_texts([data.ads[a].text for a in ad_ids])  # pyright: ignore[reportArgumentType]
    counts = AdActs(data, ad_ids).log_counts(users, moments_s) if model.reads_counts else None
    grid = model.match_probabilities(embedded, ads, counts).clip(1e-6, 1 - 1e-6)
    scale, offset = model.config.match_calibration
    row = {int(m): n for n, m in enumerate(chosen)}
    read = np.isin(moments, chosen)
    rows = np.asarray([row[int(m)] for m in moments[read]])
    columns = frame["ad_id"][read].map({a: n for n, a in enumerate(ad_ids)}).to_numpy(dtype=np.int64)
    given = grid[rows, columns].astype(np.float64)
    logits = (np.log(given / (1 - given)) - offset) / scale
    fit = LogisticRegression(C=1e6).fit(logits.reshape(-1, 1), frame["clicked"].to_numpy(dtype=bool)[read])
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])
