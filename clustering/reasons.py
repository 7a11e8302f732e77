"""Why pairs were kept or dropped, in words, for millions of pairs at once.

A reason is the joint of two texts, each looked up in a small table: one row a pair would be a Python string a pair,
which at a hundred million pairs takes hours. Shapes: N pairs, K clusters, A ads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clustering.vectors import Integers

Doubles = npt.NDArray[np.float64]

UNREACHED = "dropped: no user of the cluster is expected to match"
DIGITS = 4
"""Significant digits of an expected reach."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """The reason of each of N pairs as two texts.

    Args:
        first: [N], rows of `firsts`.
        second: [N], rows of `seconds`.
        firsts: texts that a reason begins with.
        seconds: texts that it ends with.
    """

    first: Integers
    second: Integers
    firsts: pa.StringArray
    seconds: pa.StringArray

    def texts(self) -> pa.StringArray:
        """All of them in words; [N]."""
        first, second = self.firsts.take(pa.array(self.first)), self.seconds.take(pa.array(self.second))
        return pc.call_function("binary_join_element_wise", [first, second, ""])

    def __getitem__(self, pair: int) -> str:
        return self.firsts[int(self.first[pair])].as_py() + self.seconds[int(self.second[pair])].as_py()


@dataclass(slots=True)
class Table:
    """Texts under numbers; a text is put down once."""

    texts: list[str] = field(default_factory=list[str])

    def add(self, texts: Sequence[str]) -> int:
        """The number of the first of these texts, which are put down in a row."""
        self.texts += texts
        return len(self.texts) - len(texts)

    def array(self) -> pa.StringArray:
        """All texts by number."""
        return pa.array(self.texts, pa.string())


def spell_figures(values: Doubles) -> tuple[Integers, list[str]]:
    """Numbers as text with four significant digits, each different text once.

    Args:
        values: [N], finite and not negative.

    Returns:
        [N], which text is whose; and the texts.
    """
    # Round before looking for the different ones: a million reaches are some ten thousand texts
    positive = np.where(values > 0, values, 1.0)
    unit = 10.0 ** (np.floor(np.log10(positive)) - (DIGITS - 1))
    rounded = np.where(values > 0, np.rint(positive / unit) * unit, 0.0)
    different, which = np.unique(rounded, return_inverse=True)
    return which.ravel(), [f"{value:.{DIGITS}g}" for value in different.tolist()]
