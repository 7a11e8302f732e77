"""The error tree. Bad code raises Python's own errors; everything a user can cause is one of these.

    HllmCreatorError            exit 1: the work failed
    ├── UsageError              exit 2: the call or the configuration is wrong (every fault listed)
    ├── InputError              exit 1: an input cannot be used as it is
    │   └── ArtefactError       exit 1: a folder is missing, half-written, or of another kind
    ├── ModelError              exit 1: a model folder or checkpoint does not fit
    ├── EngineError             exit 1: the inference engine failed or was given a wrong shape
    ├── StoreError              exit 1: the title store cannot be read or written
    └── StageError              exit 1: a stage of a run failed, or another run holds its folder

A message says what happened, what was got, what was expected and the cure. It carries ids and paths, never a
user's text and never a secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class HllmCreatorError(Exception):
    """A failure with a cure.

    Args:
        what: what went wrong, one clause.
        got: what was found (ids, types and counts only).
        expected: what would have been right.
        cure: what the person at the terminal can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, got: object = None, expected: object = None, cure: str | None = None) -> None:
        self.what, self.got, self.expected, self.cure = what, got, expected, cure
        parts = [what]
        if got is not None:
            parts.append(f"got: {got}")
        if expected is not None:
            parts.append(f"expected: {expected}")
        if cure is not None:
            parts.append(f"try: {cure}")
        super().__init__("; ".join(parts))


class UsageError(HllmCreatorError):
    """The call or the configuration is wrong. `faults` holds every fault found, not only the first."""

    exit_code = 2

    def __init__(self, faults: Sequence[str], *, cure: str | None = None) -> None:
        self.faults = tuple(faults)
        listed = self.faults[0] if len(self.faults) == 1 else "".join(f"\n  - {fault}" for fault in self.faults)
        count = "" if len(self.faults) == 1 else f"{len(self.faults)} faults:"
        super().__init__(f"{count}{listed}", cure=cure)


class InputError(HllmCreatorError):
    """An input file or table cannot be used as it is."""


class ArtefactError(InputError):
    """An artefact folder is missing, half-written, of another kind or of another schema version."""


class ModelError(HllmCreatorError):
    """A model folder or checkpoint does not fit what was asked of it."""


class EngineError(HllmCreatorError):
    """The inference engine failed, or was handed something of the wrong shape."""


class StoreError(HllmCreatorError):
    """The title store cannot be read or written."""


class StageError(HllmCreatorError):
    """A stage of a run failed (its own message stands above), or another run works in the same folder."""
