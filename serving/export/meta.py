"""Meta: one asset feed an ad, with up to five titles, as JSON for the Marketing API.

https://developers.facebook.com/docs/marketing-api/reference/ad-asset-feed-spec/. Labels say of each title that a
machine wrote it and for which cluster, so that asset customisation rules can pick it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from creator.facts.channels import Channel
from serving.export.offers import AI_LABEL, Offer, Place, Rendered, choose


def render(offers: Sequence[Offer], place: Place) -> Rendered:
    """The file: a list of ads, each with its `asset_feed_spec`."""
    out, ads = Rendered(), list[dict[str, object]]()
    for offer in offers:
        chosen = choose(offer.titles, Channel.META, out.left)
        if not chosen:
            continue
        url = place.url(offer.ad)
        out.exported += len(chosen)
        out.without_url += not url
        feed: dict[str, object] = {
            "titles": [
                {"text": t.title, "adlabels": [{"name": AI_LABEL}, {"name": f"cluster {t.cluster_id}"}]} for t in chosen
            ],
            "bodies": [{"text": offer.ad.description or offer.ad.title}],
            "ad_formats": ["AUTOMATIC_FORMAT"],
        }
        if url:
            feed["link_urls"] = [{"website_url": url}]
        ads.append({"ad_id": offer.ad.ad_id, "campaign": place.campaign, "asset_feed_spec": feed})
    out.text = json.dumps(ads, ensure_ascii=False, indent=1) + "\n"
    return out
