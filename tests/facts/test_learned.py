"""The learned check: what it learns from, its calibration, its files, and its place beside the rules."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import ADS, write_table
from creator.core.errors import ModelError
from creator.core.records import Ad, Check, FindingKind, Verdict
from creator.facts.evidence import AdFacts
from creator.facts.learned.calibration import Calibration, calibration_error
from creator.facts.learned.judge import Judgement, Verifier, find_verifier, with_judgement
from creator.facts.learned.perturb import labelled_titles, true_titles, wrong_titles
from creator.facts.verifier import check_title
from tests.facts.shelf import LAMP, TENT
from tests.facts.test_relations import GEAR, PIES, TOWELS

SHELF = [TENT, LAMP, GEAR, PIES, TOWELS]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random encoder with a tokenizer of the shelf's own words."""
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({w.lower() for ad in SHELF for w in f"{ad.title} {ad.description}".split()})
    vocabulary = {w: n for n, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    BertModel(_config(len(vocabulary))).save_pretrained(folder)
    return folder


def _config(size: int, **more: Any) -> BertConfig:
    return BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, **more
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA folder of the shelf's ads."""
    folder = tmp_path_factory.mktemp("learned") / "data"
    rows = [
        {
            "ad_id": ad.ad_id,
            "title": ad.title,
            "description": ad.description,
            "selling_points": list(ad.selling_points),
            "attributes": list(ad.attributes.items()),
            "category": ad.category,
            "item_id": None,
            "item_ids": [],
            "starts_at": None,
            "campaign": None,
            "facts": None,
            "locale": "en",
            "trainable": True,
            "live": True,
        }
        for ad in SHELF
    ]
    with write_artefact(folder, "data", config={}) as draft:
        write_table(draft.path / "ads.parquet", pd.DataFrame(rows), ADS)
    return folder


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory, bert: Path, data: Path) -> Path:
    """A VERIFIER folder, trained by the program."""
    out = tmp_path_factory.mktemp("trained") / "verifier"
    arguments = ["--data", str(data), "--out", str(out), "--backbone", str(bert)]
    small = ["--steps", "3", "--batch", "4", "--held-out", "0.4", "--made-up", "20"]
    assert main(["train-verifier", *arguments, *small]) == 0
    return out


@pytest.mark.parametrize("ad", SHELF, ids=lambda ad: ad.ad_id)
def test_titles_made_to_be_true_pass_the_rules_and_wrong_ones_differ(ad: Ad) -> None:
    facts, other, draw = AdFacts.of(ad), AdFacts.of(LAMP if ad is TENT else TENT), random.Random(1)
    titles = true_titles(facts, (), 6, draw)
    assert 3 <= len(titles) <= 6
    for title in titles:
        assert check_title(title, ad).publishable
        wrong = list(wrong_titles(facts, title, other, draw))
        assert len({row.title for row in wrong}) >= 3
        assert all(row.title.casefold() != title.casefold() for row in wrong)


def test_every_kind_of_error_is_made_and_the_rules_know_most_of_them() -> None:
    rows = labelled_titles(SHELF, {}, 40, seed=3)
    wrong = [row for row in rows if row.kind is not None]
    assert {row.kind for row in wrong} == {
        FindingKind.NUMBER,
        FindingKind.ENTITY,
        FindingKind.WRONG_PRODUCT,
        FindingKind.NEGATION,
        FindingKind.SCOPE,
        FindingKind.UNSUPPORTED,
    }
    assert np.mean([not check_title(row.title, row.ad).publishable for row in wrong]) > 0.6
    assert rows == labelled_titles(SHELF, {}, 40, seed=3)
    assert rows != labelled_titles(SHELF, {}, 40, seed=4)


def test_titles_known_to_be_true_are_taken() -> None:
    rows = labelled_titles([TENT], {TENT.ad_id: ["Pitches in Six Minutes, Two Fit"]}, 4, seed=0)
    assert "Pitches in Six Minutes, Two Fit" in {row.title for row in rows if row.kind is None}


