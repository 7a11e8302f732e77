"""API keys: made and revoked with `key create`, `key list` and `key revoke`; the store has their digests alone.

A key is 32 random bytes, so a plain SHA-256 of it cannot be turned back. It is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from creator.core.errors import StoreError
from serving.commands import KeyCreateOptions, KeyListOptions, KeyRevokeOptions
from serving.schema import API_KEYS
from serving.store import Store

PREFIX = "hllm"
KEY_BYTES = 32
ID_BYTES = 5


class Scope(StrEnum):
    """What a key is for."""

    READ = "read"  # look at the console and its pictures; look-ups, where they need a key
    WRITE = "write"  # send events
    ADMIN = "admin"  # everything: review, publish, roll back, settings


@dataclass(frozen=True, slots=True)
class Grant:
    """A key that is known, without the key.

    Args:
        key_id: its id, which may be shown.
        name: whose it is.
        scopes: what it was made for.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Whether it may be used for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def create_key(store: Store, name: str, scopes: Iterable[Scope]) -> tuple[Grant, str]:
    """Make a key.

    Returns:
        what is known of it, and the key itself, which is kept nowhere.
    """
    key_id = secrets.token_hex(ID_BYTES)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(KEY_BYTES)}"
    grant = Grant(key_id, name, frozenset(scopes))
    store.prepare()
    with store.writing(alone=False) as connection:
        connection.execute(
            API_KEYS.insert().values(
                key_id=key_id,
                digest=digest(key),
                name=name,
                scopes=" ".join(sorted(grant.scopes)),
                created_at=time.time(),
            )
        )
    return grant, key


def read_grants(connection: Connection) -> dict[str, Grant]:
    """Every key that is good, by digest."""
    rows = connection.execute(select(API_KEYS).where(API_KEYS.c.revoked_at.is_(None)))
    return {row.digest: Grant(row.key_id, row.name, frozenset(map(Scope, row.scopes.split()))) for row in rows}


def revoke_key(store: Store, key_id: str) -> None:
    """End a key. A service notices at its next look at the store.

    Raises:
        StoreError: there is no such key.
    """
    with store.writing(alone=False) as connection:
        known = connection.execute(select(API_KEYS.c.revoked_at).where(API_KEYS.c.key_id == key_id)).first()
        if known is None:
            raise StoreError("there is no key of this id", cure="hllm-creator key list shows the ids")
        if known.revoked_at is None:
            connection.execute(API_KEYS.update().where(API_KEYS.c.key_id == key_id).values(revoked_at=time.time()))


def create(options: KeyCreateOptions) -> dict[str, object]:
    """`key create`."""
    with Store(options.store) as store:
        grant, key = create_key(store, options.name, map(Scope, options.scope))
    print(f"key {grant.key_id} for {grant.name} ({', '.join(sorted(grant.scopes))}); it is shown this once:\n{key}")
    return {"key_id": grant.key_id, "key": key, "scopes": sorted(grant.scopes)}


def list_keys(options: KeyListOptions) -> dict[str, object]:
    """`key list`."""
    with Store(options.store) as store, store.reading() as connection:
        rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at)).all()
    for row in rows:
        made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(row.created_at))
        state = "good" if row.revoked_at is None else "revoked"
        print(f"{row.key_id}  {made} UTC  {state:<7}  {row.scopes:<16}  {row.name}")
    return {"keys": [row.key_id for row in rows], "good": [row.key_id for row in rows if row.revoked_at is None]}


def revoke(options: KeyRevokeOptions) -> dict[str, object]:
    """`key revoke`."""
    with Store(options.store) as store:
        revoke_key(store, options.id)
    print(f"key {options.id} is revoked")
    return {"key_id": options.id}
