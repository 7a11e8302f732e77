"""Google Merchant Center: a supplemental feed, tab-separated, of titles that a machine wrote.

They go into `structured_title` with the digital source type `trained_algorithmic_media`, never into `title`:
https://support.google.com/merchants/answer/6324415. A product has one title: that of its largest cluster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from creator.facts.channels import Channel
from serving.export.offers import Left, Offer, Place, Rendered, is_formula, objection

SOURCE = "trained_algorithmic_media"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def render(offers: Sequence[Offer], place: Place) -> Rendered:
    """The feed."""
    out, rows = Rendered(), ["id\tstructured_title"]
    seen: set[str] = set()
    for offer in offers:
        product = offer.ad.item_id or offer.ad.ad_id
        taken = product in seen
        for title in offer.titles:
            found = objection(title.title, Channel.MERCHANT_CENTER, in_a_table=True)
            if found is None and (is_formula(product) or _UNSAFE.search(product)):
                found = Left.FORMULA
            if found is None and taken:
                found = Left.LIMIT
            if found is None:
                rows.append(f"{product}\t{structured(title.title)}")
                out.exported += 1
                taken = True
            else:
                out.left[found] += 1
        if taken:
            seen.add(product)
    out.text = "\n".join(rows) + "\n"
    return out


def structured(title: str) -> str:
    """A title as the attribute's two parts; quotes in it are doubled."""
    return f'{SOURCE}:"{title.replace(chr(34), chr(34) * 2)}"'
