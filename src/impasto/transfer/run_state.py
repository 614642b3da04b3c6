"""Where a run stands between two evaluations, as a checkpoint holds it: with it a run goes on as if never ended."""

import glob
import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from impasto.errors import CheckpointError, ImpastoError, WriteError
from impasto.machine.processes import Group
from impasto.optimizers import Optimizer
from impasto.optimizers.state import named
from impasto.planning.plan import Plan
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION
from impasto.transfer import checkpoint
from impasto.transfer.progress import Progress

__all__ = ["Identity", "Keeper", "Saved", "Standing", "digest"]

Identity = Mapping[str, str | int | float | bool | None]
"""What has to be equal for a run to go on, by name: options, what computes, and hashes of what is painted from."""

_REMEDY = "delete it to begin anew"

_ROWS = 1024
"""Rows of a tensor that are hashed at a time."""


@dataclass
class Standing:
    """Where a run stands; changed in place as it goes on."""

    image: Tensor
    """To be evaluated next, (3, H, W)."""
    best: Tensor
    """That with the least loss of its stage, (3, H, W)."""
    optimizer: Any
    """Its state."""
    stage: int = 0
    evaluation: int = 0
    """Evaluations of this stage that are done."""
    bests: list[float] = field(default_factory=lambda: [math.inf])
    """The least loss of the stage after each of them, and before the first."""
    failures: int = 0
    """Evaluations in a row that were of no use."""
    rescues: int = 0
    """How often the run went back to the best image."""
    history: list[Progress] = field(default_factory=list[Progress])


class Saved(NamedTuple):
    """A checkpoint as it was read."""

    path: Path
    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path, group: Group) -> "Saved":
        """Read what this process kept.

        Raises:
            CheckpointError: a file is missing or damaged.

        """
        saved = cls(path, *checkpoint.read(path))
        if group.rank == 0:
            return saved
        return cls(path, *checkpoint.read(_part(path, group.rank, len(saved.record.get("history", ())))))

    @property
    def identity(self) -> Identity:
        """Of the run that it was kept of."""
        return self.record.get("identity", {})

    def check(self, identity: Identity) -> None:
        """Refuse to go on with another run.

        Raises:
            CheckpointError: something differs; the message names it.

        """
        for name, now in identity.items():
            then = self.identity.get(name)
            if then != now:
                is_picture = name in {"content", "initial", "keep"} or name.startswith("style ")
                what = "is another one" if is_picture else f"was {then}, not {now}"
                raise CheckpointError(
                    f"{self.path} is the checkpoint of another run: {name} {what}; start as that one was started to go "
                    "on with it, or delete it to begin anew."
                )

    def plan(self) -> Plan:
        """Return the plan of the run."""
        return self._valid(Plan, "plan")

    def standing(self, place: Callable[[Tensor], Tensor], optimizer: Callable[[int, int], Optimizer[Any]]) -> Standing:
        """Return where the run stood.

        Args:
            place: To where images are brought.
            optimizer: Return that of a stage, from 0, after some rescues.

        Raises:
            CheckpointError: something is missing.

        """
        at: _Position = self._valid(_Position, "standing")
        history: list[Progress] = self._valid(list[Progress], "history")
        state = {name.removeprefix("optimizer."): tensor for name, tensor in self.tensors.items()}
        try:
            image, best = place(self.tensors["image"]), place(self.tensors["best"])
            return Standing(image, best, optimizer(at.stage, at.rescues).resumed(image, state), *at, history)
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(f"the checkpoint {self.path} lacks something ({error}); {_REMEDY}.") from None

    def _valid(self, kind: Any, name: str) -> Any:
        try:
            return TypeAdapter(kind).validate_python(self.record.get(name))
        except ValidationError:
            raise CheckpointError(f"the checkpoint {self.path} lacks its {name}; {_REMEDY}.") from None


class _Position(NamedTuple):
    """The plain numbers of a `Standing`."""

    stage: int
    evaluation: int
    bests: list[float]
    failures: int
    rescues: int


class Keeper:
    """Keeps a run's checkpoint up to date, at most every so many seconds.

    Of several processes each keeps its own part, under a name with the number of evaluations; the first one's file is
    replaced last and says which parts belong to it, so that at any moment there is a whole set.
    """

    def __init__(self, path: Path, identity: Identity, every: float, group: Group) -> None:
        self.path = path
        self._identity = identity
        self._every = every
        self._group = group
        self._cost = 0.0
        self._last = time.perf_counter()

    def is_due(self) -> bool:
        """Tell whether it is time; all processes are told the same."""
        since = time.perf_counter() - self._last
        return self._group.any(wanted=0 < self._every <= since and self._cost <= CHECKPOINT_TIME_FRACTION * since)

    def keep(self, standing: Standing, plan: Plan) -> None:
        """Write where a run stands.

        Raises:
            ImpastoError: a file could not be written; the checkpoint before stands.

        """
        began = time.perf_counter()
        tensors = {"image": standing.image, "best": standing.best, **dict(named(standing.optimizer, "optimizer"))}
        record = {
            "identity": self._identity,
            "plan": plan,
            "standing": [getattr(standing, name) for name in _Position._fields],
            "history": [progress.as_dict() for progress in standing.history],
        }
        rank, count = self._group.rank, len(standing.history)
        self._together(rank > 0, _part(self.path, rank, count), tensors, record)
        self._together(rank == 0, self.path, tensors, record)
        self._forget(but=count)
        self._last = time.perf_counter()
        self._cost = self._last - began

    def _together(self, mine: bool, path: Path, *content: Mapping[str, Any]) -> None:
        """Write a file, where it is this process's turn; go on when all have, and fail if one did."""
        failure: ImpastoError | None = None
        try:
            if mine:
                checkpoint.write(path, *content)
        except ImpastoError as error:
            failure = error
        if self._group.any(wanted=failure is not None):
            self._last = time.perf_counter()
            raise failure or WriteError("another process could not write its part of the checkpoint.")

    def drop(self) -> None:
        """Delete the checkpoint, which has served its purpose."""
        if self._group.rank == 0:
            self.path.unlink(missing_ok=True)
        self._forget(but=None)

    def _forget(self, but: int | None) -> None:
        """Delete this process's part of earlier checkpoints."""
        if self._group.rank:
            wanted = None if but is None else _part(self.path, self._group.rank, but)
            for each in self.path.parent.glob(f"{glob.escape(self.path.name)}.{self._group.rank}-*"):
                if each != wanted:
                    each.unlink(missing_ok=True)


def _part(path: Path, rank: int, count: int) -> Path:
    """Name the part of a process that is not the first."""
    return path.with_name(f"{path.name}.{rank}-{count}")


def digest(*tensors: Tensor | None) -> str:
    """Return a hash of tensors, of their shapes and dtypes."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr(tensor if tensor is None else (tensor.dtype, tensor.shape)).encode())
        for rows in () if tensor is None else cast("Sequence[Tensor]", tensor.flatten(0, -2).split(_ROWS)):
            found.update(checkpoint.contents(rows))
    return found.hexdigest()
