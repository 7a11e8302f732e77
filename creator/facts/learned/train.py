"""`train-verifier`: a small cross-encoder learns from a catalogue which titles its ads bear out."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from creator.facts.learned.calibration import Calibration
from creator.facts.learned.evidence import evidence_for
from creator.facts.learned.figures import Held, told, verifier_figures
from creator.facts.learned.judge import SUPPORTED, Verifier, encode
from creator.facts.learned.made_up import made_up_titles
from creator.facts.learned.options import VerifierOptions
from creator.facts.learned.perturb import labelled_titles
from creator.facts.learned.shelf import shelf_titles
from creator.facts.learned.titles import KINDS, LabelledTitle
from creator.facts.verifier import check_title

_LAYER = re.compile(r"\blayers?\.(\d+)\.")
_PER_AD = 8
_WARM_STEPS = 40
_HELD_MADE_UP = 150
_LABELS = (SUPPORTED[0], *(kind.value for kind in KINDS))


@dataclass(frozen=True, slots=True)
class _Material:
    """Titles to learn from, by source, and titles kept apart."""

    learned: dict[str, list[LabelledTitle]]
    held: dict[str, list[LabelledTitle]]


def train_verifier(options: VerifierOptions) -> Mapping[str, object]:
    """Train, calibrate on ads kept apart, and write the VERIFIER folder.

    Raises:
        InputError: the catalogue is too small to keep ads apart.
        ModelError: the backbone cannot be used.
    """
    import torch

    data = open_data(options.data, "ads_frame")
    examples = open_artefact(options.examples, "examples") if options.examples else None
    folder = resolve_backbone(options.backbone)
    config = {name: str(getattr(options, name)) for name in options.__dataclass_fields__ if name != "out"}
    inputs: dict[str, Artefact | Path] = {"data": data.artefact, **({"examples": examples} if examples else {})}
    with write_artefact(options.out, "verifier", config=config, inputs=inputs) as draft:
        started = time.monotonic()
        material = _material(list(data.ads.values()), _given(examples), options)
        torch.manual_seed(options.seed)
        model, tokenizer = _load(folder, options.layers)
        _fit(model, tokenizer, material.learned, options)
        held = _judged(Verifier(model, tokenizer, Calibration(longest=options.longest)), material.held)
        calibration = Calibration.fit(held.margins, held.wrong, options.false_alarms, options.longest, held.origin)
        facts = verifier_figures(held, calibration)
        with quiet_transformers():
            model.save_pretrained(draft.path)
            tokenizer.save_pretrained(draft.path)
        calibration.write(draft.path)
        draft.rows.update(learned=sum(map(len, material.learned.values())), held_out=len(held.rows))
        draft.facts.update(facts)
    took = round(time.monotonic() - started, 1)
    for line in told(facts):
        print(line)
    print(f"{took} s")
    return {"out": str(options.out), "took_s": took, **facts}


def _material(ads: Sequence[Ad], given: Mapping[str, Sequence[str]], options: VerifierOptions) -> _Material:
    chosen = random.Random(options.seed).sample(ads, min(options.ads, len(ads)))
    learned, apart = (
        labelled_titles(part, given, _PER_AD, options.seed + n)
        for n, part in enumerate(_split(chosen, options.held_out, options.seed))
    )
    if not learned or len({row.kind is None for row in apart}) < 2:
        raise InputError("the catalogue is too small to learn from", got=f"{len(ads)} ads", cure="add ads")
    material = _Material({"catalogue": learned}, {"catalogue": apart, "shelf": shelf_titles()})
    if options.made_up:
        material.learned["made_up"] = made_up_titles(options.made_up, _PER_AD // 2, options.seed)
        material.held["made_up"] = made_up_titles(_HELD_MADE_UP, 2, options.seed + 1)
    return material


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


def _load(folder: Any, layers: int) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    try:
        with quiet_transformers():
            depth = int(AutoConfig.from_pretrained(folder).num_hidden_layers)
            model = AutoModelForSequenceClassification.from_pretrained(
                folder,
                num_hidden_layers=min(layers, depth),
                num_labels=len(_LABELS),
                id2label=dict(enumerate(_LABELS)),
                label2id={label: n for n, label in enumerate(_LABELS)},
            )
            return model, AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise ModelError(f"{folder} cannot carry a classifier", got=type(error).__name__) from None


def _fit(model: Any, tokenizer: Any, sources: Mapping[str, Sequence[LabelledTitle]], options: VerifierOptions) -> None:
    """Cross-entropy over the kinds; a batch is pairs of a true and a wrong title of one ad. AdamW, linear decay."""
    import torch

    draw = random.Random(options.seed)
    pairs = [by_ad for by_ad in map(_by_ad, sources.values()) if by_ad]
    if not pairs:
        raise InputError("no ad has both a true and a wrong title to learn from", cure="add ads")
    _freeze(model)
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=0.01)
    until = time.monotonic() + options.minutes * 60 if options.minutes else math.inf
    started = time.monotonic()
    progress = Progress("train-verifier", options.steps, "steps")
    model.train()
    for step in range(options.steps):
        now = time.monotonic()
        if now >= until:
            break
        done = max(step / options.steps, (now - started) / (until - started))
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * min((step + 1) / _WARM_STEPS, 1 - done)
        rows = [draw.choice(of) for n in range(options.batch // 2) for of in draw.choice(pairs[n % len(pairs)])]
        texts = [(row.title, evidence_for(row.title, row.ad)) for row in rows]
        targets = torch.tensor([0 if row.kind is None else 1 + KINDS.index(row.kind) for row in rows])
        inputs = encode(tokenizer, texts, options.longest)
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        progress.advance(1, f"loss {loss.item():.3f}")
    progress.close()
    model.eval()


def _freeze(model: Any) -> None:
    """Leave the words' embeddings and the lowest third of the layers as they are: they know words already."""
    model.get_input_embeddings().requires_grad_(False)
    numbered = [(_LAYER.search(name), weights) for name, weights in model.named_parameters()]
    depth = 1 + max((int(found[1]) for found, _ in numbered if found), default=-1)
    for found, weights in numbered:
        if found and int(found[1]) < depth // 3:
            weights.requires_grad_(False)


def _by_ad(titles: Sequence[LabelledTitle]) -> list[tuple[list[LabelledTitle], list[LabelledTitle]]]:
    """The true and the wrong titles of every ad that has both."""
    found: dict[str, tuple[list[LabelledTitle], list[LabelledTitle]]] = {}
    for row in titles:
        found.setdefault(row.ad.ad_id, ([], []))[row.kind is not None].append(row)
    return [both for both in found.values() if all(both)]


def _judged(verifier: Verifier, sources: Mapping[str, Sequence[LabelledTitle]]) -> Held:
    """The titles kept apart, with the model's margins and what the rules say of them."""
    names = list(sources)
    rows = [row for name in names for row in sources[name]]
    origin = np.array([n for n, name in enumerate(names) for _ in sources[name]], dtype=np.int64)
    margins, _ = verifier.margins([(row.title, row.ad) for row in rows])
    passed = np.array([check_title(row.title, row.ad).publishable for row in rows])
    return Held(tuple(rows), tuple(names), origin, margins, passed)
