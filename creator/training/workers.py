"""The processes that train together: who reads which rows, how figures and gradients meet; one process is such a group.

`accelerate launch` starts several and says how they share the model: DDP, where each keeps all of it, or FSDP
(`--use_fsdp`), where each keeps a part and layers are put together when they are needed. A step draws the same rows in
every process, by (seed, step), and each reads its share; a loss counts its share's mean in the whole, so that the mean
over the processes is the loss of one process on all rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from creator.core.artefacts import Artefact, Draft, write_artefact

T = TypeVar("T")


class Workers:
    """A group of training processes.

    Args:
        accelerator: accelerate's, or None for a process of its own.
    """

    def __init__(self, accelerator: Any = None) -> None:
        self._accelerator = accelerator
        self.count: int = accelerator.num_processes if accelerator is not None else 1
        self.rank: int = accelerator.process_index if accelerator is not None else 0
        self.shards = os.environ.get("ACCELERATE_USE_FSDP", "false") == "true" and self.count > 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @property
    def device(self) -> torch.device | None:
        """Where this process computes, where the launcher says so."""
        return self._accelerator.device if self._accelerator is not None else None

    def share(self, rows: int) -> npt.NDArray[np.int64]:
        """Which of a step's rows this process reads."""
        return np.arange(self.rank, rows, self.count)

    def part_of(self, mine: int, all_rows: int) -> float:
        """What this process's mean over `mine` rows counts, so that the mean over processes is that over all rows."""
        return self.count * mine / all_rows if all_rows else 0.0

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.count > 1:
            self._accelerator.wait_for_everyone()

    def means(self, figures: Mapping[str, float | Tensor]) -> dict[str, float]:
        """The mean over processes of each figure."""
        if self.count == 1:
            return {
                name: float(value.detach() if isinstance(value, Tensor) else value) for name, value in figures.items()
            }
        values = [torch.as_tensor(v).detach().float().reshape(()).to(self.device) for v in figures.values()]
        total = torch.stack(values).double() if values else torch.zeros(0)
        torch.distributed.all_reduce(total)
        return dict(zip(figures, (total / self.count).tolist(), strict=True))

    def gather(self, rows: Tensor) -> Tensor:
        """Rows of all processes, [n, d] of each -> [count, n, d]; gradients flow back to where they came from."""
        if self.count == 1:
            return rows.unsqueeze(0)
        gathered: Tensor = _Gather.apply(rows.contiguous(), self.rank, self.count)  # pyright: ignore[reportAssignmentType]
        return gathered

    def wrap(self, model: nn.Module) -> Shared:
        """Share a model's training; undo it with `Shared.release`."""
        return Shared(self, model, self._accelerator)


class _Gather(torch.autograd.Function):
    """Every process's rows; what each makes of them flows back to whose they are, and is summed there."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, rank: int, count: int) -> Tensor:
        ctx.rank = rank
        parts = [torch.empty_like(rows) for _ in range(count)]
        torch.distributed.all_gather(parts, rows)
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None]:
        grad: Tensor = grads[0].contiguous()
        torch.distributed.all_reduce(grad)
        return grad[ctx.rank], None, None


class Shared:
    """A model under training by a group: run every pass through `run`.

    Args:
        workers: the group.
        model: what is trained, in place.
        accelerator: accelerate's, or None.
    """

    def __init__(self, workers: Workers, model: nn.Module, accelerator: Any) -> None:
        self.model = model
        self._workers = workers
        self._root: nn.Module = _Root(model)
        self._outer: Any = self._root
        self._apart: list[nn.Parameter] = []
        if workers.shards:
            self._apart = [p for p in model.parameters() if p.ndim == 0]
            _shard(self._root, accelerator, set(self._apart))
        elif workers.count > 1:
            self._outer = accelerator.prepare_model(self._root)

    def run(self, work: Callable[[], T]) -> T:
        """Do some work that passes through the model."""
        return self._outer(work)

    @contextmanager
    def accumulating(self, *, more: bool) -> Generator[None]:
        """Around a backward pass; `more` follow before the optimiser's step, so that gradients need not meet yet."""
        with self._outer.no_sync() if more and hasattr(self._outer, "no_sync") else nullcontext():
            yield

    def meet(self) -> None:
        """Average the gradients that neither DDP nor FSDP looks after: those of scalars under FSDP."""
        for parameter in self._apart:
            if parameter.requires_grad:
                grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                torch.distributed.all_reduce(grad)
                parameter.grad = grad / self._workers.count

    def release(self) -> None:
        """Leave the model whole and plain in every process."""
        if self._workers.shards:
            _unshard(self._root)
        self._outer = self._root


