"""How the tests of the command get processes that need not import torch, and parse words quickly."""

import functools
import sys
from threading import Thread
from types import SimpleNamespace

import pydantic
import pytest
from cyclopts.argument import _collection

from forked import painter


@pytest.fixture(scope="module", autouse=True)
def _quick_parsing():
    """Let cyclopts make once what it makes for each command: a process of a user parses one, the tests hundreds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pydantic, "TypeAdapter", functools.cache(pydantic.TypeAdapter))
        patch.setattr(
            _collection, "_resolve_groups_from_callable", functools.cache(_collection._resolve_groups_from_callable)
        )
        yield


@pytest.fixture(scope="session")
def fork_server():
    """A process that has imported torch and the command, from which runs of the command are forked."""
    return painter()


@pytest.fixture
def paint_in_several(command, fork_server, monkeypatch):
    """Run a script with `--processes` in this process; it forks the others from one that has imported torch.

    It returns what the fixture `command` does, and what each of the others printed and said on standard error.
    """

    def run(script, *words, meanwhile=lambda _: None):
        processes = []

        def start(words, *, start_new_session, env):
            assert start_new_session
            processes.append(fork_server.start(*words[1:], environment=env))
            if len(processes) == int(env["WORLD_SIZE"]):
                Thread(target=meanwhile, args=(processes,)).start()
            return processes[-1]

        monkeypatch.setattr("impasto.cli.launcher.subprocess", SimpleNamespace(Popen=start))
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, script, *words])
        ended = command(*words)
        return *ended, [process.communicate(timeout=300) for process in processes]

    return run
