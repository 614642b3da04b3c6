"""What the tests of the studio share."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from serving import ENVIRONMENT, Served

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
def nursery():
    """The socket of a process that starts those of studios, or None where there is no such process."""
    if not hasattr(os, "pidfd_open"):  # outside Linux
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:  # of a short name, as a socket needs
        address = f"{folder}/socket"
        command = [sys.executable, Path(__file__).with_name("nursery.py"), address]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, env=ENVIRONMENT, start_new_session=True) as process:
            process.stdout.readline()
            yield address
            process.stdin.close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory, nursery):
    """A studio that tests share."""
    served = Served(tmp_path_factory.mktemp("studio"), nursery)
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
def own_studio(tmp_path, nursery):
    """A studio of one test."""
    served = Served(tmp_path / "studio", nursery)
    yield served
    if served.process.poll() is None:
        served.close()
