from __future__ import annotations

import re
from html.parser import HTMLParser

from serving.console.overview import render
from serving.lookup import AdTitles, PairTitle, Tables, Users
from serving.rows import Release
from tests.serving.service import Service

COUNTS = {
    "candidates": 9,
    "titles": 4,
    "ads": 3,
    "ads_with_titles": 2,
    "clusters_with_titles": 2,
    "users": 1000,
    "users_in_a_cluster": 900,
    "refused_facts": 5,
}
NASTY = '<img src=x onerror="alert(1)">'
ADS = {
    "bare": AdTitles("Nothing of its own"),
    "a1": AdTitles("Korrik sale", {0: PairTitle("t1", "Climbing rope"), 1: PairTitle("t2", "Bike pump & more")}),
    "a2": AdTitles(NASTY, {0: PairTitle("t3", NASTY), 1: PairTitle("t4", "Sleeping mat")}),
}
TABLES = Tables(ADS, Users.of([]), Release(3, "d", 0.0, "published", 1, "c", COUNTS))


class Reader(HTMLParser):
    """Collects the tags, the addresses and the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for n, v in attrs if n in ("href", "src", "action")]
        assert not [n for n, _ in attrs if n.startswith("on") or n == "style"]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_shows_each_title_beside_its_original_and_escapes_them():
    page = read(render(TABLES, True))
    assert {"Korrik sale", "Climbing rope", "Bike pump & more", NASTY, "Nothing of its own"} <= set(page.words)
    assert page.tags.count("img") == 1  # the console's own
    assert "script" not in page.tags
    assert {"Release 3", "900", "1,000"} <= {w.removeprefix("of ") for w in page.words}


def test_the_page_asks_nothing_of_another_host():
    assert all(address.startswith(("/", "#")) for address in read(render(TABLES, True, search="a")).addresses)
    assert "@import" not in render(TABLES, True)
    assert not re.search(r"url\(", render(TABLES, True))


def test_a_search_finds_ads_by_id_original_or_title_and_by_cluster():
    def found(search: str, cluster: int | None = None) -> set[str]:
        return {
            w
            for w in read(render(TABLES, True, search=search, cluster=cluster)).words
            if w in {"Climbing rope", "Bike pump & more", "Sleeping mat", "Nothing of its own"}
        }

    assert found("korrik") == {"Climbing rope", "Bike pump & more"}
    assert found("A1 PUMP") == {"Bike pump & more"}
    assert found("", 1) == {"Bike pump & more", "Sleeping mat"}
    assert found("bare") == {"Nothing of its own"}
    assert found("zzz") == set()
    assert "No ad fits this search." in render(TABLES, True, search="zzz")


def test_pages_hold_twenty_five_ads_and_a_page_beyond_the_last_is_the_last():
    tables = Tables({f"a{n:03d}": AdTitles(f"Original {n}") for n in range(60)})
    assert len(re.findall("<article>", render(tables, True))) == 25
    last = render(tables, True, page=99)
    assert len(re.findall("<article>", last)) == 10
    assert "page 3 of 3" in last
    assert "page=2" in last


def test_the_page_says_when_the_store_is_down_or_nothing_is_published():
    assert "The store cannot be reached." in render(TABLES, False)
    assert "Nothing has been published." in render(Tables(), True)


def test_the_served_page_may_load_its_own_files_and_nothing_else(service: Service):
    answer = service.http.get("/console", params={"q": '"><script>x</script>'})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    style = re.search(r'<link rel="stylesheet" href="([^"]+)">', answer.text)[1]
    assert service.http.get(style).headers["content-type"] == "text/css; charset=utf-8"
    for odd in ({"page": "x"}, {"page": "0"}, {"cluster": "-1"}, {"cluster": "٣"}, {"q": "x" * 201}):
        assert service.http.get("/console", params=odd).status_code in (200, 422)