def test_platts_sigmoid_recovers_the_odds_it_was_made_from() -> None:
    draw = np.random.default_rng(0)
    margins = draw.normal(0, 2, 20_000)
    wrong = draw.random(20_000) < 1 / (1 + np.exp(-(0.5 * margins - 1)))
    fitted = Calibration.fit(margins, wrong, 0.02, 64)
    assert fitted.slope == pytest.approx(0.5, abs=0.03)
    assert fitted.offset == pytest.approx(-1, abs=0.05)
    probabilities = fitted.probabilities(margins)
    assert float((probabilities[~wrong] >= fitted.threshold).mean()) <= 0.02
    assert brier_score_loss(wrong, probabilities) < brier_score_loss(wrong, 1 / (1 + np.exp(-margins)))
    assert calibration_error(probabilities, wrong) < 0.02


def test_calibration_error_is_the_mean_gap_between_probability_and_share() -> None:
    assert calibration_error(np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, False, True, True])) == pytest.approx(
        0.05
    )
    assert calibration_error(np.array([0.75, 0.75]), np.array([True, False])) == pytest.approx(0.25)


def test_no_source_of_titles_gives_more_false_alarms_than_allowed() -> None:
    true = [0.1, 0.2, 0.3, 0.4, 1.1, 1.2, 1.3, 1.4]  # the second source's four lie higher
    margins = np.array([*true, *[0.5] * 20, 9.0])
    wrong = np.array([False] * 8 + [True] * 21)
    sources = np.array([0] * 4 + [1] * 4 + [0, 1] * 10 + [1])
    fitted = Calibration.fit(margins, wrong, 0.25, 64, sources)  # one of four may go, of the second source that of 1.4
    stopped = fitted.probabilities(margins) >= fitted.threshold
    assert stopped.tolist() == [False] * 7 + [True] + [False] * 20 + [True]


def test_a_verifier_is_an_ordinary_folder_with_its_figures(verifier: Path) -> None:
    facts = open_artefact(verifier, "verifier").facts
    for source in ("catalogue", "made_up", "shelf"):
        assert float(str(facts[f"{source}_verifier_false_alarms"])) <= 0.02
        assert float(str(facts[f"{source}_both_recall"])) >= float(str(facts[f"{source}_rules_recall"]))
        assert float(str(facts[f"{source}_both_recall"])) >= float(str(facts[f"{source}_verifier_recall"]))
    assert json.loads((verifier / "config.json").read_text())["id2label"]["0"] == "supported"
    judgements = Verifier.load(str(verifier)).judge([("Pitches in Six Minutes", TENT), ("x" * 9000, LAMP), ("", TENT)])
    assert len(judgements) == 3
    for judgement in judgements:
        assert isinstance(judgement, Judgement)
        assert 0 <= judgement.probability <= 1
        assert judgement.kind in FindingKind


def test_judgements_do_not_depend_on_the_company_they_are_made_in(verifier: Path) -> None:
    judge = Verifier.load(str(verifier))
    pairs = [(ad.title, ad) for ad in SHELF]
    together, _ = judge.margins(pairs)
    assert together == pytest.approx([judge.margins([pair])[0][0] for pair in pairs], abs=1e-5)


def write_classifier(bert: Path, folder: Path, bias: list[float], names: dict[int, str] | None = None) -> str:
    """A classifier that says the same of everything."""
    size = json.loads((bert / "config.json").read_text())["vocab_size"]
    more = {"id2label": names} if names else {}
    model = BertForSequenceClassification(_config(size, num_labels=len(bias), **more))
    model.classifier.weight.data.zero_()
    model.classifier.bias.data[:] = model.classifier.bias.new_tensor(bias)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast.from_pretrained(bert).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("names", "bias", "odds"),
    [
        # the odds of an error: exp(9) against exp(-9) + exp(-9), and so on
        ({0: "contradiction", 1: "entailment", 2: "neutral"}, [9.0, -9.0, -9.0], 18.0),
        ({0: "ENTAILMENT", 1: "NEUTRAL", 2: "CONTRADICTION"}, [1.0, 0.0, 0.0], math.log(2) - 1),
        ({0: "not_entailment", 1: "entailment"}, [0.5, 2.0], -1.5),
        ({0: "inconsistent", 1: "consistent"}, [2.0, 0.5], 1.5),
        ({0: "consistent"}, [1.25], -1.25),
    ],
)
def test_any_nli_or_consistency_classifier_serves_by_name(
    bert: Path, tmp_path: Path, names: dict[int, str], bias: list[float], odds: float
) -> None:
    judge = Verifier.load(write_classifier(bert, tmp_path, bias, names))
    (margin,), _ = judge.margins([("A Dome Tent", TENT)])
    assert margin == pytest.approx(odds, abs=1e-6)
    (judgement,) = judge.judge([("A Dome Tent", TENT)])
    assert isinstance(judgement, Judgement)
    assert judgement.wrong is (odds > 0)
    assert judgement.kind is FindingKind.UNSUPPORTED


