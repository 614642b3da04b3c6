"""Paint with the tiny network, as one of several processes or alone, and save what came of it: PATH CHANGES."""

import json
import os
import sys
from pathlib import Path

import torch

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.kernels.cuda import dispatch
from tiny import tiny_weights


def paint(changes, begun=None):
    settings = Settings(**{"size": 192, "first_size": 96, "iterations": 12, "tolerance": 0, **changes})
    content, style = (torch.rand(3, 144, 192, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float64", threads=1), weights=tiny_weights())
    run, losses = transfer.start(Picture(content), Picture(style)), []
    for progress in run:
        losses.append(progress.loss)
        if begun and len(losses) == 3:
            begun.touch()
    return run, losses


if __name__ == "__main__":
    folder, rank, changes = Path(sys.argv[1]), os.environ["RANK"], json.loads(sys.argv[2])
    if changes.pop("fused", False):
        dispatch.is_fused = lambda _: True  # as on a GPU
    run, losses = paint(changes, folder / f"{rank}.begun")
    torch.save((run._at.best, losses, run._at.optimizer, run._solver.machine.group.size), folder / f"{rank}.pt")
