"""Google Ads Editor: responsive search ads as CSV with the English column names it recognises by itself.

Columns: https://support.google.com/google-ads/editor/answer/57747. Ads come paused: somebody looks before they run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from creator.facts.channels import Channel
from serving.export.offers import AI_LABEL, Offer, Place, Rendered
from serving.export.responsive import DESCRIPTIONS, HEADLINES, responsive_ads

COLUMNS = (
    "Campaign",
    "Ad Group",
    "Ad type",
    "Status",
    "Labels",
    "Final URL",
    *(name for n in range(1, HEADLINES + 1) for name in (f"Headline {n}", f"Headline {n} position")),
    *(f"Description {n}" for n in range(1, DESCRIPTIONS + 1)),
)


def render(offers: Sequence[Offer], place: Place) -> Rendered:
    """The file, with a byte-order mark: without one a spreadsheet misreads other alphabets."""
    out, text = Rendered(), io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for ad in responsive_ads(offers, Channel.GOOGLE_ADS, place, out):
        writer.writerow(
            {
                "Campaign": place.campaign,
                "Ad Group": ad.ad_group,
                "Ad type": "Responsive search ad",
                "Status": "Paused",
                "Labels": AI_LABEL,
                "Final URL": ad.url,
                "Headline 1 position": "1",
                **{f"Headline {n}": headline for n, headline in enumerate(ad.headlines, start=1)},
                **{f"Description {n}": description for n, description in enumerate(ad.descriptions, start=1)},
            }
        )
    out.text = "\ufeff" + text.getvalue()
    return out
