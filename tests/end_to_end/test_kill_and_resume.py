"""SIGKILL at a random moment of each stage; the next call ends with what an undisturbed run makes."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from creator.pipeline.stages import STAGES, Stage
from tests.end_to_end.conftest import Calm
from tests.end_to_end.whole_run import assert_same_content, forget, stages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
KILLED = [stage for stage in STAGES if not stage.optional]
SEED = 20


def _kill_within(calm: Calm, run: Path, stage: Stage, delay_s: float) -> bool:
    """Start the run, kill it so long after the stage began; whether the stage's work was still under way.

    A stage that had already put its whole artefact in place was only about to say so: that is no kill in the middle.
    """
    process = calm.shop.start(run)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"{stage.section}: "):
            break
    time.sleep(delay_s)
    process.kill()
    out = process.communicate()[0]
    whole = bool(stage.kind) and (run / stage.outputs[0]).exists()
    return stage.section not in stages(out) and not whole


@pytest.mark.parametrize("stage", KILLED, ids=[stage.section for stage in KILLED])
def test_a_kill_in_the_middle_loses_nothing(calm: Calm, tmp_path: Path, stage: object) -> None:
    chosen = next(s for s in KILLED if s == stage)
    run, draw = tmp_path / "run", random.Random(f"{SEED} {chosen.section}")
    shutil.copytree(calm.run, run)
    longest_s = 8.0
    for _ in range(8):
        forget(run, chosen.section, chosen.outputs)
        shutil.rmtree(run / f"{chosen.outputs[0]}.partial", ignore_errors=True)
        if _kill_within(calm, run, chosen, draw.uniform(0.3, 1.0) * longest_s):
            break
        longest_s /= 2
    else:
        raise AssertionError("the stage always ended before the kill")
    ran = stages(calm.shop.run(run))
    assert ran[chosen.section]
    earlier = KILLED[: KILLED.index(chosen)]
    assert not any(ran[other.section] for other in earlier)
    assert_same_content(run, calm.run)
    assert not list(run.glob("*.partial")) + list(run.glob("*.stale"))
