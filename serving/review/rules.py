"""What the store asks of titles beyond the facts: brand guides, and whether people must approve them first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from creator.facts.guide import BrandGuide, as_json, from_json
from serving.review.history import note
from serving.schema import GUIDES, PREFERENCES

REQUIRED = "review_required"


@dataclass(frozen=True, slots=True)
class Rules:
    """The store's own rules.

    Args:
        guides: brand guides by advertiser.
        required: whether only approved titles enter a release.
    """

    guides: Mapping[str, BrandGuide]
    required: bool

    @property
    def digest(self) -> str:
        """Identity of the rules; "" when there are none."""
        if not self.guides and not self.required:
            return ""
        lines = [as_json(self.guides[name]) for name in sorted(self.guides)]
        return hashlib.sha256("\n".join([str(self.required), *lines]).encode()).hexdigest()


def read_rules(connection: Connection) -> Rules:
    """The rules in force."""
    guides = [from_json(row[0]) for row in connection.execute(select(GUIDES.c.guide).order_by(GUIDES.c.advertiser))]
    value = connection.execute(select(PREFERENCES.c.value).where(PREFERENCES.c.name == REQUIRED)).scalar()
    return Rules({guide.advertiser: guide for guide in guides}, value == "yes")


def require_review(connection: Connection, required: bool, who: str) -> None:
    """Say whether only approved titles enter a release."""
    before = read_rules(connection).required
    if before == required:
        return
    connection.execute(delete(PREFERENCES).where(PREFERENCES.c.name == REQUIRED))
    connection.execute(PREFERENCES.insert().values(name=REQUIRED, value="yes" if required else "no"))
    note(connection, who, "settings", before={"required": before}, after={"required": required})


def keep_guide(connection: Connection, guide: BrandGuide, who: str) -> None:
    """Keep a guide in the place of its advertiser's last one."""
    before = read_rules(connection).guides.get(guide.advertiser)
    if before == guide:
        return
    connection.execute(delete(GUIDES).where(GUIDES.c.advertiser == guide.advertiser))
    connection.execute(GUIDES.insert().values(advertiser=guide.advertiser, guide=as_json(guide)))
    note(connection, who, "guide", before={"guide": before and as_json(before)}, after={"guide": as_json(guide)})


def drop_guide(connection: Connection, advertiser: str, who: str) -> None:
    """Forget an advertiser's guide."""
    before = read_rules(connection).guides.get(advertiser)
    if before is None:
        return
    connection.execute(delete(GUIDES).where(GUIDES.c.advertiser == advertiser))
    note(connection, who, "guide", before={"guide": as_json(before)}, after={"guide": None})
