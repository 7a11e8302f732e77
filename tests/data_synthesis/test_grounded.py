"""The grounded teacher, and the `synthesize` command over the generated shop."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from creator.cli import main
from creator.core.artefacts import write_artefact
from creator.core.data import ADS, EVENTS, EXAMPLES, IMPRESSIONS, ITEMS, open_data, write_table
from creator.core.records import Ad, AdId, Check, Finding, FindingKind, UserId, Verdict
from creator.facts.verifier import check_title
from data_synthesis.language import content_words
from data_synthesis.profile import Profile
from data_synthesis.screen import Screen
from data_synthesis.teacher import GroundedTeacher, PointEvidence, Task
from tests.domain import write_shop

RANGE = Ad(
    AdId("a2"),
    "Coupon on 42 kinds of house-brand climbing gear",
    "This coupon covers chalk bags and slings.",
    ("chalk bags", "slings", "typical price $4.50"),
)


def task(user: str, split: str = "train", lead: str = "slings") -> Task:
    profile = Profile((("slings", 4),), (("slings", 1),))
    return Task(UserId(user), RANGE, 5.0, split, 20, profile, PointEvidence(lead, 4, 9.0), None)


def test_the_same_seed_writes_the_same_titles() -> None:
    tasks = [task(f"u{n}") for n in range(12)]
    first = [a.title for a in GroundedTeacher(Screen(), 3, 4).write(tasks)]
    assert first == [a.title for a in GroundedTeacher(Screen(), 3, 4).write(tasks)]
    assert len(set(first)) > 1


def test_held_out_titles_of_an_ad_differ_only_where_the_lead_does() -> None:
    teacher = GroundedTeacher(Screen(), 3, 4)
    for lead in ("slings", "chalk bags"):
        titles = {a.title for a in teacher.write(task(f"u{n}", "heldout", lead) for n in range(12))}
        assert len(titles) == 1


def test_an_answer_tells_every_step_and_what_it_rests_on() -> None:
    (answer,) = GroundedTeacher(Screen(), 3, 4).write([task("u1")])
    assert [step.partition(":")[0] for step in answer.reasoning] == ["profile", "selling point", "title", "fact check"]
    assert "4 matching events" in answer.reasoning[1]
    assert answer.selling_points[0] == answer.facts[0] == "slings"
    assert answer.reason == ""


class _Strict(Screen):
    def check(self, title: str, ad: Ad) -> Check:
        return Check(Verdict.UNSUPPORTED, False, (Finding(FindingKind.NUMBER, (0, 1), title[:1], "", "", 1.0),))


def test_a_title_that_the_facts_do_not_bear_is_rejected_with_its_kind() -> None:
    (answer,) = GroundedTeacher(_Strict(), 3, 4).write([task("u1")])
    assert answer.reason == "facts: number"
    assert answer.title


def test_a_lead_without_a_wording_is_rejected() -> None:
    (answer,) = GroundedTeacher(Screen(), 3, 4).write([task("u1", lead="...")])
    assert answer.reason == "no wording fits the limits"


def write_data(folder: Path, out: Path, live_only: int = 0) -> Path:
    items = pd.read_json(folder / "items.jsonl", lines=True)
    events = pd.read_csv(folder / "events.csv").astype({"timestamp": float})
    rows = [json.loads(line) for line in (folder / "ads.jsonl").read_text(encoding="utf-8").splitlines()]
    ads = pd.DataFrame(
        [
            {
                **row,
                "attributes": list(row["attributes"].items()),
                "item_id": None,
                "item_ids": [],
                "trainable": n >= live_only,
                "live": n < live_only or not live_only,
                "starts_at": None,
                "campaign": None,
                "facts": None,
            }
            for n, row in enumerate(rows)
        ]
    )
    seen = pd.DataFrame([json.loads(line) for line in (folder / "impressions.jsonl").read_text("utf-8").splitlines()])
    end = float(events["timestamp"].max()) + 1
    with write_artefact(out, "data", config={}) as draft:
        write_table(draft.path / "items.parquet", items, ITEMS)
        write_table(draft.path / "events.parquet", events, EVENTS)
        write_table(draft.path / "ads.parquet", ads, ADS)
        write_table(draft.path / "impressions.parquet", seen.assign(title_id=None), IMPRESSIONS)
        draft.facts = {"train_until": end - 5 * 86_400 if live_only else end, "live_at": end, "source": "tables"}
    return out


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    return write_data(write_shop(folder / "tables"), folder / "data", live_only=3)


@pytest.fixture(scope="module")
def examples(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples") / "examples"
    flags = ["--min-history", "8", "--limit", "600", "--heldout", "60", "--seed", "4"]
    assert main(["synthesize", "--data", str(shop), "--out", str(out), *flags]) == 0
    return out


def test_every_example_has_the_contract_s_columns_and_passes_the_fact_check(shop: Path, examples: Path) -> None:
    table = pq.read_table(examples / "examples.parquet")
    assert table.schema.equals(EXAMPLES, check_metadata=False)
    frame, ads = table.to_pandas(), open_data(shop).ads
    assert len(frame) > 300
    for row in frame.itertuples():
        ad = ads[row.ad_id]
        assert check_title(row.title, ad).publishable
        assert row.selling_points[0] in ad.selling_points
        assert row.title.casefold() != ad.title.casefold()
        assert row.teacher == "grounded"
        assert len(row.reasoning) == 4


def test_training_and_held_out_examples_share_neither_ads_nor_the_future(shop: Path, examples: Path) -> None:
    frame, data = pd.read_parquet(examples / "examples.parquet"), open_data(shop)
    train, heldout = frame[frame["split"] == "train"], frame[frame["split"] == "heldout"]
    assert not set(train["ad_id"]) & set(heldout["ad_id"])
    assert set(heldout["ad_id"]) <= {ad.ad_id for ad in data.live_ads}
    assert (train["as_of"] <= data.train_until).all()
    assert (heldout["as_of"] == data.live_at).all()


def test_the_lead_is_what_the_history_shows(shop: Path, examples: Path) -> None:
    """Counted afresh from the tables: events that serve the activity which the lead names. A rarer thing may lead over
    a commoner activity, so not every lead has the most."""
    most = 0
    frame, data = pd.read_parquet(examples / "examples.parquet"), open_data(shop)
    events = data.events.merge(data.items, on="item_id")
    for row in frame.sample(80, random_state=1).itertuples():
        past = events[(events["user_id"] == row.user_id) & (events["timestamp"] < row.as_of)]
        counts = {}
        for point in data.ads[row.ad_id].selling_points[:3]:
            activity = point.partition(" for ")[2]
            counts[point] = int(past["description"].str.contains(activity).sum())
        assert counts[row.selling_points[0]] >= 3
        most += counts[row.selling_points[0]] == max(counts.values())
    assert most >= 68


def test_users_of_different_tastes_get_titles_of_one_ad_that_lead_differently(examples: Path) -> None:
    frame = pd.read_parquet(examples / "examples.parquet")
    leads = frame.assign(lead=frame["selling_points"].str[0]).groupby("ad_id")["lead"].nunique()
    assert (leads >= 2).all()
    for row in frame.itertuples():
        assert set(content_words(row.selling_points[0])) & set(content_words(" ".join(row.title.split()[:5])))


def test_the_funnel_adds_up(examples: Path) -> None:
    manifest = json.loads((examples / "manifest.json").read_text(encoding="utf-8"))
    kept = rejected = 0
    for steps in manifest["facts"]["funnel"].values():
        dropped = sum(count for name, count in steps.items() if name.startswith("not: "))
        lost = sum(count for name, count in steps.items() if name.startswith("rejected: "))
        assert steps["pairs weighed"] == dropped + steps["titles asked for"]
        assert steps["titles asked for"] == lost + steps["examples"]
        kept, rejected = kept + steps["examples"], rejected + lost
    assert manifest["rows"] == {"examples": kept, "rejected": rejected}


def test_the_same_seed_makes_the_same_file(shop: Path, examples: Path, tmp_path: Path) -> None:
    flags = ["--min-history", "8", "--limit", "600", "--heldout", "60", "--seed", "4"]
    assert main(["synthesize", "--data", str(shop), "--out", str(tmp_path / "again"), *flags]) == 0
    assert pq.read_table(tmp_path / "again" / "examples.parquet").equals(pq.read_table(examples / "examples.parquet"))


def test_where_every_live_ad_is_trainable_a_tenth_of_the_users_is_held_out(tmp_path: Path) -> None:
    data = write_data(write_shop(tmp_path / "tables", users=80), tmp_path / "data")
    assert main(["synthesize", "--data", str(data), "--out", str(tmp_path / "examples"), "--min-history", "8"]) == 0
    frame = pd.read_parquet(tmp_path / "examples" / "examples.parquet")
    by_split = frame.groupby("split")["user_id"].unique()
    assert not set(by_split["train"]) & set(by_split["heldout"])


def test_histories_that_decide_nothing_are_an_error_that_leaves_no_folder(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synthesize", "--data", str(shop), "--out", str(tmp_path / "none"), "--min-events", "99"]) == 1
    assert "--min-events" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_settings_out_of_range_are_all_named_at_once(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--limit", "0", "--margin", "nan", "--history", "5", "--min-history", "9"]
    assert main(["synthesize", "--data", str(shop), "--out", str(tmp_path / "none"), *flags]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("limit", "margin", "min_history"))


def test_ads_without_selling_points_are_an_error_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = write_shop(tmp_path / "tables", users=5)
    rows = [json.loads(line) for line in (tables / "ads.jsonl").read_text(encoding="utf-8").splitlines()]
    (tables / "ads.jsonl").write_text(
        "".join(json.dumps({**row, "selling_points": []}) + "\n" for row in rows), "utf-8"
    )
    data = write_data(tables, tmp_path / "data")
    assert main(["synthesize", "--data", str(data), "--out", str(tmp_path / "none"), "--min-history", "8"]) == 1
    assert "selling_points" in capsys.readouterr().err
