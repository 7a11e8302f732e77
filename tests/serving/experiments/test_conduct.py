"""`serve` assigns: what users see, what is recorded, and what a change, a halt or a holdout does to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binomtest, chisquare

from creator.cli import main
from creator.core.errors import StoreError, UsageError
from serving.experiments.assignment import Experiment, Variation
from serving.experiments.hashing import bucket
from serving.experiments.ramp import Ramp, Stage
from serving.experiments.registry import begin, change, read_trial, set_holdout, settle
from serving.experiments.trial import Status, Trial, as_json, cut_line, from_json
from serving.publish import publish
from serving.retention import prune
from serving.store import Store
from tests.serving.artefacts import GOOD, ORIGINALS, Folders, write_folders
from tests.serving.service import Service, serve, until

ARMS = (Variation("control", 0.5, "original"), Variation("personal", 0.5, "cluster"))
USERS = {f"u{n}": n % 3 for n in range(300)}
TITLES = {(cluster, ad): title for _, cluster, ad, title, *_ in GOOD}
PERSONAL = [user for user, cluster in USERS.items() if (cluster, "a1") in TITLES]


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Folders:
    folders = write_folders(tmp_path / "shop", users=USERS)
    publish(store, folders.inputs())
    return folders


@pytest.fixture
def service(shop: Folders, store_url: str) -> Iterator[Service]:
    with serve(store_url) as running:
        yield running


def ask(service: Service, ad: str = "a1", users: list[str] | None = None) -> dict[str, dict[str, object]]:
    asked = list(USERS) if users is None else users
    answer = service.http.post("/v1/titles", json={"pairs": [{"user_id": u, "ad_id": ad} for u in asked]})
    return dict(zip(asked, answer.json()["titles"], strict=True))


def taken_up(service: Service, key: str | None) -> dict[str, dict[str, object]]:
    until(lambda: {a["experiment"] for a in ask(service).values()} - {None} == ({key} if key else set()))
    return ask(service)


def expose(service: Service, store: Store, answers: dict[str, dict[str, object]], ad: str = "a1") -> None:
    """Send an exposure of each answer, and wait until the store has them."""
    names = ("experiment", "variation", "release", "cluster_id", "title_id", "propensity")
    events = [
        {"event_id": f"{user}-{answer['variation']}-{answer['experiment']}", "kind": "exposure", "user_id": user,
         "ad_id": ad, **{name: answer[name] for name in names}}
        for user, answer in answers.items() if answer["experiment"]
    ]  # fmt: skip
    before = store.count_events().get("exposure", 0)
    assert service.send(*events).is_success
    until(lambda: store.count_events().get("exposure", 0) == before + len(events))


def test_users_are_assigned_where_the_variations_differ_and_as_growthbook_would(service: Service, store: Store) -> None:
    begin(store, Trial(Experiment("titles", ARMS)), "tester")
    answers = taken_up(service, "titles")
    for user, answer in answers.items():
        personal = TITLES.get((USERS[user], "a1"))
        if personal is None:  # nothing to compare: no part in it
            assert (answer["experiment"], answer["variation"], answer["reason"]) == (None, None, "pruned_pair")
            continue
        place = bucket("titles", user, 2)
        assert place is not None
        arm = "control" if place < 0.5 else "personal"
        assert (answer["experiment"], answer["variation"]) == ("titles", arm)
        shown = (ORIGINALS["a1"], "experiment") if arm == "control" else (personal, None)
        assert (answer["title"], answer["reason"]) == shown
        assert answer["cluster_id"] == USERS[user]
    assert ask(service) == answers
    assert service.title(PERSONAL[0], "a1") == answers[PERSONAL[0]]


def test_what_came_back_is_recorded_as_it_was_answered(service: Service, store: Store) -> None:
    begin(store, Trial(Experiment("titles", ARMS)), "tester")
    answers = taken_up(service, "titles")
    expose(service, store, answers)
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT user_id, experiment, variation, cluster_id FROM events").all()
        sticky = connection.exec_driver_sql("SELECT user_id, variation FROM sticky").all()
    want = {u: a["variation"] for u, a in answers.items() if a["experiment"]}
    assert {row[0]: row[2] for row in rows} == want
    assert {row[0]: row[3] for row in rows} == {user: USERS[user] for user in want}
    assert {row[0]: row[1] for row in sticky} == want


def test_new_weights_leave_who_was_shown_where_they_were_and_place_the_others_anew(
    service: Service, store: Store
) -> None:
    begin(store, Trial(Experiment("titles", ARMS)), "tester")
    before = taken_up(service, "titles")
    shown, rest = PERSONAL[:100], PERSONAL[100:]
    expose(service, store, {user: before[user] for user in shown})
    arms = (replace(ARMS[0], weight=0.05), replace(ARMS[1], weight=0.95))
    assert change(store, "titles", Experiment("titles", arms), "tester").remembered
    until(lambda: ask(service) != before)
    after = ask(service)
    assert [after[u]["variation"] for u in shown] == [before[u]["variation"] for u in shown]
    assert [after[u]["title"] for u in shown] == [before[u]["title"] for u in shown]
    for user in rest:
        assert after[user]["variation"] == ("control" if bucket("titles", user, 2) < 0.05 else "personal")
    # whoever comes back late from before the change stays too
    late = next(u for u in rest if before[u]["variation"] == "control" and after[u]["variation"] == "personal")
    expose(service, store, {late: before[late]})
    until(lambda: service.title(late, "a1")["variation"] == "control")


def test_a_ramp_shows_the_control_to_those_it_has_not_reached_and_moves_nobody(service: Service, store: Store) -> None:
    ramp = Ramp((Stage(0.1), Stage(0.6)))
    trial = begin(store, Trial(Experiment("titles", ARMS), ramp, outside="control"), "tester")
    first = taken_up(service, "titles")
    assert settle(store, trial, "tester", {"reason": "go"}, stage=1)
    assert not settle(store, trial, "another", {"reason": "go"}, stage=1)  # it no longer stands there
    until(lambda: ask(service) != first)
    second = ask(service)
    reached = [u for u in PERSONAL if first[u]["experiment"]]
    assert 5 < len(reached) < 40
    assert [second[u] for u in reached] == [first[u] for u in reached]
    for answers in (first, second):
        outside = [a for u, a in answers.items() if u in PERSONAL and not a["experiment"]]
        assert {(a["title"], a["source"], a["reason"]) for a in outside} == {(ORIGINALS["a1"], "original", "rollout")}
    assert sum(second[u]["experiment"] is not None for u in PERSONAL) > 3 * len(reached)


def test_a_halted_rollout_is_back_at_the_control_for_all_and_an_ended_one_is_gone(
    service: Service, store: Store
) -> None:
    trial = begin(store, Trial(Experiment("titles", ARMS)), "tester")
    taken_up(service, "titles")
    settle(store, trial, "tester", {"reason": "harm"}, status=Status.HALTED)
    halted = taken_up(service, None)
    assert {(halted[u]["title"], halted[u]["reason"]) for u in PERSONAL} == {(ORIGINALS["a1"], "rollout")}
    with store.reading() as connection:
        standing = read_trial(connection, "titles")
    settle(store, standing, "tester", {"reason": "over"}, status=Status.ENDED)
    until(lambda: service.title(PERSONAL[0], "a1")["source"] == "cluster")
    answers = ask(service)
    assert {answers[u]["reason"] for u in PERSONAL} == {None}


def test_model_against_model_and_title_against_title(service: Service, store: Store, tmp_path: Path) -> None:
    """Two releases, of other words and other clusters, side by side; and a cluster's title shown to all."""
    other = (
        ("n1", 0, "a1", "20% off selected Korrik gear: climbing rope", 1, "supported"),
        ("n2", 1, "a1", "20% off selected Korrik gear: bike pump", 1, "supported"),
    )
    moved = {user: (cluster + 1) % 3 for user, cluster in USERS.items()}
    arms = (Variation("old", 0.5, "release:1"), Variation("new", 0.5, "cluster"))
    begin(store, Trial(Experiment("models", arms), ads=frozenset({"a1"})), "tester")
    assert {a["experiment"] for a in ask(service).values()} == {None}  # both show the same so far
    publish(store, write_folders(tmp_path / "two", other, users=moved, mark="2").inputs())
    answers = taken_up(service, "models")
    new = {cluster: title for _, cluster, _, title, *_ in other}
    for user, answer in answers.items():
        old = TITLES.get((USERS[user], "a1"), ORIGINALS["a1"])
        own = new.get(moved[user], ORIGINALS["a1"])
        if answer["variation"] == "old":
            assert (answer["title"], answer["release"]) == (old, 1)
            assert answer["cluster_id"] == USERS[user]
        else:
            assert (answer["title"], answer["release"], answer["variation"]) == (own, 2, "new")
            assert answer["cluster_id"] == moved[user]
    assert {a["experiment"] for a in ask(service, "a2").values()} == {None}  # not its ad
    assert prune(store, 1) == []  # an experiment still shows release 1
    swap = (Variation("own", 0.5, "cluster"), Variation("rope for all", 0.5, "cluster:0"))
    with store.reading() as connection:
        settle(store, read_trial(connection, "models"), "tester", {}, status=Status.ENDED)
    begin(store, Trial(Experiment("swap", swap), clusters=frozenset({1})), "tester")
    answers = taken_up(service, "swap")
    assert {a["title"] for a in answers.values() if a["variation"] == "rope for all"} == {new[0]}
    assert {moved[u] for u, a in answers.items() if a["experiment"]} == {1}


