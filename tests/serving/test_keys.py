"""API keys and rate limits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from creator.core.errors import StoreError
from serving.keys import Grant, Scope, create_key, digest, read_grants, revoke_key
from serving.publish import publish
from serving.rates import MAX_CALLERS, Rates
from serving.schema import API_KEYS
from serving.settings import KEYS_VARIABLE, read_keys
from serving.store import Store
from tests.serving.artefacts import Folders
from tests.serving.service import serve, until
from tests.serving.test_api import EVENT, is_problem
from tests.serving.test_commands import Output, command


def test_a_store_has_a_keys_digest_alone(store: Store):
    grant, key = create_key(store, "ad server", [Scope.WRITE])
    assert re.fullmatch(r"hllm_[0-9a-f]{10}_[\w-]{43}", key)
    with store.reading() as connection:
        row = connection.execute(select(API_KEYS)).one()
        assert read_grants(connection) == {digest(key): grant}
    assert key.split("_", 2)[2] not in " ".join(map(str, row))
    # sha256("abc"), as FIPS 180-2 has it
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_revoked_key_is_none_and_an_unknown_one_cannot_be_revoked(store: Store):
    grant, _ = create_key(store, "x", [Scope.READ, Scope.WRITE])
    revoke_key(store, grant.key_id)
    revoke_key(store, grant.key_id)
    with store.reading() as connection:
        assert read_grants(connection) == {}
    with pytest.raises(StoreError, match="no key of this id"):
        revoke_key(store, "nobody")


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("wanted", Scope)
def test_a_key_is_for_its_scope_and_an_admins_for_everything(scope: Scope, wanted: Scope):
    assert Grant("k", "x", frozenset((scope,))).allows(wanted) is (scope in (wanted, Scope.ADMIN))


def test_the_environments_keys_are_the_operators_own_unless_they_say_a_scope():
    found = read_keys({KEYS_VARIABLE: "one, write:two ,read:three,other:four,,"})
    assert {known: grant.scopes for known, grant in found.items()} == {
        digest("one"): {Scope.ADMIN},
        digest("two"): {Scope.WRITE},
        digest("three"): {Scope.READ},
        digest("other:four"): {Scope.ADMIN},
    }
    assert read_keys({}) == {}


def test_a_service_takes_up_new_keys_and_lets_go_of_revoked_ones(folders: Folders, store: Store, store_url: str):
    publish(store, folders.inputs())
    with serve(store_url, keys="") as service:
        is_problem(service.send(EVENT), 401, "key-unknown")
        is_problem(service.send(EVENT, key=None), 401, "key-needed")
        grant, key = create_key(store, "ad server", [Scope.WRITE])
        until(lambda: service.send(EVENT, key=key).status_code == 200)
        _, reading = create_key(store, "dashboard", [Scope.READ])
        until(lambda: service.send(EVENT, key=reading).status_code != 401)
        is_problem(service.send(EVENT, key=reading), 403, "key-out-of-scope")
        revoke_key(store, grant.key_id)
        until(lambda: service.send(EVENT, key=key).status_code == 401)


def test_look_ups_can_be_closed_to_strangers(shop_store: str):
    with serve(shop_store, keys="read:r,write:w", open_lookups=False) as service:
        place = "/v1/title?user_id=u-climber&ad_id=a1"
        is_problem(service.http.get(place), 401, "key-needed")
        is_problem(service.http.get(place, headers={"X-API-Key": "w"}), 403, "key-out-of-scope")
        assert service.http.get(place, headers={"Authorization": "Bearer r"}).json()["title_id"] == "t1"
        pairs = {"pairs": [{"user_id": "u-climber", "ad_id": "a1"}]}
        is_problem(service.http.post("/v1/titles", json=pairs), 401, "key-needed")
        assert service.http.get("/healthz").status_code == 200


def test_nobody_can_try_many_keys(shop_store: str):
    with serve(shop_store) as service:
        answers = [service.send(EVENT, key=f"guess {n}").status_code for n in range(40)]
        assert answers[:30] == [401] * 30
        assert answers[-1] == 429
        answer = service.send(EVENT)  # the right one has to wait too, or a guess would show
        is_problem(answer, 429, "too-many-requests")
        assert int(answer.headers["retry-after"]) >= 1
        assert service.title("u-climber", "a1")["source"] == "cluster"


def test_a_caller_over_the_limit_is_told_when_to_come_back(shop_store: str):
    with serve(shop_store, rate_limit=5.0) as service:
        answers = [service.http.get("/v1/title?user_id=u&ad_id=a1") for _ in range(12)]
        assert [a.status_code for a in answers[:4]] == [200] * 4
        is_problem(answers[-1], 429, "too-many-requests")
        assert answers[-1].headers["retry-after"] == "1"
        assert answers[-1].headers["x-content-type-options"] == "nosniff"
        assert service.http.get("/healthz").status_code == 200
        until(lambda: service.http.get("/v1/title?user_id=u&ad_id=a1").status_code == 200)


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(0, 3), max_size=60))
def test_no_caller_gets_more_than_the_burst_and_what_time_gave(per_s: float, burst: int, pauses: list[float]):
    now = 100.0
    rates = Rates(per_s, burst, lambda: now)
    served = 0
    for pause in pauses:
        now += pause
        wait_s = rates.take("a")
        served += not wait_s
        assert served <= burst + (now - 100.0) * per_s + 1e-6
        if wait_s:
            now += wait_s + 1e-9
            assert rates.take("a") == 0
            served += 1


def test_callers_do_not_share_a_bucket_and_strangers_do_not_fill_the_memory():
    rates = Rates(1.0, 1.0, lambda: 0.0)
    assert (rates.take("a"), rates.take("b")) == (0, 0)
    assert rates.take("a") == 1.0
    for n in range(2 * MAX_CALLERS):
        rates.take(str(n))
    assert len(rates._buckets) == MAX_CALLERS
    assert [Rates(0, 0).take("a") for _ in range(3)] == [0, 0, 0]


def test_keys_are_made_listed_and_revoked_from_the_command_line(tmp_path: Path, capsys: Output):
    store = str(tmp_path / "s.db")
    made = command(
        capsys, "key", "create", "--store", store, "--name", "ad server", "--scope", "write", "read", "--json"
    )
    summary = json.loads(made.splitlines()[-1])
    assert summary["scopes"] == ["read", "write"]
    listed = command(capsys, "key", "list", "--store", store)
    assert f"{summary['key_id']}  " in listed
    assert "good     read write        ad server" in listed
    assert summary["key"] not in listed
    command(capsys, "key", "revoke", "--store", store, "--id", summary["key_id"])
    assert "revoked" in command(capsys, "key", "list", "--store", store)
    assert "no key of this id" in command(capsys, "key", "revoke", "--store", store, "--id", "none", status=1)
    told = command(capsys, "key", "create", "--store", store, "--name", "", "--scope", "root", status=2)
    assert "expected one of read, write, admin" in told
