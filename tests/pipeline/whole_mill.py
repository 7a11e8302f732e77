"""The mill's pipeline as a process of its own, so that tests can kill it: `whole_mill CONFIG RUN`."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

from creator import cli
from creator.pipeline.run import execute
from creator.pipeline.stages import plan, read_settings
from tests.pipeline.mill import COMMANDS, STAGES


def main() -> int:
    def run() -> dict[str, object]:
        config, folder = Path(sys.argv[1]), Path(sys.argv[2])
        execute(
            plan(read_settings(config, ()), folder, COMMANDS, STAGES),
            folder,
            (sys.executable, "-m", "tests.pipeline.mill"),
        )
        return {}

    with patch.object(cli, "_main", lambda _: (run(), 0)[1]):
        return cli.main([])


if __name__ == "__main__":
    sys.exit(main())