def test_a_release_that_was_taken_back_is_shown_by_no_experiment(
    service: Service, store: Store, tmp_path: Path
) -> None:
    publish(store, write_folders(tmp_path / "two", GOOD[:1], users=USERS, mark="2").inputs())
    arms = (Variation("old", 0.5, "release:1"), Variation("new", 0.5, "release:2"))
    begin(store, Trial(Experiment("models", arms)), "tester")
    taken_up(service, "models")
    store.roll_back(1)
    answers = taken_up(service, None)
    assert {a["release"] for a in answers.values()} == {1}
    with pytest.raises(StoreError, match=r"release 2 cannot be shown; got: withdrawn; expected: one of 1"):
        begin(store, Trial(Experiment("again", arms)), "tester")


def test_the_holdout_sees_originals_in_every_experiment(service: Service, store: Store) -> None:
    set_holdout(store, 0.2, "tester")
    begin(store, Trial(Experiment("one", ARMS)), "tester")
    until(lambda: {a["experiment"] for a in ask(service).values()} == {None, "one", "holdout"})
    answers = ask(service)
    held = {u for u in PERSONAL if answers[u]["experiment"] == "holdout"}
    assert binomtest(len(held), len(PERSONAL), 0.2).pvalue > 0.001
    assert {(answers[u]["variation"], answers[u]["title"], answers[u]["reason"]) for u in held} == {
        ("held_out", ORIGINALS["a1"], "held_out")
    }
    with store.reading() as connection:
        settle(store, read_trial(connection, "one"), "tester", {}, status=Status.ENDED)
    begin(store, Trial(Experiment("two", ARMS)), "tester")
    until(lambda: {a["experiment"] for a in ask(service).values()} == {None, "two", "holdout"})
    answers = ask(service)
    assert {u for u in PERSONAL if answers[u]["experiment"] == "holdout"} == held
    set_holdout(store, 0.0, "tester")
    until(lambda: "holdout" not in {a["experiment"] for a in ask(service).values()})
    with pytest.raises(UsageError, match="share: got 0"):
        set_holdout(store, 0.9, "tester")


