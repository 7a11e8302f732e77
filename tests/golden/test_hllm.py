"""HLLM equals the published reference: InfoNCE in its three cases, gradients, and the full catalogue's scores."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from creator.models.reference_names import reference_name
from tests.golden.conftest import BACKENDS, load
from tests.golden.passes import CreatorPass, run_hllm, unpack
from tests.golden.vectors import TOLERANCE, Comparison, Vectors

pytestmark = pytest.mark.golden

VECTORS = Vectors("hllm")
CASES = tuple(VECTORS.manifest["cases"])


def run(case: str, models: dict[str, Path], backend: str) -> tuple[CreatorPass, float, dict[str, torch.Tensor]]:
    """The pass of a case, the log scale it left behind, and the gradients of the mean loss by reference name."""
    model, told = load(models["hllm"], backend), VECTORS.manifest["cases"][case]
    source = told["inputs"].removeprefix("as ") if isinstance(told["inputs"], str) else case
    batches = {worker: VECTORS.of_worker(f"inputs_{source}", worker) for worker in VECTORS.workers}
    with torch.no_grad():
        model.next_item_scale.value.fill_(told["log_scale_before"])
    done = run_hllm(model, batches, VECTORS.settings["false_negative_threshold"])
    done.total.backward()
    gradients = {
        name: parameter.grad
        for ours, parameter in model.named_parameters()
        if parameter.grad is not None and (name := reference_name(ours)) is not None
    }
    return done, float(model.next_item_scale.value.detach()), gradients


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_every_array_of_the_next_item_loss_agrees(case: str, backend: str, models: dict[str, Path]):
    done, log_scale, gradients = run(case, models, backend)
    assert log_scale == pytest.approx(VECTORS.manifest["cases"][case]["log_scale_used"], abs=1e-6)
    compared = Comparison(f"hllm {case}, {backend}")
    for name, golden in VECTORS.arrays(f"outputs_{case}").items():
        worker, array = name.split(".")
        if array == "user_outputs":  # rows where the mask is 0 are meaningless
            source = case if VECTORS.has(f"inputs_{case}") else "sampled"
            golden = golden * VECTORS.of_worker(f"inputs_{source}", worker)["history_mask"].unsqueeze(-1)
        compared.add(name, done.arrays[name].float(), golden.float())
    for worker, loss in VECTORS.manifest["cases"][case]["losses"].items():
        compared.add(f"{worker}.manifest.loss", done.arrays[f"{worker}.loss"], torch.tensor(loss))
    if case == "sampled":
        golden = VECTORS.arrays("gradients")
        assert set(golden) <= set(gradients)
        for name, tensor in golden.items():
            compared.add(f"gradient {name}", gradients[name].reshape(tensor.shape), tensor)
            deviation = (gradients[name].reshape(tensor.shape) - tensor).norm() / tensor.norm().clamp_min(1e-12)
            assert deviation <= TOLERANCE, name
    print(compared.table())
    assert not compared.faults()


@pytest.mark.parametrize("backend", BACKENDS)
def test_catalogue_embeddings_and_scores_agree(backend: str, models: dict[str, Path]):
    model, golden = load(models["hllm"], backend), VECTORS.arrays("catalogue")
    histories = golden["eval_histories"]
    with torch.no_grad():
        items = model.item(unpack(golden["catalogue_token_ids"], golden["catalogue_token_lengths"]))
        mask = (histories != 0).long()
        states = model.user.states(items[histories], mask)
        scores = model.next_item_scores(states[:, -1], items)
    compared = Comparison(f"hllm catalogue, {backend}")
    compared.add("catalogue_embeddings", items, golden["catalogue_embeddings"])
    compared.add("eval_user_outputs", states * mask.unsqueeze(-1), golden["eval_user_outputs"] * mask.unsqueeze(-1))
    compared.add("eval_scores", scores, golden["eval_scores"])
    print(compared.table())
    assert not compared.faults()
    seen = set(zip(golden["seen_user"].tolist(), golden["seen_item"].tolist(), strict=True))
    assert {(u, i) for u, row in enumerate(histories.tolist()) for i in row if i} <= seen
    assert not seen & set(enumerate(golden["eval_targets"].tolist()))


def test_item_texts_become_the_reference_s_tokens(models: dict[str, Path]):
    model, golden = load(models["hllm"]), VECTORS.arrays("catalogue")
    with (VECTORS.folder / "items.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    keys = VECTORS.settings["text_keys"]
    texts = ["", *("".join(f"{key}: {row[key]}" for key in keys if row[key]) for row in rows)]
    tokens = unpack(golden["catalogue_token_ids"], golden["catalogue_token_lengths"])
    assert model.item.tokenize(texts) == tokens
