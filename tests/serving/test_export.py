"""Exports, read back and held to the platforms' published rules, which are written out here a second time."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.records import Ad, AdId, ItemId
from serving.export import google_ads, merchant_center, meta, microsoft_ads, ocean_engine
from serving.export.offers import Offer, Place, offers
from serving.publish import publish
from serving.rows import StoredTitle
from serving.store import Store
from tests.serving.artefacts import GOOD, write_folders
from tests.serving.test_commands import Output, command

ALL = (google_ads, merchant_center, microsoft_ads, meta, ocean_engine)
TABLES = (google_ads, merchant_center, microsoft_ads)
AD = Ad(
    AdId("rope/1"),
    "Korrik outdoor sale",
    "20% off selected Korrik gear. The range includes a climbing rope. It also has a bike pump.",
    ("climbing rope", "bike pump", "sleeping mat", "fly box for the river and for the sea and the lake"),
    item_id=ItemId("item-9"),
)
PLACE = Place("Autumn", "https://shop.example/p?id={ad_id}", {"city": 1736, "date": 4})


def stored(*texts: str, ad: Ad = AD) -> list[Offer]:
    titles = [StoredTitle(f"t{n}", n, ad.ad_id, text, "supported", "[]", "{}") for n, text in enumerate(texts)]
    return offers({ad.ad_id: ad}, titles, {})


def columns_of(text: str) -> int:
    """Double-width characters count two: https://support.google.com/google-ads/answer/1704389."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def read_csv(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_google_ads_editor_gets_one_paused_labelled_ad_a_cluster_with_its_title_pinned():
    out = google_ads.render(stored("Rope: 20% off Korrik gear", "Pump: 20% off Korrik gear"), PLACE)
    rows = read_csv(out.text)
    assert [row["Headline 1"] for row in rows] == ["Rope: 20% off Korrik gear", "Pump: 20% off Korrik gear"]
    for row in rows:
        assert (row["Campaign"], row["Ad type"], row["Status"]) == ("Autumn", "Responsive search ad", "Paused")
        assert row["Labels"] == "AI-generated"
        assert row["Final URL"] == "https://shop.example/p?id=rope%2F1"
        headlines = [row[f"Headline {n}"] for n in range(1, 16) if row[f"Headline {n}"]]
        assert headlines[1:] == ["Korrik outdoor sale", "Climbing rope", "Bike pump", "Sleeping mat"]
        assert all(1 <= columns_of(text) <= 30 for text in headlines)
        assert len({text.casefold() for text in headlines}) == len(headlines) >= 3
        pins = [row[f"Headline {n} position"] for n in range(1, 16)]
        assert pins == ["1", *[""] * 14]
        descriptions = [row[f"Description {n}"] for n in range(1, 5)]
        assert descriptions[:3] == [
            "20% off selected Korrik gear.",
            "The range includes a climbing rope.",
            "It also has a bike pump.",
        ]
        assert all(columns_of(text) <= 90 for text in descriptions)
    assert len({row["Ad Group"] for row in rows}) == 2


def test_a_double_width_title_counts_twice_and_an_insertion_token_counts_as_its_default():
    rows = read_csv(google_ads.render(stored("全" * 15, "全" * 16, "{KeyWord:Rope} for the river and sea"), PLACE).text)
    assert [row["Headline 1"] for row in rows] == ["全" * 15, "{KeyWord:Rope} for the river and sea"]


def test_an_ad_with_too_little_to_say_is_left_out_and_counted():
    bare = Ad(AdId("a"), "Rope", "")
    assert google_ads.render(stored("A rope", ad=bare), PLACE).left == {"too_few_headlines": 1}
    worded = Ad(AdId("a"), "Rope", "", ("pump", "mat"))
    two = google_ads.render(stored("A rope", ad=worded), PLACE)  # "pump; mat" and "Rope" describe it
    assert (two.exported, dict(two.left)) == (1, {})


