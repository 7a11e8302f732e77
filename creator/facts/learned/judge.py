"""A learned judge of titles: any sequence classifier of transformers that reads ad and title as a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from creator.core.errors import ModelError
from creator.core.records import Ad, Check, Finding, FindingKind, Verdict
from creator.engine.backbone import model_folder_faults, resolve_backbone
from creator.facts.learned.calibration import Calibration, Floats
from creator.facts.learned.evidence import evidence_for

SUPPORTED = ("supported", "entailment", "consistent", "faithful")
BATCH = 64
LONGEST_TITLE = 400  # characters; no platform takes as many


def find_verifier(name: str) -> Path:
    """The folder of a verifier.

    Args:
        name: a VERIFIER folder, or a Hugging Face folder or hub id of an NLI or fact-consistency classifier.

    Raises:
        ModelError: nothing usable of that name.
    """
    folder = Path(name)
    if folder.is_dir() and model_folder_faults(folder):
        raise ModelError(
            f"{folder} is not a verifier",
            got="; ".join(model_folder_faults(folder)),
            expected="a VERIFIER folder, or a Hugging Face sequence classifier",
            cure="make one with 'hllm-creator train-verifier'",
        )
    return resolve_backbone(name)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a learned judge says of a title.

    Args:
        probability: that it holds an error, calibrated, 0 to 1.
        kind: the likeliest kind of error.
        wrong: the probability reaches the judge's threshold.
        span: [start, end) of the title's words at fault; None for the whole title.
        evidence: the ad's words that speak against it, or "".
        source_field: where they stand, or "".
    """

    probability: float
    kind: FindingKind
    wrong: bool
    span: tuple[int, int] | None = None
    evidence: str = ""
    source_field: str = ""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A title that a judge has no answer for.

    Args:
        reason: why, for the count of rejections.
    """

    reason: str


class Verifier:
    """A sequence classifier with its tokenizer and calibration.

    Args:
        model: the classifier. One with a single label gives the log odds of that label.
        tokenizer: its own.
        calibration: how its margins become probabilities.
        label: which of its labels means that a title is borne out; "" for the one that says so by its name.

    Raises:
        ModelError: none of its labels means that.
    """

    def __init__(self, model: Any, tokenizer: Any, calibration: Calibration, label: str = "") -> None:
        self._model, self._tokenizer, self.calibration = model.eval(), tokenizer, calibration
        labels = {int(n): str(label).casefold() for n, label in model.config.id2label.items()}
        wanted = (label.casefold(),) if label else SUPPORTED
        fine = [n for n, name in labels.items() if name in wanted]
        if len(fine) != 1:
            raise ModelError(
                "the classifier does not say which of its labels means a title is borne out",
                got=", ".join(labels.values()),
                expected="one of " + ", ".join(wanted),
                cure="name it with --verifier-label",
            )
        self._fine, self._alone = fine[0], len(labels) == 1
        kinds = {kind.value: kind for kind in FindingKind}
        self._kinds = [kinds.get(labels[n], FindingKind.UNSUPPORTED) for n in sorted(labels)]

    @classmethod
    def load(cls, name: str, label: str = "") -> Verifier:
        """Load a verifier by name (see `find_verifier`); `label` as for the class.

        Raises:
            ModelError: nothing usable of that name, or no classifier.
        """
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from creator.engine.quiet import quiet_transformers

        folder = find_verifier(name)
        try:
            with quiet_transformers():
                model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
                tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{folder} cannot be loaded as a classifier", got=type(error).__name__) from None
        return cls(model, tokenizer, Calibration.read(folder), label)

    def margins(self, pairs: Sequence[tuple[str, Ad]]) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Log odds of an error and the likeliest wrong label of every (title, ad), (N,) each."""
        import torch

        margins = np.zeros(len(pairs))
        labels = np.zeros(len(pairs), dtype=np.int64)
        told = [evidence_for(title, ad) for title, ad in pairs]
        order = sorted(range(len(pairs)), key=lambda n: len(pairs[n][0]) + len(told[n]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            texts = [(pairs[n][0], told[n]) for n in rows]
            inputs = encode(self._tokenizer, texts, self.calibration.longest)
            with torch.inference_mode():
                logits = self._model(**inputs).logits.double()
            if self._alone:
                margins[rows] = -logits[:, 0].numpy()
                continue
            wrong = logits.clone()
            wrong[:, self._fine] = -torch.inf
            margins[rows] = (torch.logsumexp(wrong, 1) - logits[:, self._fine]).numpy()
            labels[rows] = wrong.argmax(1).numpy()
        return margins, labels

    def judge(self, pairs: Sequence[tuple[str, Ad]]) -> list[Judgement | Unjudged]:
        """What the model says of every (title, ad), in order; none stays without a judgement."""
        margins, labels = self.margins(pairs)
        return [
            Judgement(float(p), self._kinds[n], bool(p >= self.calibration.threshold))
            for p, n in zip(self.calibration.probabilities(margins), labels, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held."""


def encode(tokenizer: Any, pairs: Sequence[tuple[str, str]], longest: int) -> Any:
    """Token ids of evidence and title as a pair, (B, T); of a pair that is too long the longer one's end goes first.

    Args:
        tokenizer: the classifier's own.
        pairs: titles, each with what is read of its ad.
        longest: T, at most.
    """
    return tokenizer(
        [told for _, told in pairs],
        [title[:LONGEST_TITLE] for title, _ in pairs],
        truncation=True,
        max_length=longest,
        padding=True,
        return_tensors="pt",
    )


def with_judgement(outcome: Check, title: str, judgement: Judgement) -> Check:
    """A check with the judge's finding added, if it has one."""
    if not judgement.wrong:
        return outcome
    span = judgement.span or (0, len(title))
    finding = Finding(
        judgement.kind, span, title[slice(*span)], judgement.evidence, judgement.source_field, judgement.probability
    )
    return Check(Verdict.UNSUPPORTED, False, (*outcome.findings, finding))
