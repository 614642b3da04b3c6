"""Torch reads its environment once: what is set before its first tensor is in force."""

import os
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from impasto.machine.environment import TORCH_ENVIRONMENT, tune_process

pytestmark = pytest.mark.slow

SCRIPT = """
import os
{shared}
for statement in {statements}:
    if not os.fork():
        exec(statement)
        import impasto
        print(impasto.tune_process(), os.environ["THP_MEM_ALLOC_ENABLE"], os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"])
        print(impasto.tune_process(), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
"""


def output(*statements, shared="", **environment):
    """Return what is printed after each of some statements, in processes that are forked after a shared one."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {"THP_MEM_ALLOC_ENABLE", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"}
    }
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(shared=shared, statements=statements)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    words = process.stdout.split()
    return [words[first : first + 4] for first in range(0, len(words), 4)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such pages")
def test_it_is_in_force_where_torch_is_imported_by_it():
    assert output("") == [["True", "1", "64", "True"]]


@pytest.mark.parametrize("addresses", [[4096, 4160, 64, 192], [64, 4096, 8192, 12288], [4096, 8192, 12288, 64]])
def test_an_address_that_is_that_of_a_page_by_chance_does_not_count(monkeypatch, addresses):
    monkeypatch.setattr(torch, "empty", lambda *_, **__: SimpleNamespace(data_ptr=partial(addresses.pop, 0)))
    for name in TORCH_ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    assert not tune_process()


def test_addresses_do_not_count_where_the_system_has_no_such_pages(monkeypatch):
    monkeypatch.setattr(torch, "empty", lambda *_, **__: SimpleNamespace(data_ptr=lambda: 16384))
    for name in TORCH_ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    assert tune_process() == (sys.platform == "linux")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not tune_process()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such pages")
def test_it_is_in_force_after_torch_was_imported_unless_a_tensor_was_made_before():
    """What the environment has already stays."""
    set_before = "os.environ.update(THP_MEM_ALLOC_ENABLE='0', ONEDNN_PRIMITIVE_CACHE_CAPACITY='7')"
    imports = "from impasto import Picture, StyleTransfer, VGG19; import torch"
    results = output("", "torch.zeros(3)", set_before, shared=imports)
    assert results[0] == ["True", "1", "64", "True"]
    assert results[1] == ["False", "1", "64", "False"]
    assert results[2] == ["False", "0", "7", "False"]
