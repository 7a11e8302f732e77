"""The learning system: encoders of items and users, the writer of titles, and the engines that run it."""

import os

# OpenMP threads that spin while they wait make everything several times slower as soon as another process wants a core:
# 43 s against 6 s for 64 titles on 2 busy cores. libgomp reads this once, when torch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
