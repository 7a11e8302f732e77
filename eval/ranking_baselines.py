"""The models that `evaluate ranking` trains beside HLLM, as RecTools has them: popularity, item-kNN, SASRec, HSTU.

RecTools 0.19 asks for numpy below 2 and pandas below 3 on this Python. It runs on what is pinned here when it is
installed without its dependencies (`requirements/ranking.txt`) and its padding token is handed over as an array, which
pandas 3 asks for. All of its models rank items of training only.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creator.core.errors import InputError
from creator.core.progress import Progress, say
from eval.ranking_metrics import NOWHERE, PLACES, Lists, Ranked
from eval.ranking_options import ModelName, RankingOptions
from eval.ranking_split import Split, first_times

NEEDED = ("rectools", "implicit", "pytorch_lightning", "typeguard")
SEEDED: tuple[ModelName, ...] = ("sasrec", "hstu", "hllm")
BATCH = 32
LEARNING_RATE = 1e-3


def require_library() -> None:
    """See that RecTools is there.

    Raises:
        InputError: it, or what it imports, is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            "RecTools, which popularity, item-kNN, SASRec and HSTU come from, is not installed",
            got=f"no {', '.join(missing)}",
            cure="pip install --no-deps -r requirements/ranking.txt, or --models hllm",
        )


def rank_with_library(name: ModelName, split: Split, options: RankingOptions, seed: int) -> Ranked:
    """Train one of RecTools' models and let it rank.

    Args:
        name: any but "hllm".
        split: the question.
        options: sizes and passes.
        seed: of weights and draws.
    """
    import torch

    started = time.monotonic()
    say(f"training {name}" + (f" (seed {seed})" if name in SEEDED else ""))
    torch.manual_seed(seed)
    with _quiet():
        if name in ("popularity", "item-knn"):
            lists = _simple(name, split, options)
        else:
            lists = _sequential(name, split, options)
    return Ranked(lists, np.full_like(lists, NOWHERE), time.monotonic() - started)


def _simple(name: ModelName, split: Split, options: RankingOptions) -> Lists:
    from implicit.nearest_neighbours import TFIDFRecommender
    from rectools.dataset import Dataset, IdMap, Interactions
    from rectools.models import ImplicitItemKNNWrapperModel, PopularModel

    seen = np.flatnonzero(~split.cold_items)
    items = IdMap.from_values(seen)  # no others: implicit reads past its arrays at an item it was not fitted to

    def dataset(frame: pd.DataFrame) -> Any:
        once = frame[frame["item_id"].isin(seen)].drop_duplicates(["user_id", "item_id"])
        users = IdMap.from_values(once["user_id"].to_numpy())
        return Dataset(users, items, Interactions.from_raw(once, users, items))

    if name == "popularity":
        model: Any = PopularModel(popularity="n_users")
    else:
        model = ImplicitItemKNNWrapperModel(TFIDFRecommender(K=options.neighbours))
    model.fit(dataset(_events(split, split.owners, split.trained)))
    return _recommend(model, split, dataset(_past_events(split)))


