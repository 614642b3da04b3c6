"""What every benchmark's JSON says about where its numbers come from, and the objective J that they are measured in."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto import Picture, Settings, StyleTransfer
from impasto.objective import Objective
from impasto.plan import Size, make_plan
from impasto.vgg import VGG19


def environment() -> dict[str, Any]:
    """Return commit, versions, machine and threads."""
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "commit": git.stdout.strip(),
        "versions": {name: version(name) for name in ("impasto", "torch", "numpy", "pyvips")},
        "python": platform.python_version(),
        "machine": f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record with the environment in front."""
    path.write_text(json.dumps({**environment(), **record}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {path}")


class Judge:
    """J = content_weight · content + style_weight · style in float32, at the last stage's size of a run's settings."""

    def __init__(self, transfer: StyleTransfer, content: Picture, style: Picture) -> None:
        sizes = [Size(picture.width, picture.height) for picture in (content, style)]
        stage = make_plan(transfer.settings, sizes[0], sizes[1:]).stages[-1]
        network = VGG19(transfer.weights).to(torch.device("cpu"), torch.float32)
        placed = [picture.resized(*size).pixels for picture, size in ((content, stage.size), (style, stage.styles[0]))]
        objective = Settings(
            content_weight=transfer.settings.content_weight, style_weight=transfer.settings.style_weight, range_weight=0
        )
        self.objective = Objective.build(objective, network, placed[0], [(placed[1], 1.0)])

    def __call__(self, picture: Picture) -> float:
        """Return J of a picture."""
        return float(self.objective.evaluate(picture.pixels).loss)
