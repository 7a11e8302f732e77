"""Imports the package before anything imports torch: it sets how OpenMP waits, which libgomp reads as it is loaded.

Ray reads as it is imported, by vLLM for one, whether it stays on the loopback address and what lets one in. The tests'
clusters, and those they are joined by, keep to that address and want this run's token.
"""

import os
import secrets

os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
}

from hypothesis import settings

import creator as creator

settings.register_profile("steady", deadline=None)  # a busy machine is no defect
settings.load_profile("steady")
