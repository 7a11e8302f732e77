"""What `generate` is asked for beyond titles: channels, guides, standing titles, a forecast, workers, faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from creator.core.errors import EngineError, InputError, ModelError
from creator.core.records import AdId
from creator.engine.spread import Spread
from creator.facts.channels import Channel
from creator.facts.guide import BrandGuide, as_json
from creator.facts.verifier import check_title
from creator.generation import answers as answers_module
from creator.generation import forecast
from creator.generation.answers import blocks_of
from creator.generation.gate import Gate
from creator.generation.journal import Journal
from creator.generation.pairs import Pair
from creator.generation.titles import generate
from creator.models.word_table import PromptParts, word_table
from tests.generation.conftest import advert, write_pairs
from tests.generation.test_generate import options, read
from tests.models.tiny import AD, OTHER_AD
from tests.training.hand import write_hand_data

GOOD = "Landing net for fishing"
EVENTS = [("u0", "chalk bag", 1.0)]


def answered(folder: Path, texts: dict[str, list[str]]) -> None:
    """Put answers into a draft's journal, as an engine would have."""
    for key, some in texts.items():
        row = [{"text": text, "logprob": -3.0, "finish": "stop"} for text in some]
        Journal(folder / answers_module.JOURNAL).append({"key": key, "answers": row})


def written(world, out, texts, monkeypatch, **changes):
    """`generate` where the engine answers what a test says."""

    def write(make, blocks, keep, where):
        for block in blocks:
            for pair in block:
                asked.append(pair.key)
                some = tuple(answers_module.Answer(text, -3.0, "stop") for text in texts[pair.key])
                keep(answers_module.Written(pair.key, some))

    asked: list[str] = []
    monkeypatch.setattr(answers_module, "spread", write)
    return generate(options(world, out, **changes)), asked


TEXTS = {"0/a1": ["Chalk bag for climbing", GOOD], "1/a1": [GOOD], "1/a2": ["Korrik boots at half price"]}


def test_a_channels_rules_are_kept_and_the_reason_names_the_channel():
    gate = Gate.of(None, ["tiktok"])
    long = "20% off selected Arven gear for climbing and fishing and 20% off selected gear: chalk bag, landing net"
    assert check_title(GOOD, AD).verdict == "supported"
    assert gate.refusal(GOOD, AD, check_title(GOOD, AD), "stop") == ""
    assert gate.channels == (Channel.TIKTOK,)
    said = Gate(lambda *_: check_title(GOOD, AD), gate.channels).refusal(long, AD, check_title(GOOD, AD), "stop")
    assert said == f"tiktok: {len(long)} of at most 100 characters"


def test_titles_against_the_brand_guide_are_rejected_and_the_guide_is_an_input(world, tmp_path, monkeypatch):
    guide = tmp_path / "guides.json"
    guide.write_text(f"[{as_json(BrandGuide('Arven', banned=('net',)))}]")
    summary, _ = written(world, tmp_path / "titles", TEXTS, monkeypatch, guide=guide)
    titles, rejected = read(tmp_path / "titles")
    assert titles["title"].tolist() == ["Chalk bag for climbing"]
    assert rejected["reason"].tolist()[:2] == ["against the brand guide: banned"] * 2
    assert summary["fallback_pairs"] == 2
    manifest = json.loads((tmp_path / "titles/manifest.json").read_text())
    assert "guide" in manifest["inputs"]


def test_guides_that_cannot_be_read_are_named_before_any_work(world, tmp_path):
    with pytest.raises(InputError, match=r"guides at .*nowhere.json cannot be read"):
        generate(options(world, tmp_path / "titles", guide=tmp_path / "nowhere.json"))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        generate(options(world, tmp_path / "titles", guide=tmp_path / "bad.json"))
    assert not (tmp_path / "titles.partial").exists()


