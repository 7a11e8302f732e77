"""Progress of long work: a bar on a terminal, a plain line every few seconds otherwise. Written to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

LINE_EVERY_S = 10.0

T = TypeVar("T")


def say(text: str) -> None:
    """One plain line to stderr, where progress goes; stdout stays for results."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Progress of work whose steps are told with `advance`.

    Args:
        label: what is being done.
        total: how many steps there are.
        unit: what one step is, in the plural ("users").
        done: steps already done before this start (resumed work).
    """

    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        self._label, self._total, self._unit, self._done, self._first = label, total, unit, done, done
        self._start = self._last = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, desc=label, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True
            )

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps as done; `note` is shown beside the rate (a loss, a memory figure)."""
        self._done += steps
        if self._bar is not None:
            self._bar.update(steps)
            if note:
                self._bar.set_postfix_str(note)
            return
        now = time.monotonic()
        if now - self._last >= LINE_EVERY_S or self._done >= self._total:
            self._last = now
            self._line(now, note)

    def _line(self, now: float, note: str) -> None:
        elapsed = now - self._start
        rate = (self._done - self._first) / elapsed if elapsed > 0 else 0.0
        left = f", {(self._total - self._done) / rate:.0f} s left" if rate and self._done < self._total else ""
        say(
            f"{self._label}: {self._done:,} of {self._total:,} {self._unit}, {rate:,.1f}/s, {elapsed:.0f} s{left}"
            + (f", {note}" if note else "")
        )

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


def track(items: Iterable[T], label: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Iterate with progress."""
    sized = total if total is not None else len(items)  # pyright: ignore[reportArgumentType]
    progress = Progress(label, sized, unit)
    try:
        for item in items:
            yield item
            progress.advance()
    finally:
        progress.close()
