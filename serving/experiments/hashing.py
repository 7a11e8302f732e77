"""GrowthBook's hashing, after its public specification for SDK authors (docs.growthbook.io/lib/build-your-own, 0.7).

Whoever uses a GrowthBook SDK elsewhere puts the same user into the same variation.
"""

from __future__ import annotations

from collections.abc import Sequence

OFFSET_BASIS, PRIME = 0x811C9DC5, 0x01000193  # FNV-1a with 32 bits
UNSURE = 0.01  # weights whose sum is further from 1 are replaced by equal ones, as the specification says

Range = tuple[float, float]


def fnv1a32(text: str) -> int:
    """The 32-bit Fowler-Noll-Vo hash 1a of a text, taken by UTF-16 code units as the JavaScript SDK does.

    For ASCII, which ids mostly are, these are the bytes.
    """
    value = OFFSET_BASIS
    units = text.encode() if text.isascii() else memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    for unit in units:
        value = ((value ^ unit) * PRIME) & 0xFFFFFFFF
    return value


def bucket(seed: str, value: str, version: int) -> float | None:
    """Where a value falls on the line from 0 to 1.

    Args:
        seed: of the experiment.
        value: the user's id.
        version: 1 (a thousand buckets, known to be biased when experiments run in parallel) or 2 (ten thousand).

    Returns:
        a number in [0, 1); None for a version that does not exist.
    """
    if version == 1:
        return fnv1a32(value + seed) % 1_000 / 1_000
    if version == 2:
        return fnv1a32(str(fnv1a32(seed + value))) % 10_000 / 10_000
    return None


def equal_weights(count: int) -> list[float]:
    """The same weight for each variation."""
    return [1 / count] * count if count > 0 else []


def bucket_ranges(count: int, coverage: float = 1.0, weights: Sequence[float] | None = None) -> list[Range]:
    """The part of the line that belongs to each variation.

    A range starts where it would start under full coverage, so that more coverage moves nobody from one variation
    into another.

    Args:
        count: how many variations there are.
        coverage: share of users taken in; outside 0 to 1 it is taken for the nearer of the two.
        weights: share of each variation; of another length, or with a sum away from 1, they are taken for equal.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != count or not 1 - UNSURE <= sum(weights) <= 1 + UNSURE:
        weights = equal_weights(count)
    ranges: list[Range] = []
    start = 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose(place: float, ranges: Sequence[Range]) -> int:
    """Index of the first range [start, end) that holds a place on the line; -1 when none does."""
    return next((index for index, part in enumerate(ranges) if in_range(place, part)), -1)


def in_range(place: float, part: Range) -> bool:
    """Whether a place lies in [start, end)."""
    return part[0] <= place < part[1]


def in_namespace(value: str, name: str, part: Range) -> bool:
    """Whether a user lies in this part of a namespace; parts that do not overlap share no user."""
    place = bucket(f"__{name}", value, 1)
    return place is not None and in_range(place, part)