def test_microsofts_bulk_file_has_the_version_the_label_and_ads_that_carry_it():
    rows = read_csv(microsoft_ads.render(stored("Rope: 20% off Korrik gear", 'The "Pump", 20% off'), PLACE).text)
    assert (rows[0]["Type"], rows[0]["Name"]) == ("Format Version", "6.0")
    assert (rows[1]["Type"], rows[1]["Id"], rows[1]["Label"]) == ("Label", "-1", "AI-generated")
    ads = [row for row in rows if row["Type"] == "Responsive Search Ad"]
    labelled = [(row["Id"], row["Parent Id"]) for row in rows if row["Type"] == "Responsive Search Ad Label"]
    assert labelled == [("-1", row["Id"]) for row in ads]
    firsts = [json.loads(row["Headline"])[0] for row in ads]
    assert firsts == [
        {"text": "Rope: 20% off Korrik gear", "pinnedField": "Headline1"},
        {"text": 'The "Pump", 20% off', "pinnedField": "Headline1"},
    ]
    for row in ads:
        headlines, descriptions = json.loads(row["Headline"]), json.loads(row["Description"])
        assert 3 <= len(headlines) <= 15
        assert 2 <= len(descriptions) <= 4
        assert all("pinnedField" not in asset for asset in headlines[1:] + descriptions)


def test_merchant_center_gets_a_structured_title_and_never_a_title():
    out = merchant_center.render(stored("Rope: 20% off", 'The 10" rope', "x" * 151), PLACE)
    lines = out.text.splitlines()
    assert lines == ["id\tstructured_title", 'item-9\ttrained_algorithmic_media:"Rope: 20% off"']
    assert dict(out.left) == {"over_the_limit": 1, "length": 1}  # a product has one title
    quoted = merchant_center.render(stored('The 10" rope'), PLACE).text.splitlines()[1]
    assert quoted == 'item-9\ttrained_algorithmic_media:"The 10"" rope"'


def test_meta_gets_five_titles_labelled_as_a_machines_and_by_cluster():
    out = meta.render(stored(*(f"Rope number {n}" for n in range(7)), "ROPE number 0"), PLACE)
    (ad,) = json.loads(out.text)
    feed = ad["asset_feed_spec"]
    assert [title["text"] for title in feed["titles"]] == [f"Rope number {n}" for n in range(5)]
    assert [[label["name"] for label in title["adlabels"]] for title in feed["titles"]] == [
        ["AI-generated", f"cluster {n}"] for n in range(5)
    ]
    assert feed["bodies"] == [{"text": AD.description}]
    assert feed["link_urls"] == [{"website_url": "https://shop.example/p?id=rope%2F1"}]
    assert dict(out.left) == {"over_the_limit": 2, "duplicate": 1}


def test_ocean_engine_gets_word_packs_by_id_and_every_title_is_marked_as_a_machines():
    texts = (
        "{city}登山绳今日八折",
        "{date}在{city}打折",
        "{moon}登山绳打折",
        "{city}{date}{city}打折",
        "短",
        "绳" * 31,
    )
    out = ocean_engine.render(stored(*texts), PLACE)
    (ad,) = json.loads(out.text)
    assert ad["promotion_materials"]["title_material_list"] == [
        {"title": "{city}登山绳今日八折", "word_list": [1736]},
        {"title": "{date}在{city}打折", "word_list": [4, 1736]},
    ]
    assert ad["AIGC"] == [
        {"Label": "1", "ContentProducer": "HLLM-Creator", "ProduceID": number} for number in ("t0", "t1")
    ]
    assert dict(out.left) == {"word_pack": 2, "length": 2}


def test_the_largest_clusters_come_first():
    titles = [StoredTitle(f"t{n}", n, AD.ad_id, f"Rope {n}", "supported", "[]", "{}") for n in range(3)]
    (offer,) = offers({AD.ad_id: AD}, titles, {0: 5, 1: 9, 2: 5})
    assert [title.cluster_id for title in offer.titles] == [1, 0, 2]


@given(
    st.lists(st.one_of(st.text(max_size=20), st.from_regex(r"\A[ ]?[=+\-@＝\t\r|%][a-zA-Z(! ]{3,20}\Z")), max_size=8),
    st.one_of(st.text(min_size=1, max_size=8), st.sampled_from(["=cmd|x", "@a", "+1", "-1", "../../etc", "a\nb"])),
    st.sampled_from(TABLES),
)
def test_no_cell_is_a_formula_and_no_title_breaks_its_row(texts: list[str], ad_id: str, channel: object):
    ad = Ad(AdId(ad_id), "Korrik sale", AD.description, ("=1+1", "climbing rope", "bike pump"))
    out = channel.render(stored(*texts, ad=ad), Place("Autumn"))
    assert out.exported + sum(out.left.values()) == len(texts)
    if channel is merchant_center:
        rows = [line.split("\t") for line in out.text.rstrip("\n").split("\n")]
        assert {len(row) for row in rows} == {2}
    else:
        rows = list(csv.reader(io.StringIO(out.text[1:], newline="")))
        assert len({len(row) for row in rows}) == 1
    # ids of records and the like are numbers of our own making
    cells = [cell for row in rows[1:] for cell in row if not (cell[:1] == "-" and cell[1:].isdigit())]
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]


