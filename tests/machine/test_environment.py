"""Torch reads its environment once: what is set before its first tensor is in force."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
{before}
import impasto
print(impasto.tune_process(), os.environ["THP_MEM_ALLOC_ENABLE"], os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"])
print(impasto.tune_process())
"""


def said(before, **environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {"THP_MEM_ALLOC_ENABLE", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"}
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such pages")
@pytest.mark.parametrize(
    ("before", "in_force"),
    [
        ("", "True"),
        ("import torch", "True"),
        ("from impasto import Picture, StyleTransfer, VGG19", "True"),
        ("import torch; torch.zeros(3)", "False"),
    ],
)
def test_it_is_in_force_where_no_tensor_was_made_before(before, in_force):
    assert said(before) == [in_force, "1", "64", in_force]


@pytest.mark.slow
def test_an_address_that_is_that_of_a_page_by_chance_does_not_count():
    lines = ["import random, torch", "torch.zeros(3)", "import impasto", "held, chance = [], random.Random(0)"]
    lines += ["def called():", "    held.append(torch.empty(chance.randrange(1, 1 << 16), dtype=torch.uint8))"]
    lines += ["    return impasto.tune_process()", "print(sum(called() for _ in range(2000)))"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_what_the_environment_has_already_stays():
    found = said("", THP_MEM_ALLOC_ENABLE="0", ONEDNN_PRIMITIVE_CACHE_CAPACITY="7")
    assert found == ["False", "0", "7", "False"]
