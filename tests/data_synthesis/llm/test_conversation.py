"""Conversations without a network: what each answer leads to. And the plan of coverage."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from creator.core.records import Ad, AdId, UserId
from creator.engine.chat.question import Answer, NoAnswer, Question, Reply
from data_synthesis.llm.conversation import write_title
from data_synthesis.llm.coverage import fill_plan
from data_synthesis.profile import Profile
from data_synthesis.sampling import DECISIONS
from data_synthesis.screen import Screen
from data_synthesis.teacher import PointEvidence, Task, Written

AD = Ad(
    AdId("a"),
    "Coupon on house-brand climbing gear",
    "This coupon covers chalk bags, slings and belay gloves.",
    ("chalk bags", "slings", "belay gloves"),
)
PROFILE = {"long_term": [{"what": "climbing", "lines": [1]}], "short_term": [], "preferences": [], "needs": []}


def task(lead: str = "slings") -> Task:
    history = ("Arven chalk bag", "Tolm sling set")
    return Task(UserId("u"), AD, 5.0, "train", 2, Profile((), ()), PointEvidence(lead, 0, 0.0), None, history)


def said(value: object, finish: str = "stop", refusal: bool = False) -> Answer:
    return Answer(value if isinstance(value, str) else json.dumps(value), "", finish, refusal, 1, 1, 0.0)


def talk(*replies: Reply, lead: str = "slings") -> tuple[Written, list[Question]]:
    """Hold a conversation with given replies; all of them must be used."""
    conversation = write_title(task(lead), Screen())
    asked = [next(conversation)]
    left = list(replies)
    try:
        while True:
            asked.append(conversation.send(left.pop(0)))
    except StopIteration as end:
        assert not left
        return end.value, asked


def test_the_planned_point_leads_where_it_suits_and_the_best_one_otherwise() -> None:
    for points, lead in (([1, 2], "slings"), ([3, 1], "belay gloves")):
        title = {"title": f"{lead.title()}: Coupon on House-Brand Climbing Gear"}
        written, asked = talk(said(PROFILE), said({"reason": "r", "points": points}), said(title))
        assert (written.reason, written.selling_points) == ("", (lead,))
        assert [question.step for question in asked] == ["profile", "choice", "title"]


def test_a_title_that_leads_with_an_unfit_point_is_sent_back() -> None:
    wrong = {"title": "Chalk Bags: Coupon on House-Brand Climbing Gear"}
    right = {"title": "Slings: Coupon on House-Brand Climbing Gear"}
    choice = said({"reason": "r", "points": [2]})
    written, asked = talk(said(PROFILE), choice, said(wrong), said(right))
    assert (written.reason, asked[-1].step) == ("", "correction")
    written, _ = talk(said(PROFILE), choice, said(wrong), said(wrong))
    assert written.reason == "lead: another selling point, or none"


def test_the_original_again_is_no_personal_title() -> None:
    choice = said({"reason": "r", "points": [2]})
    written, _ = talk(said(PROFILE), choice, said({"title": AD.title}), said({"title": AD.title.upper()}))
    assert written.reason.startswith(("form", "facts"))


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ((said("{"), said("{")), "profile: not JSON"),
        ((said("{", "length"), said("{", "length")), "profile: broken off"),
        ((said("", refusal=True),), "profile: refused"),
        ((NoAnswer("endpoint: HTTP 500"),), "endpoint: HTTP 500"),
        ((said({**PROFILE, "long_term": []}),), "profile: no interest that the history shows"),
        (
            (said({**PROFILE, "long_term": [{"what": "x", "lines": [9]}]}),),
            "profile: no interest that the history shows",
        ),
        ((said(PROFILE), said({"reason": "r", "points": []})), "choice: no selling point suits the reader"),
        ((said(PROFILE), *[said({"reason": "r", "points": [4]})] * 2), "choice: wrong schema"),
        ((said(PROFILE), said({"reason": "r", "points": [1]}), *[said({"title": " "})] * 2), "title: wrong schema"),
    ],
)
def test_a_row_ends_with_the_reason_of_its_step(replies: tuple[Reply, ...], reason: str) -> None:
    written, _ = talk(*replies)
    assert (written.reason, written.title) == (reason, "")


def test_an_unusable_answer_is_asked_for_once_more_with_another_seed() -> None:
    title = said({"title": "Slings: Coupon on House-Brand Climbing Gear"})
    written, asked = talk(said("{"), said(PROFILE), said({"reason": "r", "points": [2]}), title)
    assert written.reason == ""
    assert [(question.step, question.turn) for question in asked[:2]] == [("profile", 0), ("profile", 1)]


def test_every_point_of_every_ad_is_planned_in_turn() -> None:
    none = pd.DataFrame({name: np.empty(0, dtype=np.int64) for name in DECISIONS})
    plan = fill_plan(none, 10, [[0, 1, 2], [3, 4], []], limit=12, per_window=2, seed=1)
    assert len(plan) == 12
    assert plan.groupby("ad").size().to_dict() == {0: 6, 1: 6}
    assert plan.groupby("lead").size().to_dict() == {0: 2, 1: 2, 2: 2, 3: 3, 4: 3}
    assert plan.groupby("window").size().max() <= 2
    assert not plan.duplicated(["window", "ad"]).any()


def test_what_the_histories_decide_stays_and_the_rest_makes_up_for_it() -> None:
    decided = pd.DataFrame([dict.fromkeys(DECISIONS, 0) | {"window": w, "second": -1, "events": 5} for w in range(4)])
    plan = fill_plan(decided, 10, [[0, 1]], limit=8, per_window=1, seed=1)
    assert plan.groupby("lead").size().to_dict() == {0: 4, 1: 4}
    assert (plan["events"] == 5).sum() == 4


def test_settings_that_do_not_fit_are_all_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", "d", "--out", "o", "--teacher", "openai", "--budget-usd", "1", "--timeout-s", "0"]
    assert main(["synthesize", *flags, "--concurrency", "0"]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("--model", "price_in", "timeout_s", "concurrency"))
    assert main(["synthesize", "--data", "d", "--out", "o", "--model", "m"]) == 2
    assert "only for --teacher openai" in capsys.readouterr().err
