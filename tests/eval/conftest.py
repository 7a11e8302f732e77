"""A small whole run: generated outdoor shop, real commands, a tiny random model; titles by hand."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import open_data
from tests.domain import THINGS, write_shop

RUN_STEPS = (
    "ingest --source tables --path {0}/tables --out {0}/data",
    "synthesize --data {0}/data --out {0}/examples --min-history 5 --min-events 1 --margin 1.0",
    "embed --model {0}/model --data {0}/data --out {0}/embeddings",
    "cluster --embeddings {0}/embeddings --data {0}/data -k 3 --min-size 5 --out {0}/clusters",
    "prune --model {0}/model --data {0}/data --clusters {0}/clusters --coverage 0.9 --out {0}/pairs",
)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN with data to titles and a store; no evaluations yet."""
    run = tmp_path_factory.mktemp("runs") / "outdoor"
    write_shop(run / "tables", users=60)
    ads = [json.loads(line) for line in (run / "tables" / "ads.jsonl").read_text().splitlines()]
    for number, ad in enumerate(ads):
        ad |= {"trainable": number % 2 == 0, "campaign": f"season {number % 4}"}
    (run / "tables" / "ads.jsonl").write_text("".join(json.dumps(ad) + "\n" for ad in ads))
    for number, step in enumerate(RUN_STEPS):
        if number == 2:
            write_model(run / "model")
        assert main(step.format(run).split()) == 0
    write_titles(run)
    store = sqlite3.connect(run / "store.db")
    store.executescript("""create table switches (switch_id integer primary key, release integer);
        create table titles (release integer, title_id text); insert into switches values (1, 1), (2, 2);
        insert into titles values (1, 'old'), (2, 'a'), (2, 'b');""")
    store.close()
    return run


def write_model(folder: Path) -> None:
    """A MODEL folder with random weights and a vocabulary of its own."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from creator.models.checkpoint import build_model, save_model
    from creator.models.config import ModelConfig

    words = [
        "<unk>",
        "<s>",
        "</s>",
        *sorted({word for things in THINGS.values() for t in things for word in t.split()}),
    ]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backbone = folder.with_name("backbone")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
                            pad_token="</s>").save_pretrained(backbone)  # fmt: skip
    torch.manual_seed(3)
    LlamaForCausalLM(
        LlamaConfig(vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512, bos_token_id=1,
                    eos_token_id=2, initializer_range=0.3)
    ).save_pretrained(backbone)  # fmt: skip
    model = build_model(ModelConfig(history=20, match_width=8), item_folder=backbone, creative_folder=backbone,
                        user_layers=1)  # fmt: skip
    with write_artefact(folder, "model", config={}) as draft:
        save_model(model, draft.path)
        steps = [
            {"step": n, "total": 3.0 - n / 20, "creative": 2.0 - n / 20, "valid_creative": 2.1, "lr": 1e-3}
            for n in range(9)
        ]
        (draft.path / "history.jsonl").write_text(
            "".join(json.dumps(step) + "\n" for step in steps) + '{"step": 9, "tot'
        )


def write_titles(run: Path) -> None:
    """TITLES by hand: each kept pair's cluster leads with one of the ad's points, in turn; one second-ranked title."""
    ads = open_data(run / "data").ads
    pairs = pd.read_parquet(run / "pairs" / "pairs.parquet")
    rows = [
        {"title_id": f"t{n}", "cluster_id": int(cluster), "ad_id": ad, "rank": 1, "logprob": -9.0,
         "title": f"{ads[ad].selling_points[cluster % 3].capitalize()} <b>& more</b>: sale", "verdict": "supported",
         "findings": "[]", "provenance": "{}", "personalisation": 1.5}
        for n, (cluster, ad) in enumerate(pairs[pairs["kept"]][["cluster_id", "ad_id"]].itertuples(index=False))
    ]  # fmt: skip
    second = rows[0] | {"title_id": "second", "rank": 2, "title": "Second best"}
    rejected = [
        rows[0] | {"title_id": f"r{n}", "reason": reason} for n, reason in enumerate(["number", "number", "unit"])
    ]
    with write_artefact(
        run / "titles", "titles", config={}, inputs={"pairs": open_artefact(run / "pairs", "pairs")}
    ) as draft:
        pd.DataFrame([*rows, second]).to_parquet(draft.path / "titles.parquet")
        pd.DataFrame(rejected).to_parquet(draft.path / "rejected.parquet")
        draft.facts = {"prompt_tokens_computed": 250, "prompt_tokens_submitted": 1000}
