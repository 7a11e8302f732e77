"""The `experiment` commands."""

from __future__ import annotations

from creator.core.command import Command
from eval.experiments.options import AnalyzeOptions, DesignOptions, SimulateOptions

COMMANDS: tuple[Command, ...] = (
    Command(
        name="experiment design",
        summary="users, days and the smallest effect of an A/B test, overall and by cluster, from past events",
        options=DesignOptions,
        run="eval.experiments.plan:design",
        example="hllm-creator experiment design --store runs/demo/store.db --effect 0.05 --out DESIGN",
    ),
    Command(
        name="experiment analyze",
        summary="what an A/B test showed: soundness, effect, intervals for looking once and for looking often",
        options=AnalyzeOptions,
        run="eval.experiments.analyze:analyze",
        example="hllm-creator experiment analyze --store runs/demo/store.db --experiment titles --out REPORT",
    ),
    Command(
        name="experiment simulate",
        summary="prove the analysis on thousands of simulated A/A and A/B tests with known effects",
        options=SimulateOptions,
        run="eval.experiments.simulate:simulate",
        example="hllm-creator experiment simulate --out REPORT",
    ),
)
