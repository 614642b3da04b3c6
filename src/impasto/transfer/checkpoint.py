"""What a run saves to continue later: `Checkpoint` as it was read, and `CheckpointWriter`, which saves it at times."""

import glob
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from impasto.errors import ImpastoError, OtherRunError, WriteError
from impasto.files import remove_leftovers, sibling
from impasto.machine.processes import Group
from impasto.optimizers import Optimizer
from impasto.optimizers.state import named
from impasto.planning.plan import Plan
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION
from impasto.transfer import checkpoint_file
from impasto.transfer.checkpoint_file import damaged
from impasto.transfer.identity import Identity, differences
from impasto.transfer.progress import Progress
from impasto.transfer.run_state import RunState

__all__ = ["Checkpoint", "CheckpointWriter", "read_note", "saved_run", "set_aside"]


class Checkpoint(NamedTuple):
    """A checkpoint as it was read."""

    path: Path
    tensors: Mapping[str, Tensor]
    """The image, the best one, and those of the optimizer's state, as optimizer.NAME."""
    record: Mapping[str, Any]
    """Identity, plan, position, history and note."""

    @classmethod
    def read(cls, path: Path, group: Group) -> "Checkpoint":
        """Read what this process saved.

        Args:
            path: The first process's file.
            group: The processes that paint together; each but the first has a file of its own next to that one.

        Returns:
            The checkpoint of this process.

        Raises:
            CheckpointError: a file is missing, damaged, of another version, or no checkpoint.

        """
        first = cls(path, *checkpoint_file.read(path))
        if group.rank == 0:
            return first
        return cls(path, *checkpoint_file.read(_part(path, group.rank, len(first.record.get("history", ())))))

    @property
    def identity(self) -> Identity:
        """The identity of the run that saved it."""
        return self.record.get("identity", {})

    def check(self, identity: Identity) -> None:
        """Refuse to continue with another run.

        Args:
            identity: The identity of the run that is started.

        Raises:
            OtherRunError: something differs; the message names each difference with its kind and both values.

        """
        found = differences(self.identity, identity)
        if found:
            raise OtherRunError(
                f"{self.path} is the checkpoint of another run: {'; '.join(found)}; start as that run was started to "
                "continue it, or name another checkpoint to start a new run."
            )

    def plan(self) -> Plan:
        """Return the plan of the run."""
        return self._valid(Plan, "plan")

    def state(self, place: Callable[[Tensor], Tensor], optimizer: Callable[[int, int], Optimizer[Any]]) -> RunState:
        """Return where the run stood.

        Args:
            place: Bring an image to the device of the run.
            optimizer: Return the optimizer of a stage, from 0, after some rescues.

        Returns:
            The state, on the device.

        Raises:
            CheckpointError: something is missing.

        """
        at: _Position = self._valid(_Position, "position")
        history: tuple[Progress, ...] = self._valid(tuple[Progress, ...], "history")
        tensors = {name.removeprefix("optimizer."): tensor for name, tensor in self.tensors.items()}
        try:
            image, best = place(self.tensors["image"]), place(self.tensors["best"])
            state = optimizer(at.stage, at.rescues).resumed(image, tensors)
        except (KeyError, ValueError, IndexError) as error:
            raise damaged(self.path, f"it lacks something ({error})") from None
        seen = None if "seen" not in self.tensors else place(self.tensors["seen"])
        return RunState(image, best, state, **at._asdict(), seen=seen, history=history)

    def _valid(self, kind: Any, name: str) -> Any:
        try:
            return TypeAdapter(kind).validate_python(self.record.get(name))
        except ValidationError:
            raise damaged(self.path, f"it lacks its {name}") from None


class _Position(NamedTuple):
    """The plain numbers of a `RunState`, by the same names."""

    stage: int
    evaluation: int
    bests: tuple[float, ...]
    failures: int
    rescues: int
    changed_after: int = 0
    change: float = math.inf


