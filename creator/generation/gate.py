"""What a title must pass before it may be published: the facts, policy, the brand guide and the channels' rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from creator.core.errors import InputError
from creator.core.records import Ad, Check, Verdict
from creator.facts.channels import Channel, channel_faults
from creator.facts.guide import BrandGuide, read_guides, with_guides
from creator.facts.text import is_same_title
from creator.facts.verifier import ERROR_FROM, check_title
from creator.generation.pairs import Pair
from creator.generation.writer import Answer

TitleCheck = Callable[[str, Ad], Check]


@dataclass(frozen=True, slots=True)
class Passed:
    """A title that the gate let through; `findings` are as JSON."""

    pair: Pair
    title: str
    verdict: Verdict
    findings: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A title that it did not let through, and why."""

    passed: Passed
    logprob: float
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides on titles.

    Args:
        check: of the facts, with the brand guides.
        channels: ad platforms whose rules are kept.
    """

    check: TitleCheck = check_title
    channels: tuple[Channel, ...] = ()

    @classmethod
    def of(cls, guide: Path | None, channels: Sequence[str]) -> Gate:
        """With the guides of a file and the rules of channels.

        Raises:
            InputError: the file is missing or holds no guides.
        """
        return cls(with_guides(check_title, _guides(guide)), tuple(Channel(name) for name in channels))

    def sort(
        self, pairs: Sequence[Pair], answers: Mapping[str, Sequence[Answer]]
    ) -> tuple[list[Passed], list[Refused]]:
        """Titles that may be published and those that may not, each title of a pair once."""
        passed: list[Passed] = []
        refused: list[Refused] = []
        for pair in pairs:
            seen: set[str] = set()
            for answer in answers[pair.key]:
                title = " ".join(answer.text.split())
                if title in seen:
                    continue
                seen.add(title)
                check = self.check(title, pair.ad)
                one = Passed(pair, title, check.verdict, findings_json(check))
                if reason := self.refusal(title, pair.ad, check, answer.finish):
                    refused.append(Refused(one, answer.logprob, reason))
                else:
                    passed.append(one)
        return passed, refused

    def refusal(self, title: str, ad: Ad, check: Check, finish: str) -> str:
        """Why a title cannot be published for an ad, or "" when it can."""
        if not title:
            return "empty"
        if finish == "length":
            return "runs on: no end within the longest title"
        if is_same_title(title, ad.title):
            return "the original title again"
        if check.verdict is Verdict.SUPPORTED:
            faults = [f for channel in self.channels for f in channel_faults(title, channel) if not f.warning]
            return f"{faults[0].channel}: {faults[0].message}" if faults else ""
        if check.publishable:  # harmless in a person's title; in a machine's, words from another ad
            return "says more than the ad does"
        against = [finding for finding in check.findings if finding.score >= ERROR_FROM]
        rules = sorted({f.source_field for f in against if f.source_field.startswith("guide.")})
        if rules and all(f.source_field in rules for f in against):
            return f"against the brand guide: {', '.join(rule.removeprefix('guide.') for rule in rules)}"
        return f"not supported by the ad: {', '.join(sorted({finding.kind.value for finding in against}))}"


def findings_json(check: Check) -> str:
    """A check's findings as the tables hold them."""
    return json.dumps([asdict(finding) for finding in check.findings], ensure_ascii=False)


def _guides(path: Path | None) -> dict[str, BrandGuide]:
    if path is None:
        return {}
    try:
        return read_guides(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InputError(f"the brand guides at {path} cannot be read", cure="check the path of --guide") from None
