"""The learned check of an audit: what the rules let pass is read once more, in batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from creator.core.artefacts import file_digest
from creator.core.records import Ad
from creator.engine.chat.budget import Prices
from creator.facts.learned.chat import PREFIX, VERSION, ChatSettings, ChatVerifier
from creator.facts.learned.judge import Judgement, Unjudged, Verifier, find_verifier, with_judgement
from eval.audit_options import AuditOptions
from eval.audit_rows import Checked


class Judge(Protocol):
    """Whatever judges titles against ads, in batches."""

    def judge(self, pairs: Sequence[tuple[str, Ad]]) -> Sequence[Judgement | Unjudged]:
        """One judgement for every (title, ad), in order."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A learned check by name.

    Args:
        name: see `creator.facts.learned.judge.find_verifier`; "openai:MODEL" for a chat model; "" for none.
        label: which of a classifier's labels means that a title is borne out.
        chat: how the chat model is asked; None for a classifier.
    """

    name: str = ""
    label: str = ""
    chat: ChatSettings | None = None

    @classmethod
    def of(cls, options: AuditOptions) -> Named:
        """The check that an audit's settings name."""
        if not options.verifier.startswith(PREFIX):
            return cls(options.verifier, options.verifier_label)
        settings = ChatSettings(
            model=options.verifier.removeprefix(PREFIX),
            answers=options.answers or options.out.with_name(options.out.name + ".answers.jsonl"),
            concurrency=options.concurrency,
            timeout_s=options.timeout_s,
            retries=options.retries,
            schema_mode=options.schema,
            thinking_tokens=options.thinking_tokens,
            prices=Prices(options.price_in, options.price_out),
            budget_tokens=options.budget_tokens,
            budget_usd=options.budget_usd,
        )
        return cls(options.verifier, "", settings)

    def digest(self) -> str:
        """The identity of the check: of weights and calibration, or of model, prompt and budget.

        Raises:
            ModelError: nothing usable of that name.
        """
        if self.chat is not None:
            asked = self.chat
            kept = (asked.schema_mode, asked.thinking_tokens, asked.budget_tokens, asked.budget_usd)
            return "+".join(map(str, (self.name, VERSION, *kept)))
        folder = find_verifier(self.name)
        names = ("config.json", "calibration.json", "model.safetensors", "pytorch_model.bin")
        return "+".join((self.label, *(file_digest(folder / file) for file in names if (folder / file).is_file())))

    def load(self, *, shares: bool) -> Judge | None:
        """Load the check, or none for an empty name.

        Args:
            shares: other processes do the same work, so that this one computes on one core.
        """
        if not self.name:
            return None
        if self.chat is not None:
            return ChatVerifier(self.chat)
        if shares:
            import torch

            torch.set_num_threads(1)
        return Verifier.load(self.name, self.label)


def judged(rows: Sequence[Checked], verifier: Judge) -> list[Checked]:
    """The rows, those that may be published so far judged once more."""
    open_rows = [n for n, row in enumerate(rows) if row.outcome.publishable]
    found = list(rows)
    judgements = verifier.judge([(rows[n].title, rows[n].ad) for n in open_rows])
    for n, judgement in zip(open_rows, judgements, strict=True):
        if isinstance(judgement, Unjudged):
            found[n] = dataclasses.replace(rows[n], unjudged=judgement.reason)
            continue
        outcome = with_judgement(rows[n].outcome, rows[n].title, judgement)
        found[n] = dataclasses.replace(rows[n], outcome=outcome)
    return found
