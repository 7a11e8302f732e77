"""EXAMPLES as a data set of the `datasets` library: on the Hugging Face hub or in a folder, and back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import pandas as pd
import pyarrow as pa

from creator.core.artefacts import config_digest, open_artefact, write_artefact
from creator.core.data import EXAMPLES, read_table, write_table
from creator.core.errors import InputError
from creator.core.progress import say
from data_synthesis.exchange_options import LoadOptions, PushOptions
from data_synthesis.outcome import REJECTED


def push_examples(options: PushOptions) -> dict[str, object]:
    """Run `hllm-creator examples push`: one split of the data set for each split of the examples.

    Raises:
        InputError: the hub refuses, or the folder exists.
    """
    import datasets

    examples = open_artefact(options.examples, "examples")
    frame = read_table(examples.path / "examples.parquet", EXAMPLES)
    splits = {
        str(split): datasets.Dataset(pa.Table.from_pandas(rows, EXAMPLES, preserve_index=False))
        for split, rows in frame.groupby("split", sort=False)
    }
    made: Any = datasets.DatasetDict(cast(Any, splits))
    if options.folder is not None:
        if options.folder.exists():
            raise InputError(f"{options.folder} exists already", cure="name another --folder, or delete it first")
        with _quietly("the data set cannot be saved"):
            made.save_to_disk(options.folder)
    else:
        with _quietly("the hub does not take the data set"):
            made.push_to_hub(cast(str, options.repo), private=not options.public)
    counts = {split: len(rows) for split, rows in splits.items()}
    say(f"{len(frame):,} examples in {options.folder or options.repo}")
    return {"to": str(options.folder or options.repo), **counts}


def load_examples(options: LoadOptions) -> dict[str, object]:
    """Run `hllm-creator examples load`.

    Raises:
        InputError: there is no such data set, or it is not of examples.
    """
    import datasets

    source = str(options.folder or options.repo)
    with _quietly(f"no data set can be read from {source}"):
        read: Any = datasets.load_from_disk(source) if options.folder is not None else datasets.load_dataset(source)
        parts: list[Any] = list(read.values()) if isinstance(read, dict) else [read]
        tables = [part.with_format("arrow")[:] for part in parts]
    missing = sorted({name for table in tables for name in EXAMPLES.names if name not in table.column_names})
    if missing:
        raise InputError(
            f"{source} holds no examples", got=f"no {', '.join(missing)}", expected=", ".join(EXAMPLES.names)
        )
    whole = pa.concat_tables([pa.table(table).select(EXAMPLES.names).cast(EXAMPLES) for table in tables])
    digest = config_digest([str(part._fingerprint) for part in parts])
    with write_artefact(options.out, "examples", config={"source": source, "fingerprint": digest}) as draft:
        draft.rows = {
            "examples": write_table(draft.path / "examples.parquet", whole.to_pandas(), EXAMPLES),
            "rejected": write_table(
                draft.path / "rejected.parquet", pd.DataFrame(columns=pd.Index(REJECTED.names)), REJECTED
            ),
        }
    say(f"{whole.num_rows:,} examples in {options.out}")
    return {"out": str(options.out), **draft.rows}


@contextmanager
def _quietly(what: str) -> Generator[None]:
    """The library's errors as ours: their texts may quote addresses and tokens."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise InputError(
            what,
            got=type(error).__name__ + (f", HTTP {status}" if status else ""),
            cure="check the name, HF_TOKEN and HF_ENDPOINT",
        ) from None