def test_only_rejected_pairs_and_those_of_edited_ads_are_written_again(world, tmp_path, monkeypatch):
    first, asked = written(world, tmp_path / "first", TEXTS, monkeypatch)
    assert sorted(asked) == ["0/a1", "1/a1", "1/a2"]
    assert (first["titled_pairs"], first["fallback_pairs"]) == (2, 1)
    second, asked = written(world, tmp_path / "second", TEXTS, monkeypatch, previous=tmp_path / "first", seed=1)
    assert asked == ["1/a2"]  # the one that had no title
    assert (second["titled_pairs"], second["standing_pairs"]) == (2, 2)
    key = ["ad_id", "cluster_id", "rank"]
    for ours, theirs in zip(read(tmp_path / "second"), read(tmp_path / "first"), strict=True):
        pd.testing.assert_frame_equal(
            ours.sort_values(key).drop(columns="provenance").reset_index(drop=True),
            theirs.sort_values(key).drop(columns="provenance").reset_index(drop=True),
        )
    edited = advert(AD) | {"description": "20% off selected Arven gear for climbing and for fishing."}
    write_hand_data(
        tmp_path / "data", items=["chalk bag"], events=EVENTS, ads=[edited, advert(OTHER_AD)], train_until=9.0
    )
    third, asked = written(
        world, tmp_path / "third", TEXTS, monkeypatch, previous=tmp_path / "first", data=tmp_path / "data"
    )
    assert sorted(asked) == ["0/a1", "1/a1", "1/a2"]
    assert third["standing_pairs"] == 0
    guide = tmp_path / "guides.json"
    guide.write_text(f"[{as_json(BrandGuide('Arven', banned=('chalk',)))}]")
    _, asked = written(world, tmp_path / "fourth", TEXTS, monkeypatch, previous=tmp_path / "first", guide=guide)
    assert sorted(asked) == ["0/a1", "1/a2"]  # a title that stood and does not pass any more


def test_a_forecast_measures_the_first_pairs_and_the_call_after_it_goes_on(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(forecast, "CALIBRATION_PAIRS", 2)
    monkeypatch.setattr(answers_module, "CALIBRATION_PAIRS", 2)
    out = tmp_path / "titles"
    told = generate(options(world, out, forecast=True))
    assert not out.exists()
    ads = PromptParts.read(world.path("model")).prompts
    lengths = [len(p.before) + 1 + len(p.after) for p in map(ads.prompt, (AD, AD, OTHER_AD))]
    assert told["pairs"] == 3
    assert told["prompt_tokens"] == 3 * sum(lengths)
    assert told["measured_pairs"] == 2
    assert told["output_tokens"] > 0
    assert "forecast: about" in capsys.readouterr().err
    kept = (tmp_path / "titles.partial" / answers_module.JOURNAL).read_text().splitlines()
    assert len(kept) == 2
    summary = generate(options(world, out))
    assert summary["prompts"] == 3  # two of the forecast, one of this call
    assert summary["candidates"] <= 9


def test_blocks_hold_whole_ads_in_order_and_the_first_is_small():
    ads = [replace(AD, ad_id=AdId(f"a{n:03d}")) for n in range(200)]
    pairs = [Pair(cluster, cluster, ad) for ad in ads for cluster in range(5)]
    tokens = {str(ad.ad_id): 100 for ad in ads}
    for where in (Spread(), Spread("processes", 2)):
        blocks = blocks_of(pairs, tokens, 64, where)
        assert [pair for block in blocks for pair in block] == pairs
        assert 48 <= len(blocks[0]) <= 53
        spans = [{pair.ad.ad_id for pair in block} for block in blocks]
        if where.how == "processes":
            assert all(not (a & b) for n, a in enumerate(spans) for b in spans[n + 1 :])
            assert max(len(block) for block in blocks) <= 2 * answers_module.BLOCK_PAIRS
        else:
            assert len(blocks) == 2
    assert len(blocks_of(pairs, tokens, 1 << 20, Spread())) > 2  # prompts of a wide model fill the memory sooner


@pytest.mark.slow
def test_two_processes_write_what_one_does_and_the_longest_title_is_kept_within(world, tmp_path):
    how = {"temperature": 0.0, "channels": ("google_ads_editor",), "contrast": 0.5}
    one = generate(options(world, tmp_path / "one", **how))
    two = generate(options(world, tmp_path / "two", workers=2, **how))
    for ours, theirs in zip(read(tmp_path / "two"), read(tmp_path / "one"), strict=True):
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-5)
        assert (ours["title"].str.len() <= 30).all()
    assert one["candidates"] == two["candidates"] == 3
    assert one["prompt_tokens_submitted"] == two["prompt_tokens_submitted"]


def test_an_engine_that_fails_midway_leaves_what_was_finished(world, tmp_path, monkeypatch):
    from creator.engine.transformers_engine import TransformersEngine

    answer, calls = TransformersEngine._answer, []

    def failing(self, rows, how):
        calls.append(len(rows))
        if len(calls) == 2:
            raise RuntimeError("out of memory: tried to allocate 2.00 GiB")
        return answer(self, rows, how)

    monkeypatch.setattr(TransformersEngine, "_answer", failing)
    with pytest.raises(EngineError, match=r"failed while it generated.*out of memory.*what was finished is kept"):
        generate(options(world, tmp_path / "titles"))
    assert not (tmp_path / "titles").exists()
    kept = list(Journal(tmp_path / "titles.partial" / answers_module.JOURNAL).rows())
    assert len(kept) == 2  # eight rows of three candidates each
    assert generate(options(world, tmp_path / "titles"))["pairs"] == 3


