"""The lock holds what the project asks for, and the set-up says what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("torch-cpu.txt", "cpu.txt", "demo.txt", "ranking.txt")


def _locked() -> dict[str, str]:
    lines = [line for name in LOCKS for line in (ROOT / "requirements" / name).read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 150
    assert all(pin.count("==") == 1 for pin in pins)
    return {canonicalize_name(name): version for name, version in (pin.split("==") for pin in pins)}


def test_every_requirement_of_the_project_is_pinned_to_a_version_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [one for name in ("cpu", "demo", "postgres", "ranking", "dev") for one in extras[name]]
    wanted = [*project["dependencies"], *named]
    locked = _locked()
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_what_breaks_a_cpu_torch_is_left_out() -> None:
    assert not {"torchvision", "torchaudio", "torchcodec", "triton"} & set(_locked())
    assert _locked()["torch"].endswith("+cpu")


def _checkout(folder: Path, tools: tuple[str, ...]) -> dict[str, str]:
    """A bare checkout and an environment whose only programs are the named ones."""
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "bin").mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found is not None
        (folder / "bin" / tool).symlink_to(found)
    return {**os.environ, "PATH": str(folder / "bin")}


def _set_up(folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run(
        [bash, "requirements/install.sh"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_without_a_python_the_set_up_says_which_one_it_needs(tmp_path: Path) -> None:
    env = _checkout(tmp_path, ("dirname", "cat", "sha256sum"))
    env.pop("PYTHON", None)
    done = _set_up(tmp_path, env)
    assert done.returncode == 1
    assert "no usable Python found; needed: 3.11" in done.stderr
    assert "apt-get install python3.11" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_unknown_stack_is_refused(tmp_path: Path) -> None:
    done = _set_up(tmp_path, {**_checkout(tmp_path, ("dirname", "cat", "sha256sum")), "STACK": "tpu"})
    assert done.returncode == 2
    assert "expected cpu or gpu" in done.stderr


@pytest.mark.parametrize("changed", [False, True])
def test_a_finished_set_up_is_left_alone_until_a_requirement_changes(tmp_path: Path, *, changed: bool) -> None:
    env = {**_checkout(tmp_path, ("dirname", "cat", "sha256sum", "rm", "mkdir", "touch")), "STACK": "cpu"}
    env.pop("PYTHON", None)
    program = tmp_path / ".venv/bin/hllm-creator"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    wanted = '{ echo "cpu $PWD"; cat requirements/* pyproject.toml; } | sha256sum > .venv/.setup-stamp'
    subprocess.run([bash, "-c", wanted], cwd=tmp_path, check=True)
    if changed:
        (tmp_path / "pyproject.toml").write_text("[project]\n")
    done = _set_up(tmp_path, env)
    assert ("up to date" in done.stdout) is not changed
    assert done.returncode == (1 if changed else 0)  # there is no Python in this environment to go on with
