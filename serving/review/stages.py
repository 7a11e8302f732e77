"""`review load`, `review require` and `review regenerate`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from creator.core.artefacts import open_artefact, write_artefact
from creator.core.errors import ArtefactError, StoreError
from serving.folders import Inputs
from serving.publish import COMMAND
from serving.review.bring import bring
from serving.review.commands import LoadOptions, RegenerateOptions, RequireOptions
from serving.review.drafts import newest_draft, read_candidates, read_draft
from serving.review.rules import require_review
from serving.store import Store


def load(options: LoadOptions) -> dict[str, object]:
    """Bring titles to the store for review.

    Raises:
        ArtefactError: an input is missing, damaged, or belongs to another clustering.
        StoreError: the store cannot be written, or `onto` names a draft of other clusters or ads.
    """
    inputs = Inputs(
        open_artefact(options.titles, "titles"),
        open_artefact(options.clusters, "clusters"),
        open_artefact(options.data, "data"),
    )
    with Store(options.store) as store:
        draft = bring(store, inputs, onto=options.onto)
        with store.reading() as connection:
            candidates = read_candidates(connection, draft.draft_id)
        shown = store.shown
    passing = sum(candidate.publishable for candidate in candidates)
    print(f"draft {draft.draft_id} in {shown}: {len(candidates):,} titles, {passing:,} of them pass the check")
    print("'hllm-creator serve' shows them at /console/review")
    return {"draft": draft.draft_id, "titles": len(candidates), "passing": passing, "store": shown}


def require(options: RequireOptions) -> dict[str, object]:
    """Say whether only approved titles enter a release."""
    required = options.approval == "yes"
    with Store(options.store) as store:
        store.prepare()
        with store.writing(alone=True) as connection:
            require_review(connection, required, COMMAND)
        print(f"{store.shown}: a release takes {'approved titles only' if required else 'every title that passes'}")
    return {"required": required}


def regenerate(options: RegenerateOptions) -> dict[str, object]:
    """Write the PAIRS folder of what is to be generated again.

    Raises:
        ArtefactError: the pairs are not those of the draft.
        StoreError: there is no draft, or nothing is marked in it.
    """
    pairs = open_artefact(options.pairs, "pairs")
    with Store(options.store) as store, store.reading() as connection:
        draft = newest_draft(connection) if options.draft is None else read_draft(connection, options.draft)
        if draft is None:
            raise StoreError("the store has no draft", cure="'hllm-creator review load' brings titles for review")
        marked = {(c.cluster_id, c.ad_id) for c in read_candidates(connection, draft.draft_id) if c.again}
    if not marked:
        raise StoreError(
            f"nothing in draft {draft.draft_id} is to be written again", cure="mark titles at /console/review"
        )
    path = pairs.path / "pairs.parquet"
    try:
        table = pq.read_table(path)
        rows = list(zip(table["cluster_id"].to_pylist(), table["ad_id"].to_pylist(), strict=True))
    except (OSError, KeyError, pa.ArrowInvalid):
        raise ArtefactError(f"{path} cannot be read", cure="make the folder again with 'hllm-creator prune'") from None
    absent = len(marked - set(rows))
    if absent:
        raise ArtefactError(
            f"the pairs in {pairs.path} are not those of draft {draft.draft_id}",
            got=f"{absent} of {len(marked)} marked pairs absent",
            cure="give the --pairs its titles were generated for",
        )
    kept = [row in marked for row in rows]
    reasons = ["a reviewer wants another title" if each else "its title stands" for each in kept]
    for name, values in (("kept", kept), ("reason", reasons)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    config = {"draft": draft.digest, "marked": sorted(map(list, marked))}
    with write_artefact(options.out, "pairs", config=config, inputs={"pairs": pairs}) as made:
        pq.write_table(table, made.path / "pairs.parquet")
        made.rows |= {"pairs": len(rows), "kept": len(marked)}
        made.facts |= pairs.facts
    print(f"{len(marked):,} pairs of draft {draft.draft_id} are to be written again: {options.out}")
    print(
        f"then: hllm-creator generate ... --pairs {options.out} --seed ANOTHER --out TITLES and "
        f"hllm-creator review load --titles TITLES ... --onto {draft.draft_id}"
    )
    return {"draft": draft.draft_id, "pairs": len(marked), "out": str(options.out)}
