"""Experiments: how long one must run, what it showed, and a simulation that proves the intervals."""
