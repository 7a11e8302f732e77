"""The audit of whole files: every row ends once, a kill loses nothing, labels are never read, the page is safe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import open_artefact, write_artefact
from creator.core.data import ADS, write_table
from eval.audit import audit
from eval.audit_inputs import read_lines
from eval.audit_options import AuditOptions, EvaluateAuditOptions
from eval.audit_summary import evaluate_audit, interval

DEV = Path(__file__).parents[1] / "data" / "audit_dev"
AD = {
    "ad_id": "tent",
    "title": "Arven Dome Tent, 2.4 kg",
    "description": "A dome tent that pitches in six minutes.",
    "selling_points": ["Pitches in six minutes"],
    "attributes": {"price": "$180"},
}
GOOD, BAD = "A Dome Tent That Pitches in Six Minutes", "A Dome Tent That Pitches in Nine Minutes"


def write_lines(path: Path, rows: list[object]) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode("utf-8") for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def read_back(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(folder: Path, titles: list[object], ads: list[object] | None = None, **options: object) -> Path:
    out = folder / "AUDIT"
    files = {
        "ads": write_lines(folder / "ads.jsonl", ads or [AD]),
        "titles": write_lines(folder / "titles.jsonl", titles),
    }
    audit(AuditOptions(out=out, **files, **options))  # type: ignore[arg-type]
    return out


def row(number: int, title: str = GOOD, **more: object) -> dict[str, object]:
    return {"title_id": f"t{number}", "ad_id": "tent", "title": title, **more}


def test_every_row_ends_once_as_a_verdict_or_a_rejection_with_its_reason(tmp_path: Path) -> None:
    rows: list[object] = [
        row(1),
        row(2, BAD),
        b'{"title_id": "t3"',
        b"[1, 2]",
        row(5, "   "),
        row(6, ad_id="nobody"),
        {"title_id": "t7", "ad_id": "tent"},
        b'{"title_id": "t8", "ad_id": "tent", "title": "caf\xe9"}',
        row(9, title=7),
        {"ad_id": "tent", "title": GOOD, "title_id": 10},
        b'{"ad_id": "tent", "title": "A Dome Tent \\ud800"}',
        b"[" * 100_000,
        row(13, "A Dome Tent " * 500),
        b"x" * 1_100_000,
    ]
    out = run(tmp_path, rows)
    verdicts, rejected = read_back(out / "verdicts.jsonl"), read_back(out / "rejected.jsonl")
    assert [v["title_id"] for v in verdicts] == ["t1", "t2", "10", "row-11", "t13"]
    assert {r["row"]: r["reason"] for r in rejected} == {
        3: "not JSON",
        4: "not a JSON object",
        5: "empty title",
        6: "unknown ad_id",
        7: "no title",
        8: "not UTF-8",
        9: "title is not text",
        12: "not JSON",
        14: "longer than 1,000,000 bytes",
    }
    assert len(verdicts) + len(rejected) == len(rows)
    assert [v["publishable"] for v in verdicts] == [True, False, True, True, False]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["titles"], summary["rejected"]) == (5, 9)


def test_bad_ads_are_rejected_and_the_first_of_two_with_one_id_counts(tmp_path: Path) -> None:
    ads: list[object] = [
        AD,
        {**AD, "title": "Another"},
        {"ad_id": "x"},
        {**AD, "ad_id": "y", "selling_points": 3},
        {**AD, "ad_id": "z", "attributes": []},
        {**AD, "ad_id": "w", "attributes": ["a"]},
    ]
    out = run(tmp_path, [row(1)], ads)
    assert [(r["file"], r["row"], r["reason"]) for r in read_back(out / "rejected.jsonl")] == [
        ("ads", 2, "ad_id seen before"),
        ("ads", 3, "no title"),
        ("ads", 4, "selling_points is not a list of texts"),
        ("ads", 6, "attributes is not an object"),
    ]
    assert read_back(out / "verdicts.jsonl")[0]["publishable"] is True


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        ("\ufeff[]".encode("utf-16"), "UTF-16"),
        (b'[{"ad_id": "tent"}]', "one JSON array"),
        (b"PAR1\0", "not text"),
        (b"{}\n", "no usable title"),
        (b"nonsense\n", "no usable title"),
    ],
)
def test_an_unusable_file_of_titles_is_an_error_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    (tmp_path / "titles.jsonl").write_bytes(content)
    ads = write_lines(tmp_path / "ads.jsonl", [AD])
    status = main(
        ["audit", "--ads", str(ads), "--titles", str(tmp_path / "titles.jsonl"), "--out", str(tmp_path / "AUDIT")]
    )
    error = capsys.readouterr().err
    assert (status, said in error, "Traceback" in error) == (1, True, False)
    assert not (tmp_path / "AUDIT").exists()


def test_a_missing_file_and_an_existing_folder_are_clear_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(tmp_path, [row(1)])
    arguments = [
        "audit",
        "--ads",
        str(tmp_path / "ads.jsonl"),
        "--titles",
        str(tmp_path / "none.jsonl"),
        "--out",
        str(tmp_path / "B"),
    ]
    assert main(arguments) == 1
    assert "none.jsonl" in capsys.readouterr().err
    arguments[4], arguments[6] = str(tmp_path / "titles.jsonl"), str(out)
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--shown", "0", "--workers", "-1"]) == 2
    error = capsys.readouterr().err
    assert "shown" in error
    assert "workers" in error


def test_labels_are_scored_against_and_never_read(tmp_path: Path) -> None:
    titles, labels = [GOOD, BAD] * 3, ["number", "ok", "ok", "number", "ok", "scope"]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = read_back(run(tmp_path / "a", [row(n, t) for n, t in enumerate(titles)]) / "verdicts.jsonl")
    out = run(tmp_path / "b", [row(n, t, label=label) for n, (t, label) in enumerate(zip(titles, labels, strict=True))])
    labelled = read_back(out / "verdicts.jsonl")
    assert [{k: v for k, v in r.items() if k != "label"} for r in labelled] == plain
    figures = evaluate_audit(EvaluateAuditOptions(audit=out))
    # By hand: errors are rows 0, 3, 5, of which 3 and 5 are stopped; of the ok rows 1, 2, 4 one (1) is stopped.
    assert (figures["errors"], figures["recall"], figures["false_alarm_rate"], figures["precision"]) == (
        3,
        2 / 3,
        1 / 3,
        2 / 3,
    )
    assert figures["kind_named"] == pytest.approx(1 / 3)


def test_sources_of_labels_are_scored_apart(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        [
            row(1, BAD, label="number", label_source="synthetic"),
            row(2, GOOD, label="number", label_source="human"),
            row(3),
        ],
    )
    labelled = json.loads((out / "summary.json").read_text(encoding="utf-8"))["labelled"]
    assert {source: figures["recall"] for source, figures in labelled.items()} == {"synthetic": 1.0, "human": 0.0}


def test_an_audit_without_labels_cannot_be_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(tmp_path, [row(1)])
    assert main(["evaluate", "audit", "--audit", str(out)]) == 1
    assert "label" in capsys.readouterr().err


def test_the_table_names_every_kind_and_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(tmp_path, [row(1, BAD, label="number"), row(2, GOOD, label="ok")])
    assert main(["evaluate", "audit", "--audit", str(out), "--out", str(tmp_path / "R"), "--json"]) == 0
    printed = capsys.readouterr().out
    assert "number" in printed
    assert json.loads(printed.splitlines()[-1])["recall"] == 1.0
    assert open_artefact(tmp_path / "R", "evaluation").facts["recall"] == 1.0


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    titles: list[object] = [row(n, BAD if n % 3 else GOOD) if n % 50 else b"nonsense" for n in range(2400)]
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        run(tmp_path / name, titles, workers=workers)
    for file in ("verdicts.jsonl", "rejected.jsonl"):
        assert (tmp_path / "one" / "AUDIT" / file).read_bytes() == (tmp_path / "two" / "AUDIT" / file).read_bytes()


def test_a_kill_in_the_middle_loses_and_repeats_nothing(tmp_path: Path) -> None:
    ads = write_lines(tmp_path / "ads.jsonl", [AD])
    varied = [row(n, f"A Dome Tent That Pitches in {n % 40 + 2} Minutes") for n in range(16_000)]
    titles, out = write_lines(tmp_path / "titles.jsonl", list(varied)), tmp_path / "AUDIT"
    code = (
        "import sys, eval.audit as a; a.SAVE_EVERY_S = 0.0; from creator.cli import main; "
        f"sys.exit(main(['audit', '--ads', {str(ads)!r}, '--titles', {str(titles)!r}, '--out', {str(out)!r}, "
        "'--workers', '1']))"
    )
    victim = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = tmp_path / "AUDIT.partial" / ".progress.json"
    deadline = time.monotonic() + 200
    while (
        not (state.exists() and json.loads(state.read_text(encoding="utf-8"))["rows"] >= 2000)
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    done = json.loads(state.read_text(encoding="utf-8"))
    assert 2000 <= done["rows"] < 16_000
    assert not out.exists()
    with (tmp_path / "AUDIT.partial" / "verdicts.jsonl").open("ab") as stream:
        stream.write(b'{"half a li')
    head = (tmp_path / "AUDIT.partial" / "verdicts.jsonl").read_bytes()[: done["kept_bytes"]]
    audit(AuditOptions(ads=ads, titles=titles, out=out, workers=1))
    whole = (out / "verdicts.jsonl").read_bytes()
    assert whole.startswith(head)
    ids = [json.loads(line)["title_id"] for line in whole.splitlines()]
    assert ids == [f"t{n}" for n in range(16_000)]


def test_artefact_folders_are_read_as_well_as_files(tmp_path: Path) -> None:
    ads = pd.DataFrame(
        [{**dict.fromkeys(ADS.names), **AD, "attributes": [("price", "$180")], "trainable": True, "live": True}]
    )
    with write_artefact(tmp_path / "DATA", "data", config={}) as draft:
        write_table(draft.path / "ads.parquet", ads, ADS)
    frame = pd.DataFrame(
        {"title_id": ["a", "b"], "cluster_id": [3, 4], "ad_id": ["tent"] * 2, "title": [GOOD, BAD], "rank": [1, 1]}
    )
    with write_artefact(tmp_path / "TITLES", "titles", config={}) as draft:
        frame.to_parquet(draft.path / "titles.parquet")
    audit(AuditOptions(ads=tmp_path / "DATA", titles=tmp_path / "TITLES", out=tmp_path / "AUDIT"))
    verdicts = read_back(tmp_path / "AUDIT" / "verdicts.jsonl")
    assert [(v["title_id"], v["cluster_id"], v["publishable"]) for v in verdicts] == [("a", 3, True), ("b", 4, False)]
    assert set(open_artefact(tmp_path / "AUDIT", "audit").manifest["inputs"]) == {"ads", "titles"}  # type: ignore[arg-type]


def test_platform_rules_join_the_verdict_when_asked_for(tmp_path: Path) -> None:
    out = run(tmp_path, [row(1)], channels=("google_ads_editor", "meta"))
    (verdict,) = read_back(out / "verdicts.jsonl")
    assert verdict["publishable"] is False
    assert "google_ads_editor: 39 of at most 30" in str(verdict["findings"])


@pytest.mark.parametrize("workers", [1, 2])
def test_brand_guides_join_the_verdict_when_asked_for(tmp_path: Path, workers: int) -> None:
    arven = {**AD, "attributes": {"brand": "Arven"}}
    guides: list[object] = [{"advertiser": "Arven", "banned": ["pitches in"], "required": ["tent"]}]
    guide = tmp_path / "guides.json"
    guide.write_text(json.dumps(guides), encoding="utf-8")
    titles: list[object] = [row(1), row(2, "A Dome Tent, Up in Six Minutes"), row(3, ad_id="other")]
    out = run(tmp_path, titles, [arven, {**AD, "ad_id": "other"}], guide=guide, workers=workers)
    verdicts = read_back(out / "verdicts.jsonl")
    assert [v["publishable"] for v in verdicts] == [False, True, True]
    (finding,) = [f for f in verdicts[0]["findings"] if f["source_field"] == "guide.banned"]  # type: ignore[attr-defined]
    assert (finding["kind"], finding["claim"], finding["evidence"]) == ("channel", "Pitches in", "pitches in")


def test_a_guide_that_cannot_be_read_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, [row(1)])
    files = ["--ads", str(tmp_path / "ads.jsonl"), "--titles", str(tmp_path / "titles.jsonl")]
    for name, content in (("none.json", None), ("bad.json", b"{}"), ("bytes.json", b"\xff")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        out = tmp_path / "other"
        assert main(["audit", *files, "--guide", str(tmp_path / name), "--out", str(out)]) == 1
        error = capsys.readouterr().err
        assert ("brand guides" in error, "Traceback" in error, out.exists()) == (True, False, False)


def test_nothing_in_a_title_or_an_ad_becomes_markup_on_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    out = run(tmp_path, [row(1, hostile, label=hostile), row(2)], [{**AD, "description": hostile}])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("</script>") == 3


def test_the_page_shows_mistakes_first_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    titles: list[object] = [row(n, GOOD if n % 2 else BAD) for n in range(300)] + [row(999, BAD, label="ok")]
    page = (run(tmp_path, titles, shown=20) / "report.html").read_text(encoding="utf-8")
    rows = json.loads(page.split('id="rows">')[1].split("</script>")[0])
    assert len(rows) == 20
    assert Counter(r["state"] for r in rows) == {"false alarm": 1, "unsupported": 19}
    assert "20 of 301 titles" in " ".join(page.split())


def test_a_line_of_any_length_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"a\n" + b"y" * 3_000_000 + b"\n\n  \nb")
    assert [line[:1] for line in read_lines(path)] == [b"a", b"y", b"b"]


def test_wilson_interval_agrees_with_its_published_example() -> None:
    # 81 of 263: Newcombe (1998), Statistics in Medicine 17, table I, method 3: 0.2553 to 0.3662
    low, high = interval(81, 263) or (0.0, 0.0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert interval(0, 0) is None
