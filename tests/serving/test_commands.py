"""The commands as the program runs them: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creator.cli import main
from tests.serving.artefacts import GOOD, Folders, write_folders
from tests.serving.service import serve

Output = pytest.CaptureFixture[str]


def command(capsys: Output, *arguments: str, status: int = 0) -> str:
    """What a command printed; its errors, where it is to fail."""
    assert main(arguments) == status
    printed = capsys.readouterr()
    return printed.err if status else printed.out


def test_publish_list_compare_and_roll_back(folders: Folders, tmp_path: Path, capsys: Output):
    store = f"sqlite:///{tmp_path}/deep/er/store.db"
    first = command(capsys, "publish", *folders.flags(), "--store", store, "--json")
    summary = json.loads(first.splitlines()[-1])
    assert (summary["release"], summary["already"], summary["titles"]) == (1, False, len(GOOD))
    assert "already release 1" in command(
        capsys, "publish", *folders.flags(), "--store", f"{tmp_path}/deep/er/store.db"
    )
    changed = (("t1", 0, "a1", "20% off selected Korrik gear: climbing rope", 1, "supported"), GOOD[1])
    second = write_folders(tmp_path / "second", changed, mark="2")
    assert "release 2" in command(capsys, "publish", *second.flags(), "--store", store)
    told = command(capsys, "release", "diff", "--store", store, "--before", "1", "--after", "2")
    assert "1 changed, 0 added, 1 removed, 1 the same" in told
    assert "no release 7" in command(
        capsys, "release", "diff", "--store", store, "--before", "1", "--after", "7", status=1
    )
    assert "release 1 is live; it was release 2" in command(capsys, "release", "rollback", "--store", store)
    listed = command(capsys, "release", "list", "--store", store).splitlines()
    assert ("withdrawn" in listed[0], "live" in listed[1]) == (True, True)
    again = command(capsys, "publish", *second.flags(), "--store", store)
    assert "already release 2" in again
    assert "release 1 is live" in again


def test_inputs_that_are_missing_are_named(tmp_path: Path, capsys: Output):
    flags = [part for name in ("titles", "clusters", "data") for part in (f"--{name}", str(tmp_path / name))]
    assert "no titles folder" in command(capsys, "publish", *flags, "--store", str(tmp_path / "s.db"), status=1)
    assert not (tmp_path / "s.db").exists()


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: Output):
    with serve(str(tmp_path / "s.db")) as service:
        port = str(service.http.base_url.port)
        told = command(capsys, "serve", "--store", str(tmp_path / "s.db"), "--port", port, status=1)
        assert f"cannot listen on 127.0.0.1 port {port}" in told


def test_every_wrong_setting_is_told_at_once(capsys: Output):
    told = command(capsys, "serve", "--store", "s.db", "--port", "99999", "--refresh-s", "0", status=2)
    assert "port must be 0 to 65535" in told
    assert "refresh_s must be 0.05 to 3600" in told
    assert "no support for 'mysql'" in command(capsys, "release", "list", "--store", "mysql://h/x", status=2)
