"""Paint with the tiny network in several processes, and save the results: FOLDER CASES.

The cases, in JSON, are painted one after another: a name, the number of processes, whether they go the way of a GPU, and
the changed settings. Processes are forked from this one, for to import torch takes longer than to paint.
"""

import json
import os
import socket
import sys
import traceback
from pathlib import Path

import torch

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.kernels.cuda import dispatch
from tiny import tiny_weights


def paint(changes, start_file=None):
    settings = Settings(**{"size": 96, "first_size": 0, "iterations": 6, "tolerance": 0, **changes})
    content, style = (torch.rand(3, 72, 96, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float64", threads=1), weights=tiny_weights())
    run, losses = transfer.start(Picture(content), Picture(style)), []
    for progress in run:
        losses.append(progress.loss)
        if start_file and len(losses) == 3:
            start_file.write_text(str(os.getpid()))
    return run, losses


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def set_rank(rank, size, port):
    """Set the environment that torchrun gives to one of several processes."""
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ.update({"MASTER_ADDR": "127.0.0.1"}, **{name: str(value) for name, value in variables.items()})


def save_rank(stem, rank, fused, changes):
    if fused:
        dispatch.is_fused = lambda _: True  # as on a GPU
    run, losses = paint(changes, Path(f"{stem}.{rank}.begun"))
    torch.save((run._state.best, losses, run._state.optimizer, run._solver.machine.group.size), f"{stem}.{rank}.pt")


def fork(stem, rank, size, port, fused, changes):
    """Start a process that paints as one of several; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        set_rank(rank, size, port)
        save_rank(stem, rank, fused, changes)
        code = 0
    except Exception:
        traceback.print_exc()
    os._exit(code)


if __name__ == "__main__":
    for name, size, fused, changes in json.loads(sys.argv[2]):
        port = free_port()
        children = [fork(f"{sys.argv[1]}/{name}", rank, size, port, fused, changes) for rank in range(size)]
        for child in children:
            os.waitpid(child, 0)
