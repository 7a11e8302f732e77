from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from creator.core.records import Ad, AdId
from creator.generation.score import ScoreRequest, score_titles
from creator.models.creative import Branch, Row
from tests.models.tiny import AD, OTHER_AD, WORDS, attend, title_logprobs


@pytest.mark.parametrize("position", ["ad_first", "user_first"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_titles_in_any_order_score_as_in_plain_passes_one_at_a_time(world, position, attention):
    model = attend(world.model, attention)
    random = np.random.default_rng(0)
    requests = [
        ScoreRequest((AD, OTHER_AD)[int(random.integers(2))], random.normal(size=64).astype(np.float32), title)
        for title in (*WORDS[:35], "", "a title that is longer than the eight tokens that this model writes")
    ]
    writer, old = model.prompts, model.prompts._config
    writer._config = replace(old, position=position)
    try:
        found = score_titles(model, requests)
        rows = [
            Row(prompt.before, [Branch(n, prompt.after, writer.title(request.title))])
            for n, request in enumerate(requests)
            for prompt in [writer.prompt(request.ad)]
        ]
    finally:
        writer._config = old
    soft = torch.from_numpy(np.stack([request.soft_token for request in requests]))
    expected = title_logprobs(model.creative.base, rows, soft).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-5)
    assert (found < 0).all()


def test_no_request_is_no_score(world):
    assert score_titles(world.model, []).shape == (0,)


def test_a_score_does_not_depend_on_what_is_asked_beside_it(world):
    soft = np.ones(64, np.float32)
    alone = score_titles(world.model, [ScoreRequest(AD, soft, "Chalk bag")])
    long_ad = Ad(AdId("a3"), " ".join(WORDS[:8]), "More of it.")
    crowd = [ScoreRequest(long_ad, -soft, word) for word in WORDS[:20]] + [ScoreRequest(AD, -soft, "Net")]
    beside = score_titles(world.model, [*crowd, ScoreRequest(AD, soft, "Chalk bag")])
    assert beside[-1] == pytest.approx(alone[0], abs=1e-4)