def test_an_ad_of_50000_characters_is_cut_to_what_the_model_reads_and_titled_or_not(world, tmp_path):
    long = advert(OTHER_AD) | {"description": "Running socks and a race belt. " * 1613}
    assert len(long["description"]) > 50_000
    write_hand_data(tmp_path / "data", items=["chalk bag"], events=EVENTS, ads=[advert(AD), long], train_until=9.0)
    started = time.monotonic()
    summary = generate(options(world, tmp_path / "titles", data=tmp_path / "data"))
    assert summary["titled_pairs"] + summary["fallback_pairs"] == 3
    assert time.monotonic() - started < 60


def test_an_empty_budget_is_an_empty_table_and_its_forecast_nothing(world, tmp_path):
    none = write_pairs(tmp_path / "none", [(0, "a1", False), (1, "a2", False)])
    assert generate(options(world, tmp_path / "t", pairs=none, forecast=True)) == {"pairs": 0, "minutes": 0.0}
    summary = generate(options(world, tmp_path / "titles", pairs=none))
    assert (summary["pairs"], summary["titled_pairs"], summary["prompt_tokens_submitted"]) == (0, 0, 0)
    assert len(pd.read_parquet(tmp_path / "titles/outcomes.parquet")) == 0


def test_a_creative_llm_of_another_width_is_named(world, backbones, tmp_path):
    import shutil

    from tests.engine.conftest import WIDTH

    assert world.model.creative.width == WIDTH  # so another one is made, half as wide
    shutil.copytree(world.path("model"), tmp_path / "model")
    narrow(tmp_path / "model" / "creative_llm")
    with pytest.raises(ModelError, match=r"do not fit its model.json; got: .*is \(64, 64\), not \(32, 64\)"):
        generate(options(world, tmp_path / "titles", model=tmp_path / "model"))


def narrow(folder: Path) -> None:
    """Put a model of half the width in the folder's place, with the same tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    config.hidden_size //= 2
    config.head_dim = config.hidden_size // config.num_attention_heads
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)


def test_the_word_table_read_alone_is_the_models(world):
    table = world.model.creative.base.get_input_embeddings().weight.detach()
    assert word_table(world.path("model") / "creative_llm").equal(table)


@pytest.mark.slow
def test_killed_by_the_system_at_any_moment_no_pair_is_missing_double_or_written_twice(world, tmp_path):
    out = tmp_path / "titles"
    journal = tmp_path / "titles.partial" / answers_module.JOURNAL
    ads = [advert(replace(AD, ad_id=AdId(f"a{n:02d}"))) for n in range(12)]
    write_hand_data(tmp_path / "data", items=["chalk bag"], events=EVENTS, ads=ads, train_until=9.0)
    pairs = write_pairs(tmp_path / "pairs", [(c, f"a{n:02d}", True) for n in range(12) for c in (0, 1)])
    call = [
        sys.executable,
        "-m",
        "creator",
        "generate",
        "--engine",
        "transformers",
        "--dtype",
        "fp32",
        "--out",
        str(out),
    ]
    call += ["--data", str(tmp_path / "data"), "--pairs", str(pairs), "--temperature", "1.0", "--top-p", "1.0"]
    call += ["--candidates", "2"]
    call += ["--model", str(world.path("model")), "--clusters", str(world.path("clusters"))]
    seen: list[bytes] = []
    for wanted in (3, 11):  # pairs on disk when the kill comes
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(_lines(journal)) < wanted:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        now = _lines(journal)
        assert now[: len(seen)] == seen
        assert len(now) >= wanted
        seen = now
    subprocess.run(call, check=True, capture_output=True)
    outcomes = pd.read_parquet(out / "outcomes.parquet")
    assert sorted(zip(outcomes["ad_id"], outcomes["cluster_id"], strict=True)) == sorted(
        (f"a{n:02d}", c) for n in range(12) for c in (0, 1)
    )
    calm = generate(options(world, tmp_path / "calm", data=tmp_path / "data", pairs=pairs, candidates=2))
    for ours, theirs in zip(read(out), read(tmp_path / "calm"), strict=True):
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-5)
    assert calm["pairs"] == 24


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
