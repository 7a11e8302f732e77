"""What a configuration may say, and the command lines it becomes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator import cli
from creator.core.command import read_options
from creator.core.errors import UsageError
from creator.core.registry import commands
from creator.pipeline.stages import STAGES, plan, read_settings
from tests.pipeline import mill

RUN = Path("a run")


def _settings(tmp_path: Path, text: str, *changes: str) -> dict[str, dict[str, object]]:
    config = tmp_path / "config.toml"
    config.write_text(text, encoding="utf-8")
    return read_settings(config, changes)


def test_faults_of_every_section_are_reported_at_once(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path, "[wheat]\nrows = 'many'\nrose = 1\n[flour]\nfineness = 'very'\nout = 'x'\n[breed]\n[bill]\n"
    )
    with pytest.raises(UsageError) as caught:
        plan(settings, RUN, mill.COMMANDS, mill.STAGES)
    faults = caught.value.faults
    assert len(faults) == 5
    for words in (
        "no section [breed]; did you mean [bread]?",
        "[wheat]: no setting 'rose'; did you mean 'rows'?",
        "[wheat]: rows: got 'many', expected a whole number",
        "[flour]: 'out' is filled in by the run",
        "[flour]: fineness: got 'very', expected a number",
    ):
        assert words in faults


def test_range_faults_of_a_section_carry_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\[wheat\]: rows: expected at least 1"):
        plan(_settings(tmp_path, "[wheat]\nrows = 0\n"), RUN, mill.COMMANDS, mill.STAGES)


def test_a_command_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match="'grind' is not installed"):
        plan({}, RUN, {name: c for name, c in mill.COMMANDS.items() if name != "grind"}, mill.STAGES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[wheat\n", "is not TOML"),
        ("rows = 3\n", "'rows' stands outside any section"),
        ("[a]\nx = 1\nx = 2", "is not TOML"),
    ],
)
def test_a_malformed_file_is_a_usage_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _settings(tmp_path, text)


def test_a_file_in_another_encoding_or_missing_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes("[wheat]\nnames = ['Käse']".encode("latin-1"))
    with pytest.raises(UsageError, match="is not TOML"):
        read_settings(tmp_path / "latin.toml", ())
    with pytest.raises(UsageError, match="No such file"):
        read_settings(tmp_path / "none.toml", ())


def test_changes_override_the_file_and_all_malformed_ones_are_listed(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        "[wheat]\nrows = 3\n",
        "wheat.rows=5",
        "wheat.seed_file=a b.txt",
        "flour.fineness=2.5",
        "bread.burn=true",
        'wheat.names=["x", "y"]',
        "data.path=",
        "data.until=2017-08-08",
    )
    assert settings == {
        "wheat": {"rows": 5, "seed_file": "a b.txt", "names": ["x", "y"]},
        "flour": {"fineness": 2.5},
        "bread": {"burn": True},
        "data": {"path": "", "until": "2017-08-08"},
    }
    with pytest.raises(UsageError) as caught:
        _settings(tmp_path, "", "rows=5", "wheat.rows", "fine.x=1", ".a=1")
    assert len(caught.value.faults) == 3


def test_artefacts_are_filled_in_and_optional_stages_need_their_section() -> None:
    jobs = {job.stage.section: job for job in plan({}, RUN, mill.COMMANDS, mill.STAGES)}
    assert list(jobs) == ["wheat", "flour", "bread", "bill"]
    assert jobs["flour"].arguments() == ["grind", "--wheat=a run/wheat", "--out=a run/flour"]
    assert [stage.section for stage in jobs["bread"].reads] == ["flour"]
    assert [stage.section for stage in jobs["bill"].reads] == ["wheat", "flour", "bread"]
    jobs = {job.stage.section: job for job in plan({"yeast": {}}, RUN, mill.COMMANDS, mill.STAGES)}
    assert "--init=a run/risen" in jobs["bread"].arguments()
    assert [stage.section for stage in jobs["bread"].reads] == ["yeast", "flour"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rows": st.integers(1, 10**9),
            "organic": st.booleans(),
            # the command line has no way to say a path that is "--" alone
            "seed_file": st.text("ab -=/é", min_size=1).filter(lambda text: text != "--"),
            "names": st.lists(
                st.text(st.characters(exclude_categories=["Cs", "Cc"])).filter(lambda text: text != "--"),
                min_size=1,
                max_size=3,
            ),
        },
    )
)
def test_the_command_line_says_exactly_what_the_section_says(section: dict[str, object]) -> None:
    job = plan({"wheat": section}, RUN, mill.COMMANDS, mill.STAGES)[0]
    parser = cli.parser_of(mill.COMMANDS["grow"])
    values = vars(parser.parse_args(job.arguments()[1:]))
    values.pop("json")
    assert read_options(mill.GrowOptions, values, "grow") == job.options


def test_every_shipped_configuration_is_free_of_faults() -> None:
    files = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
    assert len(files) >= 3
    for file in files:
        tomllib.loads(file.read_text(encoding="utf-8"))
        wants_tables = file.stem in ("tiny", "own-tables")  # they want to be told where the tables are
        missing = (f"data.path={file.parent}",) if wants_tables else ()
        plan(read_settings(file, missing), RUN, commands(), STAGES)
