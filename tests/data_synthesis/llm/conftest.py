"""The tests' shop as DATA, and `synthesize --teacher openai` over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from creator.cli import main
from tests.data_synthesis.test_grounded import write_data
from tests.domain import write_shop

FLAGS = ["--teacher", "openai", "--model", "m", "--limit", "10", "--heldout", "4", "--min-history", "8"]
PRICES = ["--price-in", "1", "--price-out", "2"]


@pytest.fixture(scope="session")
def llm_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llm_shop")
    return write_data(write_shop(folder / "tables", users=20), folder / "data", live_only=3)


class Outcome:
    """What a call left behind."""

    def __init__(self, status: int, out: Path) -> None:
        self.status, self.out = status, out

    @property
    def examples(self) -> pd.DataFrame:
        return pd.read_parquet(self.out / "examples.parquet")

    @property
    def rejected(self) -> pd.DataFrame:
        return pd.read_parquet(self.out / "rejected.parquet")

    @property
    def rows(self) -> pd.DataFrame:
        return pd.concat([self.examples, self.rejected], ignore_index=True)

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.out / "manifest.json").read_text("utf-8"))["facts"]


@pytest.fixture
def synthesize(llm_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    def call(url: str, *flags: str, out: str = "examples") -> Outcome:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key-of-the-test")
        folder = tmp_path / out
        status = main(["synthesize", "--data", str(llm_shop), "--out", str(folder), *FLAGS, *PRICES, *flags])
        return Outcome(status, folder)

    return call
