"""The `run` command: plan, lock, and execute the stale stages."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option
from creator.core.errors import StageError, UsageError
from creator.core.progress import say
from creator.core.registry import commands
from creator.pipeline.freshness import begin, finish, give_back, read_words, stage_record, staleness
from creator.pipeline.stages import Job, plan, read_settings

PROGRAM = (sys.executable, "-m", "creator")
GRACE_S = 5.0
INTERRUPTED = 130
NAME_WIDTH = 22


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Settings of `run`."""

    config: Path = option(help="TOML file with one section per stage, such as configs/demo.toml")
    out: Path = option(help="the RUN folder; what is fresh in it is kept")
    set: tuple[str, ...] = option((), help="section.key=value, overriding the file; may be repeated")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one stage took.

    Args:
        ran: False when it was fresh.
        took_s: wall-clock seconds.
        peak_mib: the most memory its process held, MiB.
    """

    ran: bool
    took_s: float = 0.0
    peak_mib: float = 0.0


def run(options: RunOptions) -> dict[str, object]:
    """Bring every stage of a run up to date and show what it made."""
    if options.out.exists() and not options.out.is_dir():
        raise UsageError([f"--out {options.out}: a file is there, expected a folder or nothing"])
    jobs = plan(read_settings(options.config, options.set), options.out, commands())
    outcomes = execute(jobs, options.out)
    return {
        "run": str(options.out),
        "stages_ran": [name for name, outcome in outcomes.items() if outcome.ran],
        "stages_fresh": [name for name, outcome in outcomes.items() if not outcome.ran],
        "took_s": round(sum(outcome.took_s for outcome in outcomes.values()), 1),
        "peak_mib": round(max(outcome.peak_mib for outcome in outcomes.values())),
    }


def execute(jobs: Sequence[Job], run: Path, program: Sequence[str] = PROGRAM) -> Mapping[str, Outcome]:
    """Run the stale ones among the jobs, in order, each as a process of its own.

    Args:
        jobs: the plan.
        run: the RUN folder, made when missing.
        program: the words that start the program.

    Returns:
        what each stage took, by section.

    Raises:
        StageError: a stage failed, or another run works in the folder.
        KeyboardInterrupt: interrupted; whatever was under way resumes at the next call.
    """
    run.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, Outcome] = {}
    with _alone(run) as lock:
        for job in jobs:
            outcomes[job.stage.section] = _bring_up_to_date(job, run, program, lock)
    total_s = sum(outcome.took_s for outcome in outcomes.values())
    ran = sum(outcome.ran for outcome in outcomes.values())
    print(f"{'total':<{NAME_WIDTH}}{ran} of {len(outcomes)} stages ran in {total_s:.0f} s")
    print("".join(read_words(job.stage, run) for job in jobs), end="", flush=True)
    return outcomes


def _bring_up_to_date(job: Job, run: Path, program: Sequence[str], lock: int) -> Outcome:
    name, record = job.stage.section, stage_record(job, run)
    reason = staleness(job, run, record)
    if not reason:
        print(f"{name:<{NAME_WIDTH}}fresh", flush=True)
        return Outcome(ran=False)
    say(f"{name}: {job.stage.command} ({reason})")
    begin(job, run, record)
    started = time.monotonic()
    ended = _call([*program, *job.arguments()], lock, listen=job.stage.closing)
    if ended.status == INTERRUPTED:
        raise KeyboardInterrupt
    if ended.status:
        give_back(job, run)
        end = f"killed by {signal.Signals(-ended.status).name}" if ended.status < 0 else f"exit status {ended.status}"
        raise StageError(
            f"the stage '{name}' ({job.stage.command}) failed",
            got=end,
            cure="mend what is said above and run the same command again; finished stages are kept",
        )
    finish(job, run, record, ended.words)
    outcome = Outcome(True, time.monotonic() - started, ended.peak_mib)
    print(f"{name:<{NAME_WIDTH}}ran in {outcome.took_s:.0f} s, {ended.peak_mib / 1024:.1f} GiB", flush=True)
    return outcome


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a child ended: exit status (negative: a signal), peak memory in MiB, and what it said if listened to."""

    status: int
    peak_mib: float
    words: str


def _call(words: Sequence[str], lock: int, *, listen: bool) -> _Ended:
    """Run a child to its end.

    The child holds the lock too and dies with us, so that no orphan goes on writing beside the next run.
    """
    sys.stdout.flush()
    child = subprocess.Popen(  # noqa: S603 - our own program
        words,
        stdout=subprocess.PIPE if listen else None,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"} if listen else None,
        pass_fds=(lock,),
        preexec_fn=_die_with_parent,
    )
    try:
        said = ""
        if child.stdout is not None:
            with child.stdout:
                said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
    except KeyboardInterrupt:
        _end(child)
        raise
    child.returncode = os.waitstatus_to_exitcode(status)
    return _Ended(child.returncode, usage.ru_maxrss / 1024, said)


def _end(child: subprocess.Popen[str]) -> None:
    """Let a child that got the same Ctrl-C end by itself; then insist."""
    for insist in (child.terminate, child.kill):
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            insist()
    child.wait()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


@contextmanager
def _alone(run: Path) -> Generator[int]:
    """Hold the folder's lock; it falls with the process, however that ends."""
    handle = os.open(run / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError(f"another run is working in {run}", cure="wait for it, or name another --out") from None
        yield handle
    finally:
        os.close(handle)
