"""Imports the package before anything imports torch: it sets how OpenMP waits, which libgomp reads as it is loaded."""

from hypothesis import settings

import creator as creator

settings.register_profile("steady", deadline=None)  # a busy machine is no defect
settings.load_profile("steady")