@given(st.lists(st.text(max_size=60), max_size=12), st.sampled_from(ALL))
def test_every_title_is_exported_or_counted(texts: list[str], channel: object):
    out = channel.render(stored(*texts), PLACE)
    assert out.exported + sum(out.left.values()) == len(texts)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://", "http://a b", "//x", "file:///etc/passwd"])
def test_an_address_that_is_none_is_left_empty(url: str):
    ad = Ad(AdId("a"), "Rope", AD.description, AD.selling_points, {"url": url})
    out = google_ads.render(stored("A rope", ad=ad), Place("Autumn"))
    assert read_csv(out.text)[0]["Final URL"] == ""
    assert out.without_url == 1
    good = Ad(AdId("a"), "Rope", AD.description, AD.selling_points, {"url": "https://x.example/r"})
    assert (
        read_csv(google_ads.render(stored("A rope", ad=good), Place("A")).text)[0]["Final URL"] == "https://x.example/r"
    )


def test_the_command_exports_the_live_release_of_each_database(
    store: Store, store_url: str, tmp_path: Path, capsys: Output
):
    publish(store, write_folders(tmp_path / "one").inputs())
    publish(store, write_folders(tmp_path / "two", GOOD[:1], mark="2").inputs())
    flags = ("export", "--store", store_url, "--channel", "meta", "--out")
    summary = json.loads(command(capsys, *flags, str(tmp_path / "deep" / "live.json"), "--json").splitlines()[-1])
    assert (summary["release"], summary["exported"], summary["without_url"]) == (2, 1, 1)
    first = json.loads(command(capsys, *flags, str(tmp_path / "1.json"), "--release", "1", "--json").splitlines()[-1])
    assert first["exported"] == len(GOOD)
    written = json.loads((tmp_path / "1.json").read_text())
    texts = {title["text"] for ad in written for title in ad["asset_feed_spec"]["titles"]}
    assert texts == {row[3] for row in GOOD}
    one = json.loads(
        command(capsys, *flags, str(tmp_path / "c.json"), "--release", "1", "--cluster", "1", "--json").splitlines()[-1]
    )
    assert one["exported"] == sum(row[1] == 1 for row in GOOD)
    assert "no release 9" in command(capsys, *flags, str(tmp_path / "9.json"), "--release", "9", status=1)
    assert not (tmp_path / "9.json").exists()


def test_a_file_is_written_whole_where_it_was_asked_for_and_nowhere_else(
    shop_store: str, tmp_path: Path, capsys: Output
):
    store = Path(shop_store)
    flags = ("export", "--store", shop_store, "--channel", "merchant_center", "--out")
    assert "is a folder" in command(capsys, *flags, str(tmp_path), status=1)
    for own in ("", "-wal", "-shm"):
        assert "the store's own file" in command(capsys, *flags, f"{shop_store}{own}", status=1)
        assert "own file" in command(capsys, *flags, str(store.parent / "x" / ".." / f"{store.name}{own}"), status=1)
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "feed.tsv").symlink_to(target)
    command(capsys, *flags, str(tmp_path / "feed.tsv"))
    assert target.read_text() == "precious"  # the link is replaced, not followed
    assert (tmp_path / "feed.tsv").read_text().startswith("id\tstructured_title\n")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in command(capsys, *flags, str(tmp_path / "file" / "feed.tsv"), status=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed.tsv", "file", "target"]


def test_every_wrong_setting_of_an_export_is_told_at_once(capsys: Output):
    flags = ("--campaign", "=x", "--final-url", "ftp://x y", "--word-pack", "city")
    told = command(capsys, "export", "--store", "s.db", "--channel", "meta", "--out", "f", *flags, status=2)
    assert told.count("campaign must") == told.count("final_url must begin") == told.count("word_pack must") == 1
    told = command(capsys, "export", "--store", "s.db", "--channel", "tiktok", "--out", "f", status=2)
    assert "expected one of google_ads_editor" in told
