"""The live release: looks for a new one every so often, and swaps the tables in one assignment."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from creator.core.errors import HllmCreatorError, StoreError
from serving.experiments.current import Current
from serving.keys import Grant, read_grants
from serving.lookup import AdTitles, PairTitle, Tables, Users
from serving.rows import Release, current_release, read_assignments, read_originals, read_titles
from serving.store import Store

LOG = logging.getLogger("serving.live")
MISSES = 2  # looks in a row that must fail before the store counts as down: one may be a database's restart


class Live:
    """The tables that look-ups read and the API keys that are good, kept current by a thread.

    A request reads `tables` once and works with that: no batch mixes two releases.

    Args:
        store: where releases are.
        originals: ads known beforehand, ad_id -> original title.
        refresh_s: seconds between looks.
    """

    def __init__(self, store: Store, originals: Mapping[str, str] | None = None, *, refresh_s: float = 1.0) -> None:
        self.store = store
        self.tables = Tables({ad_id: AdTitles(title) for ad_id, title in (originals or {}).items()})
        self.keys: Mapping[str, Grant] = {}
        self._before = dict(self.tables.ads)
        self._newest = self.tables
        self._experiments = Current(self._load)
        self._refresh_s = refresh_s
        self._up: bool | None = None
        self._state: object = None
        self._missed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="release-watch", daemon=True)

    def start(self) -> None:
        """Look once, then keep looking in the background."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    @property
    def store_up(self) -> bool:
        """Whether the store answered when it was last asked, one miss forgiven."""
        return self._up is True

    def look(self) -> None:
        """Take up the live release if it is another one. A store that fails leaves the tables as they are."""
        state = self.store.state()
        if self._up and state is not None and state == self._state:
            return  # a file that nobody wrote to
        try:
            self._take_up()
            self._state = state
        except HllmCreatorError as error:
            self._missed, self._state = self._missed + 1, None
            if self._up is not False and (self._up is None or self._missed >= MISSES):
                self._up = False
                LOG.warning("store down", extra={"facts": {"store": self.store.shown, "error": str(error)}})
            return
        self._missed = 0
        if self._up is not True:
            self._up = True
            LOG.info("store up", extra={"facts": {"store": self.store.shown}})

    def _watch(self) -> None:
        while not self._stop.wait(self._refresh_s):
            try:
                self.look()
            except Exception:  # the thread must outlive anything one look may meet
                LOG.exception("looking for a new release failed")

    def _take_up(self) -> None:
        held = self.tables.release
        with self.store.reading() as connection:
            self.keys = read_grants(connection)
            found = current_release(connection)
            if found is None:
                if held is not None:
                    self.tables = self.tables.originals_only()
                return
            same = held is not None and (found.release, found.digest) == (held.release, held.digest)
            tables = self._newest = self.tables if same else self._load(connection, found)
            overlay = self._experiments.look(connection)
        if same:
            if overlay is not self.tables.overlay:
                self.tables = replace(self.tables, overlay=overlay)
            return
        self.tables = replace(tables, ads=self._before | dict(tables.ads), overlay=overlay)
        gc.freeze()  # the tables hold no cycles, and are not to be searched for any while requests wait
        counts = {name: found.counts[name] for name in ("titles", "users")}
        LOG.info("release taken up", extra={"facts": {"release": found.release, **counts}})

    def _load(self, connection: Connection, release: Release) -> Tables:
        """A release's tables.

        Raises:
            StoreError: it is not whole.
        """
        titles: dict[str, dict[int, PairTitle]] = {}
        for chunk in read_titles(connection, release.release):
            for row in chunk:
                titles.setdefault(row.ad_id, {})[row.cluster_id] = PairTitle(row.title_id, row.title)
        originals = read_originals(connection, release.release)
        known = {t.release.clusters_digest: t.users for t in (self.tables, self._newest) if t.release is not None}
        users = known.get(release.clusters_digest) or Users.of(read_assignments(connection, release.clustering_id))
        count = sum(map(len, titles.values()))
        if (count, len(users)) != (release.counts["titles"], release.counts["users"]):
            raise StoreError(
                f"release {release.release} in {self.store.shown} is not whole",
                got=f"{count} titles, {len(users)} users",
                expected=f"{release.counts['titles']} titles, {release.counts['users']} users",
            )
        return Tables({ad_id: AdTitles(t, titles.get(ad_id, {})) for ad_id, t in originals.items()}, users, release)
