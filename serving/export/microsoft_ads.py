"""Microsoft Advertising: a bulk file of responsive search ads, each with a label that says its words are a machine's.

Records: https://learn.microsoft.com/en-us/advertising/bulk-service/responsive-search-ad. New records refer to one
another by negative ids. Campaigns and ad groups are found by name.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from creator.facts.channels import Channel
from serving.export.offers import AI_LABEL, Offer, Place, Rendered
from serving.export.responsive import responsive_ads

FORMAT_VERSION = "6.0"
COLUMNS = (
    "Type",
    "Status",
    "Id",
    "Parent Id",
    "Campaign",
    "Ad Group",
    "Name",
    "Final Url",
    "Headline",
    "Description",
    "Label",
    "Color",
)
LABEL_ID = "-1"
LABEL_COLOUR = "#5B5FC7"


def render(offers: Sequence[Offer], place: Place) -> Rendered:
    """The file, with a byte-order mark."""
    out, text = Rendered(), io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerow({"Type": "Format Version", "Name": FORMAT_VERSION})
    writer.writerow({"Type": "Label", "Status": "Active", "Id": LABEL_ID, "Label": AI_LABEL, "Color": LABEL_COLOUR})
    for number, ad in enumerate(responsive_ads(offers, Channel.MICROSOFT_ADS, place, out), start=2):
        pinned = [{"text": ad.headlines[0], "pinnedField": "Headline1"}]
        writer.writerow(
            {
                "Type": "Responsive Search Ad",
                "Status": "Paused",
                "Id": f"-{number}",
                "Campaign": place.campaign,
                "Ad Group": ad.ad_group,
                "Final Url": ad.url,
                "Headline": _assets([*pinned, *({"text": text} for text in ad.headlines[1:])]),
                "Description": _assets([{"text": text} for text in ad.descriptions]),
            }
        )
        writer.writerow(
            {"Type": "Responsive Search Ad Label", "Status": "Active", "Id": LABEL_ID, "Parent Id": f"-{number}"}
        )
    out.text = "\ufeff" + text.getvalue()
    return out


def _assets(assets: Sequence[dict[str, str]]) -> str:
    return json.dumps(list(assets), ensure_ascii=False)
