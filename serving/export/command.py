"""`export`: the live release, or another, as a file for one ad platform."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import Counter
from pathlib import Path

from sqlalchemy import Connection, func, select

from creator.core.errors import InputError, StoreError
from creator.core.progress import say
from creator.core.records import Ad, AdId
from serving.commands import ExportOptions
from serving.export import google_ads, merchant_center, meta, microsoft_ads, ocean_engine
from serving.export.offers import Offer, Place, offers
from serving.review.drafts import read_ads
from serving.rows import current_release, read_originals, read_titles
from serving.schema import ASSIGNMENTS, RELEASES
from serving.store import Store

CHANNELS = {
    "google_ads_editor": google_ads,
    "merchant_center": merchant_center,
    "microsoft_ads": microsoft_ads,
    "meta": meta,
    "oceanengine": ocean_engine,
}


def run(options: ExportOptions) -> dict[str, object]:
    """Write the file whole, or not at all.

    Raises:
        InputError: the file cannot be written there.
        StoreError: the store cannot be read, or has no such release.
    """
    packs = dict(pack.rsplit("=", 1) for pack in options.word_pack)
    place = Place(options.campaign, options.final_url, {name: int(number) for name, number in packs.items()})
    with Store(options.store) as store:
        _check_place(options.out, store)
        with store.reading() as connection:
            release, found = _read(connection, options.release, options.cluster)
    out = CHANNELS[options.channel].render(found, place)
    _write_whole(options.out, out.text)
    print(f"{out.exported:,} titles of release {release} in {options.out}")
    if out.left:
        say("left out: " + ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in out.left.most_common()))
    if out.without_url:
        say(f"warning: {out.without_url:,} ads have no address; give --final-url 'https://SHOP/{{ad_id}}'")
    left = {f"left_{reason}": count for reason, count in out.left.items()}
    return {"release": release, "exported": out.exported, "without_url": out.without_url, **left}


def _read(connection: Connection, wanted: int | None, cluster: int | None) -> tuple[int, list[Offer]]:
    live = current_release(connection)
    if live is None:
        raise StoreError("there is no release to export", cure="hllm-creator publish makes the first")
    number = live.release if wanted is None else wanted
    row = connection.execute(select(RELEASES).where(RELEASES.c.release == number)).first()
    if row is None:
        known = connection.execute(select(RELEASES.c.release).order_by(RELEASES.c.release)).scalars()
        raise StoreError(f"there is no release {number}", expected=f"one of {', '.join(map(str, known))}")
    facts = read_ads(connection, row.data_digest)
    ads = {
        ad_id: facts.get(ad_id) or Ad(AdId(ad_id), title, "")
        for ad_id, title in read_originals(connection, number).items()
    }
    counted = (
        select(ASSIGNMENTS.c.cluster_id, func.count())
        .where(ASSIGNMENTS.c.clustering_id == row.clustering_id)
        .group_by(ASSIGNMENTS.c.cluster_id)
    )
    sizes = Counter({each[0]: each[1] for each in connection.execute(counted)})
    titles = [t for chunk in read_titles(connection, number) for t in chunk if cluster in (None, t.cluster_id)]
    return number, offers(ads, titles, sizes)


def _check_place(path: Path, store: Store) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder", expected="a file to write", cure="--out FILE")
    if store.path is not None:
        file, own = path.resolve(), store.path.resolve()
        if file.parent == own.parent and file.name.startswith(own.name):  # with its -wal and -shm
            raise InputError(f"{path} is the store's own file", cure="name another --out")


def _write_whole(path: Path, text: str) -> None:
    """Write beside the place, then rename: a link there is replaced, not followed."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written", got=error.strerror, cure="name another --out") from None
