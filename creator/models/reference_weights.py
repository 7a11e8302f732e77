"""State dicts larger than memory: opened by mapping the file, read one tensor at a time, written in shards.

Nothing is unpickled that could run code: torch files are read with `weights_only`, everything else is safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from creator.core.artefacts import write_text
from creator.core.errors import InputError

ZIP_MAGIC = b"PK\x03\x04"
WRAPPERS = ("state_dict", "module", "model")
_CURE = "name zero3_merge_states.pt as released, or a safetensors file"


class StateDict:
    """Named tensors that are read when they are asked for.

    Args:
        shapes: shape by name.
        read: gives the tensor of a name.
        files: where they lie.
    """

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], read: Callable[[str], Tensor], files: Sequence[Path]
    ) -> None:
        prefix = "module." if shapes and all(name.startswith("module.") for name in shapes) else ""
        self.shapes = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
        self.files = tuple(files)
        self._read, self._prefix = read, prefix

    def __getitem__(self, name: str) -> Tensor:
        return self._read(self._prefix + name)

    @classmethod
    def open(cls, path: Path) -> StateDict:
        """Open a state dict.

        Args:
            path: a torch file in zip format, a .safetensors file, or the folder or index of a sharded one.

        Raises:
            InputError: there is nothing to read, it is no state dict, it is damaged, or reading it would run code.
        """
        if path.is_dir():
            found = sorted(path.glob("*.safetensors.index.json")) or sorted(path.glob("*.safetensors"))
            if len(found) != 1:
                raise InputError(f"{path} does not hold one state dict", got=f"{len(found)} of them", cure=_CURE)
            path = found[0]
        if not path.is_file():
            raise InputError(f"no weights at {path}", cure=_CURE)
        if path.name.endswith(".index.json"):
            return cls._of_safetensors(path, _shards(path))
        with path.open("rb") as stream:
            is_zip = stream.read(4) == ZIP_MAGIC
        return cls._of_torch(path) if is_zip else cls._of_safetensors(path, [path])

    @classmethod
    def _of_safetensors(cls, path: Path, files: list[Path]) -> StateDict:
        shapes: dict[str, tuple[int, ...]] = {}
        holder: dict[str, Any] = {}
        for file in files:
            try:
                opened: Any = safe_open(file, framework="pt")
            except (SafetensorError, OSError):
                raise InputError(
                    f"{file} is neither a torch file in zip format nor whole safetensors",
                    expected="a state dict; other pickles are not read, since reading one can run code",
                    cure=_CURE,
                ) from None
            for name in opened.keys():  # noqa: SIM118  (no mapping)
                shapes[name], holder[name] = tuple(opened.get_slice(name).get_shape()), opened
        if not shapes:
            raise InputError(f"{path} holds no tensors", cure=_CURE)
        return cls(shapes, lambda name: holder[name].get_tensor(name), files)

    @classmethod
    def _of_torch(cls, path: Path) -> StateDict:
        try:
            loaded: object = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except UnpicklingError:
            raise InputError(
                f"{path} was refused: it holds more than tensors, and reading it could run code",
                expected="a plain state dict",
                cure="have its maker save the tensors alone, as safetensors",
            ) from None
        except (RuntimeError, OSError, ValueError, EOFError, KeyError):
            raise InputError(f"{path} is damaged or no torch file", cure="download it again") from None
        while isinstance(loaded, dict) and (inner := next((w for w in WRAPPERS if _is_dict(loaded.get(w))), None)):
            loaded = loaded[inner]
        if not isinstance(loaded, dict) or not loaded or not all(isinstance(v, Tensor) for v in loaded.values()):
            raise InputError(f"{path} is no state dict", expected="tensors by name", cure=_CURE)
        tensors = cast(dict[str, Tensor], loaded)
        return cls({name: tuple(tensor.shape) for name, tensor in tensors.items()}, tensors.__getitem__, [path])


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return [index.parent / Path(name).name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{index} is no index of safetensors files", cure=_CURE) from None


def write_shards(folder: Path, tensors: Iterable[tuple[str, Tensor]], shard_bytes: int) -> int:
    """Write tensors as a Hugging Face weight folder, never holding more than a shard.

    Args:
        folder: existing; shards that an interrupted call with the same tensors finished are kept.
        tensors: name and tensor, in an order that does not change between calls.
        shard_bytes: a shard is closed before it would grow beyond this; one tensor may.

    Returns:
        bytes of all tensors.
    """
    weight_map: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(_group(tensors, shard_bytes), start=1):
        name = f"model-{number:05d}.safetensors"
        weight_map |= dict.fromkeys(shard, name)
        total += sum(_bytes(tensor) for tensor in shard.values())
        if not (folder / name).is_file():
            aside = folder / f".{name}.tmp"
            save_file({k: t.contiguous() for k, t in shard.items()}, aside, metadata={"format": "pt"})
            aside.replace(folder / name)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    write_text(folder / "model.safetensors.index.json", json.dumps(index, indent=1))
    return total


def _group(tensors: Iterable[tuple[str, Tensor]], shard_bytes: int) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors:
        if shard and size + _bytes(tensor) > shard_bytes:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor
        size += _bytes(tensor)
    if shard:
        yield shard


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
