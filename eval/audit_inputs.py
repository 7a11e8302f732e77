"""Ads and titles to audit, from JSON Lines or artefact folders, one row at a time; bad rows come back as reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq

from creator.core.artefacts import Artefact, open_artefact
from creator.core.data import open_data
from creator.core.errors import ArtefactError, InputError
from creator.core.records import Ad, AdId
from creator.facts.guide import BrandGuide, read_guides

LONGEST_ROW = 1_000_000  # bytes
TITLE_COLUMNS = ("title_id", "ad_id", "title", "cluster_id")
ROWS = "JSON Lines: one JSON object on every line"
MAKE_AGAIN = "delete the folder and make it again"
Row = bytes | Mapping[str, object]


class BadRowError(Exception):
    """A row that cannot be used; its text is the reason, without the row's content."""


@dataclass(frozen=True, slots=True)
class AdRows:
    """The ads of an audit.

    Args:
        ads: usable ads by id.
        rejected: (row number from 1, reason) of the others.
    """

    ads: dict[str, Ad]
    rejected: list[tuple[int, str]]


def source_of(path: Path, kind: str) -> Artefact | Path:
    """What an argument names: a whole artefact folder of a kind, or a file.

    Raises:
        InputError: nothing is there, the folder is another artefact, or the file cannot be JSON Lines.
    """
    if path.is_dir():
        return open_artefact(path, kind)
    if not path.is_file():
        raise InputError(f"no file or {kind} folder at {path}", cure="check the path")
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise InputError(f"{path} cannot be read", got=error.strerror) from None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16", expected="UTF-8", cure="save it as UTF-8")
    if head.startswith(b"PAR1") or b"\0" in head:
        raise InputError(f"{path} is not text", expected=ROWS, cure="write the rows as JSON Lines, or name a folder")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        raise InputError(
            f"{path} holds one JSON array",
            expected=ROWS,
            cure="write each element on its own line",
        )
    if not head.strip():
        raise InputError(f"{path} is empty", expected=ROWS, cure="write the rows as JSON Lines")
    return path


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, blank ones left out; a line too long to be a row comes cut, so that it is rejected."""
    with path.open("rb") as stream:
        while line := stream.readline(LONGEST_ROW + 1):
            if len(line) > LONGEST_ROW:
                while (rest := stream.readline(LONGEST_ROW)) and not rest.endswith(b"\n"):
                    pass
            if line.strip():
                yield line


def read_row(row: Row) -> Mapping[str, object]:
    """A row's fields.

    Raises:
        BadRowError: it is not a JSON object in UTF-8.
    """
    if not isinstance(row, bytes):
        return row
    if len(row) > LONGEST_ROW:
        raise BadRowError(f"longer than {LONGEST_ROW:,} bytes")
    try:
        fields = json.loads(row.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadRowError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadRowError("not JSON") from None
    if not isinstance(fields, dict):
        raise BadRowError("not a JSON object")
    return cast(Mapping[str, object], fields)


def text_field(fields: Mapping[str, object], name: str, *, needed: bool = True) -> str:
    """A field as text; numbers are taken as they are written.

    Raises:
        BadRowError: it is missing, empty or of another type.
    """
    value = fields.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and name.endswith("_id"):
        return str(value)
    if value is None and not needed:
        return ""
    if value is None:
        raise BadRowError(f"no {name}")
    if not isinstance(value, str):
        raise BadRowError(f"{name} is not text")
    if needed and not value.strip():
        raise BadRowError(f"empty {name}")
    return value


def read_ads(source: Artefact | Path) -> AdRows:
    """All ads, the first of several with one id."""
    if isinstance(source, Artefact):
        return AdRows({str(ad_id): ad for ad_id, ad in open_data(source.path).ads.items()}, [])
    ads: dict[str, Ad] = {}
    rejected: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(source), start=1):
        try:
            ad = _ad(read_row(line))
        except BadRowError as error:
            rejected.append((number, str(error)))
            continue
        if ads.setdefault(ad.ad_id, ad) is not ad:
            rejected.append((number, "ad_id seen before"))
    return AdRows(ads, rejected)


def _ad(fields: Mapping[str, object]) -> Ad:
    points, attributes = fields.get("selling_points") or [], fields.get("attributes") or {}
    if isinstance(points, str):
        points = [points]
    if not isinstance(points, list) or not all(isinstance(p, str) for p in cast(list[object], points)):
        raise BadRowError("selling_points is not a list of texts")
    if not isinstance(attributes, dict):
        raise BadRowError("attributes is not an object")
    named = {
        str(k): v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
        for k, v in cast(dict[object, object], attributes).items()
        if v is not None
    }
    return Ad(
        AdId(text_field(fields, "ad_id")),
        text_field(fields, "title"),
        text_field(fields, "description", needed=False),
        tuple(cast(list[str], points)),
        named,
        text_field(fields, "category", needed=False),
        locale=text_field(fields, "locale", needed=False) or "en",
    )


def count_titles(source: Artefact | Path) -> int:
    """How many rows of titles there are."""
    if isinstance(source, Artefact):
        return _titles_table(source).metadata.num_rows
    return sum(1 for _ in read_lines(source))


def read_titles(source: Artefact | Path) -> Iterator[Row]:
    """The rows of titles as they stand.

    Raises:
        ArtefactError: a table of titles lacks a column or is damaged.
    """
    if not isinstance(source, Artefact):
        yield from read_lines(source)
        return
    table = _titles_table(source)
    try:
        for batch in table.iter_batches(batch_size=8192, columns=list(TITLE_COLUMNS)):
            yield from batch.to_pylist()
    except (OSError, ValueError):
        raise _unreadable(source) from None


def _titles_table(source: Artefact) -> pq.ParquetFile:
    path = source.path / "titles.parquet"
    try:
        table = pq.ParquetFile(path)
    except (OSError, ValueError):
        raise _unreadable(source) from None
    missing = [name for name in TITLE_COLUMNS if name not in table.schema_arrow.names]
    if missing:
        raise ArtefactError(f"{path} lacks columns", got=table.schema_arrow.names, expected=missing, cure=MAKE_AGAIN)
    return table


def _unreadable(source: Artefact) -> ArtefactError:
    return ArtefactError(f"{source.path / 'titles.parquet'} is missing or not readable Parquet", cure=MAKE_AGAIN)


def read_guide_file(path: Path) -> dict[str, BrandGuide]:
    """Brand guides by advertiser, from the file the console's settings page offers.

    Raises:
        InputError: the file cannot be read, or is no list of guides.
    """
    try:
        return read_guides(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"the brand guides at {path} cannot be read", got=reason, cure="check the path") from None
