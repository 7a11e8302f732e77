"""HLLM's speed: users embedded a second, training with packed sequences, ranking of a whole catalogue.

    python bench/hllm.py users      # beside the reference's way of working, same weights, same machine, in turns
    python bench/hllm.py packing    # training tokens a second, packed beside padded
    python bench/hllm.py ranking    # 10,000 users x 50,000 items in a bounded memory

The reference's way (`users`): batches of 4 users, every item of every history encoded again, both LLMs with their LM
head. Ours: each item of the catalogue encoded once, histories packed and read from the table, no LM head; the time of
the catalogue counts.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from creator.engine.backbone import resolve_backbone
from creator.models.assembly import HllmCreator
from creator.models.catalogue import best_items
from creator.models.checkpoint import build_model
from creator.models.config import ModelConfig

TEXT_TOKENS, HISTORY, BASELINE_BATCH = 12, 20, 4
WORDS = ("quiet", "steel", "folding", "solar", "linen", "compact", "oak", "padded", "desk", "lamp", "tent", "chair",
         "kettle", "stove", "drill", "panel", "blue", "large", "set", "of", "two", "garden", "travel")  # fmt: skip


def make_model(layers: int, text_tokens: int) -> HllmCreator:
    """SmolLM2-135M as Item and User LLM, cut to some layers; texts of at most `text_tokens` tokens, [ITEM] counted."""
    folder = resolve_backbone("smollm2")
    config = ModelConfig(item_text_tokens=text_tokens, history=HISTORY, user_prompt="")
    torch.manual_seed(0)
    model = build_model(config, item_folder=folder, creative_folder=folder, user_folder=folder, user_layers=layers)
    model.item.llm.layers = model.item.llm.layers[:layers]  # pyright: ignore
    return model.eval()


def heads(model: HllmCreator) -> nn.Linear:
    """The LM head that the reference computes: tied to the word embeddings, as SmolLM2's is."""
    words: Any = model.item.llm.get_input_embeddings()  # pyright: ignore
    head = nn.Linear(words.weight.shape[1], words.weight.shape[0], bias=False)
    head.weight = words.weight
    return head


@torch.inference_mode()
def reference_way(
    model: HllmCreator, head: nn.Linear, token_ids: Sequence[Sequence[int]], windows: np.ndarray
) -> Tensor:
    """User embeddings of histories of one length, [B, d], as the published code computes them."""
    out: list[Tensor] = []
    item_llm: Any = model.item.llm
    words = item_llm.get_input_embeddings()
    for start in range(0, len(windows), BASELINE_BATCH):
        batch = windows[start : start + BASELINE_BATCH]
        ids = torch.tensor([token_ids[row] for row in batch.ravel()])
        embeds = torch.cat([words(ids), model.item.item_token.expand(len(ids), 1, -1)], dim=1)
        states = item_llm(inputs_embeds=embeds, use_cache=False).last_hidden_state
        head(states)
        items = states[:, -1].float().view(*batch.shape, -1)
        embeds, mask = model.user.lay_inputs(items, torch.ones(batch.shape))
        user_llm: Any = model.user.llm
        states = user_llm(inputs_embeds=embeds, attention_mask=mask.long(), use_cache=False).last_hidden_state
        head(states)
        out.append(states[:, -1].float())
    return torch.cat(out)


def bench_users(arguments: argparse.Namespace) -> None:
    """Users embedded a second, both ways in turns."""
    model = make_model(arguments.layers, TEXT_TOKENS)
    head, draw = heads(model), random.Random(0)
    texts = [" ".join(draw.choice(WORDS) for _ in range(3 * TEXT_TOKENS)) for _ in range(arguments.items)]
    token_ids = model.item.tokenize(texts)
    assert {len(ids) for ids in token_ids} == {TEXT_TOKENS}
    windows = np.random.default_rng(0).integers(0, len(texts), (arguments.users, HISTORY)).astype(np.int32)
    some = windows[: arguments.baseline_users]
    rounds: list[tuple[float, float, float]] = []
    for _ in range(arguments.rounds):
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.dtype == "bf16"):
            theirs, slow = timed(lambda: reference_way(model, head, token_ids, some))
            items, catalogue_s = timed(lambda: model.encode_texts(texts))
            ours, users_s = timed(lambda table=items: model.encode_users(table, list(windows)))
        cosine = torch.nn.functional.cosine_similarity(theirs, torch.from_numpy(ours[: len(some)]), dim=1).min().item()
        assert cosine > (0.98 if arguments.dtype == "bf16" else 0.9999), cosine
        rounds.append((len(some) / slow, len(windows) / (catalogue_s + users_s), len(windows) / users_s))
        print(
            f"reference's way {rounds[-1][0]:.2f} users/s ({len(some)} users); ours {rounds[-1][1]:.1f} users/s "
            f"(catalogue {catalogue_s:.1f} s, {len(windows):,} users {users_s:.1f} s); least cosine {cosine:.5f}",
            flush=True,
        )
    median = [statistics.median(values) for values in zip(*rounds, strict=True)]
    print(f"median: {median[0]:.2f} and {median[1]:.1f} users/s, {median[1] / median[0]:.1f}x; "
          f"{median[2] / median[0]:.1f}x once the catalogue is embedded")  # fmt: skip


