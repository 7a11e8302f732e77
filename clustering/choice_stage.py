"""The `choose-k` command: measures against K, one picture, a recommendation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from clustering.choice import Cost, Trial, recommend, try_k
from clustering.commands import ChooseKOptions, settings_of
from clustering.kmeans import default_k
from clustering.vectors import draw_rows, find_faults, open_user_vectors
from creator.core.artefacts import Artefact, open_artefact, write_artefact, write_text
from creator.core.errors import InputError
from creator.core.progress import track

STEPS_BELOW, STEPS_ABOVE = 3, 2
DEFAULT_SECONDS = 0.1


def choose_k(options: ChooseKOptions) -> Mapping[str, object]:
    """Run `choose-k`.

    Raises:
        ArtefactError: an input folder is not whole.
        InputError: there are too few usable users for any K asked for.
    """
    embeddings = open_artefact(options.embeddings, "embeddings")
    inputs: dict[str, Artefact] = {"embeddings": embeddings}
    if options.titles:
        inputs["titles"] = open_artefact(options.titles, "titles")
    with write_artefact(options.out, "choice", config=settings_of(options), inputs=inputs) as draft:
        users = open_user_vectors(embeddings)
        broken, zero = find_faults(users.rows)
        usable = np.flatnonzero(~(broken | zero))
        rows = draw_rows(users.rows if len(usable) == len(broken) else users.rows[usable], options.users, options.seed)
        tried = _values(options, len(rows))
        cost = _cost(options, inputs.get("titles"))
        trials = [
            try_k(
                rows,
                k,
                metric=options.metric,
                seeds=[options.seed + n for n in range(options.seeds)],
                floor=options.floor,
                # a sample of the users has smaller clusters than all of them
                min_size=max(1, round(options.min_size * len(rows) / len(usable))),
                cost=cost,
            )
            for k in track(tried, "K", "values of K")
        ]
        chosen, reason = recommend(trials)
        content = {
            "recommended_k": chosen,
            "reason": reason,
            "users": len(rows),
            "ads": cost.ads,
            "kept_share": cost.kept_share,
            "seconds_per_pair": cost.seconds_per_pair,
            "trials": [trial.record() for trial in trials],
        }
        write_text(draft.path / "choice.json", json.dumps(content, indent=1, allow_nan=False))
        _draw(trials, chosen, draft.path / "choice.png")
        draft.rows = {"trials": len(trials), "users": len(rows)}
        draft.facts = {"recommended_k": chosen}
    _print(trials, chosen, reason, len(rows))
    return {"recommended_k": chosen, "reason": reason, "users": len(rows), "out": str(options.out)}


def _values(options: ChooseKOptions, users: int) -> list[int]:
    if options.k:
        values = sorted(set(options.k))
    else:
        middle = default_k(users, options.min_size)
        values = sorted({max(1, round(middle * 2.0**step)) for step in np.arange(-STEPS_BELOW, STEPS_ABOVE + 0.5, 0.5)})
    able = [k for k in values if k <= users]
    if not able:
        raise InputError("too few users for any K", got=f"{users} usable users", expected=f"at least {min(values)}")
    return able


def _cost(options: ChooseKOptions, titles: Artefact | None) -> Cost:
    """From an earlier run's titles where they were named, else as told."""
    seconds, facts = options.seconds_per_pair, titles.facts if titles else {}
    wall, prompts = facts.get("wall_s"), facts.get("prompts")
    if seconds is None and isinstance(wall, int | float) and isinstance(prompts, int) and prompts:
        seconds = wall / prompts
    return Cost(options.ads, options.kept_share, DEFAULT_SECONDS if seconds is None else seconds)


def _draw(trials: Sequence[Trial], chosen: int, path: Path) -> None:
    panels = (
        ("inertia per user", [trial.inertia_per_user for trial in trials]),
        ("cosine that 95% reach", [trial.similarity_low for trial in trials]),
        ("stability (adjusted Rand index)", [trial.stability for trial in trials]),
        ("reach (share of users)", [trial.reach for trial in trials]),
        ("generation, minutes", [trial.cost_s / 60 for trial in trials]),
    )
    figure = Figure(figsize=(7, 9), dpi=110, layout="constrained")
    for axes, (name, values) in zip(figure.subplots(len(panels), 1, sharex=True), panels, strict=True):
        axes.plot([trial.k for trial in trials], values, marker="o", color="#1f5f6b")
        axes.axvline(chosen, color="#c2571a", linewidth=1, linestyle="--")
        axes.set_ylabel(name, fontsize=8)
        axes.set_xscale("log")
        axes.set_xticks([trial.k for trial in trials], [str(trial.k) for trial in trials])
        axes.minorticks_off()
    figure.supxlabel(f"K (recommended: {chosen})")
    figure.savefig(path, metadata={"Software": None})


def _print(trials: Sequence[Trial], chosen: int, reason: str, users: int) -> None:
    print(f"{users:,} users\n\n{'K':>6} {'inertia':>9} {'explained':>9} {'cosine 5%':>9} {'stability':>9} {'reach':>7} "
          f"{'titles':>10} {'minutes':>8}")  # fmt: skip
    for trial in trials:
        print(f"{trial.k:>6} {trial.inertia_per_user:>9.4g} {trial.explained:>9.1%} {trial.similarity_low:>9.3f} "
              f"{trial.stability:>9.2f} {trial.reach:>7.1%} {trial.pairs:>10,.0f} {trial.cost_s / 60:>8.1f}"
              + ("  <" if trial.k == chosen else ""))  # fmt: skip
    print(f"\nrecommended: K = {chosen}: {reason}")
