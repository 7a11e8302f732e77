"""Ocean Engine (Douyin): the titles of each promotion, as JSON for the Marketing API's `title_material_list`.

https://open.oceanengine.com/. A title has at most two dynamic word packs, "{name}", whose ids stand in `word_list` in
their order. Beside each title stands the metadata that China's rules for labelling AI-made content ask for
(GB 45438-2025): that it is one, who made it, and its number there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from creator.facts.channels import Channel
from serving.export.offers import Left, Offer, Place, Rendered, choose
from serving.rows import StoredTitle

PRODUCER = "HLLM-Creator"
PACKS_AT_MOST = 2
_PACK = re.compile(r"\{([^{}]*)\}")


def render(offers: Sequence[Offer], place: Place) -> Rendered:
    """The file: a list of ads, each with its `promotion_materials`."""
    out, ads = Rendered(), list[dict[str, object]]()
    for offer in offers:
        sound = [title for title in offer.titles if _packs_are_known(title, place.word_packs, out.left)]
        chosen = choose(sound, Channel.OCEAN_ENGINE, out.left)
        if not chosen:
            continue
        url = place.url(offer.ad)
        out.exported += len(chosen)
        out.without_url += not url
        materials: dict[str, object] = {"title_material_list": [_material(t, place.word_packs) for t in chosen]}
        if url:
            materials["external_url_material_list"] = [url]
        ads.append(
            {
                "ad_id": offer.ad.ad_id,
                "promotion_materials": materials,
                "AIGC": [{"Label": "1", "ContentProducer": PRODUCER, "ProduceID": t.title_id} for t in chosen],
            }
        )
    out.text = json.dumps(ads, ensure_ascii=False, indent=1) + "\n"
    return out


def _packs_are_known(title: StoredTitle, ids: Mapping[str, int], left: Counter[Left]) -> bool:
    packs = _PACK.findall(title.title)
    known = len(packs) <= PACKS_AT_MOST and all(pack in ids for pack in packs)
    left.update([] if known else [Left.WORD_PACK])
    return known


def _material(title: StoredTitle, ids: Mapping[str, int]) -> dict[str, object]:
    packs = [ids[pack] for pack in _PACK.findall(title.title)]
    return {"title": title.title, "word_list": packs} if packs else {"title": title.title}
