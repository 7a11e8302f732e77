"""Imports the package before anything imports torch: it sets how OpenMP waits, which libgomp reads when it is loaded."""

import creator as creator
