from __future__ import annotations

import json
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from serving.lookup import AdTitles, Answer, PairTitle, Reason, Tables, Users
from serving.rows import Release
from serving.wire import answer_body, answer_text

RELEASE = Release(4, "d", 0.0, "published", 1, "c", {})


@given(st.dictionaries(st.text(min_size=1), st.integers(-1, 2**31 - 1)), st.integers(1, 5), st.text())
def test_every_user_is_found_in_their_own_cluster_and_nobody_else(users: dict[str, int], chunk: int, stranger: str):
    rows = list(users.items())
    table = Users.of(rows[n : n + chunk] for n in range(0, len(rows), chunk))
    assert len(table) == len(users)
    assert {user: table.find(user) for user in users} == users
    assert table.find(stranger) == users.get(stranger)


@given(st.data())
def test_every_known_user_and_ad_gets_their_clusters_title_or_the_original(data: st.DataObject):
    users = data.draw(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(-1, 3), max_size=8))
    ads = data.draw(
        st.dictionaries(st.text(min_size=1, max_size=3), st.sets(st.integers(0, 3)), min_size=1, max_size=5)
    )
    tables = Tables(
        {
            ad: AdTitles(f"original {ad}", {c: PairTitle(f"{ad}/{c}", f"title {ad} {c}") for c in has})
            for ad, has in ads.items()
        },
        Users.of([list(users.items())]),
        RELEASE,
    )
    pairs = [(user, ad) for user in [*users, "nobody"] for ad in [*ads, "no such ad"]]
    for up in (True, False):
        assert tables.answers(pairs, store_up=up) == [tables.answer(*pair, store_up=up) for pair in pairs]
    for user in [*users, "nobody"]:
        for ad, has in ads.items():
            cluster = users.get(user)
            answer = tables.answer(user, ad)
            if cluster is not None and cluster in has:
                assert (answer.title, answer.title_id, answer.reason) == (
                    f"title {ad} {cluster}",
                    f"{ad}/{cluster}",
                    None,
                )
            else:
                assert (answer.title, answer.title_id) == (f"original {ad}", None)
                assert answer.reason is (
                    Reason.UNKNOWN_USER if cluster is None else Reason.NO_CLUSTER if cluster < 0 else Reason.PRUNED_PAIR
                )
            assert tables.answer(user, ad, store_up=False).reason is Reason.STORE_DOWN
    assert tables.answer("nobody", "no such ad") is None


def test_two_users_whose_hashes_begin_alike_are_told_apart():
    import numpy as np

    from serving.lookup import _hash

    mine = np.frombuffer(_hash("me"), np.uint64)
    keys = np.array([[mine[0], mine[1] - 1], mine, [mine[0], mine[1] + 1]], np.uint64)
    users = Users(keys, np.array([7, 8, 9], np.int32))
    assert users.find("me") == 8
    assert users.find_all(["me", "you", "me"]) == [8, None, 8]


@given(st.lists(st.dictionaries(st.text(min_size=1), st.integers(-1, 9)), min_size=1, max_size=4))
def test_joined_tables_hold_what_their_parts_hold(parts: list[dict[str, int]]):
    users: dict[str, int] = {}
    blocks: list[Users] = []
    for part in parts:
        fresh = {user: cluster for user, cluster in part.items() if user not in users}
        users |= fresh
        blocks.append(Users.of([list(fresh.items())]))
    joined = Users.joined(blocks)
    assert len(joined) == len(users)
    assert joined.find_all([*users, "\0"]) == [*users.values(), users.get("\0")]


@given(
    st.builds(
        Answer,
        st.text(),
        st.none() | st.text(),
        st.none() | st.integers(-1, 2**31),
        st.none() | st.integers(1, 2**31),
        st.none() | st.sampled_from(Reason),
        st.none() | st.text(),
        st.none() | st.text(),
        st.none() | st.floats(0.0001, 1.0),
    )
)
def test_an_answer_is_written_as_pythons_json_writes_it(answer: Answer):
    assert answer_text(answer) == json.dumps(answer_body(answer), ensure_ascii=False)
    assert answer_text(None) == json.dumps(answer_body(None))


def test_a_user_costs_twenty_bytes():
    count = 50_000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    users = Users.of(
        [[(f"user-{n}", n % 100) for n in range(start, start + 10_000)] for start in range(0, count, 10_000)]
    )
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(users) == count
    assert held < count * 20 + 200_000  # what else Python keeps does not grow with the users
