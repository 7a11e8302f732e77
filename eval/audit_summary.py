"""What an audit came to: counts, and, where titles carried labels, how well the checker did on each kind of error."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creator.core.artefacts import open_artefact, write_artefact, write_text
from creator.core.errors import ArtefactError, InputError
from creator.core.records import FindingKind
from creator.facts.verifier import ERROR_FROM
from eval.audit_options import EvaluateAuditOptions

OK = "ok"
GIVEN = "given"  # the set of labels that name no source
_Z95 = 1.959964


@dataclass(slots=True)
class Score:
    """How labelled titles of one kind fared.

    Args:
        titles: how many there were.
        stopped: how many the checker would not publish.
        named: of the stopped, how many carry a finding of the labelled kind.
    """

    titles: int = 0
    stopped: int = 0
    named: int = 0


@dataclass(slots=True)
class Summary:
    """The figures of an audit.

    Args:
        checked: titles with a verdict.
        publishable: those that may go live.
        verdicts: titles by verdict.
        kinds: titles by kind of error found.
        reasons: rejected rows by file and reason.
        scores: for each source of labels, labelled titles by label.
        titles_per_s: rate of this run; None when nothing was left to check.
    """

    checked: int = 0
    publishable: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    scores: dict[str, dict[str, Score]] = field(default_factory=dict[str, dict[str, Score]])
    titles_per_s: float | None = None

    @property
    def rejected(self) -> int:
        """Rows that could not be used, of either file."""
        return self.reasons.total()

    @property
    def rejected_titles(self) -> int:
        """Rows of titles that could not be used."""
        return sum(n for reason, n in self.reasons.items() if reason.startswith("titles: "))

    def reasons_text(self) -> str:
        """The commonest reasons, in words."""
        return "; ".join(f"{reason} ({n:,})" for reason, n in self.reasons.most_common(3)) or "no rows"

    def count(self, record: Mapping[str, Any]) -> None:
        """Take in one verdict."""
        self.checked += 1
        self.publishable += bool(record["publishable"])
        self.verdicts[str(record["verdict"])] += 1
        found = {str(f["kind"]) for f in record["findings"] if f["score"] >= ERROR_FROM}
        self.kinds.update(found)
        if isinstance(record.get("label"), str):
            by_label = self.scores.setdefault(str(record.get("label_source") or GIVEN), {})
            score = by_label.setdefault(str(record["label"]), Score())
            score.titles += 1
            score.stopped += not record["publishable"]
            score.named += record["label"] in found

    def figures(self, source: str) -> dict[str, float | int | None]:
        """Recall, false alarms and precision on one source's labels."""
        by_label = self.scores[source]
        wrong = [s for label, s in by_label.items() if label != OK]
        fine = by_label.get(OK, Score())
        errors, caught = sum(s.titles for s in wrong), sum(s.stopped for s in wrong)
        return {
            "labelled": errors + fine.titles,
            "errors": errors,
            "recall": share(caught, errors),
            "false_alarm_rate": share(fine.stopped, fine.titles),
            "precision": share(caught, caught + fine.stopped),
            "kind_named": share(sum(s.named for s in wrong), errors),
        }

    def as_json(self) -> dict[str, object]:
        """What summary.json holds."""
        labelled = {
            source: {
                **self.figures(source),
                "by_label": {
                    label: {
                        "titles": s.titles,
                        "stopped": s.stopped,
                        "share_stopped": share(s.stopped, s.titles),
                        "interval_95": interval(s.stopped, s.titles),
                        "kind_named": None if label == OK else share(s.named, s.titles),
                    }
                    for label, s in sorted(by_label.items())
                },
            }
            for source, by_label in sorted(self.scores.items())
        }
        return {
            "titles": self.checked,
            "publishable": self.publishable,
            "verdicts": dict(sorted(self.verdicts.items())),
            "errors_by_kind": {str(kind): self.kinds.get(kind, 0) for kind in FindingKind},
            "rejected": self.rejected,
            "rejected_by_reason": dict(self.reasons.most_common()),
            "titles_per_s": self.titles_per_s,
            "error_from_score": ERROR_FROM,
            "labelled": labelled,
        }

    def flat(self) -> dict[str, object]:
        """The same in brief, for one line."""
        line: dict[str, object] = {
            "titles": self.checked,
            "publishable": self.publishable,
            "rejected": self.rejected,
            **{str(v): n for v, n in sorted(self.verdicts.items())},
            "titles_per_s": round(self.titles_per_s, 1) if self.titles_per_s else None,
        }
        for source in self.scores:
            prefix = "" if source == GIVEN else f"{source}_"
            line.update({f"{prefix}{name}": value for name, value in self.figures(source).items()})
        return line


