"""The commands that `creator` brings to the program."""

from __future__ import annotations

from creator.align.options import AlignOptions
from creator.core.command import Command
from creator.facts.learned.options import VerifierOptions
from creator.generation.options import EmbedOptions, GenerateOptions
from creator.models.convert_options import ConvertReferenceOptions
from creator.pipeline.run import RunOptions
from creator.training.options import PretrainOptions, TrainOptions

COMMANDS: tuple[Command, ...] = (
    Command(
        "pretrain",
        "train the User LLM and the match head on behaviour: what comes next, who acts on which ad",
        PretrainOptions,
        "creator.training.stage:run_pretrain",
        "hllm-creator pretrain --data DATA --out PRETRAINED --history 256 --time-features age --steps 400",
    ),
    Command(
        "train",
        "train the whole model on examples: creative, reconstruction, alignment and matching losses",
        TrainOptions,
        "creator.training.stage:run_train",
        "hllm-creator train --data DATA --examples EXAMPLES --init PRETRAINED --out MODEL --steps 800",
    ),
    Command(
        "align",
        "train a model's titles on: preference pairs from fact verdicts (DPO), or a verifiable reward (GRPO)",
        AlignOptions,
        "creator.align.stage:run_align",
        "hllm-creator align --model MODEL --data DATA --examples EXAMPLES --out ALIGNED --method grpo --steps 200",
    ),
    Command(
        "embed",
        "turn every item, ad and user into one vector",
        EmbedOptions,
        "creator.generation.embed:embed",
        "hllm-creator embed --model MODEL --data DATA --out EMBEDDINGS",
    ),
    Command(
        "generate",
        "write one title for each kept (cluster, ad) pair and check it against the ad",
        GenerateOptions,
        "creator.generation.titles:generate",
        "hllm-creator generate --model MODEL --data DATA --clusters CLUSTERS --pairs PAIRS --out TITLES",
    ),
    Command(
        "train-verifier",
        "train the learned fact check of `audit --verifier` from a catalogue, by putting errors into true titles",
        VerifierOptions,
        "creator.facts.learned.train:train_verifier",
        "hllm-creator train-verifier --data DATA --examples EXAMPLES --out VERIFIER",
    ),
    Command(
        "convert reference",
        "turn a released HLLM or HLLM-Creator state dict into a MODEL folder",
        ConvertReferenceOptions,
        "creator.models.reference:convert_reference",
        "hllm-creator convert reference --weights zero3_merge_states.pt --config HLLM_Creator.yaml --out MODEL",
    ),
    Command(
        "run",
        "bring every stage of a run up to date, from the logs to the store and the report",
        RunOptions,
        "creator.pipeline.run:run",
        "hllm-creator run --config configs/demo.toml --out runs/demo --set clusters.k=40",
    ),
)
