"""Functions that several modules of tests import: not from conftest.py, since several folders have one."""

import itertools
import json
from collections.abc import Mapping

import pytest
import torch
from allpairspy import AllPairs

from impasto import Picture

THREADS = min(2, torch.get_num_threads())
"""Of torch in each test: as many as this process has cores, and two at most."""


def note(path):
    """Return the JSON note of a picture."""
    return json.loads(Picture.open(path).note)


def every_pair(*cases, **values):
    """Test every pair of values of two parameters, in far fewer cases than all combinations of the parameters.

    This is all-pairs testing: each value of a parameter meets each value of every other parameter in at least one case.
    It finds a fault that needs one value, or two values together. It may miss a fault that needs three values together:
    give such a combination as a case of its own.

    Args:
        cases: Combinations that are tested in any event: a tuple with the name of a value of each parameter, in order.
        values: By parameter, its values by name; values in a list have the names that `str` gives them.

    """
    by_name = {
        parameter: choices if isinstance(choices, Mapping) else {str(value): value for value in choices}
        for parameter, choices in values.items()
    }
    combinations = [*cases, *map(tuple, AllPairs([list(names) for names in by_name.values()], previously_tested=cases))]
    for (i, names_i), (j, names_j) in itertools.combinations(enumerate(by_name.values()), 2):
        assert {(names[i], names[j]) for names in combinations} == set(itertools.product(names_i, names_j))
    rows = [
        pytest.param(
            *(choices[name] for choices, name in zip(by_name.values(), names, strict=True)), id="-".join(names)
        )
        for names in combinations
    ]
    return pytest.mark.parametrize(list(by_name), rows)
