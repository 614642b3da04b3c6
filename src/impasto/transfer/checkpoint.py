"""What a run saves to continue later: `Checkpoint`, read from a file, and `CheckpointWriter`, which writes it."""

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
from impasto.files import remove_leftovers, replace, sibling
from impasto.machine.processes import Group
from impasto.optimizers import Optimizer
from impasto.optimizers.state import named_tensors
from impasto.planning.plan import Plan
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION
from impasto.transfer import checkpoint_file
from impasto.transfer.checkpoint_file import damage_error
from impasto.transfer.identity import Identity, differences
from impasto.transfer.progress import Progress
from impasto.transfer.run_state import RunState

__all__ = ["Checkpoint", "CheckpointWriter", "read_note", "saved_run", "set_aside"]


class Checkpoint(NamedTuple):
    """A checkpoint that was read from a file."""

    path: Path
    tensors: Mapping[str, Tensor]
    """The image, the best image, and the tensors of the optimizer's state, as optimizer.NAME."""
    record: Mapping[str, Any]
    """Identity, plan, position, history and note."""

    @classmethod
    def read(cls, path: Path, group: Group) -> "Checkpoint":
        """Read the checkpoint that this process saved.

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
        return cls(path, *checkpoint_file.read(_shard_path(path, group.rank, len(first.record.get("history", ())))))

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
        clauses = differences(self.identity, identity)
        if clauses:
            raise OtherRunError(
                f"{self.path} is the checkpoint of another run: {'; '.join(clauses)}; start as that run was started to "
                "continue it, or name another checkpoint to start a new run."
            )

    def plan(self) -> Plan:
        """Return the plan of the run."""
        return self._validate(Plan, "plan")

    def state(
        self, to_device: Callable[[Tensor], Tensor], make_optimizer: Callable[[int, int], Optimizer[Any]]
    ) -> RunState:
        """Return the state of the run that saved the checkpoint.

        Args:
            to_device: Bring an image to the device of the run.
            make_optimizer: Return the optimizer for the number of a stage, from 0, and a number of rescues.

        Returns:
            The state, on the device.

        Raises:
            CheckpointError: something is missing.

        """
        position: _Position = self._validate(_Position, "position")
        history: tuple[Progress, ...] = self._validate(tuple[Progress, ...], "history")
        tensors = {name.removeprefix("optimizer."): tensor for name, tensor in self.tensors.items()}
        try:
            image, best = to_device(self.tensors["image"]), to_device(self.tensors["best"])
            state = make_optimizer(position.stage, position.rescues).resumed(image, tensors)
        except (KeyError, ValueError, IndexError) as error:
            raise damage_error(self.path, f"it lacks something ({error})") from None
        thumbnail = to_device(self.tensors["seen"]) if "seen" in self.tensors else None
        return RunState(image, best, state, **position._asdict(), thumbnail=thumbnail, history=history)

    def _validate(self, model: Any, name: str) -> Any:
        """Return a value of the record as a type, and refuse a record that lacks it."""
        try:
            return TypeAdapter(model).validate_python(self.record.get(name))
        except ValidationError:
            raise damage_error(self.path, f"it lacks its {name}") from None


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

    Each of several processes saves its own shard, under a name with the number of evaluations. The first process's file
    is replaced last and says which shards belong to it, so there is a complete set at any moment.

    Args:
        path: The file.
        identity: The values that have to be equal for a run to continue from it.
        interval: Seconds from one checkpoint to the next, at least; 0: only `save` writes one.
        group: The processes that paint together.

    """

    def __init__(self, path: Path, identity: Identity, interval: float, group: Group) -> None:
        self.path = path
        self.identity = identity
        """The values that have to be equal for a run to continue from the checkpoints; a change of the run sets it."""
        self._interval = interval
        self._group = group
        self._save_seconds = 0.0
        self._last_save = time.perf_counter()

    def is_due(self) -> bool:
        """Tell whether it is time for a checkpoint; the answer is the same in all processes."""
        elapsed = time.perf_counter() - self._last_save
        is_cheap = self._save_seconds <= CHECKPOINT_TIME_FRACTION * elapsed
        return self._group.any(flag=0 < self._interval <= elapsed and is_cheap)

    def save(self, state: RunState, plan: Plan, note: Mapping[str, Any]) -> None:
        """Save a checkpoint.

        Args:
            state: The state of the run.
            plan: The plan of the run.
            note: The caller's values that the checkpoint carries, as JSON has them.

        Raises:
            ImpastoError: a file could not be written; the previous checkpoint is still there.

        """
        start = time.perf_counter()
        tensors = {"image": state.image, "best": state.best, **dict(named_tensors(state.optimizer, "optimizer"))}
        if state.thumbnail is not None:
            tensors["seen"] = state.thumbnail
        record = {
            "identity": self.identity,
            "plan": plan,
            "position": {name: getattr(state, name) for name in _Position._fields},
            "history": [progress.as_dict() for progress in state.history],
            "note": note,
        }
        rank, count = self._group.rank, len(state.history)
        self._write_in_group(rank > 0, _shard_path(self.path, rank, count), tensors, record)
        self._write_in_group(rank == 0, self.path, tensors, record)
        self._delete_shards(current_count=count)
        self._last_save = time.perf_counter()
        self._save_seconds = self._last_save - start

    def delete(self) -> None:
        """Delete the checkpoint, and the temporary files that killed processes left.

        A checkpoint in a folder that has become read-only stays: the next run finds that it is at its end.
        """
        remove_leftovers(self.path)
        with suppress(OSError):
            if self._group.rank == 0:
                self.path.unlink(missing_ok=True)
            self._delete_shards(current_count=None)

    def _write_in_group(self, is_writer: bool, path: Path, *content: Mapping[str, Any]) -> None:
        """Write a file if this process is a writer; wait for all processes, and fail if one of them failed."""
        failure: ImpastoError | None = None
        try:
            if is_writer:
                checkpoint_file.write(path, *content, part_of=self.path)
        except ImpastoError as error:
            failure = error
        if self._group.any(flag=failure is not None):
            self._last_save = time.perf_counter()
            raise failure or WriteError("another process could not write its part of the checkpoint.")

    def _delete_shards(self, current_count: int | None) -> None:
        """Delete this process's shards of all checkpoints but the current one, by its number of evaluations."""
        if self._group.rank:
            current = None if current_count is None else _shard_path(self.path, self._group.rank, current_count)
            for file in self.path.parent.glob(f"{glob.escape(self.path.name)}.{self._group.rank}-*"):
                if file != current:
                    file.unlink(missing_ok=True)


def set_aside(path: Path, group: Group) -> Path:
    """Rename a checkpoint, with the shards of all processes, so that a new run may save its own under the name.

    Args:
        path: The first process's file.
        group: The processes that paint together; each calls this function.

    Returns:
        The new path, which ends in `.old`; a checkpoint that was set aside before is replaced.

    """
    backup = sibling(path, ".old")
    pattern = glob.escape(path.name) if group.rank == 0 else f"{glob.escape(path.name)}.{group.rank}-*"
    for file in path.parent.glob(pattern):
        replace(file, file.with_name(file.name.replace(path.name, backup.name, 1)))
    group.any(flag=False)  # no process looks for the file before it has its new name
    return backup


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


def _shard_path(path: Path, rank: int, count: int) -> Path:
    """Return the path of the shard that a process other than the first saves."""
    return path.with_name(f"{path.name}.{rank}-{count}")