class CheckpointWriter:
    """Saves the checkpoint of a run, at most once in a number of seconds.

    Of several processes each saves its own part, under a name with the number of evaluations; the first one's file is
    replaced last and says which parts belong to it, so that at any moment there is a whole set.

    Args:
        path: The file.
        identity: What has to be equal for a run to continue from it.
        every: Seconds from one checkpoint to the next, at least; 0: it saves only when it is told to.
        group: The processes that paint together.

    """

    def __init__(self, path: Path, identity: Identity, every: float, group: Group) -> None:
        self.path = path
        self.identity = identity
        """What has to be equal for a run to continue from the checkpoints; a change of the run changes it."""
        self._every = every
        self._group = group
        self._cost = 0.0
        self._last = time.perf_counter()

    def is_due(self) -> bool:
        """Tell whether it is time; all processes are told the same."""
        since = time.perf_counter() - self._last
        return self._group.any(flag=0 < self._every <= since and self._cost <= CHECKPOINT_TIME_FRACTION * since)

    def save(self, state: RunState, plan: Plan, note: Mapping[str, Any]) -> None:
        """Write where a run stands.

        Args:
            state: Where it stands.
            plan: Its plan.
            note: The caller's values that the checkpoint carries, as JSON has them.

        Raises:
            ImpastoError: a file could not be written; the checkpoint before is still there.

        """
        began = time.perf_counter()
        tensors = {"image": state.image, "best": state.best, **dict(named(state.optimizer, "optimizer"))}
        tensors |= {} if state.seen is None else {"seen": state.seen}
        record = {
            "identity": self.identity,
            "plan": plan,
            "position": {name: getattr(state, name) for name in _Position._fields},
            "history": [progress.as_dict() for progress in state.history],
            "note": note,
        }
        rank, count = self._group.rank, len(state.history)
        self._together(rank > 0, _part(self.path, rank, count), tensors, record)
        self._together(rank == 0, self.path, tensors, record)
        self._delete_parts(but=count)
        self._last = time.perf_counter()
        self._cost = self._last - began

    def delete(self) -> None:
        """Delete the checkpoint, which has served its purpose, and what killed processes left of it.

        A checkpoint in a folder that has become read-only stays: the next run finds that it is at its end.
        """
        remove_leftovers(self.path)
        with suppress(OSError):
            if self._group.rank == 0:
                self.path.unlink(missing_ok=True)
            self._delete_parts(but=None)

    def _together(self, mine: bool, path: Path, *content: Mapping[str, Any]) -> None:
        """Write a file, where it is this process's turn; continue when all have, and fail if one did."""
        failure: ImpastoError | None = None
        try:
            if mine:
                checkpoint_file.write(path, *content, part_of=self.path)
        except ImpastoError as error:
            failure = error
        if self._group.any(flag=failure is not None):
            self._last = time.perf_counter()
            raise failure or WriteError("another process could not write its part of the checkpoint.")

    def _delete_parts(self, but: int | None) -> None:
        """Delete this process's part of all checkpoints except the one after a number of evaluations."""
        if self._group.rank:
            wanted = None if but is None else _part(self.path, self._group.rank, but)
            for each in self.path.parent.glob(f"{glob.escape(self.path.name)}.{self._group.rank}-*"):
                if each != wanted:
                    each.unlink(missing_ok=True)


def set_aside(path: Path, group: Group) -> Path:
    """Rename a checkpoint, with the parts of all processes, so that a new run may save its own under the name.

    Args:
        path: The first process's file.
        group: The processes that paint together; each calls this function.

    Returns:
        The new path, which ends in `.old`; a checkpoint that was set aside before is replaced.

    """
    aside = sibling(path, ".old")
    pattern = glob.escape(path.name) if group.rank == 0 else f"{glob.escape(path.name)}.{group.rank}-*"
    for each in path.parent.glob(pattern):
        each.replace(each.with_name(each.name.replace(path.name, aside.name, 1)))
    group.any(flag=False)  # no process looks for the file before it has its new name
    return aside


def read_note(path: str | Path) -> Mapping[str, Any] | None:
    """Return the caller's values that a checkpoint carries, or None, without reading its tensors.

    Args:
        path: The file of a checkpoint.

    Returns:
        The values; None, if the run was given none.

    Raises:
        CheckpointError: the file cannot be read, is no checkpoint, or is one of another version.

    """
    return checkpoint_file.read_record(Path(path)).get("note")


def saved_run(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any], int]:
    """Return the settings of the run that saved a checkpoint, its note, and its evaluations so far.

    Args:
        path: The file of a checkpoint.

    Returns:
        The settings by name, the note, and the number of evaluations.

    Raises:
        CheckpointError: the file cannot be read, is no checkpoint, or is one of another version.

    """
    record = checkpoint_file.read_record(path)
    settings = record.get("identity", {}).get("options", {})
    return settings, record.get("note") or {}, len(record.get("history", ()))


def _part(path: Path, rank: int, count: int) -> Path:
    """Name the part of a process that is not the first."""
    return path.with_name(f"{path.name}.{rank}-{count}")
