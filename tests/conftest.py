"""Imports the package before anything imports torch: it sets how OpenMP waits, which libgomp reads as it is loaded."""

import creator as creator
