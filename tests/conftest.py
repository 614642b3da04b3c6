"""How the tests run: on which cores, in which order, and which of them with --quick. Their fixtures are in shared_fixtures.py."""

import gc
import os
import random

if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    # Let each worker, and the processes that it starts, compute on its own cores: before torch counts them.
    cores, workers = sorted(os.sched_getaffinity(0)), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.sched_setaffinity(0, cores[int(worker.removeprefix("gw")) % len(cores) :: workers])

LONG_MODULES = {"test_notebook.py"}
"""Modules of tests that one process has to run as a whole, for half a minute: they start first, so that no worker waits for
them at the end."""

QUICK_CASES = 1
"""Cases of a test with parameters that --quick runs, drawn by a fixed seed."""


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=2, help="runs that are killed, and as many that are interrupted")
    parser.addoption("--interruptions", type=int, default=40, help="signals that raise at random moments of a run")
    parser.addoption("--fuzz", type=int, default=60, help="mutated pictures, settings and checkpoints, each")
    parser.addoption(
        "--patience",
        type=float,
        default=4,
        help="factor on the seconds that the studio may take; 1 where nothing else runs",
    )
    parser.addoption(
        "--pictures", action="store_true", help="paint the pictures of docs/studio.md, on the real network"
    )
    parser.addoption("--gpus", action="store_true", help="compile the Triton kernels for every kind of GPU")
    parser.addoption("--quick", action="store_true", help="leave out slow tests, and most cases of a test with many")


def pytest_configure(config):
    """Load the fixtures where tests run: a process that only starts workers has no use for torch."""
    if config.getoption("dist", "no") == "no":
        config.pluginmanager.import_plugin("shared_fixtures")


def pytest_collection_modifyitems(config, items):
    """Leave out what --quick does: tests that are marked slow or load the real VGG-19, and most cases of a test."""
    items.sort(key=lambda item: item.path.name not in LONG_MODULES)
    if not config.getoption("quick"):
        return
    cases = {}
    for item in items:
        if not item.get_closest_marker("slow") and "codebook" not in item.fixturenames:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    sample = {case for group in cases.values() for case in random.Random(0).sample(group, min(QUICK_CASES, len(group)))}
    config.hook.pytest_deselected(items=[item for item in items if item not in sample])
    items[:] = [item for item in items if item in sample]


def pytest_collection_finish():
    """Let the garbage collector pass over all that was imported."""
    gc.freeze()
