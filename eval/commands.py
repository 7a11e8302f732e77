"""The commands that `eval` brings to the program."""

from __future__ import annotations

from creator.core.command import Command
from eval.options import MatchingOptions, ReportOptions, TitlesOptions

COMMANDS: tuple[Command, ...] = (
    Command(
        name="evaluate matching",
        summary="rank real impressions of held-out campaigns with the match head, beside a purchase count",
        options=MatchingOptions,
        run="eval.matching_report:evaluate_matching",
        example="hllm-creator evaluate matching --model MODEL --data DATA --embeddings EMBEDDINGS --out REPORT",
    ),
    Command(
        name="evaluate titles",
        summary="ask whether titles follow their readers: conditioning, own-cluster preference, distinctness",
        options=TitlesOptions,
        run="eval.titles_report:evaluate_titles",
        example="hllm-creator evaluate titles --model MODEL --data DATA --examples EXAMPLES --clusters CLUSTERS "
        "--titles TITLES --out REPORT",
    ),
    Command(
        name="report",
        summary="one self-contained page on a whole run, with its figures and titles",
        options=ReportOptions,
        run="eval.report:report",
        example="hllm-creator report --run runs/demo",
    ),
)
