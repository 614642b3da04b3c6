"""The targets of style images that several runs share, in memory and on disk.

A target is the statistics of a style image at the size of a stage. Its key is a hash of the image and its mask, of the
network, and of everything that changes the last bits of the sums; so a cached target is the one that the run would
measure.
"""

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch

from impasto.errors import CheckpointError, ImpastoError
from impasto.images.digest import digest
from impasto.losses.base import Measure, Statistic
from impasto.objective.tile_units import Measurement, measure_image
from impasto.transfer import checkpoint_file

__all__ = ["TargetCache"]

MEMORY_BYTES = 40e6
"""The most bytes of targets in memory: those of 16 sizes of a painting, 2.5 MB each at the default layers. The least
recently used targets are released first."""

DISK_BYTES = 2e9
"""The most bytes of targets in the folder."""

_SUFFIX = ".targets"
_FIELDS = ("total", "weight_sum")
_Statistics = Mapping[str, Statistic]


class TargetCache:
    """Statistics of style images, by a hash of the image and of everything else that they depend on.

    Args:
        folder: Where targets are stored for other processes and later runs, or None for memory alone.

    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._targets: OrderedDict[str, _Statistics] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        """The number of targets that were read from memory or disk."""
        self.misses = 0
        """The number of targets that were measured."""
        if folder is not None:
            _prune(folder)

    @property
    def bytes(self) -> int:
        """The bytes of the targets in memory."""
        return sum(map(_count_bytes, self._targets.values()))

    def measure_image(self, measurement: Measurement) -> _Statistics:
        """Return the statistics of an image as `tile_units.measure_image` does, from the cache if they are there.

        They are not cached where several processes measure together, or if `measure` is not a function of a module.

        Args:
            measurement: What is measured of which image.

        """
        name = _function_name(measurement.measure)
        if name is None or measurement.group.size > 1:
            return measure_image(measurement)
        key = _key(measurement, name)
        statistics = self._read(key, measurement.image.device)
        if statistics is None:
            self.misses += 1
            statistics = measure_image(measurement)
            self._write_folder(key, statistics)
        else:
            self.hits += 1
        self._hold(key, statistics)
        return statistics

    def _read(self, key: str, device: torch.device) -> _Statistics | None:
        with self._lock:
            if key in self._targets:
                return self._targets[key]
        return None if self._folder is None else _read_file(self._folder / f"{key}{_SUFFIX}", device)

    def _write_folder(self, key: str, statistics: _Statistics) -> None:
        """Store targets in the folder, if there is room: a cache may fail without harm."""
        if self._folder is not None:
            with suppress(ImpastoError, OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                items = statistics.items()
                tensors = {
                    f"{layer}.{name}": getattr(statistic, name) for layer, statistic in items for name in _FIELDS
                }
                checkpoint_file.write(self._folder / f"{key}{_SUFFIX}", tensors, {"layers": list(statistics)})

    def _hold(self, key: str, statistics: _Statistics) -> None:
        """Hold targets in memory, and release the least recently used ones."""
        with self._lock:
            self._targets[key] = statistics
            self._targets.move_to_end(key)
            while len(self._targets) > 1 and self.bytes > MEMORY_BYTES:
                self._targets.popitem(last=False)


def _function_name(measure: Measure) -> str | None:
    """Return the name of a function of a module, or None for another function, which may hold anything."""
    module, name = getattr(measure, "__module__", ""), getattr(measure, "__qualname__", "")
    return f"{module}.{name}" if getattr(sys.modules.get(module), name, None) is measure else None


def _key(measurement: Measurement, name: str) -> str:
    """Return a hash of everything that statistics depend on, to the last bit."""
    network, image, masks, _, tiling, _ = measurement
    options = (network.weights.sha256, network.pooling, network.pooling_rescale, network.padding, network.winograd)
    environment = (version("impasto"), torch.__version__, str(image.device), network.dtype, torch.get_num_threads())
    biases = (bias[None] for _, bias in network.weights.tensors.values())  # which tell networks apart
    tensors = digest(image, *biases, *masks.values())
    return hashlib.sha256(repr((options, environment, tensors, [*masks], name, tiling.side)).encode()).hexdigest()


def _count_bytes(statistics: _Statistics) -> int:
    """Return the bytes of the sums of a target."""
    return sum(statistic.total.numel() * statistic.total.element_size() for statistic in statistics.values())


def _read_file(path: Path, device: torch.device) -> _Statistics | None:
    """Read targets; a file that is missing or damaged gives None."""
    if not path.exists():
        return None
    try:
        tensors, record = checkpoint_file.read(path)
        path.touch()  # files that were not used for long are deleted first
    except (CheckpointError, OSError):
        return None
    on_device = {name: tensor.to(device) for name, tensor in tensors.items()}
    return {layer: Statistic(*(on_device[f"{layer}.{name}"] for name in _FIELDS)) for layer in record["layers"]}


def _prune(folder: Path) -> None:
    """Delete the targets that were not used for the longest time, until the folder is small enough."""
    with suppress(OSError):
        files = sorted(((path.stat(), path) for path in folder.glob(f"*{_SUFFIX}")), key=lambda each: each[0].st_mtime)
        total = sum(status.st_size for status, _ in files)
        for status, path in files:
            if total <= DISK_BYTES:
                break
            path.unlink(missing_ok=True)
            total -= status.st_size
