"""`embed`: every item, ad and user as one vector. An item is encoded once, however many histories hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import open_data
from creator.core.errors import InputError, UsageError
from creator.generation.options import EmbedOptions
from creator.models.assembly import Float
from creator.models.checkpoint import load_model
from creator.models.item_store import drop_blocks, encode_catalogue


def embed(options: EmbedOptions) -> Mapping[str, object]:
    """Write EMBEDDINGS: items.npy [I, d], ads.npy [A, d], users.npy [B, d_u] and the ids of their rows.

    A user's history ends before DATA's `live_at`; a user without any event before it has no embedding.

    Raises:
        UsageError: there is no such device.
        HllmCreatorError: the model or the data cannot be read, no user has a history, or `out` exists.
    """
    _refuse_missing_device(options.device)
    artefact, data = open_artefact(options.model, "model"), open_data(options.data, "items", "events", "ads_frame")
    if not (data.histories.timestamps < data.live_at).any():
        raise InputError(
            f"no user has a history in {options.data}",
            got=f"{len(data.events):,} events, none before live_at",
            cure="ingest earlier events, or a later --live-at",
        )
    with write_artefact(
        options.out, "embeddings", config={}, inputs={"model": artefact, "data": data.artefact}
    ) as draft:
        model = load_model(options.model, device=options.device)
        items = encode_catalogue(model, data.item_texts, draft.path)
        _write(draft.path, "items", data.items["item_id"].tolist(), items)
        ads = data.live_ads
        _write(draft.path, "ads", [ad.ad_id for ad in ads], model.encode_texts([ad.text for ad in ads]))
        histories, length = data.histories, model.config.history
        windows = [histories.window(b, data.live_at, length) for b in range(len(histories.user_ids))]
        known = [b for b, window in enumerate(windows) if len(window)]
        users = model.encode_users(
            items, [windows[b] for b in known], [histories.ages(b, data.live_at, length) for b in known], label="users"
        )
        _write(draft.path, "users", [str(histories.user_ids[b]) for b in known], users)
        drop_blocks(draft.path)
        draft.rows.update(items=len(items), ads=len(ads), users=len(known))
        draft.facts.update(
            width=int(users.shape[1]), history=length, as_of=data.live_at, without_history=len(windows) - len(known)
        )
        rows = dict(draft.rows)
    print(
        f"embedded {rows['items']:,} items, {rows['ads']:,} live ads and {rows['users']:,} users "
        f"({draft.facts['without_history']} users have no history yet) -> {options.out}"
    )
    return {**rows, **draft.facts, "out": str(options.out)}


def _refuse_missing_device(device: str) -> None:
    try:
        there = torch.device(device).type != "cuda" or torch.cuda.is_available()
    except RuntimeError:
        there = False
    if not there:
        raise UsageError(
            [f"hllm-creator embed: --device {device}: this machine has no such device"], cure="--device cpu"
        )


def _write(folder: Path, name: str, ids: Sequence[str], vectors: Float) -> None:
    np.save(folder / f"{name}.npy", np.ascontiguousarray(vectors, dtype=np.float32))
    (folder / f"{name}.ids").write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")
