"""`embed`: every item, ad and user as one vector. An item is encoded once, however many histories hold it.

Work goes block by block to one worker or to several, and each block is on disk as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import torch

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import Histories, open_data
from creator.core.disk import reserve_space
from creator.core.errors import InputError, UsageError
from creator.core.progress import Progress
from creator.engine.spread import Make, Spread, spread
from creator.generation.earlier import Earlier, text_marks, window_marks, write_marks
from creator.generation.embedder import Embedder, MakeEmbedder, Texts, Users, Vectors
from creator.generation.options import EmbedOptions
from creator.models import item_store
from creator.models.assembly import Float
from creator.models.checkpoint import load_model

BLOCK_USERS = 4096


def embed(options: EmbedOptions) -> Mapping[str, object]:
    """Write EMBEDDINGS: items.npy [I, d], ads.npy [A, d], users.npy [B, d_u] and the ids of their rows.

    A user's history ends before DATA's `live_at`; a user without any event before it has no embedding.

    Raises:
        UsageError: there is no such device.
        HllmCreatorError: the model or the data cannot be read, no user has a history, a worker failed, or `out`
            exists.
    """
    _refuse_missing_device(options)
    artefact, data = open_artefact(options.model, "model"), open_data(options.data, "items", "events", "ads_frame")
    histories, live_at = data.histories, data.live_at
    known = np.flatnonzero(histories.timestamps[histories.offsets[:-1]] < live_at)
    if not len(known):
        raise InputError(
            f"no user has a history in {options.data}",
            got=f"{len(data.events):,} events, none before live_at",
            cure="ingest earlier events, or a later --live-at",
        )
    earlier = Earlier.open(options.previous, artefact) if options.previous is not None else None
    inputs = {"model": artefact, "data": data.artefact}
    if options.previous is not None:
        inputs["previous"] = open_artefact(options.previous, "embeddings")
    with write_artefact(options.out, "embeddings", config={}, inputs=inputs) as draft:
        model = load_model(options.model, device="cpu" if options.engine == "ray" else options.device)
        work = _Work(options, draft.path, Embedder(model), model.item.width)
        marks = text_marks(data.item_texts)
        old = earlier.of_items(marks) if earlier else np.full(len(marks), -1)
        items = np.empty((len(marks), model.item.width), dtype=np.float32)
        items[old < 0] = work.texts("texts", [data.item_texts[row] for row in np.flatnonzero(old < 0)])
        if earlier:
            items[old >= 0] = earlier.items[old[old >= 0]]
        _write_ids(draft.path, "items", data.items["item_id"].tolist())
        np.save(draft.path / "items.npy", items)
        ads = data.live_ads
        _write_ids(draft.path, "ads", [ad.ad_id for ad in ads])
        np.save(draft.path / "ads.npy", model.encode_texts([ad.text for ad in ads]))
        work.here = Embedder(model, items)
        user_ids = [str(user) for user in histories.user_ids[known]]
        windows = window_marks(histories, known, live_at, model.config.history, marks)
        idle = earlier.of_users(user_ids, windows) if earlier else np.full(len(known), -1)
        active = UserBlocks(histories, known[idle < 0], live_at, model.config.history)
        work.users(active, items, model.user.width, idle, earlier.users if earlier else None)
        _write_ids(draft.path, "users", user_ids)
        write_marks(draft.path, marks, windows)
        drop_blocks(draft.path)
        draft.rows.update(items=len(items), ads=len(ads), users=len(known))
        draft.facts.update(
            width=model.user.width,
            history=model.config.history,
            as_of=live_at,
            without_history=len(histories.user_ids) - len(known),
            new_items=int((old < 0).sum()),
            active_users=len(active.rows),
        )
        rows = dict(draft.rows)
    print(
        f"embedded {rows['items']:,} items, {rows['ads']:,} live ads and {rows['users']:,} users "
        f"({draft.facts['without_history']} users have no history yet) -> {options.out}"
    )
    return {**rows, **draft.facts, "out": str(options.out)}


@dataclass(frozen=True)
class UserBlocks(Sequence[Users]):
    """Users with their histories, read from the flat arrays block by block: all of them at once would not fit.

    Args:
        histories: of every user.
        rows: [B] those to embed.
        before: histories end before it, epoch seconds.
        length: the latest events that are read.
    """

    histories: Histories
    rows: npt.NDArray[np.int64]
    before: float
    length: int

    def __len__(self) -> int:
        return -(-len(self.rows) // BLOCK_USERS)

    @overload
    def __getitem__(self, index: int) -> Users: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Users]: ...
    def __getitem__(self, index: int | slice) -> Users | Sequence[Users]:
        """The block of a number."""
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        if index >= len(self):
            raise IndexError(index)
        some = self.rows[index * BLOCK_USERS : (index + 1) * BLOCK_USERS]
        windows = [self.histories.window(int(b), self.before, self.length) for b in some]
        ages = [self.histories.ages(int(b), self.before, self.length) for b in some]
        return Users(index, windows, ages, self.before)


class _Missing(Sequence[Users]):
    """The blocks that are not on disk yet."""

    def __init__(self, blocks: Sequence[Users], numbers: Sequence[int]) -> None:
        self._blocks, self._numbers = blocks, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Users: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Users]: ...
    def __getitem__(self, index: int | slice) -> Users | Sequence[Users]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        return self._blocks[self._numbers[index]]


class _Work:
    """Embeds blocks with the workers there are, each block durable by itself.

    Args:
        options: where the workers run.
        folder: keeps finished blocks.
        here: the worker of this process.
        width: d, of items.
    """

    def __init__(self, options: EmbedOptions, folder: Path, here: Embedder, width: int) -> None:
        self._options, self._folder, self.here, self._width = options, folder, here, width
        if options.engine == "ray":
            self._where = Spread("ray", options.workers, options.ray_address)
        else:
            self._where = Spread.on_this_machine(options.workers if options.workers or options.device != "cpu" else 1)

    def texts(self, name: str, texts: Sequence[str]) -> Float:
        """Embeddings of texts, [N, d]; equal ones are computed once."""
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        if not distinct:
            return np.empty((0, self._width), dtype=np.float32)
        size = item_store.BLOCK_TEXTS
        starts = range(0, len(distinct), size)
        paths = [self._folder / f".texts-{start:09d}.npy" for start in starts]
        missing = [n for n, path in enumerate(paths) if not path.is_file()]
        blocks = [Texts(n, distinct[n * size : (n + 1) * size]) for n in missing]
        self._run(blocks, MakeEmbedder(self._options.model.resolve(), self._options.device), paths, name)
        at = {text: row for row, text in enumerate(distinct)}
        table = np.concatenate([np.load(path) for path in paths])
        return np.ascontiguousarray(table[[at[text] for text in texts]], dtype=np.float32)

    def users(
        self,
        blocks: UserBlocks,
        items: Float,
        width: int,
        kept: npt.NDArray[np.int64],
        earlier: Float | None,
    ) -> None:
        """Write users.npy, [B, d_u].

        Args:
            blocks: the users who are embedded.
            items: [I, d].
            width: d_u.
            kept: [B] for each user the row of `earlier` that is theirs still, or -1 for those of the blocks, in order.
            earlier: vectors of an earlier run.
        """
        paths = [self._folder / f".users-{n:09d}.npy" for n in range(len(blocks))]
        missing = [n for n, path in enumerate(paths) if not path.is_file()]
        make = MakeEmbedder(self._options.model.resolve(), self._options.device, items)
        if missing:
            self._run(_Missing(blocks, missing), make, paths, "users")
        out = self._folder / "users.npy"
        table = np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=(len(kept), width))
        reserve_space(out)
        fresh, old = np.flatnonzero(kept < 0), np.flatnonzero(kept >= 0)
        for n, path in enumerate(paths):
            table[fresh[n * BLOCK_USERS : (n + 1) * BLOCK_USERS]] = np.load(path)
        for start in range(0, len(old) if earlier is not None else 0, BLOCK_USERS):
            some = old[start : start + BLOCK_USERS]
            table[some] = earlier[kept[some]]  # pyright: ignore[reportOptionalSubscript]
        table.flush()

    def _run(
        self, blocks: Sequence[Texts] | Sequence[Users], make: MakeEmbedder, paths: Sequence[Path], name: str
    ) -> None:
        progress = Progress(name, len(paths), "blocks", done=len(paths) - len(blocks))

        def keep(done: Vectors) -> None:
            aside = paths[done.number].with_name(f".aside-{done.number}.npy")
            np.save(aside, done.vectors)
            aside.replace(paths[done.number])
            progress.advance()

        maker: Make[Texts | Users, Vectors] = (lambda: self.here) if self._where.how == "here" else make
        try:
            spread(maker, blocks, keep, self._where)
        finally:
            progress.close()


def drop_blocks(folder: Path) -> None:
    """Delete the blocks once what was made of them is saved."""
    for pattern in (".texts-*.npy", ".users-*.npy", ".aside-*.npy"):
        for path in folder.glob(pattern):
            path.unlink()


def _refuse_missing_device(options: EmbedOptions) -> None:
    if options.engine == "ray":  # the workers' machines have it, or they say so
        return
    try:
        there = torch.device(options.device).type != "cuda" or torch.cuda.is_available()
    except RuntimeError:
        there = False
    if not there:
        raise UsageError(
            [f"hllm-creator embed: --device {options.device}: this machine has no such device"], cure="--device cpu"
        )


def _write_ids(folder: Path, name: str, ids: Sequence[str]) -> None:
    (folder / f"{name}.ids").write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")
