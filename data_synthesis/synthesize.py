"""The `synthesize` command: example titles for training, and held-out ones to judge by."""

from __future__ import annotations

from dataclasses import asdict

from creator.core.artefacts import write_artefact
from creator.core.data import EXAMPLES, open_data, write_table
from creator.core.errors import InputError
from creator.core.progress import track
from data_synthesis.commands import ONLY_LLM, SynthesizeOptions
from data_synthesis.outcome import REJECTED, figures, funnel, table, told
from data_synthesis.planning import plan
from data_synthesis.screen import Screen
from data_synthesis.teacher import GroundedTeacher


def synthesize(options: SynthesizeOptions) -> dict[str, object]:
    """Run `hllm-creator synthesize`; returns the summary."""
    if options.teacher == "openai":
        from data_synthesis.llm.stage import synthesize_with_llm

        return synthesize_with_llm(options)
    data = open_data(options.data)
    config = {name: value for name, value in asdict(options).items() if name not in {"data", "out", *ONLY_LLM}}
    with write_artefact(options.out, "examples", config=config, inputs={"data": data.artefact}) as draft:
        plans = plan(data, options)
        teacher = GroundedTeacher(Screen(), options.seed, options.wordings)
        tasks = [task for split in plans.values() for task in split.tasks]
        answers = list(teacher.write(track(tasks, "titles", "titles")))
        kept = [answer for answer in answers if not answer.reason]
        rejected = [answer for answer in answers if answer.reason]
        if len(answers) != len(tasks):
            raise RuntimeError(f"{len(tasks)} tasks came back as {len(answers)} answers")
        if not kept:
            pointed = sum(bool(ad.selling_points) for ad in data.ads.values())
            raise InputError(
                "no history decides a title for any ad",
                got=f"{sum(made.windows for made in plans.values()):,} histories; {pointed:,} of {len(data.ads):,} ads "
                "have selling points",
                cure="lower --min-history, --min-events or --margin"
                if pointed
                else "give the ads selling_points: short phrases in the words of the catalogue",
            )
        draft.rows = {
            "examples": write_table(draft.path / "examples.parquet", table(kept, teacher), EXAMPLES),
            "rejected": write_table(draft.path / "rejected.parquet", table(rejected, teacher), REJECTED),
        }
        draft.facts = {**figures(kept), "funnel": funnel(plans, answers)}
    for line in told(draft.facts):
        print(line)
    return {
        "out": str(options.out),
        **draft.rows,
        **{name: value for name, value in draft.facts.items() if name != "funnel"},
    }
