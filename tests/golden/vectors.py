"""The golden arrays: a copy lies in `data`; the environment variable HLLM_CREATOR_GOLDEN names another folder.

The copy keeps `outputs.safetensors` in two files, one per worker, so that no file exceeds 1 MB.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(os.environ.get("HLLM_CREATOR_GOLDEN") or Path(__file__).with_name("data"))
TOLERANCE = 2e-5


@dataclass(frozen=True)
class Vectors:
    """One folder of golden arrays with its manifest."""

    name: str

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))

    @property
    def settings(self) -> dict[str, Any]:
        return self.manifest["settings"]

    @property
    def workers(self) -> list[str]:
        return [f"w{number}" for number in range(self.manifest["workers"])]

    def has(self, name: str) -> bool:
        return bool(self._files(name))

    def arrays(self, name: str) -> dict[str, Tensor]:
        """The arrays of one file by name."""
        return {array: tensor for file in self._files(name) for array, tensor in load_file(file).items()}

    def of_worker(self, name: str, worker: str) -> dict[str, Tensor]:
        """The same of one worker, without its prefix."""
        found = self.arrays(name).items()
        return {array.removeprefix(f"{worker}."): t for array, t in found if array.startswith(f"{worker}.")}

    def _files(self, name: str) -> list[Path]:
        whole = self.folder / f"{name}.safetensors"
        return [whole] if whole.is_file() else sorted(self.folder.glob(f"{name}.w*.safetensors"))


def deviation(ours: Tensor, golden: Tensor) -> float:
    """Largest difference over max(1, largest magnitude), masked places (-inf) left out; infinite if those differ."""
    if ours.shape != golden.shape:
        return torch.inf
    ours, golden = ours.detach().double(), golden.double()
    if not torch.equal(torch.isneginf(ours), torch.isneginf(golden)):
        return torch.inf
    kept = ~torch.isneginf(golden)
    if not kept.any():
        return 0.0
    if not torch.isfinite(ours[kept]).all():
        return torch.inf
    difference = (ours[kept] - golden[kept]).abs().max()
    return float(difference / golden[kept].abs().max().clamp_min(1.0))


class Comparison:
    """Deviations by array, so that a test names every array that is off, and a table can be printed."""

    def __init__(self, of: str) -> None:
        self.of = of
        self.deviations: dict[str, float] = {}

    def add(self, name: str, ours: Tensor, golden: Tensor) -> None:
        self.deviations[name] = deviation(ours, golden)

    def faults(self, tolerance: float = TOLERANCE) -> dict[str, float]:
        return {name: value for name, value in self.deviations.items() if not value <= tolerance}

    def table(self) -> str:
        """Largest deviation of each array over the workers."""
        worst: dict[str, float] = {}
        for name, value in self.deviations.items():
            array = name.split(".", 1)[1] if name[:1] == "w" and name[1:2].isdigit() else name
            worst[array] = max(worst.get(array, 0.0), value)
        return "\n".join([f"{self.of}", *(f"  {name:<44} {value:.1e}" for name, value in worst.items())])
