"""`audit` on many titles: titles a second, memory, and whether a run killed in the middle ends as one that was not.

    python bench/audit.py --titles 1000000 --out runs/audit-bench

Titles are the labelled ones of tests/data/audit_dev and tests/facts/unseen, over and over, each time with another
ending ("Offer 17"), so that no title comes twice and no result can be remembered. One run is killed after a third.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

SETS = ("tests/data/audit_dev", "tests/facts/unseen/first", "tests/facts/unseen/second")


def write_inputs(folder: Path, titles: int) -> None:
    """Write ads.jsonl and titles.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    with (folder / "ads.jsonl").open("w", encoding="utf-8") as ads:
        for name in SETS:
            ads.write((Path(name) / "ads.jsonl").read_text(encoding="utf-8"))
            rows += [json.loads(line) for line in (Path(name) / "titles.jsonl").read_text("utf-8").splitlines()]
    with (folder / "titles.jsonl").open("w", encoding="utf-8") as stream:
        for n, row in enumerate(islice(cycle(rows), titles)):
            title = f"{row['title']}, Offer {n // len(rows)}"
            stream.write(
                json.dumps({"title_id": f"t{n}", "ad_id": row["ad_id"], "title": title}, ensure_ascii=False) + "\n"
            )


def start(folder: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start `audit` as a process group of its own."""
    arguments = ["--ads", str(folder / "ads.jsonl"), "--titles", str(folder / "titles.jsonl"), "--out", str(out)]
    command = [sys.executable, "-m", "creator", "audit", *arguments, "--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    chosen = parser.parse_args()
    write_inputs(chosen.out, chosen.titles)
    whole, killed = chosen.out / "WHOLE", chosen.out / "KILLED"
    began = time.monotonic()
    if start(chosen.out, whole, chosen.workers).wait() != 0:
        sys.exit("audit failed")
    took = time.monotonic() - began
    victim = start(chosen.out, killed, chosen.workers)
    time.sleep(took / 3)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    state = chosen.out / "KILLED.partial" / ".progress.json"
    kept = json.loads(state.read_text(encoding="utf-8"))["rows"] if state.exists() else 0
    if start(chosen.out, killed, chosen.workers).wait() != 0:
        sys.exit("audit did not resume")
    rate = json.loads((whole / "summary.json").read_text(encoding="utf-8"))["titles_per_s"]
    print(
        json.dumps(
            {
                "titles": chosen.titles,
                "workers": chosen.workers,
                "took_s": round(took, 1),
                "titles_per_s": round(rate),
                "largest_process_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
                "rows_kept_by_the_killed_run": kept,
                "same_verdicts": digest(whole / "verdicts.jsonl") == digest(killed / "verdicts.jsonl"),
            }
        )
    )


if __name__ == "__main__":
    main()
