import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from impasto.machine.processes import ALONE, Group
from paint_in_processes import paint

SCRIPT = Path(__file__).parents[1] / "paint_in_processes.py"


def start(folder, rank, size, port, changes):
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(size),
    }
    command = [sys.executable, SCRIPT, folder, json.dumps(changes)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "size", "fused"),
    [({}, 2, False), ({"optimizer": "adam", "tv_weight": 1.0}, 3, False), ({}, 2, True)],
    ids=["lbfgs", "adam", "the way of a GPU"],
)
def test_several_processes_paint_what_one_does(tmp_path, changes, size, fused):
    port = free_port()
    children = [start(tmp_path, rank, size, port, {**changes, "fused": fused}) for rank in range(size)]
    assert [child.communicate()[1] for child in children] == [""] * size
    run, losses = paint(changes)
    for rank in range(size):
        image, found, state, count = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        assert count == size
        assert found == pytest.approx(losses, rel=1e-7)
        assert float((image - run._at.best).norm() / run._at.best.norm()) < 1e-7
        if not changes:  # each remembers its part
            assert state.pairs.steps.shape[1] == run._at.best.numel() // 2


@pytest.mark.slow
def test_a_process_that_loses_another_one_says_so(tmp_path):
    port = free_port()
    first, second = (start(tmp_path, rank, 2, port, {"iterations": 100_000}) for rank in range(2))
    while not (tmp_path / "0.begun").exists():
        assert {first.poll(), second.poll()} == {None}, "a process ended before it began to paint"
        time.sleep(0.1)
    second.kill()
    second.communicate()
    said = first.communicate(timeout=120)[1]
    assert "RunError: process 1 of 2 lost another one; the run cannot go on." in said


def test_a_share_is_of_neighbors_and_a_part_a_view():
    items, vector = list(range(10)), torch.arange(10)
    groups = [Group(rank, 3) for rank in range(3)]
    assert [group.share(items) for group in groups] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]
    assert torch.equal(torch.cat([group.part(vector) for group in groups]), vector)
    groups[1].part(vector).zero_()
    assert vector.tolist() == [0, 1, 2, 3, 0, 0, 0, 7, 8, 9]


def test_alone_a_share_is_everything():
    vector = torch.arange(5)
    assert ALONE.share([1, 2]) == [1, 2]
    assert torch.equal(ALONE.part(vector), vector)
    assert ALONE.sum(vector) is vector
    assert ALONE.whole(vector) is vector
