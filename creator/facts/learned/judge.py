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

SUPPORTED = ("supported", "entailment", "consistent", "faithful")
BATCH = 64
_TITLE_TOKENS = 64


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


def evidence_text(ad: Ad) -> str:
    """An ad as the classifier reads it: what it names first counts most, for its end may be cut."""
    attributes = (f"{name}: {value}" for name, value in ad.attributes.items())
    return " | ".join(part for part in (ad.title, *ad.selling_points, ad.description, *attributes) if part)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a learned judge says of a title.

    Args:
        probability: that it holds an error, calibrated, 0 to 1.
        kind: the likeliest kind of error.
        wrong: the probability reaches the judge's threshold.
    """

    probability: float
    kind: FindingKind
    wrong: bool


class Verifier:
    """A sequence classifier with its tokenizer and calibration, on the processor it finds."""

    def __init__(self, model: Any, tokenizer: Any, calibration: Calibration) -> None:
        self._model, self._tokenizer, self.calibration = model.eval(), tokenizer, calibration
        labels = {int(n): str(label).casefold() for n, label in model.config.id2label.items()}
        fine = [n for n, label in labels.items() if label in SUPPORTED]
        if len(fine) != 1:
            raise ModelError(
                "the classifier does not say which of its labels means a title is borne out",
                got=", ".join(labels.values()),
                expected="one of " + ", ".join(SUPPORTED),
                cure="name it in id2label of config.json",
            )
        self._fine = fine[0]
        kinds = {kind.value: kind for kind in FindingKind}
        self._kinds = [kinds.get(labels[n], FindingKind.UNSUPPORTED) for n in sorted(labels)]

    @classmethod
    def load(cls, name: str) -> Verifier:
        """Load a verifier by name (see `find_verifier`).

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
        return cls(model, tokenizer, Calibration.read(folder))

    def margins(self, pairs: Sequence[tuple[str, Ad]]) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Log odds of an error and the likeliest wrong label of every (title, ad), (N,) each."""
        import torch

        margins = np.zeros(len(pairs))
        labels = np.zeros(len(pairs), dtype=np.int64)
        order = sorted(range(len(pairs)), key=lambda n: len(pairs[n][0]) + len(evidence_text(pairs[n][1])))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            inputs = encode(self._tokenizer, [pairs[n] for n in rows], self.calibration.longest)
            with torch.inference_mode():
                logits = self._model(**inputs).logits.double()
            wrong = logits.clone()
            wrong[:, self._fine] = -torch.inf
            margins[rows] = (torch.logsumexp(wrong, 1) - logits[:, self._fine]).numpy()
            labels[rows] = wrong.argmax(1).numpy()
        return margins, labels

    def judge(self, pairs: Sequence[tuple[str, Ad]]) -> list[Judgement]:
        """What the model says of every (title, ad), in order."""
        margins, labels = self.margins(pairs)
        return [
            Judgement(float(p), self._kinds[n], bool(p >= self.calibration.threshold))
            for p, n in zip(self.calibration.probabilities(margins), labels, strict=True)
        ]


def encode(tokenizer: Any, pairs: Sequence[tuple[str, Ad]], longest: int) -> Any:
    """Token ids of ad and title as a pair, (B, T); of a pair that is too long the ad's end goes first."""
    titles = tokenizer([title for title, _ in pairs], truncation=True, max_length=min(_TITLE_TOKENS, longest // 2))
    cut = tokenizer.batch_decode(titles["input_ids"], skip_special_tokens=True)
    return tokenizer(
        [evidence_text(ad) for _, ad in pairs],
        cut,
        truncation="only_first",
        max_length=longest,
        padding=True,
        return_tensors="pt",
    )


def with_judgement(outcome: Check, title: str, judgement: Judgement) -> Check:
    """A check with the learned judge's finding on the whole title added, if it has one."""
    if not judgement.wrong:
        return outcome
    finding = Finding(judgement.kind, (0, len(title)), title, "", "", judgement.probability)
    return Check(Verdict.UNSUPPORTED, False, (*outcome.findings, finding))
