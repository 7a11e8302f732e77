"""`audit`: every title against its ad, streamed through several processes; a kill loses a few seconds of work."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from creator.core.artefacts import Draft, write_artefact, write_text
from creator.core.errors import HllmCreatorError, InputError
from creator.core.progress import Progress
from creator.core.records import Ad, Check, Finding, FindingKind, Verdict
from creator.facts.channels import Channel, channel_faults
from creator.facts.evidence import AdFacts
from creator.facts.guide import BrandGuide, as_json, with_guides
from creator.facts.verifier import check
from eval.audit_inputs import (
    AdRows,
    BadRowError,
    Row,
    count_titles,
    read_ads,
    read_guide_file,
    read_row,
    read_titles,
    source_of,
    text_field,
)
from eval.audit_learned import Judge, Named, judged
from eval.audit_options import AuditOptions
from eval.audit_page import write_audit_page
from eval.audit_rows import Checked, as_line, verdict_line
from eval.audit_summary import print_summary, summarise

CHUNK = 1000  # titles
PARALLEL_FROM = 4000  # titles; below it a second process costs more than it brings
SAVE_EVERY_S = 2.0
_STATE = ".progress.json"
_ads: dict[str, Ad] = {}
_channels: tuple[Channel, ...] = ()
_held: Callable[[str, Ad], Check]
_verifier: Judge | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What titles are held to beside their ads: platforms' rules, brand guides by advertiser, a learned check."""

    channels: tuple[Channel, ...] = ()
    guides: Mapping[str, BrandGuide] = field(default_factory=dict[str, BrandGuide])
    verifier: Named = field(default_factory=Named)


@dataclass(slots=True)
class Done:
    """What is done: rows of titles read, and bytes of each output file that hold them."""

    rows: int = 0
    kept_bytes: int = 0
    rejected_bytes: int = 0


@dataclass(slots=True)
class Outcome:
    """A chunk's lines for the two output files, and how many rows it had."""

    rows: int
    kept: list[bytes] = field(default_factory=list[bytes])
    rejected: list[bytes] = field(default_factory=list[bytes])


def audit(options: AuditOptions) -> Mapping[str, object]:
    """Check titles against ads and write the AUDIT folder.

    Raises:
        InputError: an input is missing or unreadable, or no title in it could be checked.
    """
    ads_from, titles_from = source_of(options.ads, "data"), source_of(options.titles, "titles")
    config: dict[str, object] = {"channels": list(options.channels), "shown": options.shown}
    verifier = Named.of(options)
    if verifier.name:
        config["verifier"] = verifier.digest()
    guides = read_guide_file(options.guide) if options.guide is not None else {}
    if guides:
        config["guides"] = [as_json(guides[name]) for name in sorted(guides)]
    with write_artefact(options.out, "audit", config=config, inputs={"ads": ads_from, "titles": titles_from}) as draft:
        ads = read_ads(ads_from)
        if not ads.ads:
            raise InputError(f"no usable ad in {options.ads}", got=_first_reasons(ads.rejected), cure="mend the rows")
        total = count_titles(titles_from)
        channels = tuple(Channel(name) for name in options.channels)
        workers = options.workers or (os.cpu_count() or 1 if total >= PARALLEL_FROM else 1)
        if verifier.chat is not None:
            workers = 1
        rules = Rules(channels, guides, verifier)
        try:
            rate = _check_all(draft, ads, read_titles(titles_from), total, rules, workers)
        finally:
            _release()
        summary = summarise(draft.path / "verdicts.jsonl", draft.path / "rejected.jsonl", rate)
        if summary.checked + summary.rejected_titles != total:
            raise HllmCreatorError("rows went astray", got=summary.checked + summary.rejected_titles, expected=total)
        if total and not summary.checked:
            raise InputError(f"no usable title in {options.titles}", got=summary.reasons_text(), cure="mend the rows")
        write_text(draft.path / "summary.json", json.dumps(summary.as_json(), indent=1, ensure_ascii=False))
        write_audit_page(draft.path, ads.ads, summary, options.shown)
        with suppress(FileNotFoundError):
            (draft.path / _STATE).unlink()
        draft.rows.update(verdicts=summary.checked, rejected=summary.rejected)
        draft.facts.update(summary.flat())
    print_summary(summary)
    print(f"report: {options.out / 'report.html'}")
    return {"out": str(options.out), **summary.flat()}


def _first_reasons(rejected: list[tuple[int, str]]) -> str:
    return "; ".join(f"row {number}: {reason}" for number, reason in rejected[:3]) or "no rows"


