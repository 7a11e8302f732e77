"""Imports the package before anything imports torch: it sets how OpenMP waits, which libgomp reads as it is loaded.

Ray reads as it is imported, by vLLM for one, whether it stays on the loopback address; the tests' clusters do.
"""

import os

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

from hypothesis import settings

import creator as creator

settings.register_profile("steady", deadline=None)  # a busy machine is no defect
settings.load_profile("steady")
