"""The collapse watch: a contrastive training that has stopped to learn is ended, and told why.

Two things make InfoNCE fall without anything being learnt: embeddings that all point the same way, and negatives that
are masked until none is left (a mask by cosine does that by itself once embeddings are parallel). Ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from creator.core.errors import HllmCreatorError

MOST_PARALLEL = 0.99
"""Mean cosine between different rows from which embeddings count as parallel."""
LEAST_LIVE = 1.0
"""Live negatives a query, below which there is nothing to tell an item from."""
PATIENCE = 100
"""Steps that it may last: pretrained LLMs start nearly parallel, and training pulls them apart."""
PREFIX = "parallel_"
LIVE = "live_negatives"


@dataclass(slots=True)
class CollapseWatch:
    """Counts for how many steps in a row each thing watched has been wrong.

    Args:
        patience: steps in a row after which training ends.
        wrong_for: steps in a row by figure; kept with a checkpoint.
    """

    patience: int = PATIENCE
    wrong_for: dict[str, int] = field(default_factory=lambda: dict[str, int]())

    def look(self, step: int, figures: Mapping[str, float]) -> None:
        """Look at a step's figures: "parallel_NAME" is the mean cosine between NAME, "live_negatives" what it says.

        Raises:
            HllmCreatorError: one of them has been wrong for `patience` steps in a row.
        """
        for name, value in figures.items():
            if name.startswith(PREFIX):
                wrong = value > MOST_PARALLEL
            elif name == LIVE:
                wrong = value < LEAST_LIVE
            else:
                continue
            self.wrong_for[name] = self.wrong_for.get(name, 0) + 1 if wrong else 0
            if self.wrong_for[name] >= self.patience:
                raise _explained(name, value, step, self.patience)


def _explained(name: str, value: float, step: int, patience: int) -> HllmCreatorError:
    lasted = f"for {patience} steps in a row, up to step {step}"
    if name == LIVE:
        return HllmCreatorError(
            "training has collapsed: hardly a negative is left to tell the next item from",
            got=f"{value:.2f} live negatives a query {lasted}",
            expected=f"at least {LEAST_LIVE:g}; many items share their text, or a mask by cosine hides them all",
            cure="draw more --negatives, give items texts that tell them apart, or leave --near-duplicates at 0",
        )
    return HllmCreatorError(
        f"training has collapsed: the embeddings of different {name.removeprefix(PREFIX)} are nearly parallel",
        got=f"a mean cosine of {value:.4f} {lasted}",
        expected=f"below {MOST_PARALLEL:g}",
        cure="lower the learning rate, warm up for longer, or draw more --negatives",
    )