class _Root(nn.Module):
    """What DDP and FSDP see: a module whose pass is any work on the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, work: Callable[[], T]) -> T:
        return work()


@cache
def workers() -> Workers:
    """The group that this process is in."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Workers()
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.utils import KwargsHandler

    # a step need not reach every part that is trained
    handlers: list[KwargsHandler] = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    return Workers(Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=handlers))


@contextmanager
def write_together(
    out: Path, kind: str, *, config: Mapping[str, object], inputs: Mapping[str, Artefact | Path]
) -> Generator[Draft]:
    """`write_artefact` in every process of the group: all see the draft, the first one makes and closes it.

    Raises:
        ArtefactError: see `write_artefact`.
    """
    group = workers()
    if not group.first:
        group.wait()
        yield Draft(out.with_name(out.name + ".partial"), resumed=True)
        group.wait()
        return
    with write_artefact(out, kind, config=config, inputs=inputs) as draft:
        group.wait()
        yield draft
        group.wait()


def _shard(root: nn.Module, accelerator: Any, whole: set[nn.Parameter]) -> None:
    """Shard each layer of each LLM, then the rest, in place."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for part in list(root.modules()):
        layers = getattr(part, "layers", None)
        if isinstance(layers, nn.ModuleList):
            for layer in layers:
                fully_shard(layer, mesh=mesh)
    fully_shard(root, mesh=mesh, ignored_params=whole)


def _unshard(root: nn.Module) -> None:
    """Put every parameter together again and take FSDP off: torch has no way of its own (2.13)."""
    from torch.distributed._composable.contract import REGISTRY_KEY, STATE_KEY
    from torch.distributed._composable_state import _module_state_mapping  # pyright: ignore[reportPrivateUsage]
    from torch.distributed.fsdp import FSDPModule

    plain: dict[nn.Parameter, nn.Parameter] = {}  # tied weights stay tied
    for part in list(root.modules()):
        for name, parameter in list(part.named_parameters(recurse=False, remove_duplicate=False)):
            if parameter not in plain:
                plain[parameter] = nn.Parameter(whole(parameter.detach()), requires_grad=parameter.requires_grad)
            setattr(part, name, plain[parameter])
    for part in list(root.modules()):
        if isinstance(part, FSDPModule):
            state: Any = part._get_fsdp_state()  # pyright: ignore[reportPrivateUsage]
            for hook in ("_pre_forward_hook_handle", "_post_forward_hook_handle"):
                getattr(state, hook).remove()
            # before a state dict, FSDP would put its parts back in the place of parameters
            for group in state._fsdp_param_groups:
                for name in (
                    "_module_to_pre_save_state_dict_hook_handle",
                    "_module_to_pre_load_state_dict_hook_handle",
                ):
                    for handle in getattr(group, name).values():
                        handle.remove()
            part.__class__ = type(part).__mro__[2]
        # what torch remembers of it, or it would not be shared out a second time
        _module_state_mapping.pop(part, None)
        for name in (STATE_KEY, REGISTRY_KEY, "_is_fsdp_managed_module", "_fsdp_use_orig_params"):
            part.__dict__.pop(name, None)


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which processes may each hold a part, put together; all processes have to ask at once."""
    # a copy: what is gathered may still be on its way, and has no storage until it is read
    return tensor.full_tensor().clone() if _is_sharded(tensor) else tensor  # pyright: ignore[reportAttributeAccessIssue]


def put(into: Tensor, full: Tensor) -> None:
    """Copy a whole tensor into one that may be shared out."""
    if _is_sharded(into):
        from torch.distributed.tensor import distribute_tensor

        like: Any = into
        full = distribute_tensor(full.to(into.dtype), like.device_mesh, like.placements)
    into.copy_(full)


def clip(parameters: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale gradients down to a norm of at most `limit`, over all parameters and their parts; returns the norm."""
    sharded = [p for p in parameters if _is_sharded(p)]
    if not sharded:
        return nn.utils.clip_grad_norm_(parameters, limit)
    plain = [p for p in parameters if not _is_sharded(p)]
    norms = [
        whole(nn.utils.get_total_norm([p.grad for p in part if p.grad is not None]))
        for part in (sharded, plain)
        if part
    ]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    for part in (sharded, plain):
        nn.utils.clip_grads_with_norm_(part, limit, norm)
    return norm


def by_kind(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Shared and whole parameters apart: no optimiser steps over both at once."""
    parameters = list(parameters)
    parts = ([p for p in parameters if _is_sharded(p)], [p for p in parameters if not _is_sharded(p)])
    return [part for part in parts if part]


def _is_sharded(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")