def bench_packing(arguments: argparse.Namespace) -> None:
    """Forward and backward of histories and of item texts, packed, padded to the longest, padded to the limit."""
    model = make_model(arguments.layers, 64)
    draw = np.random.default_rng(0)
    limit = 64
    lengths = np.clip(draw.lognormal(2.6, 0.6, arguments.texts), 3, limit - 1).astype(int)
    flat = torch.randn(int(lengths.sum()), model.item.width)
    print(
        f"{len(lengths)} sequences of {lengths.min()} to {lengths.max()} tokens, "
        f"{lengths.mean():.1f} on average, limit {limit}"
    )
    llm: Any = model.user.llm

    def packed() -> Tensor:
        return model.user.read(flat, lengths.tolist(), with_user=False)[0].square().mean()

    def padded(columns: int) -> Tensor:
        rows = torch.zeros(len(lengths), columns, model.item.width)
        mask = torch.arange(columns) < torch.from_numpy(lengths)[:, None]
        rows[mask] = flat
        states = llm(inputs_embeds=rows, attention_mask=mask.long(), use_cache=False).last_hidden_state
        return states[mask].square().mean()

    ways: dict[str, Callable[[], Tensor]] = {
        "packed": packed,
        "padded to the longest": lambda: padded(int(lengths.max())),
        "padded to the limit": lambda: padded(limit),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    values: dict[str, float] = {}
    model.train()
    for n in range(arguments.rounds + 1):
        for name, way in ways.items():

            def step(way: Callable[[], Tensor] = way) -> float:
                with torch.autocast("cpu", torch.bfloat16, enabled=arguments.dtype == "bf16"):
                    loss = way()
                loss.backward()
                model.zero_grad(set_to_none=True)
                return float(loss.detach())

            values[name], took = timed(step)
            if n:  # the first round warms up
                speeds[name].append(len(flat) / took)
    assert max(values.values()) - min(values.values()) < 1e-2 * max(values.values()), values
    for name, found in speeds.items():
        print(f"{name}: {statistics.median(found):,.0f} tokens/s ({min(found):,.0f} to {max(found):,.0f})")


def bench_ranking(arguments: argparse.Namespace) -> None:
    """Time and peak memory of a full ranking."""
    draw = np.random.default_rng(0)
    queries = draw.normal(size=(arguments.users, arguments.width)).astype(np.float32)
    items = draw.normal(size=(arguments.items, arguments.width)).astype(np.float32)
    bound = arguments.memory_mib
    sum(len(best.rows) for best in best_items(queries[:100], items, 200, memory_mib=bound))
    with Peak() as peak:
        count, took = timed(lambda: sum(len(b.rows) for b in best_items(queries, items, 200, memory_mib=bound)))
    assert count == len(queries)
    print(
        f"{len(queries):,} users x {len(items):,} items, width {arguments.width}, best 200: {took:.1f} s, "
        f"{len(queries) / took:,.0f} users/s; {peak.mib:.0f} MiB beside the inputs, bound {bound} MiB"
    )
    assert peak.mib < bound


class Peak:
    """Peak growth of memory that is no page of a file."""

    def __enter__(self) -> Peak:
        self._start, self.mib, self._done = self._now(), 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.is_set():
            self.mib = max(self.mib, self._now() - self._start)
            time.sleep(0.002)

    @staticmethod
    def _now() -> float:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and how long it took, in seconds."""
    start = time.monotonic()
    return work(), time.monotonic() - start


def main() -> None:
    """Read the call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parts = parser.add_subparsers(required=True)
    for name, bench in (("users", bench_users), ("packing", bench_packing), ("ranking", bench_ranking)):
        part = parts.add_parser(name)
        part.set_defaults(bench=bench)
        part.add_argument("--users", type=int, default=10_000 if name == "ranking" else 5_000)
        part.add_argument("--items", type=int, default=50_000 if name == "ranking" else 5_000)
        part.add_argument("--layers", type=int, default=4)
        part.add_argument("--rounds", type=int, default=2 if name == "users" else 5)
        part.add_argument("--baseline-users", type=int, default=40)
        part.add_argument("--texts", type=int, default=256)
        part.add_argument("--width", type=int, default=384)
        part.add_argument("--memory-mib", type=int, default=256)
        part.add_argument("--dtype", choices=["bf16", "fp32"], default="bf16")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.bench(arguments)


if __name__ == "__main__":
    main()
