"""Settings of `train-verifier`, apart from its code so that `--help` stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from creator.core.command import option


@dataclass(frozen=True, slots=True)
class VerifierOptions:
    """Settings of `train-verifier`; the defaults are the recipe for a catalogue of some hundred ads and two cores."""

    data: Path = option(help="DATA folder whose ads it learns from")
    out: Path = option(help="VERIFIER folder to make")
    examples: Path | None = option(None, help="EXAMPLES folder whose titles count as true as well")
    backbone: str = option("minilm", help="encoder to start from: 'minilm', a Hugging Face folder or hub id")
    ads: int = option(400, help="ads of the catalogue it learns from at most, drawn at random")
    made_up: int = option(6000, help="made-up ads of all trades it learns from as well; 0 for the catalogue alone")
    layers: int = option(4, help="layers of the encoder that are kept, from the lowest; fewer are faster")
    steps: int = option(600, help="optimiser steps")
    minutes: float = option(5.0, help="end the learning after this time even if steps are left; 0 for no limit")
    batch: int = option(32, help="titles a step: pairs of a true and a wrong one")
    learning_rate: float = option(
        2e-4, help="peak learning rate; warmed up over 40 steps, decays to the end of the steps or of the time"
    )
    longest: int = option(96, help="tokens of ad and title together; what is longer is cut at the ad's end")
    held_out: float = option(0.1, help="share of the ads kept apart for calibration and the figures")
    false_alarms: float = option(0.02, help="share of true held-out titles that the threshold may turn down")
    seed: int = option(0, help="seed of titles, order and weights")

    @staticmethod
    def faults(options: VerifierOptions) -> list[str]:
        """Range faults."""
        found = [
            f"{name}: got {value}, expected {least} or more"
            for name, value, least in (
                ("ads", options.ads, 2),
                ("made_up", options.made_up, 0),
                ("layers", options.layers, 1),
                ("steps", options.steps, 1),
                ("minutes", options.minutes, 0),
                ("batch", options.batch, 2),
                ("longest", options.longest, 16),
            )
            if value < least
        ]
        found += [
            f"{name}: got {value}, expected more than 0 and less than 1"
            for name, value in (
                ("learning_rate", options.learning_rate),
                ("held_out", options.held_out),
                ("false_alarms", options.false_alarms),
            )
            if not 0 < value < 1
        ]
        return found