def test_a_label_without_a_plain_name_is_named_by_the_caller(bert: Path, tmp_path: Path) -> None:
    folder = write_classifier(bert, tmp_path, [0.0, 3.0])
    with pytest.raises(ModelError, match="verifier-label"):
        Verifier.load(folder)
    (margin,), _ = Verifier.load(folder, "label_1").margins([("A Dome Tent", TENT)])
    assert margin == pytest.approx(-3.0, abs=1e-6)
    (margin,), _ = Verifier.load(folder, "LABEL_0").margins([("A Dome Tent", TENT)])
    assert margin == pytest.approx(3.0, abs=1e-6)


def test_a_folder_that_is_no_verifier_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a verifier"):
        find_verifier(str(tmp_path))
    with pytest.raises(ModelError, match="no such backbone"):
        find_verifier("neither-folder-nor-id")


def test_a_judgement_adds_a_finding_on_the_whole_title_or_nothing() -> None:
    fine = Check(Verdict.SUPPORTED, True, ())
    assert with_judgement(fine, "A Tent", Judgement(0.4, FindingKind.SCOPE, wrong=False)) is fine
    stopped = with_judgement(fine, "A Tent", Judgement(0.9, FindingKind.SCOPE, wrong=True))
    assert (stopped.verdict, stopped.publishable) == (Verdict.UNSUPPORTED, False)
    assert stopped.findings[0].span == (0, 6)
    assert stopped.findings[0].claim == "A Tent"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_audit_asks_the_learned_check_what_the_rules_let_pass(
    verifier: Path, data: Path, tmp_path: Path, workers: int
) -> None:
    strict = Calibration(1.0, 60.0, 0.5, 64)  # turns everything down
    copy = tmp_path / "verifier"
    copy.mkdir()
    for file in verifier.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    strict.write(copy)
    titles = tmp_path / "titles.jsonl"
    rows = [("t1", "Pitches in Six Minutes"), ("t2", "Pitches in Nine Minutes")]
    titles.write_text("".join(json.dumps({"title_id": t, "ad_id": "tent", "title": text}) + "\n" for t, text in rows))
    arguments = ["audit", "--ads", str(data), "--titles", str(titles), "--workers", str(workers)]
    assert main([*arguments, "--out", str(tmp_path / "plain")]) == 0
    assert main([*arguments, "--out", str(tmp_path / "learned"), "--verifier", str(copy)]) == 0
    plain, learned = (
        [json.loads(line) for line in (tmp_path / name / "verdicts.jsonl").read_text().splitlines()]
        for name in ("plain", "learned")
    )
    assert [row["publishable"] for row in plain] == [True, False]
    assert [row["publishable"] for row in learned] == [False, False]
    assert plain[1] == learned[1]  # what the rules turned down is not judged again
    assert learned[0]["findings"][-1]["span"] == [0, len(rows[0][1])]


def test_faults_of_the_call_are_told_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "v"), "--steps", "0", "--held-out", "2"]
    assert main(["train-verifier", *arguments]) == 2
    told = capsys.readouterr().err
    assert "steps" in told
    assert "held_out" in told


def test_a_catalogue_of_one_ad_is_too_small(data: Path, bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    frame = pd.read_parquet(data / "ads.parquet").head(1)
    with write_artefact(folder, "data", config={}) as draft:
        write_table(draft.path / "ads.parquet", frame, ADS)
    arguments = ["--data", str(folder), "--out", str(tmp_path / "v"), "--backbone", str(bert)]
    assert main(["train-verifier", *arguments]) == 1
    assert not (tmp_path / "v").exists()
