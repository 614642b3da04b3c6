"""What the tests of the studio share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from serving import Served


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A studio that the tests of a module share."""
    served = Served(tmp_path_factory.mktemp("studio"))
    yield served
    served.close()


@pytest.fixture
def own_studio(tmp_path):
    """A studio of one test."""
    served = Served(tmp_path / "studio")
    yield served
    if served.process.poll() is None:
        served.close()
