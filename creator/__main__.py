"""`python -m creator` is `hllm-creator`."""

import sys

from creator.cli import main

sys.exit(main())
