"""What modules of tests import; they cannot import it from conftest.py, since there are two of them."""

import json

import torch

from impasto import Picture

THREADS = min(2, torch.get_num_threads())
"""Of torch in each test: as many as this process has cores, and two at most."""


def note(path):
    """Return the JSON note of a picture."""
    return json.loads(Picture.open(path).note)
