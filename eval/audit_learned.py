"""The learned check of an audit: what the rules let pass is read once more, in batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from creator.core.artefacts import file_digest
from creator.core.records import Ad, Check
from creator.facts.learned.judge import Judgement, Verifier, find_verifier, with_judgement


class Judge(Protocol):
    """Whatever judges titles against ads, in batches."""

    def judge(self, pairs: Sequence[tuple[str, Ad]]) -> list[Judgement]:
        """One judgement for every (title, ad), in order."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A row of titles with its outcome so far.

    Args:
        fields: the row as given.
        title_id: its id.
        title: the title.
        ad: its ad.
        outcome: what the checks say.
    """

    fields: Mapping[str, object]
    title_id: str
    title: str
    ad: Ad
    outcome: Check


def verifier_digest(name: str) -> str:
    """The identity of a learned check: of its weights and its calibration.

    Raises:
        ModelError: nothing usable of that name.
    """
    folder = find_verifier(name)
    names = ("config.json", "calibration.json", "model.safetensors", "pytorch_model.bin")
    return "+".join(file_digest(folder / file) for file in names if (folder / file).is_file())


def load_verifier(name: str, *, shares: bool) -> Judge | None:
    """Load a learned check, or none for an empty name.

    Args:
        name: see `creator.facts.learned.judge.find_verifier`.
        shares: other processes do the same work, so that this one computes on one core.
    """
    if not name:
        return None
    if shares:
        import torch

        torch.set_num_threads(1)
    return Verifier.load(name)


def judged(rows: Sequence[Checked], verifier: Judge) -> list[Checked]:
    """The rows, those that may be published so far judged once more."""
    open_rows = [n for n, row in enumerate(rows) if row.outcome.publishable]
    found = list(rows)
    judgements = verifier.judge([(rows[n].title, rows[n].ad) for n in open_rows])
    for n, judgement in zip(open_rows, judgements, strict=True):
        outcome = with_judgement(rows[n].outcome, rows[n].title, judgement)
        found[n] = dataclasses.replace(rows[n], outcome=outcome)
    return found
