"""The command `evaluate judge`: a chat model compares two columns of titles, each pair in both orders.

A tie is what the judge calls one; a pair without a verdict in either order is a failure and counts nowhere. Whether the
judge says the same when the titles change places is reported, for a judge that does not is no judge.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from creator.core.artefacts import write_artefact, write_text
from creator.core.progress import Progress, say
from creator.engine.chat.budget import Budget, Prices
from creator.engine.chat.desk import Desk
from creator.engine.chat.endpoint import Address, Endpoint
from creator.engine.chat.exchange import converse
from creator.engine.chat.fence import RULE, fence
from creator.engine.chat.ledger import Ledger
from creator.engine.chat.question import Message, NoAnswer, Question, Reply, Wording
from creator.engine.chat.reading import UnusableAnswerError, read_answer
from eval.figures import write_summary
from eval.judge_figures import Judged, judge_figures
from eval.judge_options import JudgeOptions
from eval.judge_rows import Pair, read_pairs
from eval.page import write_page

VERSION = "judge-1"
MOST_TOKENS = 300
SHOWN = 200

_SYSTEM = f"You compare titles of an ad as its reader would. {RULE}"
_USER = """{reader}{ad}Two titles for this ad:

{titles}

Which title would make this reader look at the ad, without saying anything that the ad does not? Length and order do not
matter. `better` is "A", "B", or "same" if neither is clearly better; `reason` is one short sentence."""


class Opinion(BaseModel):
    """A judge's answer."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str
    better: Literal["A", "B", "same"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One order of one pair.

    Args:
        row: number of the row in the table.
        order: which title stood first.
        verdict: of the title under judgement; "failed" for none.
        reason: the judge's, or why it gave none.
        cost_usd: of all answers in this order.
    """

    row: int
    order: Literal["title first", "against first"]
    verdict: Literal["good", "same", "bad", "failed"]
    reason: str
    cost_usd: float


def evaluate_judge(options: JudgeOptions) -> dict[str, object]:
    """Judge every pair in both orders, and write verdicts, figures and page.

    Raises:
        InputError: the table does not fit.
        EngineError: the endpoint answers nobody; answers so far are kept.
        UsageError: the environment names no endpoint and no key.
    """
    address = Address.from_environment()
    pairs, left = read_pairs(options)
    path = options.answers or options.out.with_name(options.out.name + ".answers.jsonl")
    aside = ("table", "out", "answers", "concurrency", "timeout_s", "retries")
    config = {"of": "judge", **{k: v for k, v in asdict(options).items() if k not in aside}}
    with (
        closing(Ledger(path)) as ledger,
        write_artefact(options.out, "evaluation", config=config, inputs={"table": options.table}) as draft,
    ):
        verdicts = asyncio.run(_judge(options, address, ledger, pairs))
        judged = [Judged(p.group, a.verdict, b.verdict) for p, (a, b) in zip(pairs, verdicts, strict=True)]
        figures = judge_figures(judged, resample_count=options.resamples, seed=options.seed)
        lines = [json.dumps(asdict(verdict), ensure_ascii=False) for both in verdicts for verdict in both]
        write_text(draft.path / "verdicts.jsonl", "\n".join(lines) + "\n")
        counts = _counts(judged)
        details = {
            "of": "judge",
            "judge": options.model,
            "prompt_version": VERSION,
            "verdicts": counts,
            "left_out": left,
        }
        write_summary(draft.path / "summary.json", figures, details)
        shown = list(zip(pairs, judged, verdicts, strict=True))[:SHOWN]
        write_page(draft.path / "report.html", "judge.html.jinja", figures=figures, counts=counts, shown=shown,
                   column=options.column, against=options.against, judge=options.model)  # fmt: skip
        draft.rows = {"pairs": len(pairs), "left_out": sum(left.values()), **counts}
        draft.facts = {figure.key: figure.value for figure in figures}
    for figure in figures:
        span = f" ({figure.interval})" if figure.interval else ""
        print(f"{figure.label:<44}{figure.written(figure.value):>8}{span}")
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    say(f"{path} holds all answers: {ledger.tokens:,} tokens, {ledger.cost_usd:,.4f} USD")
    return {"out": str(options.out), **draft.rows, **draft.facts}


def _counts(judged: Sequence[Judged]) -> dict[str, int]:
    outcomes = [one.outcome for one in judged]
    return {name: outcomes.count(name) for name in ("good", "same", "bad", "order decides", "failed")}


async def _judge(
    options: JudgeOptions, address: Address, ledger: Ledger, pairs: Sequence[Pair]
) -> list[tuple[Verdict, Verdict]]:
    wording = Wording(options.model, options.seed, options.temperature, options.schema, options.thinking_tokens)
    prices = Prices(options.price_in, options.price_out)
    budget = Budget(prices, options.budget_tokens, options.budget_usd, options.thinking_tokens)
    endpoint = Endpoint(address, wording, prices, concurrency=options.concurrency, timeout_s=options.timeout_s,
                        retries=options.retries)  # fmt: skip
    desk = Desk(wording, ledger, budget, endpoint)
    progress = Progress("verdicts", 2 * len(pairs), "verdicts")
    talks = (compare(pair, swapped) for pair in pairs for swapped in (False, True))
    try:
        verdicts = await converse(talks, desk, 2 * options.concurrency, progress.advance)
        desk.conclude()
    finally:
        progress.close()
        await endpoint.close()
    return list(zip(verdicts[::2], verdicts[1::2], strict=True))


def compare(pair: Pair, swapped: bool) -> Generator[Question, Reply, Verdict]:
    """Compare a pair in one order; an unusable answer is asked for once more, a refusal is not."""
    question = judge_question(pair, swapped)
    order: Literal["title first", "against first"] = "against first" if swapped else "title first"
    mine = "B" if swapped else "A"
    cost = 0.0
    reason = ""
    for _ in range(2):
        reply = yield question
        if isinstance(reply, NoAnswer):
            return Verdict(pair.row, order, "failed", reply.reason, cost)
        cost += reply.cost_usd
        try:
            said = read_answer(reply, Opinion)
        except UnusableAnswerError as error:
            reason = str(error)
            if reason == "refused":
                break
            question = question.again()
            continue
        verdict = "same" if said.better == "same" else "good" if said.better == mine else "bad"
        return Verdict(pair.row, order, verdict, said.reason, cost)
    return Verdict(pair.row, order, "failed", f"judge: {reason}", cost)


def judge_question(pair: Pair, swapped: bool) -> Question:
    """The question about a pair: reader, ad and titles as data; the title under judgement is A, or B when swapped."""
    titles = {"A": pair.title, "B": pair.against}
    if swapped:
        titles = {"A": pair.against, "B": pair.title}
    reader = f"A reader:\n\n{fence('reader', pair.profile)}\n\n" if pair.profile else ""
    told = {"title": pair.ad_title, "description": pair.ad_description}
    ad = f"An ad:\n\n{fence('ad', told)}\n\n" if pair.ad_title or pair.ad_description else ""
    text = _USER.format(reader=reader, ad=ad, titles=fence("titles", titles))
    return Question("judge", VERSION, (Message("system", _SYSTEM), Message("user", text)), Opinion, MOST_TOKENS)
