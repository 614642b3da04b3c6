"""What the tests of the studio share."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from serving import Served

from impasto import Picture


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A photograph and a painting on disk, both small."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, (name, width, height) in enumerate((("content.png", 64, 48), ("style.jpg", 72, 60))):
        noise = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        Picture(torch.nn.functional.interpolate(noise, (height, width), mode="bilinear")[0]).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """A studio that tests share."""
    served = Served(tmp_path_factory.mktemp("studio"))
    yield served
    served.close()


CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The names of Chromium's program; the first is the same browser without its windows, and takes half the time."""


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium-headless-shell")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def own_studio(tmp_path):
    """A studio of one test."""
    served = Served(tmp_path / "studio")
    yield served
    if served.process.poll() is None:
        served.close()