def _sequential(name: ModelName, split: Split, options: RankingOptions) -> Lists:
    from rectools.dataset import Dataset
    from rectools.models import HSTUModel, SASRecModel
    from rectools.models.nn.item_net import IdEmbeddingsItemNet
    from rectools.models.nn.transformers.sasrec import SASRecDataPreparator

    class Preparator(SASRecDataPreparator):
        """RecTools' own, its padding token as an array."""

        item_extra_tokens = np.array(SASRecDataPreparator.item_extra_tokens, dtype=object)  # pyright: ignore[reportAssignmentType]

    kind: Any = SASRecModel if name == "sasrec" else HSTUModel
    frame = _chunks(split, options.history)
    batches = -(-frame["user_id"].nunique() // BATCH)
    model = kind(
        n_blocks=2,
        n_heads=4,
        n_factors=options.factors,
        session_max_len=options.history,
        loss="sampled_softmax",
        n_negatives=options.sampled,
        lr=LEARNING_RATE,
        batch_size=BATCH,
        item_net_block_types=(IdEmbeddingsItemNet,),
        data_preparator_type=Preparator,
        get_trainer_func=make_trainer,
        get_trainer_func_kwargs={"epochs": options.epochs, "batches": batches, "label": name},
    )
    model.fit(Dataset.construct(frame))
    return _recommend(model, split, Dataset.construct(_past_events(split)))


def make_trainer(epochs: int, batches: int, label: str) -> Any:
    """Lightning's trainer for a fixed number of epochs, with our progress; keeps nothing on disk."""
    from pytorch_lightning import Callback, Trainer

    progress = Progress(label, epochs * batches, "batches")

    class Told(Callback):
        """Counts batches."""

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            progress.advance()

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            progress.close()

    return Trainer(max_epochs=epochs, min_epochs=epochs, logger=False, enable_checkpointing=False, callbacks=[Told()],
                   enable_progress_bar=False, enable_model_summary=False, devices=1)  # fmt: skip


def _events(split: Split, users: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_] | slice) -> pd.DataFrame:
    """Events as RecTools reads them; a weight of 0 takes an event out of the targets, not out of the histories."""
    histories = split.histories
    weights = first_times(histories) if split.exclude_bought else np.ones(len(histories.items), dtype=np.bool_)
    return pd.DataFrame(
        {
            "user_id": users[kept],
            "item_id": histories.items[kept].astype(np.int64),
            "weight": weights[kept].astype(np.float32),
            "datetime": _dates(histories.timestamps[kept]),
        }
    )


def _chunks(split: Split, length: int) -> pd.DataFrame:
    """Training histories cut into runs of `length` + 1 events, which overlap by one: RecTools reads only a user's
    last ones, and would leave most of a long history unread."""
    histories = split.histories
    place = np.arange(len(histories.items)) - histories.offsets[split.owners]
    chunk = split.owners * (int(place.max(initial=0)) // length + 2) + place // length
    frame = _events(split, chunk, split.trained)
    overlap = split.trained & (place % length == 0) & (place > 0)
    return pd.concat([frame, _events(split, chunk - 1, overlap)], ignore_index=True).sort_values(
        "datetime", kind="stable", ignore_index=True
    )


def _past_events(split: Split) -> pd.DataFrame:
    """The history of every moment, the moment's number as the user."""
    spans = list(split.pasts())
    at = np.concatenate([np.arange(span.start, span.stop) for span in spans])
    moment = np.repeat(np.arange(len(spans)), [span.stop - span.start for span in spans])
    histories = split.histories
    return pd.DataFrame(
        {
            "user_id": moment,
            "item_id": histories.items[at].astype(np.int64),
            "weight": np.ones(len(at), dtype=np.float32),
            "datetime": _dates(histories.timestamps[at]),
        }
    )


def _dates(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.datetime64]:
    """Moments in nanoseconds: HSTU divides by that unit, whatever the column has."""
    return (seconds * 1e9).astype("datetime64[ns]")


def _recommend(model: Any, split: Split, dataset: Any) -> Lists:
    moments = np.arange(len(split.moments))
    more: dict[str, Any] = {}
    if getattr(model, "require_recommend_context", False):
        more["context"] = pd.DataFrame({"user_id": moments, "datetime": _dates(split.before),
                                        "weight": 1.0})  # fmt: skip
    found = model.recommend(moments, dataset, k=PLACES[-1], filter_viewed=split.exclude_bought,
                            on_unsupported_targets="ignore", **more)  # fmt: skip
    lists = np.full((len(moments), PLACES[-1]), NOWHERE, dtype=np.int32)
    lists[found["user_id"].to_numpy(dtype=np.int64), found["rank"].to_numpy(dtype=np.int64) - 1] = found["item_id"]
    return lists


@contextmanager
def _quiet() -> Generator[None]:
    """Without Lightning's notes on the machine and RecTools' notes on itself."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
