"""The processes that paint one image together; a process that is alone is a group of one.

Each evaluates its shard of the tiles and holds its shard of the optimizer's history. Sums and vectors travel by
torch.distributed: gloo between processors, NCCL between GPUs. All go through the same steps with the same numbers.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from impasto.errors import RunError

__all__ = ["ALONE", "Group", "join", "local_rank", "world_size"]

T = TypeVar("T")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Group:
    """A process among others."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    """The device of the tensors that travel between processes."""

    def shard_list(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's shard of a list: neighbors, nearly equally many for each process."""
        start, stop = (len(items) * rank // self.size for rank in (self.rank, self.rank + 1))
        return items[start:stop]

    def sum(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by the sum of those of all processes, and return it."""
        if self.size > 1:
            with self._lost_process_as_run_error():
                distributed.all_reduce(tensor)
        return tensor

    def any(self, *, flag: bool) -> bool:
        """Return whether a flag is set in any process; all processes return the same."""
        return flag if self.size == 1 else float(self.sum(torch.tensor(float(flag), device=self.device))) > 0

    def broadcast(self, number: Number) -> Number:
        """Return the number that the first process has; all processes return the same."""
        if self.size == 1:
            return number
        summand = float(number) if self.rank == 0 else 0.0
        return type(number)(self.sum(torch.tensor(summand, dtype=torch.float64, device=self.device)))

    def shard(self, vector: Tensor) -> Tensor:
        """View this process's shard of a vector, (N,)."""
        return vector.tensor_split(self.size)[self.rank]

    def all_gather(self, vector: Tensor) -> Tensor:
        """Fill in the shards of the other processes, in place, and return the vector, (N,)."""
        if self.size > 1:
            with self._lost_process_as_run_error():
                for rank, shard in enumerate(vector.tensor_split(self.size)):
                    distributed.broadcast(shard, rank)
        return vector

    @contextmanager
    def _lost_process_as_run_error(self) -> Generator[None, None, None]:
        """Raise a RunError in place of the error by which torch says that another process ended."""
        try:
            yield
        except RuntimeError as error:
            raise RunError(
                f"process {self.rank + 1} of {self.size} lost another one; the run cannot continue."
            ) from error


ALONE = Group()


def local_rank() -> tuple[int, int]:
    """Return this process's number on its machine and how many there are, as torchrun says."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def world_size() -> int:
    """Return how many processes paint together on all machines, as torchrun says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(device: torch.device) -> Group:
    """Meet the other processes of a run that torchrun started, if there are any."""
    if world_size() == 1:
        return ALONE
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Group(distributed.get_rank(), distributed.get_world_size(), str(device))
