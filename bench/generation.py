"""Figures 1 and 2: titles a second against the reference's way, and prompt tokens computed of those submitted.

    python bench/generation.py --run runs/demo

The same model, the same (cluster, ad) pairs, greedy, in one process, taking turns with new ads each round:
the reference's way    prompts [instruction | U | ad | cue] in batches of 4, padded to the model's limit, Hugging Face
                       generate; the items of each user's history encoded again for every prompt
without padding        the same, padded only to the longest of the four
and items kept         the same, and each item's embedding read from a table
ours                   vLLM, [instruction | ad | U | cue], an ad's clusters after one another, prefix cache

A pair's user is its cluster's member nearest to the centroid. Ours reads the centroid itself; that embeddings are
made once, beforehand, is part of what is compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from demo_run import DemoRun

from creator.engine.contract import EngineStats
from creator.generation.pairs import Pair
from creator.generation.writer import Written

import torch  # isort: skip  (after creator, which says how OpenMP waits)

BATCH = 4


@dataclass
class Rates:
    """Titles a second of each round."""

    name: str
    rounds: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        """Over the rounds."""
        return statistics.median(self.rounds)


class ReferencesWay:
    """Titles as the published code writes them, on this model."""

    def __init__(self, run: DemoRun, dtype: torch.dtype) -> None:
        from transformers import AutoModelForCausalLM, GenerationConfig
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.run, self.members = run, run.members()
        llm: Any = AutoModelForCausalLM.from_pretrained(run.folder / "model" / "creative_llm", dtype=dtype).eval()
        self.llm = llm.cuda() if torch.cuda.is_available() else llm
        self.texts = run.data.item_texts
        config, end = run.model.config, run.model.prompts.end
        self.limit = int(llm.config.max_position_embeddings) - config.title_tokens
        self.llm.generation_config = GenerationConfig(
            max_new_tokens=config.title_tokens, do_sample=False, eos_token_id=end, pad_token_id=end
        )
        self.table: dict[int, torch.Tensor] = {}

    @torch.inference_mode()
    def write(self, pairs: Sequence[Pair], *, padded: bool, keeps_items: bool) -> float:
        """Write the pairs' titles; returns titles a second."""
        if keeps_items:
            self._fill([row for pair in pairs for row in self.members[pair.cluster_id][0].tolist()])
        started = time.monotonic()
        for first in range(0, len(pairs), BATCH):
            self._batch(pairs[first : first + BATCH], padded, keeps_items)
        return len(pairs) / (time.monotonic() - started)

    def _batch(self, pairs: Sequence[Pair], padded: bool, keeps_items: bool) -> None:
        model = self.run.model
        prompts: list[torch.Tensor] = []
        for pair in pairs:
            window, ages = self.members[pair.cluster_id]
            if keeps_items:
                items = torch.stack([self.table[row] for row in window.tolist()])
            else:
                items = model.item(model.item.tokenize([self.texts[row] for row in window]))
            user = model.user_batch(items.float(), [np.arange(len(window), dtype=np.int32)], [ages])
            soft = model.creative.user_projector(user)
            words = model.prompts.prompt(pair.ad)
            instruction = model.prompts.words(model.config.instruction)
            rest = [*words.before[len(instruction) :], *words.after]
            before, after = (model.creative.embed_tokens(torch.tensor(ids)).float() for ids in (instruction, rest))
            prompts.append(torch.cat([before, soft, after]))
        length = self.limit if padded else max(len(prompt) for prompt in prompts)
        embeds = torch.zeros(len(prompts), length, prompts[0].shape[1], dtype=self.llm.dtype, device=self.llm.device)
        mask = torch.zeros(len(prompts), length, dtype=torch.long, device=self.llm.device)
        for row, prompt in enumerate(prompts):
            embeds[row, length - len(prompt) :] = prompt.to(embeds)
            mask[row, length - len(prompt) :] = 1
        self.llm.generate(inputs_embeds=embeds, attention_mask=mask)

    def _fill(self, rows: Sequence[int]) -> None:
        missing = sorted(set(rows) - set(self.table))
        if missing:
            vectors = self.run.model.encode_texts([self.texts[row] for row in missing])
            self.table |= {row: torch.from_numpy(vector) for row, vector in zip(missing, vectors, strict=True)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="a RUN folder with model and pairs")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ads", type=int, default=32, help="ads a round for ours")
    parser.add_argument("--pairs", type=int, default=8, help="pairs a round for the reference's way; the others more")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32", help="of all of them")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()

    run = DemoRun.read(options.run)
    ours = run.writer(dtype=options.dtype)()
    reference = ReferencesWay(run, torch.bfloat16 if options.dtype == "bf16" else torch.float32)
    slow, unpadded, kept = Rates("the reference's way"), Rates("without padding"), Rates("and items kept")
    fast, total = Rates("ours"), EngineStats()
    ours.run(run.ads_of(0, 1), lambda _: None)  # warm
    for turn in range(options.rounds):
        pairs = run.ads_of(1 + turn * options.ads, options.ads)
        for rates, count, padded, keeps in (
            (slow, options.pairs, True, False),
            (unpadded, 2 * options.pairs, False, False),
            (kept, 6 * options.pairs, False, True),
        ):
            rates.rounds.append(reference.write(pairs[:count], padded=padded, keeps_items=keeps))
        told: list[Written | EngineStats] = []
        started = time.monotonic()
        ours.run(pairs, told.append)
        fast.rounds.append(len(pairs) / (time.monotonic() - started))
        total += sum((what for what in told if isinstance(what, EngineStats)), EngineStats())
    ours.close()

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    print(f"{options.run}, {options.dtype}, {where}; {options.rounds} rounds of {options.ads} ads, greedy")
    print(f"  {'':<24}{'titles/s':>10}{'ours is':>10}")
    for rates in (slow, unpadded, kept, fast):
        print(f"  {rates.name:<24}{rates.median:>10.2f}{fast.median / rates.median:>9.1f}x")
    computed, submitted = total.prompt_tokens_computed, total.prompt_tokens_submitted
    print(f"  prompt tokens computed {computed:,} of {submitted:,} submitted: {computed / submitted:.3f}")
    if options.json:
        summary: dict[str, object] = {rates.name: round(rates.median, 3) for rates in (slow, unpadded, kept, fast)}
        print(json.dumps(summary | {"ratio": fast.median / slow.median, "computed": computed, "submitted": submitted}))


if __name__ == "__main__":
    main()
