"""The commands that `eval` brings to the program."""

from __future__ import annotations

from creator.core.command import Command
from eval.ablations_options import AblationsOptions
from eval.audit_options import AuditOptions, EvaluateAuditOptions
from eval.judge_options import JudgeOptions
from eval.options import MatchingOptions, ReportOptions, TitlesOptions
from eval.pruning_options import PruningOptions
from eval.ranking_options import RankingOptions

COMMANDS: tuple[Command, ...] = (
    Command(
        name="audit",
        summary="hold every title against its ad: verdicts, the words at fault, the ad's evidence",
        options=AuditOptions,
        run="eval.audit:audit",
        example="hllm-creator audit --ads ads.jsonl --titles titles.jsonl --out AUDIT",
    ),
    Command(
        name="evaluate ablations",
        summary="what each part of the training is worth: one thing changed at a time, one table",
        options=AblationsOptions,
        run="eval.ablations:evaluate_ablations",
        example="hllm-creator evaluate ablations --data DATA --examples EXAMPLES --config configs/demo-train.toml "
        "--set model.steps=300 --out REPORT",
    ),
    Command(
        name="evaluate audit",
        summary="how well an audit's verdicts agree with labels: recall of each kind of error, false alarms",
        options=EvaluateAuditOptions,
        run="eval.audit_summary:evaluate_audit",
        example="hllm-creator evaluate audit --audit AUDIT",
    ),
    Command(
        name="evaluate judge",
        summary="let a chat model compare two columns of titles in both orders: good, same, bad, with intervals",
        options=JudgeOptions,
        run="eval.judge:evaluate_judge",
        example="OPENAI_BASE_URL=http://127.0.0.1:8000/v1 hllm-creator evaluate judge --table training.parquet "
        "--column response --against original_title --model NAME --out REPORT",
    ),
    Command(
        name="evaluate matching",
        summary="rank real impressions of held-out campaigns with the match head, beside a purchase count",
        options=MatchingOptions,
        run="eval.matching_report:evaluate_matching",
        example="hllm-creator evaluate matching --model MODEL --data DATA --embeddings EMBEDDINGS --out REPORT",
    ),
    Command(
        name="evaluate ranking",
        summary="rank the catalogue for what users buy next: HLLM beside popularity, item-kNN, SASRec and HSTU",
        options=RankingOptions,
        run="eval.ranking:evaluate_ranking",
        example="hllm-creator evaluate ranking --data DATA --steps 600 --seeds 0 1 --out REPORT",
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
        name="evaluate pruning",
        summary="share of real redemptions kept against the share of pairs generated, beside purchase counts",
        options=PruningOptions,
        run="eval.pruning_report:evaluate_pruning",
        example="hllm-creator evaluate pruning --data DATA --clusters CLUSTERS --pairs PAIRS --out REPORT",
    ),
    Command(
        name="report",
        summary="one self-contained page on a whole run, with its figures and titles",
        options=ReportOptions,
        run="eval.report:report",
        example="hllm-creator report --run runs/demo",
    ),
)
