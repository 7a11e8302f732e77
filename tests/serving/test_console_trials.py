"""The experiments pages over real HTTP: what runs, what the events say, and who may begin and stop."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.console.pictures import Interval, picture
from serving.experiments.assignment import Experiment, Variation
from serving.experiments.registry import begin, read_trial
from serving.experiments.trial import Status, Trial
from serving.publish import publish
from serving.rows import Event
from serving.store import Store
from tests.serving.artefacts import write_folders
from tests.serving.browsing import Person
from tests.serving.service import Service, serve, until

ADMIN, READ = "the desk's key", "the looker's key"
ARMS = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two experiments: 30 and 60 of 100 users clicked; 100 users beside 200."""
    folder = tmp_path_factory.mktemp("begun")
    with Store(str(folder / "store.db")) as store:
        publish(store, write_folders(folder / "first").inputs())
        for key in ("even", "odd"):
            begin(store, Trial(Experiment(key, ARMS)), "Ben [desk]")
        store.add_events(
            [
                *seen("even", "control", 100, 30),
                *seen("even", "personal", 100, 60),
                *seen("odd", "control", 100, 30),
                *seen("odd", "personal", 200, 120),
            ]
        )
    return folder / "store.db"


def seen(experiment: str, variation: str, users: int, clicks: int) -> list[Event]:
    """Each user saw an ad once; the first so many clicked."""
    return [
        Event(f"{experiment}{variation}{kind}{n}", kind, f"{experiment}{variation}{n}", "a1", None, 1.8e9, 1,
              experiment, variation)
        for kind, count in (("exposure", users), ("click", clicks))
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def store_file(begun: Path, tmp_path: Path) -> str:
    return str(shutil.copy(begun, tmp_path / "store.db"))


@pytest.fixture
def service(store_file: str) -> Iterator[Service]:
    with serve(store_file, keys=f"admin:{ADMIN},read:{READ}") as running:
        yield running


@pytest.fixture
def ada(service: Service) -> Person:
    person = Person(service.http)
    person.signs_in(ADMIN)
    return person


def status(store_file: str, key: str) -> Status:
    with Store(store_file) as store, store.reading() as connection:
        return read_trial(connection, key).status


def test_the_lift_and_its_interval_are_those_of_the_delta_method(ada: Person):
    """By hand: 0.6 / 0.3 - 1, and 1.96 sqrt(0.24 / (99 0.3^2) + 0.21 0.6^2 / (99 0.3^4)) = 0.682."""
    page = ada.goes("/console/experiment?key=even")
    assert {"control", "personal", "30.00%", "60.00%", "+100.0% (+31.8 to +168.2%)"} <= set(page.words)
    labels = [a["aria-label"] for tag, a in page.tags if tag == "svg"]
    assert labels == ["Lift over the control: personal +100.0%  (+31.8 to +168.2%)"]


def test_no_effect_is_told_where_the_sample_ratio_is_off(ada: Person):
    page = ada.goes("/console/experiment?key=odd")
    assert "Sample ratio mismatch: 100 where 50% of 300 were meant; 200 where 50% of 300 were meant." in page.said
    assert not [tag for tag, _ in page.tags if tag == "svg"]
    assert ada.goes("/console/experiment?key=none").said
    assert ada.status == 404


def test_one_is_begun_halted_and_ended_and_the_history_says_so(ada: Person, service: Service, store_file: str):
    ada.goes("/console/experiments")
    ada.presses("Begin", key="third", pace="fixed", coverage="100")
    assert (ada.status, "It has begun." in ada.page.said) == (200, True)
    until(lambda: service.title("u-climber", "a1")["experiment"] in ("even", "odd", "third"))
    ada.presses("Begin", key="third")
    assert (ada.status, "the name third is taken" in ada.page.said) == (409, True)
    ada.goes("/console/experiment?key=third")
    ada.presses("Halt", reason="wrong season")
    assert (status(store_file, "third"), "wrong season" in ada.page.said) == (Status.HALTED, True)
    ada.goes("/console/experiment?key=third")
    ada.presses("End")
    assert status(store_file, "third") is Status.ENDED
    assert "Halt" not in ada.goes("/console/experiment?key=third").said
    said = ada.goes("/console/history").said
    assert {word in said for word in ("begin", "halted", "ended")} == {True}


@pytest.mark.parametrize(
    ("filled", "told"),
    [
        ({"key": " "}, "key: expected 1 to 100"),
        ({"key": "x", "control": "cluster"}, "two different things"),
        ({"key": "x", "treatment": "release:0"}, "two different things"),
        ({"key": "x", "pace": "fixed", "coverage": "101"}, "from 0 to 100"),
        ({"key": "x", "pace": "fixed", "coverage": "nan"}, "from 0 to 100"),
    ],
)
def test_a_definition_with_faults_begins_nothing(ada: Person, filled: dict[str, str], told: str):
    ada.goes("/console/experiments")
    ada.presses("Begin", **filled)
    assert (ada.status, told in ada.page.said) == (422, True)


def test_a_reading_key_looks_and_changes_nothing(ada: Person, service: Service, store_file: str):
    form = dict(ada.goes("/console/experiment?key=even").form("Halt").fields)
    looker = Person(service.http)
    looker.signs_in(READ, "Lou")
    for page in ("/experiments", "/experiment?key=even"):
        assert [f.action for f in looker.goes(f"/console{page}").forms] == ["/console/sign-out"]
    answer = service.http.post("/console/experiments/settle", data={**form, "status": "halted"})
    assert answer.status_code == 403
    assert status(store_file, "even") is Status.RUNNING


def test_a_picture_places_values_on_its_axis():
    """By hand: from -10% to +30% over 390 units, which begin at 180."""
    found = picture([Interval("a", 0.1, (0.0, 0.2), (-0.1, 0.3))])
    assert found is not None
    assert (found.even, found.rows[0].x, found.rows[0].free) == (277.5, 375.0, (180.0, 570.0))
    assert [tick.text for tick in found.ticks] == ["-10%", "0%", "+10%", "+20%", "+30%"]
    assert picture([]) is None
