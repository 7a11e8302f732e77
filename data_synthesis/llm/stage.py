"""`synthesize --teacher openai`: plan, forecast, conversations, tables, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from creator.core.artefacts import Draft, write_artefact
from creator.core.data import EXAMPLES, open_data, write_table
from creator.core.errors import InputError
from creator.core.progress import say
from data_synthesis.commands import SynthesizeOptions
from data_synthesis.llm.coverage import PointCoverage, covered
from data_synthesis.llm.report import write_report
from data_synthesis.llm.teacher import OpenAITeacher, Receipt
from data_synthesis.outcome import REJECTED, figures, funnel, table, told
from data_synthesis.planning import Plan, plan
from data_synthesis.screen import Screen
from data_synthesis.teacher import Task, Written

COVERAGE = pa.schema(
    [("ad_id", pa.string()), ("selling_point", pa.string()), ("planned", pa.int64()), ("kept", pa.int64())]
)
THOUGHTS = pa.schema(
    [
        ("user_id", pa.string()),
        ("ad_id", pa.string()),
        ("as_of", pa.float64()),
        ("step", pa.string()),
        ("thought", pa.string()),
    ]
)
BY_THE_WAY = frozenset(
    {"data", "out", "answers", "dry_run", "mode", "concurrency", "timeout_s", "retries", "batch_poll_s", "wordings"}
)
"""Settings that an EXAMPLES folder does not depend on: how fast and by which way the endpoint was asked."""
DUPLICATE = "duplicate: the ad has this title often enough"


def synthesize_with_llm(options: SynthesizeOptions) -> dict[str, object]:
    """Run `hllm-creator synthesize --teacher openai`; returns the summary.

    Raises:
        EngineError: the endpoint answers nobody; every answer so far is in the file of answers.
        InputError: there is nothing to write titles for.
    """
    data = open_data(options.data)
    answers_path = options.answers or options.out.with_name(options.out.name + ".answers.jsonl")
    with OpenAITeacher(options, answers_path, Screen()) as teacher:
        if options.dry_run:
            expected = teacher.forecast(_tasks(plan(data, options)))
            for line in expected.lines(_priced(options)):
                print(line)
            return {"dry_run": True, **asdict(expected)}
        config = {name: value for name, value in asdict(options).items() if name not in BY_THE_WAY}
        with write_artefact(options.out, "examples", config=config, inputs={"data": data.artefact}) as draft:
            plans = plan(data, options)
            tasks = _tasks(plans)
            for line in teacher.forecast(tasks).lines(_priced(options)):
                say(line)
            answers = drop_copies(list(teacher.write(tasks)), options.copies)
            if len(answers) != len(tasks):
                raise RuntimeError(f"{len(tasks)} tasks came back as {len(answers)} answers")
            _write(draft, plans, answers, teacher)
    for line in told({name: draft.facts[name] for name in draft.facts if name not in ("asked", "wire")}):
        print(line)
    for line in _remarks(teacher.receipt, draft, answers_path):
        say(line)
    return {
        "out": str(options.out),
        **draft.rows,
        **{name: value for name, value in draft.facts.items() if name != "funnel"},
    }


def _tasks(plans: dict[str, Plan]) -> list[Task]:
    tasks = [task for split in plans.values() for task in split.tasks]
    if not tasks:
        raise InputError(
            "no title can be asked for",
            got=f"{sum(made.windows for made in plans.values()):,} histories and no ad with selling points",
            cure="lower --min-history, or give the ads selling_points",
        )
    return tasks


def _priced(options: SynthesizeOptions) -> bool:
    return bool(options.price_in or options.price_out)


def drop_copies(answers: Sequence[Written], most: int) -> list[Written]:
    """Reject titles that their ad has often enough already, case aside, and the same one for the same reader."""
    titles: Counter[tuple[str, str]] = Counter()
    readers: set[tuple[str, str, str]] = set()
    kept: list[Written] = []
    for answer in answers:
        if not answer.reason:
            title = (answer.task.ad.ad_id, answer.title.casefold())
            reader = (*title, answer.task.user_id)
            titles[title] += 1
            if titles[title] > most or reader in readers:
                answer = replace(answer, reason=DUPLICATE)
            readers.add(reader)
        kept.append(answer)
    return kept


def _write(draft: Draft, plans: dict[str, Plan], answers: Sequence[Written], teacher: OpenAITeacher) -> None:
    kept = [answer for answer in answers if not answer.reason]
    rejected = [answer for answer in answers if answer.reason]
    coverage = covered(answers)
    receipt = teacher.receipt
    if receipt is None:
        raise RuntimeError("the teacher has not settled")
    write_table(draft.path / "coverage.parquet", _frame(coverage), COVERAGE)
    write_table(draft.path / "thoughts.parquet", _thoughts(answers), THOUGHTS)
    draft.rows = {
        "examples": write_table(draft.path / "examples.parquet", table(kept, teacher), EXAMPLES),
        "rejected": write_table(draft.path / "rejected.parquet", table(rejected, teacher), REJECTED),
    }
    draft.facts = {
        **figures(kept),
        "points_planned": sum(point.planned > 0 for point in coverage),
        "points_leading": sum(point.kept > 0 for point in coverage),
        "points": len(coverage),
        "answers": receipt.answers,
        "tokens_in": receipt.tokens_in,
        "tokens_out": receipt.tokens_out,
        "cost_usd": receipt.cost_usd,
        "stopped_by_budget": receipt.stopped,
        "funnel": funnel(plans, answers),
    }
    write_report(draft.path / "report.html", answers, coverage, draft.facts)


def _frame(coverage: Sequence[PointCoverage]) -> pd.DataFrame:
    return pd.DataFrame([asdict(point) for point in coverage], columns=pd.Index(COVERAGE.names))


def _thoughts(answers: Sequence[Written]) -> pd.DataFrame:
    rows = [
        (answer.task.user_id, answer.task.ad.ad_id, answer.task.as_of, step, thought)
        for answer in answers
        for step, thought in answer.thoughts
    ]
    return pd.DataFrame(rows, columns=pd.Index(THOUGHTS.names))


def _remarks(receipt: Receipt | None, draft: Draft, answers: Path) -> Iterator[str]:
    """What a start of the job did beyond what its output depends on."""
    if receipt is None:
        return
    wire = receipt.traffic
    asked = ", ".join(f"{count:,} {step}" for step, count in receipt.asked.items()) or "nothing"
    yield f"asked now: {asked}; known before: {sum(receipt.known.values()):,}"
    yield (
        f"requests: {wire.sent:,} sent, {wire.answered:,} answered, {wire.refused:,} turned away, "
        f"{wire.failed:,} failed, {wire.lost:,} lost" + (f"; {receipt.batches:,} batches" if receipt.batches else "")
    )
    yield f"{answers} holds all answers: {receipt.paid_tokens:,} tokens, {receipt.paid_usd:,.4f} USD"
    if receipt.stopped:
        yield "the budget ended the asking; a larger one, another --out and the same --answers go on where it ended"
    if not draft.rows["examples"]:
        yield "no title was kept: rejected.parquet and report.html tell why"
