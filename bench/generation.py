"""Titles a second: vLLM with prompt embeddings and its prefix cache beside Hugging Face generate in batches of 4.

    python bench/generation.py --model smollm2 --rounds 2

One process, one model, the same prompts: each ad's text is shared by several clusters' prompts, which differ in their
soft token alone. Both answer greedily. The two take turns, with new ads each round, so that neither finds a warm cache
and both meet the same machine.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creator.core.errors import EngineError
from creator.engine.backbone import resolve_backbone
from creator.engine.contract import Engine, EngineStats, Prompt, SamplingSettings, open_engine

import torch  # isort: skip  (after creator, which says how OpenMP waits)

BASELINE_BATCH = 4
CUE = "\nTitle:"
WORDS = (
    *("quiet", "steel", "folding", "solar", "linen", "compact", "cordless", "oak", "padded", "sealed", "light", "twin"),
    *("desk", "lamp", "tent", "chair", "kettle", "pack", "stove", "drill", "frame", "strap", "cover", "panel"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine's pass over one round's prompts."""

    titles_per_s: float
    output_tokens: int
    token_ids: list[tuple[int, ...]]
    stats: EngineStats | None = None


class Bench:
    """The model, its tokenizer, and the prompts made of them."""

    def __init__(self, folder: Path, dtype: str, tokens: int, prefix_tokens: int) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        torch_dtype = torch.bfloat16 if dtype == "bf16" else torch.float32
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch_dtype).eval()
        if torch.cuda.is_available():
            self.model = self.model.cuda()
        self.end = self.model.generation_config.eos_token_id
        self.settings = SamplingSettings(max_tokens=tokens)
        self.model.generation_config = GenerationConfig(
            max_new_tokens=tokens, do_sample=False, eos_token_id=self.end, pad_token_id=self.tokenizer.pad_token_id or 0
        )
        self.embedding: torch.Tensor = self.model.get_input_embeddings().weight.detach().float().cpu()
        self.prefix_tokens = prefix_tokens

    def prompts(self, ads: int, clusters: int, seed: int) -> list[Prompt]:
        """`clusters` prompts for each of `ads` ads: [instructions and ad | soft token | cue]."""
        draw, noise = random.Random(seed), torch.Generator().manual_seed(seed)
        cue = self.embedding[self.tokenizer.encode(CUE, add_special_tokens=False)]
        made: list[Prompt] = []
        for ad in range(ads):
            facts = " ".join(draw.choice(WORDS) for _ in range(2 * self.prefix_tokens))
            ids = self.tokenizer.encode(f"Write a short title that is true. Facts: {facts}", add_special_tokens=False)
            prefix = self.embedding[ids[: self.prefix_tokens]]
            for cluster in range(clusters):
                soft = torch.randn(1, prefix.shape[1], generator=noise) * self.embedding.std()
                made.append(Prompt(f"{seed}-{ad}-{cluster}", torch.cat([prefix, soft, cue])))
        return made

    @torch.inference_mode()
    def baseline(self, prompts: list[Prompt]) -> Measured:
        """Hugging Face generate, as the reference calls it; prompts of one length need no padding."""
        started, answers = time.monotonic(), list[tuple[int, ...]]()
        for first in range(0, len(prompts), BASELINE_BATCH):
            rows = [torch.as_tensor(prompt.embeds) for prompt in prompts[first : first + BASELINE_BATCH]]
            embeds = torch.stack(rows).to(self.model.device, self.model.dtype)
            mask = torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device)
            for ids in self.model.generate(inputs_embeds=embeds, attention_mask=mask).tolist():
                answers.append(tuple(ids[: ids.index(self.end) + 1] if self.end in ids else ids))
        wall_s = time.monotonic() - started
        return Measured(len(prompts) / wall_s, sum(map(len, answers)), answers)

    def ours(self, engine: Engine, prompts: list[Prompt]) -> Measured:
        """The project's engine on the same prompts."""
        before = engine.stats
        answers = [completion.candidates[0].token_ids for completion in engine.generate(prompts, self.settings)]
        did = engine.stats - before
        return Measured(len(prompts) / did.wall_s, did.output_tokens, answers, did)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a folder, a hub id, or smollm2")
    parser.add_argument("--ads", type=int, default=16, help="ads a round")
    parser.add_argument("--clusters", type=int, default=8, help="clusters an ad")
    parser.add_argument("--prefix-tokens", type=int, default=120, help="tokens the prompts of one ad share")
    parser.add_argument("--tokens", type=int, default=16, help="longest title")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32", help="of both; fp32 answers are equal")
    parser.add_argument("--json", action="store_true", help="print one machine-readable line last")
    options = parser.parse_args()

    folder = resolve_backbone(options.model)
    context = options.prefix_tokens + options.tokens + 32
    try:
        engine = open_engine("vllm", folder, context_tokens=context, dtype=options.dtype)
    except EngineError as error:
        engine = None
        print(f"vllm is left out: {error}")
    bench = Bench(folder, options.dtype, options.tokens, options.prefix_tokens)
    theirs, mine = list[Measured](), list[Measured]()
    for turn in range(-1, options.rounds):  # the first turn warms both up and is not counted
        prompts = bench.prompts(options.ads if turn >= 0 else 1, options.clusters, seed=turn + 1)
        measured = bench.baseline(prompts), bench.ours(engine, prompts) if engine else None
        if turn >= 0:
            theirs.append(measured[0])
            mine.extend([measured[1]] if measured[1] else [])
    if engine:
        engine.close()
    report(theirs, mine, options)


def report(theirs: list[Measured], mine: list[Measured], options: argparse.Namespace) -> None:
    """Print the table, and the JSON line if asked for."""
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"
    print(
        f"{options.model}, {options.dtype}, {where}; {options.rounds} rounds of {options.ads} ads x {options.clusters} "
        f"clusters, {options.prefix_tokens} shared tokens, titles of at most {options.tokens} tokens, greedy"
    )
    base = line("Hugging Face generate, batches of 4", theirs)
    summary: dict[str, object] = {"baseline_titles_per_s": round(base, 2)}
    if mine:
        rate = line("vLLM, prompt embeddings, prefix cache", mine)
        done = sum((m.stats for m in mine if m.stats), EngineStats())
        computed, submitted = done.prompt_tokens_computed, done.prompt_tokens_submitted
        answers = [
            pair for x, y in zip(theirs, mine, strict=True) for pair in zip(x.token_ids, y.token_ids, strict=True)
        ]
        equal = sum(a == b for a, b in answers)
        print(
            f"  ratio {rate / base:.1f}x; prompt tokens computed {computed:,} of {submitted:,} submitted "
            f"({computed / submitted:.0%}); equal answers {equal} of {len(answers)}"
        )
        summary |= {
            "titles_per_s": round(rate, 2),
            "ratio": round(rate / base, 2),
            "prompt_tokens_computed": computed,
            "prompt_tokens_submitted": submitted,
            "equal_answers": equal,
            "answers": len(answers),
        }
    if options.json:
        print(json.dumps(summary))


def line(name: str, rounds: list[Measured]) -> float:
    """Print one engine's line; returns its median titles a second over the rounds."""
    rate = statistics.median(m.titles_per_s for m in rounds)
    print(f"  {name:<40}{rate:>8.2f} titles/s{sum(m.output_tokens for m in rounds):>9,} tokens out")
    return rate


if __name__ == "__main__":
    main()
