"""What every benchmark's JSON says about where its numbers come from, and the objective J that they are measured in."""

import argparse
import ctypes
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto import Picture, Runtime, StyleTransfer
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Size, make_plan
from impasto.transfer.footprint import footprint


def environment() -> dict[str, Any]:
    """Return commit, versions, machine and threads."""
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "commit": git.stdout.strip(),
        "versions": {name: version(name) for name in ("impasto", "torch", "numpy", "pyvips")},
        "python": platform.python_version(),
        "machine": f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
    }


def write(path: Path, part: str, record: dict[str, Any]) -> None:
    """Put the record of a part, with the environment in front, into a JSON file, and keep the other parts there."""
    parts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    parts[part] = {**environment(), **record}
    path.write_text(json.dumps(parts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {path}, {part}")


def write_rows(options: argparse.Namespace, parts: Mapping[str, Callable[[argparse.Namespace], Iterable[Any]]]) -> None:
    """Print and write the rows that the parts asked for yield, each as soon as it is measured."""
    for part in options.part:
        rows: list[Any] = []
        for row in parts[part](options):
            print(row, flush=True)
            rows.append(row)
            write(options.output, part, {"rows": rows})


def resident_bytes() -> int:
    """Return the bytes of memory that this process holds; Linux only."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """Return the most bytes of memory that this process has held since `reset_peak`; Linux only."""
    return _status("VmHWM")


def reset_peak() -> None:
    """Give free memory back to the system, and let the peak of memory begin anew; Linux only."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


class Judge:
    """J, the terms content and style of a run's own objective at its last stage, computed in float32."""

    def __init__(self, transfer: StyleTransfer, content: Picture, style: Picture, device: str = "cpu") -> None:
        self.device = device
        exact = StyleTransfer(transfer.settings, Runtime(device=device, dtype="float32"), weights=transfer.weights)
        sizes = [Size(picture.width, picture.height) for picture in (content, style)]
        stage = make_plan(exact.settings, sizes[0], sizes[1:], footprint(exact.settings, exact.network)).stages[-1]
        pairs = (content, stage.size), (style, stage.styles[0])
        pixels = [picture.resized(*size).pixels.to(device) for picture, size in pairs]
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            region = Region([StyleImage(pixels[1])])
            self.objective = Objective.build(exact.settings, exact.network, pixels[0], [region])

    def __call__(self, picture: Picture) -> float:
        """Return J of a picture."""
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            terms = self.objective.evaluate(picture.pixels.to(self.device)).terms
        return float(terms["content"] + terms["style"])
