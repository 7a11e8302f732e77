"""The console over real HTTP: from review to release to a served title; who may do what; what every page keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from creator.facts.guide import Capitalisation, read_guides
from serving.keys import Scope, create_key, revoke_key
from serving.publish import publish
from serving.review.bring import bring
from serving.store import Store
from tests.serving.artefacts import GOOD, write_folders
from tests.serving.browsing import Person
from tests.serving.service import Service, serve, until

ADMIN, READ = "the desk's key", "the looker's key"
KEYS = f"admin:{ADMIN},read:{READ}"
NASTY = '<script>alert("1")</script>'
PAGES = (
    "",
    "/clusters",
    "/review",
    "/review?state=all",
    "/audits",
    "/releases",
    "/experiments",
    "/history",
    "/settings",
)


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose draft 1 waits for review."""
    folder = tmp_path_factory.mktemp("brought")
    with Store(str(folder / "store.db")) as store:
        bring(store, write_folders(folder / "first").inputs())
    return folder / "store.db"


@pytest.fixture
def store_file(brought: Path, tmp_path: Path) -> str:
    return str(shutil.copy(brought, tmp_path / "store.db"))


@pytest.fixture
def service(store_file: str) -> Iterator[Service]:
    with serve(store_file, keys=KEYS) as running:
        yield running


@pytest.fixture
def ada(service: Service) -> Person:
    person = Person(service.http)
    person.signs_in(ADMIN)
    assert person.status == 200
    return person


@pytest.fixture
def ben(service: Service) -> Iterator[Person]:
    """Somebody else, in a browser of their own."""
    with httpx.Client(base_url=service.http.base_url, timeout=30) as http:
        yield Person(http)


def test_from_review_to_release_to_a_served_title_and_back(ada: Person, service: Service):
    ada.goes("/console/settings")
    assert "Only approved titles enter a release." in ada.presses("Require approval").said
    ada.goes("/console/review")
    assert "open (6)" in ada.page.said
    # a look at other words: nothing is kept
    card = dict(ada.page.form("Approve these words", title_id="t5").fields)
    looked = {}
    for words in ("Sleeping mat: 98% off selected Arven gear", "Sleeping mat: 10% off selected Arven gear"):
        answer = service.http.post(
            "/console/review/check", data={**card, "title": words}, headers={"HX-Request": "true"}
        )
        looked[words] = answer.text
    assert "Does not pass the check" in looked["Sleeping mat: 98% off selected Arven gear"]
    assert '<mark class="error"' in looked["Sleeping mat: 98% off selected Arven gear"]
    assert "Passes the check" in looked["Sleeping mat: 10% off selected Arven gear"]
    assert "41 of 30" in looked["Sleeping mat: 10% off selected Arven gear"]  # Google's headline
    # decisions
    assert "Decided on 1 title." in ada.presses("Approve", {"title_id": "t1"}).said
    said = ada.presses("Approve", {"title_id": "t5"}).said
    assert "Not done for 1 title: These words do not pass the check" in said
    ada.presses("Approve these words", {"title_id": "t5"}, title="Sleeping mat: 10% off selected Arven gear")
    ada.presses("Reject", {"title_id": "t2"}, reason="too dull")
    assert "open (3)" in ada.page.said
    # a release
    ada.goes("/console/releases")
    assert "Release 1 is live." in ada.presses("Publish draft 1").said
    assert service.title("u-climber", "a1")["title"] == GOOD[0][3]
    assert service.title("u-cyclist", "a2")["title"] == "Sleeping mat: 10% off selected Arven gear"
    assert service.title("u-cyclist", "a1")["source"] == "original"
    # taken back, published again, compared, rolled back
    ada.goes("/console/history")
    assert "Ada reject 1 title of draft 1" in ada.page.said
    assert "key environment-1" in ada.page.said
    assert "too dull" in ada.page.said
    rejected = next(f for f in ada.page.forms if f.action.endswith("undo") and dict(f.fields)["step"] == "4")
    ada.presses(rejected.buttons[0][2])
    ada.goes("/console/review")
    ada.presses("Approve", {"title_id": "t2"})
    ada.goes("/console/releases")
    assert "Release 2 is live." in ada.presses("Publish draft 1").said
    assert service.title("u-cyclist", "a1")["title_id"] == "t2"
    assert "These titles are release 2 already" in ada.presses("Publish draft 1").said
    difference = ada.goes("/console/releases?before=1&after=2")
    assert "0 changed, 1 added, 0 removed, 2 the same" in difference.said
    assert "Release 1 is live." in ada.presses("Make 1 live").said
    assert service.title("u-cyclist", "a1")["source"] == "original"
    ada.goes("/console/history")
    assert "rollback · release 1" in ada.page.said


