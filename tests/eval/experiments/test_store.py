"""Events as the service keeps them, on both databases: clusters come from the release that answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creator.cli import main
from eval.experiments.events import read_events
from serving.publish import publish
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import write_folders
from tests.serving.conftest import store, store_url

__all__ = ["store", "store_url"]


def test_a_store_is_analysed_as_its_events_say(store: Store, store_url: str, tmp_path: Path) -> None:
    users = {f"u{n}": n % 3 for n in range(300)}
    publish(store, write_folders(tmp_path / "shop", users=users).inputs())
    events: list[Event] = []
    for n, user in enumerate(users):
        arm = ("control", "personal")[n // 3 % 2]
        for turn in range(4):
            base = (user, "a1", None, 1_700_000_000.0 + 9_000 * turn + n, 1, "titles", arm)
            events.append(Event(f"{user}-{turn}", "exposure", *base))
            if (n * n + turn) % 4 == 0 or n % 7 == 0:
                events.append(Event(f"{user}-{turn}-c", "click", *base))
    store.add_events(events)
    store.add_events(events[:20])  # sent twice
    frame, left_out = read_events(None, store_url, None)
    clicks = sum(event.kind == "click" for event in events)
    assert (len(frame), left_out) == (1_200 + clicks, {})
    assert frame.drop_duplicates("user_id").set_index("user_id")["cluster_id"].astype(int).to_dict() == users
    out = tmp_path / "report"
    assert main(["experiment", "analyze", "--store", store_url, "--experiment", "titles", "--out", str(out)]) == 0
    found = json.loads((out / "summary.json").read_text())
    assert found["effects"][0]["plain"]["users"] == [150, 150]
    assert found["effects"][0]["plain"]["exposures"] == [600, 600]
    assert sum(found["effects"][0]["plain"]["clicks"]) == clicks


@pytest.mark.parametrize("address", ["nowhere.db", "mysql://x/y", "postgresql://127.0.0.1:1/none"])
def test_a_store_that_is_not_there_is_named(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "design", "--store", address, "--out", str(tmp_path / "o")]) in (1, 2)
    assert "store" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