def test_namespaces_and_the_order_of_experiments(service: Service, store: Store) -> None:
    half = Experiment("half", ARMS, namespace=("page", (0.0, 0.5)))
    begin(store, Trial(half), "tester")
    begin(store, Trial(Experiment("rest", ARMS, namespace=("page", (0.5, 1.0)))), "tester")
    until(lambda: {a["experiment"] for a in ask(service, users=PERSONAL).values()} == {"half", "rest"})
    answers = ask(service)
    for user in PERSONAL:
        place = bucket("__page", user, 1)
        assert place is not None
        assert answers[user]["experiment"] == ("half" if place < 0.5 else "rest")


def test_strata_draw_by_themselves_and_a_user_who_changes_cluster_stays(
    service: Service, store: Store, tmp_path: Path
) -> None:
    begin(store, Trial(Experiment("titles", ARMS), stratified=True), "tester")
    before = taken_up(service, "titles")
    for user in PERSONAL:
        place = bucket(f"titles:{USERS[user]}", user, 2)
        assert before[user]["variation"] == ("control" if place < 0.5 else "personal")
    counts = Counter((USERS[u], before[u]["variation"]) for u in PERSONAL)
    for cluster in (0, 1):
        pair = [counts[cluster, arm] for arm in ("control", "personal")]
        assert chisquare(pair).pvalue > 0.001
    expose(service, store, before)
    moved = {user: 1 - cluster if cluster < 2 else 2 for user, cluster in USERS.items()}
    publish(store, write_folders(tmp_path / "two", users=moved, mark="2").inputs())
    until(lambda: service.title(PERSONAL[0], "a1")["release"] == 2)
    after = ask(service)
    assert [after[u]["variation"] for u in PERSONAL] == [before[u]["variation"] for u in PERSONAL]


