"""`publish`: TITLES, CLUSTERS and DATA become a draft, and what of it passes one numbered release."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select

from creator.core.artefacts import open_artefact
from creator.core.errors import StoreError
from creator.core.progress import say
from creator.core.records import Ad
from creator.facts.guide import with_guides
from serving.commands import PublishOptions
from serving.folders import Inputs
from serving.gate import BY_REVIEW, Gated, Refusal, State, gate
from serving.review.bring import Checked, bring
from serving.review.drafts import read_ads, read_candidates, read_draft
from serving.review.history import note
from serving.review.records import Candidate, Draft
from serving.review.rules import Rules, read_rules
from serving.rows import Release, StoredTitle, current_release, insert_many, read_release
from serving.schema import ADS, RELEASES, SWITCHES, TITLES
from serving.store import Store

COMMAND = "the command line"
"""Who did it, in the history, where no person was named."""


def run(options: PublishOptions) -> dict[str, object]:
    """Publish a release.

    Returns:
        the summary: release, already, current, and the counts.

    Raises:
        ArtefactError: an input is missing, damaged, or belongs to another clustering.
        StoreError: the store cannot be written, or the release would hold no title where one with titles is live.
    """
    inputs = Inputs(
        open_artefact(options.titles, "titles"),
        open_artefact(options.clusters, "clusters"),
        open_artefact(options.data, "data"),
    )
    with Store(options.store, wait_s=options.wait_s) as store:
        release, already, live = publish(store, inputs)
    _tell(release, already, live, store.shown)
    return {"release": release.release, "already": already, "current": live, "store": store.shown, **release.counts}


def publish(store: Store, inputs: Inputs, *, who: str = COMMAND) -> tuple[Release, bool, int]:
    """Bring the titles to the store as a draft and release it, unless its inputs are a release already.

    Returns:
        the release; whether it was there before; and which one is live now.
    """
    checked = Checked()
    draft = bring(store, inputs, checked=checked)
    return release_draft(store, draft.draft_id, who=who, checked=checked)


def release_draft(
    store: Store, draft_id: int, *, who: str = COMMAND, checked: Checked | None = None
) -> tuple[Release, bool, int]:
    """Make a release of a draft: of what passes the check now and nobody rejected; where review is required, of what
    the reviewers approved.

    Returns:
        the release; whether the same one was there before; and which one is live now.

    Raises:
        StoreError: there is no such draft, the release would hold no title where it must, or a reviewer decided
            while it was being made.
    """
    with store.reading() as connection:
        draft, rules = read_draft(connection, draft_id), read_rules(connection)
        candidates = read_candidates(connection, draft_id)
        digest = _release_digest(draft, rules, candidates)
        found, live = read_release(connection, digest), current_release(connection)
        ads = {} if found is not None and live is not None else read_ads(connection, draft.data_digest)
    if found is not None and live is not None:
        return found, True, live.release
    check = with_guides((checked or Checked()).check, rules.guides)
    reviews = {c.title_id: c.review for c in candidates}
    gated = gate((c.row for c in candidates), ads, draft.clusters, check, reviews, required=rules.required)
    if rules.required and not gated.titles:
        raise StoreError(
            f"no title of draft {draft_id} may be published: review is required",
            got=_reasons(gated.refused),
            cure="approve titles at /console/review",
        )
    with store.writing(alone=True) as connection:
        if _release_digest(draft, read_rules(connection), read_candidates(connection, draft_id)) != digest:
            raise StoreError(f"somebody reviewed draft {draft_id} meanwhile", cure="publish again; nothing was changed")
        live, found = current_release(connection), read_release(connection, digest)
        if found is not None and live is not None:
            return found, True, live.release
        if not gated.titles and live is not None and live.counts.get("titles"):
            raise StoreError(
                "no title may be published, and a release with titles is live",
                got=_reasons(gated.refused),
                cure="look at the audit of these titles; nothing was changed",
            )
        made = _write(connection, draft, digest, gated, ads)
        note(connection, who, "publish", draft_id=draft_id, release=made.release)
        return made, False, made.release


def _release_digest(draft: Draft, rules: Rules, candidates: Sequence[Candidate]) -> str:
    """Identity of a release: its draft's, and what people decided and asked for, if they did."""
    decided = [(c.title_id, c.state.value, c.title) for c in candidates if c.state is not State.OPEN]
    if not decided and not rules.digest:
        return draft.digest
    text = json.dumps([draft.digest, rules.digest, sorted(decided)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _write(connection: Connection, draft: Draft, digest: str, gated: Gated, ads: Mapping[str, Ad]) -> Release:
    number = (connection.execute(select(func.max(RELEASES.c.release))).scalar() or 0) + 1
    counts = _counts(draft, gated)
    release = Release(number, digest, time.time(), "published", draft.clustering_id, draft.clusters_digest, counts)
    connection.execute(
        RELEASES.insert().values(
            release=number,
            digest=release.digest,
            created_at=release.created_at,
            status=release.status,
            clustering_id=draft.clustering_id,
            titles_digest=draft.titles_digest,
            clusters_digest=draft.clusters_digest,
            data_digest=draft.data_digest,
            counts=json.dumps(counts),
        )
    )
    insert_many(connection, ADS, ("release", "ad_id", "title"), [(number, ad.ad_id, ad.title) for ad in ads.values()])
    insert_many(connection, TITLES, ("release", *StoredTitle._fields), [(number, *title) for title in gated.titles])
    connection.execute(SWITCHES.insert().values(release=number, switched_at=time.time(), kind="publish"))
    return release


def _counts(draft: Draft, gated: Gated) -> dict[str, int]:
    """What the release holds and what was left out, when it was brought or now."""
    refused = {
        f"refused_{reason}": gated.refused.get(reason, 0) + draft.counts.get(f"refused_{reason}", 0)
        for reason in Refusal
        if reason not in BY_REVIEW or reason in gated.refused
    }
    return {
        "candidates": draft.counts["candidates"],
        "titles": len(gated.titles),
        "ads": draft.counts["ads"],
        "ads_with_titles": len({t.ad_id for t in gated.titles}),
        "clusters_with_titles": len({t.cluster_id for t in gated.titles}),
        "users": draft.counts["users"],
        "users_in_a_cluster": draft.counts["users_in_a_cluster"],
        **refused,
    }


def _reasons(refused: Mapping[Refusal, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in refused.items()) or "no titles at all"


def _tell(release: Release, already: bool, live: int, shown: str) -> None:
    if already:
        note = f" (release {live} is live; 'release rollback --to {release.release}' switches)"
        print(f"already release {release.release} in {shown}{note if live != release.release else ''}")
        return
    counts = release.counts
    print(
        f"release {release.release} in {shown}: {counts['titles']:,} titles for {counts['ads_with_titles']:,} of "
        f"{counts['ads']:,} ads, {counts['users']:,} users"
    )
    held = {name.removeprefix("refused_"): n for name, n in counts.items() if name.startswith("refused_") and n}
    if held:
        print("held back: " + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in held.items()))
    if not counts["titles"]:
        say("warning: this release holds no title; everybody sees the originals")
