"""TRL's trainers on a tiny Creative LLM: what is preferred becomes likelier, what is rewarded is written more often."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from creator.align.asked import Asked, Asking
from creator.align.draws import draw_titles, log_likelihoods
from creator.align.options import AlignOptions
from creator.align.preferences import Preference
from creator.align.soft_words import lent
from creator.align.trainers import train_dpo, train_grpo
from creator.models.checkpoint import with_adapters
from creator.models.config import ModelConfig
from tests.models.tiny import AD, OTHER_AD

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # TRL and what it imports warn of themselves


@pytest.fixture
def model(backbones):
    torch.manual_seed(0)
    model = backbones.build(ModelConfig(title_tokens=6))
    model.requires_grad_(False)
    model.creative.llm = with_adapters(model.creative.llm, 8)
    return model


@pytest.fixture
def asking(model):
    soft = np.random.default_rng(0).normal(size=(3, model.creative.width)).astype(np.float32)
    return Asking([Asked(AD, 0, "x"), Asked(AD, 1, "x"), Asked(OTHER_AD, 0, "x"), Asked(OTHER_AD, 1, "x")], soft)


def options(**changes) -> AlignOptions:
    path = Path("unused")
    return AlignOptions(model=path, data=path, examples=path, out=path, **changes)


def history(folder):
    return [json.loads(line) for line in (folder / "history_align.jsonl").read_text().splitlines()]


def test_dpo_makes_what_a_reader_s_pairs_prefer_likelier_for_that_reader(model, asking, tmp_path):
    end = model.prompts.end
    titles = {0: [11, 12, end], 1: [21, 22, end]}
    pairs = [Preference(a, titles[a.reader], titles[1 - a.reader], "fact") for a in asking.pairs]

    def margins():
        own, other = (
            log_likelihoods(model, asking, [(p.asked, tokens) for p, tokens in zip(pairs, texts, strict=True)],
                            [p.asked.reader for p in pairs])
            for texts in ([p.chosen for p in pairs], [p.rejected for p in pairs])
        )  # fmt: skip
        return own - other

    before = margins()
    llm = model.creative.llm
    with lent(llm.get_base_model(), torch.from_numpy(asking.soft)) as first:
        prompts = [asking.prompt(model, asked, first) for asked in asking.pairs]
        train_dpo(llm, model.creative.tokenizer, prompts, pairs,
                  options(steps=25, learning_rate=3e-3, batch=4, beta=0.1), tmp_path)  # fmt: skip
    llm.eval()
    # the same two titles, preferred the other way round by the two readers: only the soft token tells them apart
    assert (margins() - before).min() > 1.0
    rows = history(tmp_path)
    assert len(rows) == 25
    assert rows[-1]["loss"] < rows[0]["loss"] == pytest.approx(np.log(2), abs=0.02)


def test_grpo_raises_the_reward_of_what_is_written(model, asking, tmp_path):
    llm, liked = model.creative.llm, set(range(0, 400, 2))  # even tokens are liked

    def reward(numbers, written):
        assert all(0 <= n < len(asking.pairs) for n in numbers)
        return [float(np.mean([token in liked for token in ids])) for ids in written]

    with lent(llm.get_base_model(), torch.from_numpy(asking.soft)) as first:
        prompts = [asking.prompt(model, asked, first) for asked in asking.pairs]

        def liking():
            torch.manual_seed(0)
            drawn = draw_titles(model, llm, prompts, 24, 1.0)
            return np.mean([np.mean([t in liked for t in title.token_ids]) for ts in drawn for title in ts])

        before = liking()
        train_grpo(llm, model.creative.tokenizer, prompts, reward,
                   options(method="grpo", steps=20, learning_rate=1e-2, batch=16, generations=8, beta=0.0), tmp_path,
                   title_tokens=6)  # fmt: skip
        llm.eval()
        after = liking()
    assert after > before + 0.1
    assert len(history(tmp_path)) == 20
