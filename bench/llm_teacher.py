"""`synthesize --teacher openai` against vLLM's own server with SmolLM2: what the fact check makes of a poor teacher.

    python -m bench.llm_teacher --data runs/demo/data --out runs/llm --limit 6 --heldout 2

Real HTTP and decoding held to the schema. Prints, beside the job's figures, the server's own counts of requests and
tokens; ends with status 1 where a row is missing or double, or a total differs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from creator.cli import main as program
from creator.engine.backbone import resolve_backbone
from tests.vllm_server import counted, vllm_server

CONTEXT_TOKENS = 8192  # SmolLM2's own


def main() -> int:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="DATA folder")
    parser.add_argument("--out", type=Path, required=True, help="folder that holds the EXAMPLES folder afterwards")
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--heldout", type=int, default=2)
    parser.add_argument("--history", type=int, default=40)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    out = chosen.out / "examples"
    with vllm_server(resolve_backbone("smollm2"), context_tokens=CONTEXT_TOKENS, dtype="bfloat16") as server:
        os.environ |= {"OPENAI_BASE_URL": f"{server}/v1"}
        started = time.monotonic()
        status = program(
            ["synthesize", "--data", str(chosen.data), "--out", str(out), "--teacher", "openai", "--model", "tiny",
             "--limit", str(chosen.limit), "--heldout", str(chosen.heldout), "--history", str(chosen.history),
             "--temperature", "0", "--concurrency", "8", "--timeout-s", "400", "--retries", "1"]
        )  # fmt: skip
        took_s = time.monotonic() - started
        server_s = counted(server)
    if status:
        return status
    facts = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["facts"]
    kept, rejected = pd.read_parquet(out / "examples.parquet"), pd.read_parquet(out / "rejected.parquet")
    rows = pd.concat([kept, rejected])
    checks = {
        "every row once": not rows.duplicated(["user_id", "ad_id", "as_of"]).any()
        and len(rows) == chosen.limit + chosen.heldout,
        "requests": facts["answers"] == server_s["request_success_total"],
        "tokens_in": facts["tokens_in"] == server_s["prompt_tokens_total"],
        "tokens_out": facts["tokens_out"] == server_s["generation_tokens_total"],
    }
    told = {
        "kept": len(kept),
        "rejected": dict(Counter(rejected["reason"])),
        "server": server_s,
        "job": {name: facts[name] for name in ("answers", "tokens_in", "tokens_out")},
        "agree": {name: bool(held) for name, held in checks.items()},
        "took_s": round(took_s, 1),
        "titles": [str(title) for title in rows["title"] if title],
    }
    print(json.dumps(told, indent=1, ensure_ascii=False))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
