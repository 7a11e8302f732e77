"""The generated shop as DATA and examples, and tiny backbones."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from creator.cli import main
from creator.core.data import EXAMPLES, Data, open_data, read_table
from tests.domain import write_shop
from tests.models.tiny import Backbones


@dataclass(frozen=True)
class Shop:
    data: Data
    examples: pd.DataFrame


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Backbones:
    return Backbones.make(tmp_path_factory.mktemp("backbones"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    tables, data, examples = write_shop(folder / "tables"), folder / "data", folder / "examples"
    # after the last impression, so that there are clicks to learn from
    dates = ["--train-until", "2023-12-10", "--live-at", "2023-12-10"]
    assert main(["ingest", "--source", "tables", "--path", str(tables), *dates, "--out", str(data)]) == 0
    small = ["--history", "20", "--min-history", "5", "--min-events", "1", "--limit", "300"]
    assert main(["synthesize", "--data", str(data), *small, "--out", str(examples)]) == 0
    frame = read_table(examples / "examples.parquet", EXAMPLES)
    return Shop(open_data(data), frame[frame["split"] == "train"].reset_index(drop=True))
