"""The program as a child that runs one call after another: a full disk may kill it, and must not kill the tests.

Reads one JSON list of words a line, answers with one JSON object: the exit status and what was said.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback

from tests.bad_input.world import call


def _answer(words: list[str], largest_file: int) -> dict[str, object]:
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, unlimited[1]))
    try:
        done = call(*words)
        return {"status": done.status, "out": done.out, "err": done.err}
    except Exception:
        return {"status": -1, "out": "", "err": traceback.format_exc()}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_answer(asked["words"], asked["largest_file"])), flush=True)