def share(part: int, whole: int) -> float | None:
    """A share, or None of nothing."""
    return part / whole if whole else None


def interval(part: int, whole: int) -> tuple[float, float] | None:
    """Wilson's 95% interval of a share (Wilson 1927); None of nothing."""
    if not whole:
        return None
    rate, z2 = part / whole, _Z95**2
    middle = (rate + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z95 * math.sqrt(rate * (1 - rate) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file of ours.

    Raises:
        ArtefactError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)
    except (OSError, ValueError):
        raise ArtefactError(f"{path} cannot be read", cure="delete the folder and make it again") from None


def summarise(verdicts: Path, rejected: Path, titles_per_s: float | None) -> Summary:
    """Count the rows of an audit's two files."""
    summary = Summary(titles_per_s=titles_per_s)
    for record in read_records(verdicts):
        summary.count(record)
    summary.reasons.update(f"{r['file']}: {r['reason']}" for r in read_records(rejected))
    return summary


def print_summary(summary: Summary) -> None:
    """The counts, and the table of every source of labels."""
    print(
        f"{summary.checked:,} titles: {summary.publishable:,} publishable ("
        + ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(summary.verdicts.items()))
        + ")"
    )
    if summary.kinds:
        print("errors found: " + ", ".join(f"{kind} {n:,}" for kind, n in summary.kinds.most_common()))
    if summary.rejected:
        print(f"rejected rows: {summary.rejected:,} ({summary.reasons_text()})")
    for source in sorted(summary.scores):
        print_scores(summary, source)
    if summary.titles_per_s:
        print(f"{summary.titles_per_s:,.0f} titles/s")


def print_scores(summary: Summary, source: str) -> None:
    """One source's table: a line for each kind of error, then all of them and the false alarms."""
    by_label, figures = summary.scores[source], summary.figures(source)
    print(f"\nlabels: {source}")
    print(f"{'label':<20}{'titles':>8}{'stopped':>9}{'share':>8}{'95%':>15}{'kind named':>12}")
    for label in sorted(by_label, key=lambda name: (name == OK, name)):
        score = by_label[label]
        low, high = interval(score.stopped, score.titles) or (0.0, 1.0)
        named = "" if label == OK else f"{score.named / score.titles:.2f}"
        stopped = f"{score.stopped:>9}{score.stopped / score.titles:>8.2f}{f'{low:.2f}-{high:.2f}':>15}"
        print(f"{label[:19]:<20}{score.titles:>8}{stopped}{named:>12}")
    print(
        "  ".join(
            f"{name.replace('_', ' ')} {'-' if value is None else f'{value:.3f}'}"
            for name, value in figures.items()
            if name in ("recall", "false_alarm_rate", "precision", "kind_named")
        )
    )


def evaluate_audit(options: EvaluateAuditOptions) -> Mapping[str, object]:
    """Print an audit's table per kind of error, and write it down when a folder is named.

    Raises:
        InputError: none of the audit's titles carried a label.
    """
    artefact = open_artefact(options.audit, "audit")
    rate = artefact.facts.get("titles_per_s")
    summary = summarise(
        options.audit / "verdicts.jsonl",
        options.audit / "rejected.jsonl",
        float(rate) if isinstance(rate, int | float) else None,
    )
    if not summary.scores:
        raise InputError(
            f"no title of {options.audit} carries a label",
            expected="a 'label' field in titles.jsonl",
            cure="audit titles with labels",
        )
    print_summary(summary)
    if options.out is not None:
        with write_artefact(
            options.out, "evaluation", config={"evaluation": "audit"}, inputs={"audit": artefact}
        ) as draft:
            write_text(draft.path / "summary.json", json.dumps(summary.as_json(), indent=1, ensure_ascii=False))
            draft.facts.update(summary.flat())
    return summary.flat()