def _check_all(draft: Draft, ads: AdRows, rows: Iterator[Row], total: int, rules: Rules, workers: int) -> float | None:
    """Write verdicts.jsonl and rejected.jsonl, going on where an interrupted attempt stopped; returns titles/s."""
    done = _resume(draft)
    _prepare(ads.ads, rules if workers == 1 else Rules(rules.channels, rules.guides))
    started, first = time.monotonic(), done.rows
    progress = Progress("audit", total, "titles", done=done.rows)
    saved = started
    with (
        _open_at(draft.path / "verdicts.jsonl", done.kept_bytes) as kept,
        _open_at(draft.path / "rejected.jsonl", done.rejected_bytes) as rejected,
    ):
        if not first:
            for number, reason in ads.rejected:
                rejected.write(as_line({"file": "ads", "row": number, "reason": reason}))
        for outcome in _outcomes(islice(rows, done.rows, None), done.rows, ads.ads, rules, workers):
            kept.writelines(outcome.kept)
            rejected.writelines(outcome.rejected)
            done.rows += outcome.rows
            progress.advance(outcome.rows)
            if time.monotonic() - saved > SAVE_EVERY_S:
                _save(draft.path, done, kept, rejected)
                saved = time.monotonic()
        _save(draft.path, done, kept, rejected)
    progress.close()
    took = time.monotonic() - started
    return (done.rows - first) / took if done.rows > first and took > 0 else None


def _resume(draft: Draft) -> Done:
    if draft.resumed:
        with suppress(OSError, ValueError, TypeError):
            return Done(**json.loads((draft.path / _STATE).read_text(encoding="utf-8")))
    return Done()


def _open_at(path: Path, size: int) -> BinaryIO:
    stream = path.open("r+b" if path.exists() else "w+b")
    stream.truncate(size)
    stream.seek(size)
    return stream


def _save(folder: Path, done: Done, kept: BinaryIO, rejected: BinaryIO) -> None:
    for stream in (kept, rejected):
        stream.flush()
        os.fsync(stream.fileno())
    done.kept_bytes, done.rejected_bytes = kept.tell(), rejected.tell()
    write_text(
        folder / _STATE,
        json.dumps({"rows": done.rows, "kept_bytes": done.kept_bytes, "rejected_bytes": done.rejected_bytes}),
    )


def _outcomes(rows: Iterable[Row], first: int, ads: dict[str, Ad], rules: Rules, workers: int) -> Iterator[Outcome]:
    """The chunks' outcomes in order; no more chunks are read ahead than keep the processes busy."""
    source = iter(rows)
    size = CHUNK if rules.verifier.chat is None else 4 * rules.verifier.chat.concurrency  # a chat model is slow
    chunks = iter(lambda: list(islice(source, size)), [])
    if workers == 1:
        for chunk in chunks:
            yield judge(chunk, first)
            first += len(chunk)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(ads, rules, True)) as pool:
        waiting: deque[Future[Outcome]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(judge, chunk, first))
                first += len(chunk)
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise HllmCreatorError(
                "a checking process was killed", cure="run the same command again, or with --workers 1"
            ) from None


def _prepare(ads: dict[str, Ad], rules: Rules, shares: bool = False) -> None:
    """Set a process up; one that `shares` the cores with others gives the learned check one of them."""
    global _ads, _channels, _held, _verifier
    _ads, _channels, _verifier = ads, rules.channels, rules.verifier.load(shares=shares)
    _held = with_guides(lambda title, ad: check(title, _facts(ad.ad_id)), rules.guides)
    _facts.cache_clear()
    check("", AdFacts.of(next(iter(ads.values()))))  # reads the word lists now, not within the first title


def _release() -> None:
    global _verifier
    if _verifier is not None:
        _verifier.close()
    _verifier = None


@lru_cache(maxsize=4096)
def _facts(ad_id: str) -> AdFacts:
    return AdFacts.of(_ads[ad_id])


def judge(chunk: list[Row], first: int) -> Outcome:
    """Check a chunk of rows of titles; `first` is the number of rows before it."""
    outcome = Outcome(len(chunk))
    checked: list[Checked] = []
    for number, row in enumerate(chunk, start=first + 1):
        try:
            checked.append(_checked(read_row(row), number))
        except BadRowError as error:
            outcome.rejected.append(as_line({"file": "titles", "row": number, "reason": str(error)}))
    for row in judged(checked, _verifier) if _verifier else checked:
        if row.unjudged:
            reason = f"verifier: {row.unjudged}"
            outcome.rejected.append(as_line({"file": "titles", "row": row.number, "reason": reason}))
        else:
            outcome.kept.append(verdict_line(row))
    return outcome


def _checked(fields: Mapping[str, object], number: int) -> Checked:
    ad_id, title = text_field(fields, "ad_id"), text_field(fields, "title")
    title_id = text_field(fields, "title_id", needed=False) or f"row-{number}"
    if ad_id not in _ads:
        raise BadRowError("unknown ad_id")
    outcome = with_channels(_held(title, _ads[ad_id]), title, _channels)
    return Checked(fields, number, title_id, title, _ads[ad_id], outcome)


def with_channels(outcome: Check, title: str, channels: tuple[Channel, ...]) -> Check:
    """A check with the faults that the named platforms would find added."""
    faults = [fault for channel in channels for fault in channel_faults(title, channel)]
    if not faults:
        return outcome
    added = tuple(
        Finding(
            FindingKind.CHANNEL,
            fault.span,
            title[slice(*fault.span)],
            f"{fault.channel}: {fault.message} ({fault.rule})",
            "policy",
            0.2 if fault.warning else 1.0,
        )
        for fault in faults
    )
    broken = any(not fault.warning for fault in faults)
    return Check(
        Verdict.UNSUPPORTED if broken else outcome.verdict,
        outcome.publishable and not broken,
        (*outcome.findings, *added),
    )