def test_a_bulk_is_decided_and_undone_in_one_step(ada: Person):
    ada.goes("/console/review")
    said = ada.presses("Approve the chosen", pick=["t1:0", "t2:0", "t4:0", "t3:7"]).said
    assert "Decided on 2 titles." in said
    assert "Not done for 1 title: These words do not pass" in said
    assert "Not done for 1 title: Somebody else decided" in said
    assert "Taken back for 2 titles." in ada.presses("Undo this").said
    assert "open (6)" in ada.page.said
    ada.presses("Reject the chosen", pick=["t1:2", "t2:2"])
    assert (ada.status, "a rejection needs a reason" in ada.page.said.lower()) == (422, True)


def test_who_did_not_sign_in_sees_the_overview_and_nothing_else(service: Service, ben: Person):
    nobody = ben
    assert nobody.goes("/console").words
    assert "From draft to click" not in nobody.page.said
    for page in (*PAGES[1:], "/ad?id=a1", "/settings/guides.json"):
        nobody.goes(f"/console{page}")
        assert nobody.place.startswith("/console/sign-in?next=%2Fconsole"), page
    answer = service.http.post("/console/releases/publish", data={"draft": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=%2Fconsole")
    assert "The key is not a good one." in nobody.signs_in("no such key").said
    assert nobody.status == 401
    nobody.signs_in(ADMIN, name=" ")
    assert nobody.status == 422


@pytest.mark.parametrize(
    "goal",
    ["https://elsewhere.example/", "//elsewhere.example", "/console\\@elsewhere", "/v1", "/consoles", "javascript:1"],
)
def test_a_sign_in_never_leads_elsewhere(service: Service, goal: str):
    answer = service.http.post("/console/sign-in", data={"key": ADMIN, "name": "Ada", "next": goal})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/console"))
    assert ADMIN not in cookie


def test_a_reading_key_may_look_and_change_nothing(ada: Person, ben: Person):
    looker = ben
    looker.signs_in(READ, "Lou")
    looker.goes("/console/review")
    assert "looking only" in looker.page.said
    assert [f.action for f in looker.page.forms] == ["/console/sign-out"]
    ada.goes("/console/review")
    form = dict(ada.page.form("Approve", title_id="t1").fields)
    assert looker.http.post("/console/review/decide", data={**form, "action": "approve"}).status_code == 403


def test_a_form_counts_only_with_the_sessions_own_token(service: Service, ada: Person, ben: Person):
    ada.goes("/console/review")
    form = dict(ada.page.form("Approve", title_id="t1").fields) | {"action": "approve"}
    ben.signs_in(ADMIN, "Ben")
    ben.goes("/console/review")
    other = dict(ben.page.form("Approve", title_id="t1").fields)["csrf"]
    assert other != form["csrf"]
    for wrong in ("", "0" * 64, other, "ü"):
        assert service.http.post("/console/review/decide", data={**form, "csrf": wrong}).status_code == 403
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert service.http.post("/console/review/decide", data=form, headers=elsewhere).status_code == 403
    assert "open (6)" in ada.goes("/console/review").said
    own = {"Origin": str(service.http.base_url).rstrip("/")}
    assert service.http.post("/console/review/decide", data=form, headers=own).status_code == 303
    assert "open (5)" in ada.goes("/console/review").said


def test_a_cookie_that_was_touched_is_none(service: Service, ada: Person):
    cookie = service.http.cookies["hllm_console"]
    body, _, signature = cookie.partition(".")
    for wrong in (f"{body}.", f"{body}x.{signature}", f".{signature}", signature, "a.b.c"):
        answer = httpx.get(f"{service.http.base_url}/console/review", headers={"Cookie": f"hllm_console={wrong}"})
        assert answer.status_code == 303


def test_a_revoked_key_ends_its_sessions(store_file: str, ada: Person, ben: Person):
    with Store(store_file) as store:
        grant, key = create_key(store, "the desk", [Scope.ADMIN])
    until(lambda: ben.signs_in(key, "Ben") and ben.status == 200)
    assert "the desk" in ada.goes("/console/settings").said
    ada.presses(f"Revoke {grant.key_id}")
    ben.goes("/console/review")
    assert ben.place.startswith("/console/sign-in")
    with Store(store_file) as store:
        revoke_key(store, grant.key_id)  # once more does no harm


def test_without_any_key_the_console_is_for_looking(store_file: str):
    with serve(store_file, keys="") as running:
        person = Person(running.http)
        for page in PAGES:
            person.goes(f"/console{page}")
            assert person.status == 200, page
            assert [f for f in person.page.forms if f.method == "post"] == []
        assert running.http.post("/console/releases/publish", data={"draft": "1"}).status_code == 303


def test_a_brand_guide_is_kept_holds_and_can_be_taken_along(ada: Person, service: Service):
    ada.goes("/console/settings")
    ada.presses(
        "Keep this guide",
        advertiser="Korrik",
        tone="plain",
        banned="bike pump\r\n\r\ncheap\r\n",
        required="Korrik",
        capitalisation="sentence",
        tokens="{KeyWord:Ropes}",
    )
    assert ada.status == 200
    guide = read_guides(service.http.get("/console/settings/guides.json").text)["Korrik"]
    assert (guide.banned, guide.required, guide.tokens) == (("bike pump", "cheap"), ("Korrik",), ("{KeyWord:Ropes}",))
    assert guide.capitalisation is Capitalisation.SENTENCE
    ada.goes("/console/review")
    assert "do not pass the check" in ada.presses("Approve", {"title_id": "t2"}).said
    assert "Decided on 1 title." in ada.presses("Approve", {"title_id": "t1"}).said
    ada.goes("/console/settings?advertiser=Korrik")
    assert dict(ada.page.form("Keep this guide").fields)["banned"] == "bike pump\ncheap"
    ada.presses("Keep this guide", tokens="KeyWord", banned="Korrik")
    assert (ada.status, "tokens" in ada.page.said, "both required and banned" in ada.page.said) == (422, True, True)
    ada.goes("/console/settings")
    assert "No guide yet." in ada.presses("Forget this guide").said


def test_audits_are_filtered_by_kind(ada: Person):
    ada.goes("/console/audits")
    assert "6 titles" in ada.page.said
    assert "number (2)" in ada.page.said
    ada.presses("Show", kind="number")
    assert "2 titles" in ada.page.said
    assert {"half", "99%"} <= set(ada.page.words)  # the words at fault in t4 and t5
    assert "No title fits" in ada.presses("Show", kind="number", state="approved").said


def test_an_ad_shows_its_titles_the_evidence_and_every_channel(ada: Person):
    page = ada.goes("/console/ad?id=a1")
    marked = {(attributes.get("class")) for tag, attributes in page.tags if tag == "mark"}
    assert {"borne", "error"} <= marked
    assert {"Korrik outdoor sale: 20% off selected gear", "Google Ads"} <= set(page.words)
    assert "sleeping mat · fly box" in page.said
    ada.goes("/console/ad?id=nothing")
    assert ada.status == 404


def test_markup_and_sql_in_titles_and_guides_are_shown_as_they_are(tmp_path: Path):
    rows = (("t'; DROP TABLE titles; --", 0, "a1", NASTY, 1, "supported"), *GOOD[1:])
    path = str(tmp_path / "store.db")
    with Store(path) as store:
        bring(store, write_folders(tmp_path / "nasty", rows).inputs())
    with serve(path, keys=KEYS) as running:
        person = Person(running.http)
        person.signs_in(ADMIN, NASTY)
        for page in ("/review", "/audits", "/ad?id=a1"):
            text = person.goes(f"/console{page}")
            assert NASTY in text.said.replace(" alert", "alert") or "alert(" in text.said
            assert not [a for tag, a in text.tags if tag == "script" and "src" not in a]
        person.goes("/console/review?state=all")
        person.presses("Reject", {"title_id": rows[0][0]}, reason=NASTY)
        assert "Decided on 1 title." in person.page.said
        person.goes("/console/history")
        assert not [a for tag, a in person.page.tags if tag == "script"]


def test_every_page_keeps_the_rules_of_a_page(ada: Person, service: Service, store_file: str, tmp_path: Path):
    with Store(store_file) as store:
        publish(store, write_folders(tmp_path / "more", mark="more").inputs())
    swept = 0
    for page in (*PAGES, "/ad?id=a1", "/releases?before=1&after=1", "/history?title=t1", "/sign-in", "/ad?id=none"):
        found = ada.goes(f"/console{page}")
        tags = found.tags
        assert [a.get("lang") for tag, a in tags if tag == "html"] == ["en"]
        assert len([1 for tag, _ in tags if tag == "h1"]) == 1, page
        assert not found.unlabelled, (page, found.unlabelled)
        ids = [a["id"] for _, a in tags if "id" in a]
        assert len(ids) == len(set(ids)), page
        levels = [int(tag[1]) for tag, _ in tags if tag in ("h1", "h2", "h3", "h4")]
        assert all(b - a <= 1 for a, b in pairwise(levels)), (page, levels)
        places = [v for _, a in tags for n, v in a.items() if n in ("href", "src", "action", "hx-post")]
        assert all(place.startswith(("/", "#")) and not place.startswith("//") for place in places), page
        assert not [n for _, a in tags for n in a if n.startswith("on") or n == "style"], page
        assert all("csrf" in dict(f.fields) for f in found.forms if f.method == "post" and "sign-" not in f.action)
        swept += 1
    assert swept == 14
    for name in ("console.js", "htmx-2.0.11.min.js", "console.css"):
        answer = service.http.get(f"/console/assets/{name}")
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert service.http.get("/console/assets/..%2f__init__.py").status_code == 404
    assert service.http.get("/console/assets/htmx-LICENSE.txt").status_code == 404


@pytest.mark.parametrize(
    "sent", [{}, {"draft": "x"}, {"draft": "7", "title_id": "t1"}, {"draft": "99", "action": "approve", "version": "0"}]
)
def test_a_form_that_lacks_something_is_one_clear_page(ada: Person, service: Service, sent: dict[str, str]):
    ada.goes("/console/review")
    csrf = dict(ada.page.form("Approve", title_id="t1").fields)["csrf"]
    for place in (
        "review/decide",
        "review/bulk",
        "review/undo",
        "review/check",
        "releases/publish",
        "releases/roll-back",
        "experiments/begin",
        "experiments/settle",
        "experiments/holdout",
        "settings/keys/create",
    ):
        answer = service.http.post(f"/console/{place}", data={**sent, "csrf": csrf, "pick": "t1"})
        assert 400 <= answer.status_code < 500, (place, answer.status_code)
        assert 'role="alert"' in answer.text


def test_while_the_store_is_away_every_page_says_so_and_none_fails(ada: Person, service: Service, store_file: str):
    form = dict(ada.goes("/console/review").form("Approve", title_id="t1").fields)
    for part in ("", "-wal", "-shm"):
        Path(store_file + part).unlink(missing_ok=True)
    until(lambda: "The store cannot be reached." in ada.goes("/console").said)
    for page in PAGES:
        ada.goes(f"/console{page}")
        assert ada.status in (200, 409), page
        assert "store" in ada.page.said, page
    answer = service.http.post("/console/review/decide", data={**form, "action": "approve"})
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    assert not Path(store_file).exists()
