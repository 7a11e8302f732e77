"""A folder under its own name is whole; a draft is taken up only for the same work; a full disk loses nothing."""

from __future__ import annotations

import errno
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core import artefacts
from creator.core.artefacts import config_digest, file_digest, open_artefact, write_artefact, write_text
from creator.core.errors import ArtefactError


def _make(out: Path, text: str = "one\n", **config: object) -> None:
    with write_artefact(out, "data", config=config) as draft:
        (draft.path / "sub").mkdir(exist_ok=True)
        (draft.path / "sub/rows.txt").write_text(text)
        draft.rows["rows"] = 1
        draft.facts["train_until"] = 3.5


def test_a_finished_folder_opens_with_its_rows_facts_and_file_digests(tmp_path: Path) -> None:
    _make(tmp_path / "made", seed=1)
    artefact = open_artefact(tmp_path / "made", "data")
    assert artefact.facts == {"train_until": 3.5}
    assert artefact.manifest["rows"] == {"rows": 1}
    assert artefact.manifest["config"] == {"seed": 1}
    # printf 'one\n' | sha256sum
    digest = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    assert artefact.manifest["files"] == {"sub/rows.txt": {"sha256": digest, "bytes": 4}}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_the_digest_speaks_of_content_not_of_time_or_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path / "a", seed=1)
    monkeypatch.setattr(artefacts.time, "time", lambda: 5e9)
    _make(tmp_path / "b", seed=1)
    _make(tmp_path / "c", text="two\n", seed=1)
    a, b, c = (open_artefact(tmp_path / name, "data") for name in "abc")
    assert a.manifest["created_unix_s"] != b.manifest["created_unix_s"]
    assert a.digest == b.digest != c.digest


def test_what_a_failure_leaves_is_not_an_artefact_and_is_taken_up_by_the_same_work(tmp_path: Path) -> None:
    out = tmp_path / "made"
    with pytest.raises(RuntimeError), write_artefact(out, "data", config={"seed": 1}) as draft:
        (draft.path / "half.txt").write_text("half")
        raise RuntimeError
    with pytest.raises(ArtefactError, match="no data folder"):
        open_artefact(out, "data")
    with pytest.raises(ArtefactError, match="not a finished data folder"):
        open_artefact(tmp_path / "made.partial", "data")
    with write_artefact(out, "data", config={"seed": 1}) as draft:
        assert draft.resumed
        assert (draft.path / "half.txt").read_text() == "half"
    assert list(json.loads((out / "manifest.json").read_text())["files"]) == ["half.txt"]


@pytest.mark.parametrize("change", ["config", "kind", "input"])
def test_a_draft_of_other_work_is_dropped(tmp_path: Path, change: str) -> None:
    source = tmp_path / "source.txt"
    source.write_text("a")
    with (
        pytest.raises(RuntimeError),
        write_artefact(tmp_path / "made", "data", config={}, inputs={"s": source}) as draft,
    ):
        (draft.path / "half.txt").write_text("half")
        raise RuntimeError
    if change == "input":
        source.write_text("b")
    kind = "titles" if change == "kind" else "data"
    config = {"seed": 2} if change == "config" else {}
    with write_artefact(tmp_path / "made", kind, config=config, inputs={"s": source}) as draft:
        assert not draft.resumed
        assert not (draft.path / "half.txt").exists()


def test_a_kill_between_manifest_and_rename_leaves_work_that_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)  # the first step after the manifest is written
        with pytest.raises(KeyboardInterrupt):
            _make(tmp_path / "made")
    assert (tmp_path / "made.partial/manifest.json").exists()
    _make(tmp_path / "made")
    assert list(json.loads((tmp_path / "made/manifest.json").read_text())["files"]) == ["sub/rows.txt"]


def test_an_existing_folder_is_refused_untouched(tmp_path: Path) -> None:
    _make(tmp_path / "made")
    before = file_digest(tmp_path / "made/manifest.json")
    with pytest.raises(ArtefactError, match="exists already"):
        _make(tmp_path / "made")
    assert file_digest(tmp_path / "made/manifest.json") == before


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda p: p.write_text("{"), "cannot be read"),
        (lambda p: p.write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda p: p.write_text('{"kind": "titles"}'), "holds another artefact"),
        (lambda p: p.write_text('{"kind": "data", "schema_version": 99}'), "another schema version"),
        (lambda p: p.write_text("[1]"), "cannot be read"),
    ],
)
def test_a_manifest_that_is_not_ours_is_a_clear_error(tmp_path: Path, harm: object, words: str) -> None:
    _make(tmp_path / "made")
    harm(tmp_path / "made/manifest.json")  # pyright: ignore
    with pytest.raises(ArtefactError, match=words):
        open_artefact(tmp_path / "made", "data")


def test_the_error_names_the_command_that_makes_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="hllm-creator synthesize"):
        open_artefact(tmp_path / "none", "examples")


@contextmanager
def _small_files(most_bytes: int) -> Generator[None]:
    """Let the system refuse to grow any file of this process past a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_refuses_to_grow_a_file_leaves_no_artefact_and_the_same_call_then_succeeds(tmp_path: Path) -> None:
    with _small_files(1000), pytest.raises(ArtefactError, match="the disk is full"):
        _make(tmp_path / "made", text="x" * 5000)
    assert not (tmp_path / "made").exists()
    _make(tmp_path / "made", text="x" * 5000)
    assert open_artefact(tmp_path / "made", "data").manifest["files"]["sub/rows.txt"]["bytes"] == 5000  # pyright: ignore


@pytest.mark.parametrize("at", ["fingerprint", "manifest"])
def test_a_disk_full_at_our_own_files_is_told_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    real = write_text

    def full(path: Path, text: str) -> None:
        if at in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(artefacts, "write_text", full)
        with pytest.raises(ArtefactError, match="the disk is full"):
            _make(tmp_path / "made")
    assert not (tmp_path / "made").exists()
    _make(tmp_path / "made")


WRITER = """
import sys, time
from pathlib import Path
from creator.core.artefacts import write_artefact
print("begins", flush=True)
with write_artefact(Path(sys.argv[1]), "data", config={}) as draft:
    for n in range(200):
        file = draft.path / f"{n:03d}.txt"
        if not file.exists():
            aside = draft.path / ".aside"
            aside.write_text(str(n) * 1000)
            aside.replace(file)
            time.sleep(0.004)
    draft.rows["rows"] = 200
"""


def test_kill_9_at_any_moment_leaves_either_nothing_or_the_whole(tmp_path: Path) -> None:
    out, kills = tmp_path / "made", 0
    for attempt in range(40):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(out)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + 0.05 * (attempt % 5))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate()
        if out.exists():
            break
        with pytest.raises(ArtefactError):
            open_artefact(out, "data")
    assert kills
    files = open_artefact(out, "data").manifest["files"]
    assert isinstance(files, dict)
    assert len(files) == 200
    assert all(file_digest(out / name) == entry["sha256"] for name, entry in files.items())


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
json_values = leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=5), leaves, max_size=3)


@given(st.dictionaries(st.text(), json_values))
def test_the_order_of_keys_does_not_change_a_digest(config: dict[str, object]) -> None:
    assert config_digest(config) == config_digest(dict(reversed(config.items())))


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "old")
    write_text(tmp_path / "f", "neu: é")
    assert (tmp_path / "f").read_text(encoding="utf-8") == "neu: é"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
