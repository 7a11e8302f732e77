"""A title read once against an ad, for every check to look at."""

from __future__ import annotations

from dataclasses import dataclass

from creator.core.records import Finding, FindingKind
from creator.facts.clock import Clock, Days, read_clocks, read_days
from creator.facts.dates import Date, read_dates
from creator.facts.evidence import AdFacts, date_words
from creator.facts.passages import Passage
from creator.facts.quantities import Quantity, read_quantities
from creator.facts.segments import Segment, read_segments, segment_at
from creator.facts.text import Folded, Word, fold, words
from creator.facts.vocabulary import vocabulary

_READ_AT_MOST = 1000  # characters of a title that are read; a longer one is at fault for its length anyway


@dataclass(frozen=True, slots=True)
class Reading:
    """A title read against an ad.

    Args:
        title: as given.
        folded: folded.
        words: its words.
        segments: its segments.
        dates: its dates.
        clocks: its times of day.
        days: its days of the week.
        quantities: its amounts.
        facts: the ad.
    """

    title: str
    folded: Folded
    words: tuple[Word, ...]
    segments: tuple[Segment, ...]
    dates: tuple[Date, ...]
    clocks: tuple[Clock, ...]
    days: tuple[Days, ...]
    quantities: tuple[Quantity, ...]
    facts: AdFacts

    @classmethod
    def of(cls, title: str, facts: AdFacts) -> Reading:
        """Read a title."""
        folded = fold(title[:_READ_AT_MOST])
        found = words(folded.text)
        dates = read_dates(found)
        segments = read_segments(found, lambda w: w.stem in facts.known.stems)
        clocks = [c for c in read_clocks(found) if not date_words(dates) & {c.first}]
        timed = bool(facts.clocks) or any(not c.bare for c in clocks)
        clocks = [c for c in clocks if not c.bare or timed or segment_at(segments, c.first).frame]
        taken = date_words([*dates, *clocks])
        return cls(
            title,
            folded,
            found,
            segments,
            tuple(dates),
            tuple(clocks),
            tuple(read_days(found)),
            tuple(read_quantities(found, taken)),
            facts,
        )

    @property
    def touches_ad(self) -> bool:
        """Whether any word of meaning in the title is the ad's."""
        plain = vocabulary().function
        return bool(self.quantities or self.dates) or any(
            w.stem in self.facts.known.stems for w in self.words if w.kind != "sign" and w.text not in plain
        )

    def field_of(self, words: str) -> tuple[str, str]:
        """Folded words of the ad as it writes them, and the field they stand in; empty texts of none."""
        for passage in self.facts.passages if words else ():
            at = passage.folded.text.find(words)
            if at >= 0:
                start, end = passage.folded.span(at, at + len(words))
                return passage.text[start:end], passage.field
        return "", ""

    def finding(
        self, kind: FindingKind, first: int, last: int, score: float, evidence: str = "", field: str = ""
    ) -> Finding:
        """A finding on words first to last (inclusive)."""
        start, end = self.folded.span(self.words[first].start, self.words[last].end)
        return Finding(kind, (start, end), self.title[start:end], evidence, field, score)


def quoted(where: tuple[Passage, int] | None) -> tuple[str, str]:
    """The words around a place in the ad, and the field it stands in."""
    return ("", "") if where is None else (where[0].quote(where[1], where[1]), where[0].field)
