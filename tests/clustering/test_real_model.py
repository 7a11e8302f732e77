"""The same contract as the fake model of `test_prune_stage`, on a real one: random weights, saved and loaded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from creator.cli import main
from creator.core.artefacts import write_artefact
from creator.models.checkpoint import build_model, load_model, save_model
from creator.models.config import ModelConfig
from tests.clustering.conftest import write_data, write_embeddings

WIDTH = 32


def write_llama(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<unk>", "<s>", "</s>", *(f"w{n}" for n in range(40))]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(folder)
    shape = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(words), bos_token_id=1, eos_token_id=2, **shape)).save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    llama = write_llama(folder / "llama")
    with write_artefact(folder / "model", "model", config={}) as draft:
        save_model(build_model(ModelConfig(), item_folder=llama, creative_folder=llama, user_layers=1), draft.path)
    return folder / "model"


def test_pairs_hold_what_the_loaded_model_answers_for_each_centroid_and_live_ad(model, tmp_path):
    data = write_data(tmp_path / "data")
    rows = np.random.default_rng(0).normal(size=(90, WIDTH)).astype(np.float32)
    embeddings = write_embeddings(tmp_path / "embeddings", rows, [f"u{n}" for n in range(90)])
    clusters, pairs = tmp_path / "clusters", tmp_path / "pairs"
    assert main(["cluster", "--embeddings", str(embeddings), "-k", "2", "--out", str(clusters)]) == 0
    inputs = ["--model", str(model), "--data", str(data), "--clusters", str(clusters)]
    assert main(["prune", *inputs, "--budget", "4", "--out", str(pairs)]) == 0
    found = pd.read_parquet(pairs / "pairs.parquet")
    assert (len(found), found["kept"].sum()) == (6, 4)
    loaded = load_model(model)
    titles = {"ad0": "Climbing sale. a rope", "ad1": "Cycling sale. a rope", "ad2": "Fishing sale. a rope"}
    centroids = np.load(clusters / "centroids.npy")
    for row in found.itertuples():
        alone = loaded.match_probabilities(centroids[[row.cluster_id]], loaded.encode_texts([titles[row.ad_id]]))
        assert row.match == pytest.approx(float(alone[0, 0]), rel=1e-4)


def test_clusters_of_another_width_are_refused(model, tmp_path, capsys):
    data = write_data(tmp_path / "data")
    rows = np.random.default_rng(0).normal(size=(30, WIDTH + 1)).astype(np.float32)
    embeddings = write_embeddings(tmp_path / "embeddings", rows, [f"u{n}" for n in range(30)])
    assert main(["cluster", "--embeddings", str(embeddings), "-k", "1", "--out", str(tmp_path / "clusters")]) == 0
    inputs = ["--model", str(model), "--data", str(data), "--clusters", str(tmp_path / "clusters")]
    assert main(["prune", *inputs, "--out", str(tmp_path / "pairs")]) == 1
    assert "a user is 32 wide; expected: 33" in capsys.readouterr().err
