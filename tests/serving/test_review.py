"""Review in the store: decisions, undo, history, and what may enter a release. On both databases."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.errors import StoreError
from creator.facts.guide import BrandGuide
from serving.gate import State
from serving.publish import publish, release_draft
from serving.review.bring import bring
from serving.review.decisions import Action, Decision, Outcome, decide, faults_of, undo
from serving.review.drafts import read_candidates
from serving.review.history import last_steps, of_title
from serving.review.records import Candidate
from serving.review.rules import drop_guide, keep_guide, read_rules, require_review
from serving.store import Store
from tests.serving.artefacts import BAD, GOOD, REFUSED, Folders, write_folders

# what the shop's draft holds: the sound titles, and those whose words are at fault
HELD = {"t4", "t5", "t6"}
ROPE = "Climbing rope by Korrik: 20% off"


def candidates(store: Store, draft: int = 1) -> dict[str, Candidate]:
    with store.reading() as connection:
        return {c.title_id: c for c in read_candidates(connection, draft)}


def act(store: Store, title_id: str, action: Action, *, draft: int = 1, who: str = "Ada", **more: object) -> Outcome:
    version = more.pop("version", candidates(store, draft)[title_id].version)
    reason = more.pop("reason", "not ours" if action in (Action.REJECT, Action.AGAIN) else "")
    with store.writing(alone=False) as connection:
        made = decide(connection, draft, [Decision(title_id, version, action, reason, **more)], who)  # type: ignore[arg-type]
    return made.outcomes[title_id]


def ask_for_review(store: Store) -> None:
    store.prepare()
    with store.writing(alone=True) as connection:
        require_review(connection, True, "Ada")


def test_a_draft_holds_sound_titles_and_those_that_words_can_mend(folders: Folders, store: Store):
    draft = bring(store, folders.inputs())
    found = candidates(store)
    assert set(found) == {row[0] for row in GOOD} | HELD
    assert {c.title_id for c in found.values() if c.publishable} == {row[0] for row in GOOD}
    assert {c.state for c in found.values()} == {State.OPEN}
    assert draft.counts["candidates"] == len(GOOD) + len(BAD)
    assert "number" in found["t5"].kinds  # "99% off"
    assert bring(store, folders.inputs()) == draft  # brought once
    assert store.releases() == []


def test_where_review_is_required_only_approved_titles_enter(folders: Folders, store: Store):
    ask_for_review(store)
    with pytest.raises(StoreError, match="review is required") as caught:
        publish(store, folders.inputs())
    assert "3 unreviewed" in str(caught.value)
    assert store.current() is None
    assert act(store, "t1", Action.APPROVE) is Outcome.DONE
    release, already, live = publish(store, folders.inputs())
    assert (release.release, already, live) == (1, False, 1)
    assert [t.title_id for t in store.titles(1)] == ["t1"]
    assert release.counts["refused_unreviewed"] == 2
    refused = sum(n for name, n in release.counts.items() if name.startswith("refused_"))
    assert release.counts["candidates"] == len(GOOD) + len(BAD) == release.counts["titles"] + refused
    noted = json.loads(store.titles(1)[0].provenance)
    assert noted["seed"] == 7
    assert (noted["review"]["reviewer"], noted["review"]["edited_from"]) == ("Ada", None)
    # the same decisions make the same release; one more makes the next
    assert publish(store, folders.inputs())[1] is True
    act(store, "t2", Action.APPROVE)
    assert publish(store, folders.inputs())[0].release == 2


def test_what_a_reviewer_rejected_stays_out_even_where_review_is_not_required(folders: Folders, store: Store):
    bring(store, folders.inputs())
    assert act(store, "t2", Action.REJECT, reason="dull") is Outcome.DONE
    release, _, _ = publish(store, folders.inputs())
    assert {t.title_id for t in store.titles(1)} == {"t1", "t3"}
    counts = {name.removeprefix("refused_"): n for name, n in release.counts.items() if name.startswith("refused_")}
    assert counts == {**REFUSED, "rejected": 1}


def test_a_failing_title_cannot_be_approved_but_other_words_can(folders: Folders, store: Store):
    bring(store, folders.inputs())
    assert act(store, "t5", Action.APPROVE) is Outcome.FAILING
    assert act(store, "t6", Action.APPROVE) is Outcome.ORIGINAL
    assert act(store, "t5", Action.EDIT, title="Sleeping mat: 98% off") is Outcome.FAILING
    assert candidates(store)["t5"].state is State.OPEN
    assert act(store, "t5", Action.EDIT, title="  Sleeping mat:  10% off selected Arven gear ") is Outcome.DONE
    mended = candidates(store)["t5"]
    assert (mended.title, mended.state, mended.publishable) == (
        "Sleeping mat: 10% off selected Arven gear",
        State.APPROVED,
        True,
    )
    assert mended.generated == "Sleeping mat: 99% off selected Arven gear"
    publish(store, folders.inputs())
    live = {t.title_id: t for t in store.titles(1)}
    assert live["t5"].title == mended.title
    assert json.loads(live["t5"].provenance)["review"]["edited_from"] == mended.generated


def test_two_reviewers_do_not_overwrite_one_another(folders: Folders, store: Store):
    bring(store, folders.inputs())
    assert act(store, "t1", Action.APPROVE, version=0, who="Ada") is Outcome.DONE
    assert act(store, "t1", Action.REJECT, version=0, who="Ben") is Outcome.STALE
    assert candidates(store)["t1"].reviewer == "Ada"
    with store.writing(alone=False) as connection:
        made = decide(connection, 1, [Decision("nobody", 0, Action.APPROVE)], "Ben")
    assert (made.step, made.outcomes) == (None, {"nobody": Outcome.ABSENT})


def test_of_reviewers_at_the_same_moment_one_decides(folders: Folders, store: Store, store_url: str):
    bring(store, folders.inputs())
    outcomes: list[Outcome] = []

    def one(who: str) -> None:
        with Store(store_url) as mine:
            outcomes.append(act(mine, "t1", Action.APPROVE, version=0, who=who))

    threads = [threading.Thread(target=one, args=(f"reviewer {n}",)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(outcomes) == [Outcome.DONE, Outcome.STALE, Outcome.STALE, Outcome.STALE]
    with store.reading() as connection:
        assert len(of_title(connection, "t1")) == 1


def test_a_bulk_is_one_step_and_is_taken_back_whole(folders: Folders, store: Store):
    bring(store, folders.inputs())
    before = candidates(store)
    with store.writing(alone=False) as connection:
        made = decide(connection, 1, [Decision(t, 0, Action.APPROVE) for t in ("t1", "t2", "t3", "t5")], "Ada")
    assert made.outcomes == {"t1": Outcome.DONE, "t2": Outcome.DONE, "t3": Outcome.DONE, "t5": Outcome.FAILING}
    with store.writing(alone=False) as connection:
        assert undo(connection, made.step, "Ben") == 3
    after = candidates(store)
    for title_id in ("t1", "t2", "t3"):
        assert after[title_id].version == 2
        assert (after[title_id].state, after[title_id].reviewer, after[title_id].decided_at) == (State.OPEN, None, None)
        assert after[title_id].title == before[title_id].title
    with store.reading() as connection:
        steps = last_steps(connection, 10)
        assert [(s.first.who, s.first.action, s.titles, s.undone) for s in steps] == [
            ("Ben", "undo", 3, False),
            ("Ada", "approve", 3, True),
        ]
        assert [e.action for e in of_title(connection, "t2")] == ["undo", "approve"]
    with store.writing(alone=False) as connection, pytest.raises(StoreError, match="taken back already"):
        undo(connection, made.step, "Ben")
    # taking back what was taken back does it again
    with store.writing(alone=False) as connection:
        undo(connection, steps[0].first.step, "Ada")
    assert candidates(store)["t1"].state is State.APPROVED


def test_a_step_with_a_later_decision_on_its_titles_is_not_taken_back(folders: Folders, store: Store):
    bring(store, folders.inputs())
    with store.writing(alone=False) as connection:
        made = decide(connection, 1, [Decision("t1", 0, Action.APPROVE), Decision("t2", 0, Action.APPROVE)], "Ada")
    act(store, "t2", Action.REJECT, reason="no", who="Ben")
    with pytest.raises(StoreError, match="a later decision"), store.writing(alone=False) as connection:
        undo(connection, made.step, "Ada")
    assert candidates(store)["t1"].state is State.APPROVED  # not half of it
    with pytest.raises(StoreError, match="no decision on titles"), store.writing(alone=False) as connection:
        undo(connection, 999, "Ada")


def test_titles_written_again_replace_the_rejected_and_keep_the_rest(folders: Folders, store: Store, tmp_path: Path):
    bring(store, folders.inputs())
    act(store, "t1", Action.APPROVE)
    act(store, "t2", Action.AGAIN, reason="dull")
    again = (("t2b", 1, "a1", "Bike pump by Korrik: 20% off selected gear", 1, "supported"),)
    second = Folders(write_folders(tmp_path / "again", again).titles, folders.clusters, folders.data)
    draft = bring(store, second.inputs(), onto=1)
    found = candidates(store, draft.draft_id)
    assert {c.title_id: c.state for c in found.values() if c.ad_id == "a1" and c.cluster_id < 2} == {
        "t1": State.APPROVED,
        "t2b": State.OPEN,
    }
    assert (found["t1"].reviewer, found["t3"].state) == ("Ada", State.OPEN)
    other = write_folders(tmp_path / "other", mark="other")
    with pytest.raises(StoreError, match="other clusters or other ads"):
        bring(store, other.inputs(), onto=1)


def test_a_decision_stays_in_force_when_the_same_title_comes_again(folders: Folders, store: Store, tmp_path: Path):
    bring(store, folders.inputs())
    act(store, "t1", Action.REJECT, reason="never")
    act(store, "t3", Action.EDIT, title="Sleeping mat by Arven: 10% off selected gear")
    fresh = write_folders(tmp_path / "fresh", GOOD)
    draft = bring(store, Folders(fresh.titles, folders.clusters, folders.data).inputs())
    assert draft.draft_id == 2
    found = candidates(store, 2)
    assert (found["t1"].state, found["t2"].state, found["t3"].state) == (State.REJECTED, State.OPEN, State.APPROVED)
    assert found["t3"].title == "Sleeping mat by Arven: 10% off selected gear"


def test_a_brand_guide_holds_at_the_desk_and_at_the_gate(folders: Folders, store: Store):
    publish(store, folders.inputs())
    with store.writing(alone=True) as connection:
        keep_guide(connection, BrandGuide("Korrik", banned=("pump",)), "Ada")
    assert act(store, "t2", Action.APPROVE) is Outcome.FAILING
    release, already, _ = publish(store, folders.inputs())
    assert (release.release, already) == (2, False)  # other rules, another release
    assert {t.title_id for t in store.titles(2)} == {"t1", "t3"}
    with store.writing(alone=True) as connection:
        drop_guide(connection, "Korrik", "Ada")
        assert not read_rules(connection).guides
    with store.reading() as connection:
        assert [s.first.action for s in last_steps(connection, 9)] == ["guide", "publish", "guide", "publish"]


def test_a_decision_made_while_a_release_is_checked_stops_it(
    folders: Folders, store: Store, monkeypatch: pytest.MonkeyPatch
):
    import serving.publish

    bring(store, folders.inputs())
    gate = serving.publish.gate

    def slow(*given: object, **more: object) -> object:
        act(store, "t1", Action.REJECT, reason="in the last moment")
        return gate(*given, **more)

    monkeypatch.setattr(serving.publish, "gate", slow)
    with pytest.raises(StoreError, match="reviewed draft 1 meanwhile"):
        release_draft(store, 1)
    assert store.releases() == []


def test_a_rejection_without_a_reason_and_an_empty_edit_are_faults():
    assert faults_of(Decision("t", 0, Action.APPROVE)) == []
    assert faults_of(Decision("t", 0, Action.REJECT, "  ")) == ["a rejection needs a reason"]
    assert faults_of(Decision("t", 0, Action.EDIT, title=" ")) == ["an edited title needs words"]
    assert len(faults_of(Decision("t", 0, Action.AGAIN, "x" * 501, "y" * 501))) == 2


def test_the_commands_bring_titles_and_name_the_pairs_to_write_again(
    folders: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from creator.cli import main

    store = f"sqlite:///{tmp_path}/store.db"
    assert main(["review", "load", *folders.flags(), "--store", store, "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["draft"], said["titles"], said["passing"]) == (1, 6, 3)
    assert main(["review", "require", "--store", store]) == 0
    assert main(["publish", *folders.flags(), "--store", store]) == 1
    assert "review is required" in capsys.readouterr().err
    pairs = tmp_path / "pairs"
    table = pa.table(
        {
            "cluster_id": pa.array([0, 1, 1], pa.int32()),
            "ad_id": ["a1", "a1", "a2"],
            "match": pa.array([0.9, 0.8, 0.1], pa.float32()),
            "kept": [True, True, False],
            "reason": ["kept", "kept", "low match"],
        }
    )
    with write_artefact(pairs, "pairs", config={}) as draft:
        pq.write_table(table, draft.path / "pairs.parquet")
    regenerate = ["review", "regenerate", "--store", store, "--pairs", str(pairs), "--out", str(tmp_path / "again")]
    assert main(regenerate) == 1
    assert "nothing in draft 1 is to be written again" in capsys.readouterr().err
    with Store(store) as opened:
        act(opened, "t2", Action.AGAIN, reason="dull")
    assert main(regenerate) == 0
    made = pq.read_table(open_artefact(tmp_path / "again", "pairs").path / "pairs.parquet")
    assert made["kept"].to_pylist() == [False, True, False]
    assert made["match"] == table["match"]
    with Store(store) as opened:
        act(opened, "t3", Action.AGAIN, reason="dull")
    assert main([*regenerate[:-1], str(tmp_path / "more")]) == 1
    assert "1 of 2 marked pairs absent" in capsys.readouterr().err
