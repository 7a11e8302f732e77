"""`train-verifier`: a small cross-encoder learns from a catalogue which titles its ads bear out."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from creator.core.artefacts import Artefact, open_artefact, write_artefact
from creator.core.data import open_data
from creator.core.errors import ArtefactError, InputError, ModelError
from creator.core.progress import Progress
from creator.core.records import Ad, Verdict
from creator.engine.backbone import resolve_backbone
from creator.engine.quiet import quiet_transformers
from creator.facts.learned.calibration import Calibration, calibration_error
from creator.facts.learned.judge import SUPPORTED, Verifier, encode
from creator.facts.learned.options import VerifierOptions
from creator.facts.learned.perturb import KINDS, LabelledTitle, labelled_titles

_PER_AD = 8
_LABELS = (SUPPORTED[0], *(kind.value for kind in KINDS))


def train_verifier(options: VerifierOptions) -> Mapping[str, object]:
    """Train, calibrate on ads kept apart, and write the VERIFIER folder.

    Raises:
        InputError: the catalogue is too small to keep ads apart.
        ModelError: the backbone cannot be used.
    """
    import torch

    data = open_data(options.data, "ads_frame")
    examples = open_artefact(options.examples, "examples") if options.examples else None
    given = _given(examples)
    folder = resolve_backbone(options.backbone)
    config = {name: str(getattr(options, name)) for name in options.__dataclass_fields__ if name != "out"}
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, **({"examples": examples} if examples else {})}
    with write_artefact(options.out, "verifier", config=config, inputs=inputs) as draft:
        ads = list(data.ads.values())
        ads = random.Random(options.seed).sample(ads, min(options.ads, len(ads)))
        learned, held = _split(ads, options.held_out, options.seed)
        titles, apart = (
            labelled_titles(ads, given, _PER_AD, options.seed + n) for n, ads in enumerate((learned, held))
        )
        if not titles or len({row.kind is None for row in apart}) < 2:
            raise InputError("the catalogue is too small to learn from", got=f"{len(data.ads)} ads", cure="add ads")
        torch.manual_seed(options.seed)
        started = time.monotonic()
        model, tokenizer = _load(folder)
        _fit(model, tokenizer, titles, options)
        verifier = Verifier(model, tokenizer, Calibration(longest=options.longest))
        margins, _ = verifier.margins([(row.title, row.ad) for row in apart])
        wrong = np.array([row.kind is not None for row in apart])
        calibration = Calibration.fit(margins, wrong, options.false_alarms, options.longest)
        facts = _figures(apart, calibration, calibration.probabilities(margins))
        with quiet_transformers():
            model.save_pretrained(draft.path)
            tokenizer.save_pretrained(draft.path)
        calibration.write(draft.path)
        draft.rows.update(learned=len(titles), held_out=len(apart))
        draft.facts.update(facts)
    took = round(time.monotonic() - started, 1)
    print(
        f"held-out titles made the same way: {facts['recall']:.1%} of the wrong ones caught, "
        f"{facts['false_alarms']:.1%} false alarms, calibration error {facts['calibration_error']:.3f}; {took} s"
    )
    return {"out": str(options.out), "took_s": took, **facts}


def _given(examples: Artefact | None) -> dict[str, list[str]]:
    """The titles of an EXAMPLES folder by ad, each once."""
    if examples is None:
        return {}
    path = examples.path / "examples.parquet"
    try:
        table = pq.read_table(path, columns=["ad_id", "title", "verdict"]).to_pydict()
    except (OSError, ValueError, KeyError):
        raise ArtefactError(f"{path} cannot be read", cure="delete the folder and make it again") from None
    found: dict[str, dict[str, None]] = {}
    for ad_id, title, verdict in zip(table["ad_id"], table["title"], table["verdict"], strict=True):
        if verdict == Verdict.SUPPORTED:
            found.setdefault(str(ad_id), {})[str(title)] = None
    return {ad_id: list(titles) for ad_id, titles in found.items()}


def _split(ads: Sequence[Ad], share: float, seed: int) -> tuple[list[Ad], list[Ad]]:
    """Ads to learn from and ads kept apart; ads of one title stay together."""
    names = sorted({ad.title for ad in ads})
    random.Random(seed).shuffle(names)
    apart = set(names[: max(1, round(share * len(names)))])
    return [ad for ad in ads if ad.title not in apart], [ad for ad in ads if ad.title in apart]


def _load(folder: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        with quiet_transformers():
            model = AutoModelForSequenceClassification.from_pretrained(
                folder,
                num_labels=len(_LABELS),
                id2label=dict(enumerate(_LABELS)),
                label2id={label: n for n, label in enumerate(_LABELS)},
            )
            return model, AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder} cannot carry a classifier", got=type(error).__name__) from None


def _fit(model: Any, tokenizer: Any, titles: Sequence[LabelledTitle], options: VerifierOptions) -> None:
    """Cross-entropy over the kinds, half of every batch true; AdamW, warm-up and linear decay."""
    import torch

    draw = random.Random(options.seed)
    true = [row for row in titles if row.kind is None]
    wrong = [row for row in titles if row.kind is not None]
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=0.01)
    warm = max(1, options.steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min((n + 1) / warm, max(0.0, (options.steps - n) / max(1, options.steps - warm)))
    )
    progress = Progress("train-verifier", options.steps, "steps")
    model.train()
    for _ in range(options.steps):
        rows = [draw.choice(true if n % 2 else wrong) for n in range(options.batch)]
        inputs = encode(tokenizer, [(row.title, row.ad) for row in rows], options.longest)
        targets = torch.tensor([0 if row.kind is None else 1 + KINDS.index(row.kind) for row in rows])
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        progress.advance(1, f"loss {loss.item():.3f}")
    progress.close()
    model.eval()


def _figures(rows: Sequence[LabelledTitle], calibration: Calibration, probabilities: Any) -> dict[str, Any]:
    """Recall, false alarms and calibration on titles of ads kept apart, with the recall of each kind."""
    stopped = probabilities >= calibration.threshold
    wrong = np.array([row.kind is not None for row in rows])
    facts: dict[str, Any] = {
        "recall": round(float(stopped[wrong].mean()), 4),
        "false_alarms": round(float(stopped[~wrong].mean()), 4),
        "threshold": round(calibration.threshold, 4),
        "calibration_error": round(calibration_error(probabilities, wrong), 4),
    }
    counts = Counter(row.kind for row in rows if row.kind is not None)
    for kind in KINDS:
        if counts[kind]:
            of_kind = np.array([row.kind is kind for row in rows])
            facts[f"recall_{kind.value}"] = round(float(stopped[of_kind].mean()), 4)
    return facts
