import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from forked import painter
from impasto.machine.processes import ALONE, Group
from paint_in_processes import paint

SCRIPT = Path(__file__).parents[1] / "paint_in_processes.py"


CASES = {"lbfgs": (2, False, {}), "adam": (3, False, {"optimizer": "adam", "tv_weight": 1.0}), "gpu": (2, True, {})}
"""How many processes paint, whether they go the way of a GPU, and the changed settings."""


@pytest.fixture(scope="module")
def start():
    """Start processes that paint cases in a folder; they are forked from one that has imported torch."""
    return lambda folder, cases: painter().start(
        SCRIPT, folder, json.dumps([(name, *case) for name, case in cases.items()])
    )


@pytest.fixture(scope="module")
def painted(tmp_path_factory, start):
    """A folder with what each process of each case has found."""
    folder = tmp_path_factory.mktemp("painted")
    assert start(folder, CASES).communicate(timeout=300) == ("", "")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_several_processes_paint_what_one_does(painted, name):
    size, _, changes = CASES[name]
    run, losses = paint(changes)
    for rank in range(size):
        image, process_losses, state, count = torch.load(painted / f"{name}.{rank}.pt", weights_only=False)
        assert count == size
        assert process_losses == pytest.approx(losses, rel=1e-7)
        assert float((image - run._state.best).norm() / run._state.best.norm()) < 1e-7
        if not changes:  # each remembers its part
            assert state.pairs.steps.shape[1] == run._state.best.numel() // 2


@pytest.mark.slow
def test_a_process_that_loses_another_one_says_so(tmp_path, start):
    parent = start(tmp_path, {"endless": (2, False, {"iterations": 100_000})})
    begun = [tmp_path / f"endless.{rank}.begun" for rank in range(2)]
    while not all(path.exists() and path.read_text() for path in begun):
        assert parent.poll() is None, "the processes ended before they began to paint"
        time.sleep(0.02)
    os.kill(int(begun[1].read_text()), signal.SIGKILL)
    _, errors = parent.communicate(timeout=120)
    assert "RunError: process 1 of 2 lost another one; the run cannot continue." in errors


def test_a_shard_of_a_list_is_of_neighbors_and_that_of_a_vector_a_view():
    items, vector = list(range(10)), torch.arange(10)
    groups = [Group(rank, 3) for rank in range(3)]
    assert [group.shard_list(items) for group in groups] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]
    assert torch.equal(torch.cat([group.shard(vector) for group in groups]), vector)
    groups[1].shard(vector).zero_()
    assert vector.tolist() == [0, 1, 2, 3, 0, 0, 0, 7, 8, 9]


def test_alone_a_shard_is_everything():
    vector = torch.arange(5)
    assert ALONE.shard_list([1, 2]) == [1, 2]
    assert torch.equal(ALONE.shard(vector), vector)
    assert ALONE.sum(vector) is vector
    assert ALONE.all_gather(vector) is vector
