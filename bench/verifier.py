"""A verifier on titles labelled by hand: rules alone, verifier alone, both; and how many titles a second it reads.

    python bench/verifier.py --verifier runs/verifier --sets tests/data/audit_dev tests/data/audit_unseen

A set is a folder with ads.jsonl and titles.jsonl ("label": "ok" or the kind of error); it is told in two halves, by the
number of the ad. Printed are the wrong titles stopped and the true ones turned down, with the counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

from creator.facts.learned.judge import Judgement, Verifier
from creator.facts.verifier import check_title
from eval.audit_inputs import read_ads, read_titles

CHECKS = ("rules", "verifier", "both")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifier", required=True, help="VERIFIER folder, or a classifier by name")
    parser.add_argument("--sets", type=Path, nargs="+", required=True)
    chosen = parser.parse_args()
    verifier = Verifier.load(chosen.verifier)
    for folder in chosen.sets:
        ads = read_ads(folder / "ads.jsonl").ads
        rows = [json.loads(row) for row in read_titles(folder / "titles.jsonl") if isinstance(row, str | bytes)]
        halves = {ad_id: "odd" if n % 2 == 0 else "even" for n, ad_id in enumerate(ads)}
        started = time.monotonic()
        judged = verifier.judge([(row["title"], ads[row["ad_id"]]) for row in rows])
        rate = len(rows) / (time.monotonic() - started)
        stopped: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
        for row, judgement in zip(rows, judged, strict=True):
            by_rules = not check_title(row["title"], ads[row["ad_id"]]).publishable
            by_verifier = isinstance(judgement, Judgement) and judgement.wrong
            said = {"rules": by_rules, "verifier": by_verifier, "both": by_rules or by_verifier}
            wrong = row["label"] != "ok"
            for check in CHECKS:
                stopped[halves[row["ad_id"]], "wrong" if wrong else "ok", check].append(said[check])
                stopped["all", "wrong" if wrong else "ok", check].append(said[check])
                if wrong:
                    stopped["all", row["label"], check].append(said[check])
        print(f"\n{folder}: {len(rows)} titles, {rate:.0f} titles/s by the verifier alone")
        print(f"{'':<28}" + "".join(f"{check:>16}" for check in CHECKS))
        for where, label in sorted({(where, label) for where, label, _ in stopped}):
            cells = [stopped[where, label, check] for check in CHECKS]
            told = "".join(f"{sum(cell) / len(cell):>9.3f} ({sum(cell):>3})" for cell in cells)
            print(f"{where + ', ' + label:<22}{len(cells[0]):>6}{told}")


if __name__ == "__main__":
    main()