def test_while_the_store_is_down_nobody_takes_part(shop: Folders, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with Store(str(path)) as store:
        publish(store, shop.inputs())
        begin(store, Trial(Experiment("titles", ARMS)), "tester")
        with serve(str(path)) as service:
            taken_up(service, "titles")
            for file in tmp_path.glob("own.db*"):
                file.unlink()
            until(lambda: service.title(PERSONAL[0], "a1")["reason"] == "store_down")
            assert {(a["experiment"], a["source"]) for a in ask(service).values()} == {(None, "original")}


def test_a_definition_survives_the_store() -> None:
    whole = Trial(
        Experiment("e", ARMS, 0.5, "seed", 1, ("n", (0.1, 0.2)), None, 3, 1),
        Ramp((Stage(0.1, 2.0, 5), Stage(1.0)), 0.1, 0.01), "control", "fixed", 0.1, True,
        frozenset({"a", "ä"}), frozenset({1}),
    )  # fmt: skip
    assert from_json(as_json(whole)) == whole


def test_a_part_of_the_line_is_as_long_as_its_share_says() -> None:
    assert cut_line([1.0, 1.0, 1.0]) == [(0.0, 0.3333), (0.3333, 0.6667), (0.6667, 1.0)]
    line = cut_line([0.05, 0.9, 0.05])
    places = Counter(next(n for n, (a, b) in enumerate(line) if a <= k / 10_000 < b) for k in range(10_000))
    assert places == {0: 500, 1: 9_000, 2: 500}


def test_experiments_from_the_command_line(
    shop: Folders, store_url: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(name: str, *flags: str, status: int = 0) -> str:
        assert main(["experiment", name, "--store", store_url, *flags]) == status
        said = capsys.readouterr()
        return said.err if status else said.out

    assert "50% of users" in call("begin", "--experiment", "titles", "--stages", "0.5", "1", "--stage-hours", "0")
    assert "is taken" in call("begin", "--experiment", "titles", status=1)
    told = call("begin", "--experiment", "", "--arms", "a=x", "--weights", "2", "--least-share", "2", status=2)
    for part in (
        "two or more",
        "printable",
        "shows: expected one of original",
        "weights: expected 0 to 1",
        "least_share",
    ):
        assert part in told
    assert "got 1, expected one for each of 2" in call("begin", "--experiment", "x", "--weights", "1", status=2)
    assert "FROM:TO" in call("begin", "--experiment", "x", "--namespace", "page:a", status=2)
    assert "stages of its ramp" in call("change", "--experiment", "titles", "--coverage", "0.1", status=2)
    assert "who was assigned before stays" in call("change", "--experiment", "titles", "--weights", "0.2", "0.8")
    assert "release 7 cannot be shown" in call(
        "begin", "--experiment", "m", "--arms", "a=original", "b=release:7", status=1
    )
    assert "hold" in call("tend")
    assert "holdout: 5.0%" in call("holdout", "--share", "0.05") + call("list")
    assert "sees the control" in call("halt", "--experiment", "titles", "--reason", "a complaint")
    listed = call("list")
    assert "halted" in listed
    assert "a complaint" in listed
    call("end", "--experiment", "titles")
    assert "is over" in call("end", "--experiment", "titles", status=1)
    assert "no such experiment" in call("end", "--experiment", "none", status=1)
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT action, reason FROM history ORDER BY entry_id").all()
    actions = [row[0] for row in rows if row[0] != "publish"]
    assert actions == ["begin", "change", "holdout", "halted", "ended"]
    assert json.loads(call("list", "--json").splitlines()[-1])["experiments"] == {"titles": "ended"}
