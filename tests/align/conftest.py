from __future__ import annotations

import pytest

from tests.models.tiny import Backbones


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Backbones:
    return Backbones.make(tmp_path_factory.mktemp("backbones"))
