"""One whole run, made once and shared by the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.whole_run import Shop


@dataclass(frozen=True)
class Calm:
    """A run that nothing disturbed, and what it printed."""

    shop: Shop
    run: Path
    printed: str


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    folder = tmp_path_factory.mktemp("calm")
    shop = Shop.make(folder / "shop")
    return Calm(shop, folder / "run", shop.run(folder / "run"))
