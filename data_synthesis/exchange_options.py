"""Settings of the commands `examples ...`, which move training examples in and out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Settings of `examples export`."""

    examples: Path = option(help="the EXAMPLES folder")
    data: Path = option(help="the DATA folder they were made from")
    out: Path = option(help="the Parquet file to make: HLLM-Creator's training table")
    history: int = option(50, help="events of a history that are written, at most")
    plain: bool = option(False, help="write the eight columns of the table alone, without ours beside them")

    @staticmethod
    def faults(options: ExportOptions) -> list[str]:
        """What is out of range."""
        return [] if options.history >= 1 else [f"history: got {options.history}, expected at least 1"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Settings of `examples import`."""

    table: Path = option(help="HLLM-Creator's training table, Parquet")
    out: Path = option(help="the EXAMPLES folder to make")
    data: Path | None = option(None, help="the DATA folder that the table was exported with, if it was by us")
    data_out: Path | None = option(None, help="the DATA folder to make from the table's histories and ads", writes=True)
    screen: bool = option(False, help="reject titles that the ad does not bear out; their verdict is kept either way")

    @staticmethod
    def faults(options: ImportOptions) -> list[str]:
        """What is wrong with the settings taken together."""
        if (options.data is None) == (options.data_out is None):
            return ["expected one of --data (a table that 'examples export' wrote) and --data-out (any other)"]
        return []


@dataclass(frozen=True, slots=True)
class PushOptions:
    """Settings of `examples push`."""

    examples: Path = option(help="the EXAMPLES folder")
    repo: str | None = option(None, help="data set on the Hugging Face hub (OWNER/NAME); HF_TOKEN in the environment")
    folder: Path | None = option(None, help="folder to save the data set to instead")
    public: bool = option(False, help="make the data set public; profiles tell what people did")

    @staticmethod
    def faults(options: PushOptions) -> list[str]:
        """What is wrong with the settings taken together."""
        return [] if (options.repo is None) != (options.folder is None) else ["expected one of --repo and --folder"]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Settings of `examples load`."""

    out: Path = option(help="the EXAMPLES folder to make")
    repo: str | None = option(None, help="data set on the Hugging Face hub (OWNER/NAME); HF_TOKEN in the environment")
    folder: Path | None = option(None, help="folder that 'examples push' saved a data set to instead")

    @staticmethod
    def faults(options: LoadOptions) -> list[str]:
        """What is wrong with the settings taken together."""
        return [] if (options.repo is None) != (options.folder is None) else ["expected one of --repo and --folder"]
