"""Attributes on which all members of a cluster must agree exactly: a language, a market.

They come from a table of the caller's with a `user_id` column. Users are parted by them before they are clustered, so
that no similarity can bring together what must stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from clustering.vectors import Integers
from creator.core.errors import InputError

UNKNOWN = -1
READERS = {
    ".parquet": pd.read_parquet,
    ".csv": lambda path: pd.read_csv(path, dtype=str, keep_default_na=False),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Users parted by the attributes they must share.

    Args:
        names: the attributes.
        values: for each part its values, in the order of `names`; sorted.
        part_of: [B], the user's part, or UNKNOWN where a value is missing.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    part_of: Integers

    def record(self, part: int) -> dict[str, str]:
        """The attributes of one part by name."""
        return dict(zip(self.names, self.values[part], strict=True))


def whole(users: int) -> Parts:
    """One part of all users, where nothing must be shared."""
    return Parts((), ((),), np.zeros(users, np.int64))


def read_parts(path: Path, names: Sequence[str], user_ids: Sequence[str]) -> Parts:
    """Part users by a table's columns.

    Args:
        path: Parquet, CSV or JSON Lines with `user_id` and the named columns; one row a user.
        names: the columns that must agree, at least one.
        user_ids: B ids.

    Raises:
        InputError: the file cannot be read, lacks a column, or names a user twice.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is no table", got=path.suffix or "no suffix", expected=" or ".join(READERS))
    try:
        table = reader(path)
    except FileNotFoundError:
        raise InputError(f"no table at {path}", cure="name the file of the users' attributes") from None
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", got=type(error).__name__, cure="write the table again") from None
    columns = [str(name) for name in table.columns]
    missing = [name for name in ("user_id", *names) if name not in columns]
    if missing:
        near = [f"'{name}' (nearest: '{m[0]}')" if (m := get_close_matches(name, columns, 1)) else f"'{name}'"
                for name in missing]  # fmt: skip
        raise InputError(f"{path} lacks columns", got=", ".join(columns), expected=", ".join(near))
    table = table.assign(user_id=table["user_id"].astype(str))
    double = int(table["user_id"].duplicated().sum())
    if double:
        raise InputError(f"{path} names users twice", got=f"{double} repeated rows", expected="one row a user")
    chosen = table.set_index("user_id").reindex(pd.Index(user_ids))[list(names)]
    known = ((~chosen.isna()) & (chosen != "")).all(axis=1).to_numpy(dtype=bool)
    part_of = np.full(len(user_ids), UNKNOWN, np.int64)
    texts = [tuple(str(value) for value in row) for row in chosen[known].itertuples(index=False)]
    values = sorted(set(texts))
    number = {value: n for n, value in enumerate(values)}
    part_of[known] = [number[text] for text in texts]
    return Parts(tuple(names), tuple(values), part_of)
