"""TRL's trainers on soft tokens: prompts come as token ids, the soft token as an id of its own (`soft_words`)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback

from creator.align.options import AlignOptions
from creator.align.preferences import Preference
from creator.core.artefacts import write_text
from creator.core.progress import Progress

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TRL tells of vLLM's version, which it is not asked to use
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer


class _TokenisedDpo(DPOTrainer):
    """DPO on a dataset of token ids."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


class _TokenisedGrpo(GRPOTrainer):
    """GRPO whose prompts are numbers of lists of token ids."""

    token_ids: Sequence[Sequence[int]] = ()

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, object]]:
        return [list(self.token_ids[int(prompt)]) for prompt in prompts], None, {}


class _Told(TrainerCallback):
    """Shows progress and keeps the figures of each step."""

    def __init__(self, label: str, steps: int, history: Path) -> None:
        self._label, self._steps, self._history = label, steps, history
        self._progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        lines = self._history.read_text(encoding="utf-8").splitlines() if self._history.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        write_text(self._history, "".join(line + "\n" for line in kept))
        self._progress = Progress(self._label, self._steps, "steps", done=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        if logs is None or not ({"loss", "reward"} & set(logs)):
            return
        figures = {name: value for name, value in logs.items() if isinstance(value, int | float)}
        with self._history.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": state.global_step, **figures}) + "\n")
        shown = "reward" if "reward" in figures else "loss"
        assert self._progress is not None
        self._progress.advance(note=f"{shown} {figures[shown]:.3f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._progress is not None:
            self._progress.close()


def train_dpo(
    llm: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], pairs: Sequence[Preference], options: AlignOptions,
    folder: Path,
) -> None:  # fmt: skip
    """Direct preference optimisation (arXiv 2305.18290) of an adapted LLM, in place.

    Args:
        llm: with adapters; what it was before is what it is held to.
        tokenizer: its tokenizer.
        prompts: token ids of each pair's prompt.
        pairs: the preferences.
        options: how to train.
        folder: where TRL works; `history_align.jsonl` goes there.
    """
    data = Dataset.from_list(
        [
            {"prompt_ids": list(prompt), "chosen_ids": pair.chosen, "rejected_ids": pair.rejected}
            for prompt, pair in zip(prompts, pairs, strict=True)
        ]
    )
    config = DPOConfig(beta=options.beta, max_length=None, **_arguments(options, folder))
    with _own_forward(llm):
        trainer = _TokenisedDpo(
            llm, args=config, train_dataset=data, processing_class=tokenizer,
            callbacks=[_Told("dpo", options.steps, folder / "history_align.jsonl")],
        )  # fmt: skip
        _run(trainer)


def train_grpo(
    llm: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    reward: Callable[[Sequence[int], Sequence[Sequence[int]]], list[float]],
    options: AlignOptions,
    folder: Path,
    *,
    title_tokens: int,
) -> None:
    """Group relative policy optimisation (arXiv 2402.03300) of an adapted LLM, in place.

    Args:
        llm: with adapters.
        tokenizer: its tokenizer.
        prompts: token ids of each prompt.
        reward: from numbers of prompts and the token ids written for them.
        options: how to train.
        folder: as in `train_dpo`.
        title_tokens: the longest title.
    """

    def judged(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return list[float | None](reward([int(prompt) for prompt in prompts], completion_ids))

    config = GRPOConfig(
        beta=options.beta,
        num_generations=options.generations,
        temperature=options.temperature,
        top_k=0,
        max_completion_length=title_tokens,
        **_arguments(options, folder),
    )
    with _own_forward(llm):
        trainer = _TokenisedGrpo(
            llm, reward_funcs=judged, args=config, processing_class=tokenizer,
            train_dataset=Dataset.from_list([{"prompt": str(n)} for n in range(len(prompts))]),
            callbacks=[_Told("grpo", options.steps, folder / "history_align.jsonl")],
        )  # fmt: skip
        trainer.token_ids = prompts
        _run(trainer)


def _run(trainer: Any) -> None:
    """Train, from the last checkpoint of an interrupted attempt where there is one."""
    trainer.remove_callback(PrinterCallback)
    # the state is what a checkpoint's writing ends with
    whole = [state.parent for state in Path(trainer.args.output_dir).glob("checkpoint-*/trainer_state.json")]
    last = max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)
    if last is not None:
        # beside the folder of TRL's "ref" adapter, transformers does not look for the one that is trained
        set_peft_model_state_dict(trainer.model, load_file(last / "adapter_model.safetensors"), adapter_name="default")
    trainer.train(resume_from_checkpoint=str(last) if last is not None else None)


@contextmanager
def _own_forward(llm: Any) -> Generator[None]:
    """Take TRL's forward pass off the LLM when it has been trained."""
    base = llm.get_base_model()
    try:
        yield
    finally:
        base.__dict__.pop("forward", None)


def _arguments(options: AlignOptions, folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / ".trl"),
        "per_device_train_batch_size": options.batch,
        "max_steps": options.steps,
        "learning_rate": options.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, options.steps // 20),
        "use_cpu": options.device == "cpu",
        "bf16": False,
        "gradient_checkpointing": False,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": max(1, min(25, options.steps // 4)),
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
        "seed": options.seed,
    }
