"""The way from pairs to published titles: how many were scored, kept, written, rejected and why."""

from __future__ import annotations

from dataclasses import dataclass

from creator.core.artefacts import Artefact
from eval.run_folder import PAIRS, REJECTED, TITLES, RunFolder


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel.

    Args:
        name: what is counted.
        count: how many there are.
        unit: of what.
        note: one clause on how they came about.
    """

    name: str
    count: int
    unit: str
    note: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """All steps, and the rejections.

    Args:
        steps: in order.
        rejected: candidates by reason, most frequent first.
        prompt_tokens: (computed, submitted); None when the engine did not count.
    """

    steps: list[Step]
    rejected: list[tuple[str, int]]
    prompt_tokens: tuple[int, int] | None

    def record(self) -> dict[str, object]:
        """As `summary.json` holds it."""
        return {"steps": {step.name: step.count for step in self.steps}, "rejected_by_reason": dict(self.rejected),
                "prompt_tokens_computed": self.prompt_tokens[0] if self.prompt_tokens else None,
                "prompt_tokens_submitted": self.prompt_tokens[1] if self.prompt_tokens else None}  # fmt: skip


def funnel(run: RunFolder) -> Funnel:
    """Count what each stage of a run left."""
    pairs = run.table("pairs", "pairs.parquet", PAIRS)
    titles = run.table("titles", "titles.parquet", TITLES)
    rejected = run.table("titles", "rejected.parquet", REJECTED)
    reasons = [(str(reason), int(count)) for reason, count in rejected["reason"].value_counts().items()]
    steps: list[Step] = []
    if "pairs" in run.artefacts:
        steps.append(Step("pairs scored", len(pairs), "pairs", "every cluster with every live ad, by the match head"))
        steps.append(Step("pairs kept", int(pairs["kept"].sum()), "pairs", "where enough users are expected to care"))
    if "titles" in run.artefacts:
        steps.append(Step("candidates written", len(titles) + len(rejected), "titles", "by the Creative LLM"))
        steps.append(Step("candidates passed", len(titles), "titles", "facts and policy"))
        steps.append(
            Step("pairs with a title", int((titles["rank"] == 1).sum()), "titles", "the best candidate of each")
        )
    if (release := run.release()) is not None:
        steps.append(Step("published", release.titles, "titles", f"live in release {release.number} of the store"))
    return Funnel(steps, reasons, _prompt_tokens(run.artefacts.get("titles")))


def _prompt_tokens(titles: Artefact | None) -> tuple[int, int] | None:
    facts = titles.facts if titles is not None else {}
    computed, submitted = facts.get("prompt_tokens_computed"), facts.get("prompt_tokens_submitted")
    if not isinstance(computed, int) or not isinstance(submitted, int) or not submitted:
        return None
    return computed, submitted
