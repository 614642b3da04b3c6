"""The fixtures that the tests share: a tiny seeded network, pictures, and the command run in this process."""

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
import torch

from common import THREADS
from impasto import Picture, Runtime, Settings, StyleTransfer, load_weights
from impasto.cli import main
from impasto.machine import autotune
from impasto.objective.objective import Objective
from impasto.recipes import demo
from impasto.recipes.demo import landscape
from impasto.transfer.cache import Cache
from tiny import tiny_weights

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it starts in the background ignore it

hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one takes its time
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _threads(request):
    torch.set_num_threads(2 if {"kernels", "machine"} & {*request.path.parts} else THREADS)  # which divide work


@pytest.fixture(scope="session", autouse=True)
def _untimed():
    """Let runs take what is simplest, where a timing would decide: it takes a second, and chance decides on a busy machine."""
    simplest = SimpleNamespace(
        fastest_choice=lambda _, choices, __: (choices[0], f"{choices[0]}, without a timing"),
        fewest_threads=lambda _, count: count,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.machine.device.autotune", simplest)
        yield


@pytest.fixture
def timed(monkeypatch):
    """Let a timing decide on precision, algorithm and threads, as for users."""
    monkeypatch.setattr("impasto.machine.device.autotune", autotune)


WRITER = """
import sys
from pathlib import Path
from impasto.files import atomic_write
with atomic_write(sys.argv[1], overwrite=True, part_of=Path(sys.argv[2])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    sys.stdin.read()
    temporary.write_text("all of it")
"""


@pytest.fixture
def start_writer():
    """Start a process that writes a file until its standard input ends: (the process, the path of the temporary file)."""
    processes = []

    def start(path, part_of=None):
        command = [sys.executable, "-c", WRITER, str(path), str(part_of or path)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1], Path(processes[-1].stdout.readline().strip())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def killed(start_writer):
    """Kill a process while it writes a file, and return the path of the temporary file that it leaves."""

    def write_and_kill(path, part_of=None):
        process, temporary = start_writer(path, part_of)
        process.kill()
        process.wait()
        assert temporary.read_text() == "half"
        return temporary

    return write_and_kill


@pytest.fixture
def full_disk():
    """Let no file become longer than some bytes, as if the disk were full."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limit_files(length):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limit_files


@pytest.fixture(scope="session")
def weights():
    """VGG-19 with a sixteenth of its channels, seeded."""
    return tiny_weights()


@pytest.fixture(scope="session")
def codebook():
    """The real VGG-19 of the package that is installed: 80 MB, read once."""
    return load_weights()


@pytest.fixture(scope="module")
def shared_networks():
    """Let all runs share their networks, whose filters take a second to pack."""
    with pytest.MonkeyPatch.context() as patch:
        cache = Cache()
        patch.setattr("impasto.transfer.style_transfer.Cache", lambda: cache)
        yield


@pytest.fixture(scope="module")
def coarse_landscape():
    """Compose the demo's painting on a grid of half the samples: the same code in a quarter of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape, "GRID", landscape.GRID // 2)
        yield


@pytest.fixture(scope="module")
def quick_painting(coarse_landscape):
    """Paint the demo's painting with the widest brush only, which covers the canvas: in a fifth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "LAYERS", demo.LAYERS[:1])
        yield


@pytest.fixture
def picture():
    """Make a smooth seeded picture of a given size."""

    def make(width=64, height=48, seed=0):
        noise = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed))
        return Picture(torch.nn.functional.interpolate(noise[None], (height, width), mode="bilinear")[0])

    return make


@pytest.fixture
def transfer(weights):
    """Make a StyleTransfer on the tiny network, few evaluations at 64 pixels unless told otherwise."""

    def make(**changes):
        settings = Settings(**{"size": 64, "first_size": 0, "iterations": 10, "tolerance": 0, **changes})
        return StyleTransfer(settings, Runtime(device="cpu", dtype="float32"), weights=weights)

    return make


@pytest.fixture
def command(capsys):
    """Run the command: (exit code, standard output, standard error)."""

    def run(*arguments):
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture
def no_finite_loss(monkeypatch):
    """Make every loss not a number."""
    evaluate = Objective.evaluate

    def evaluate_without_loss(self, image):
        evaluation = evaluate(self, image)
        return type(evaluation)(evaluation.loss * float("nan"), evaluation.terms, evaluation.gradient)

    monkeypatch.setattr(Objective, "evaluate", evaluate_without_loss)


@pytest.fixture
def tiny_network(monkeypatch, weights):
    """Let the command load the tiny network in place of VGG-19."""
    monkeypatch.setattr("impasto.network.weights.load_weights", lambda *_, **__: weights)


def load_everywhere(monkeypatch, default):
    """Let the command and the library take some weights in place of those of the package."""

    def load(source="codebook", **options):
        return default if source == "codebook" else load_weights(source, **options)

    for module in ("network.weights", "network.vgg", "transfer.style_transfer"):
        monkeypatch.setattr(f"impasto.{module}.load_weights", load)


@pytest.fixture
def real_network(monkeypatch, codebook, shared_networks):
    """Let the command and the library take the real VGG-19 that was read once."""

    load_everywhere(monkeypatch, codebook)


@pytest.fixture
def tiny_network_everywhere(monkeypatch, weights):
    """Let the command and the library take the tiny network in place of VGG-19."""
    load_everywhere(monkeypatch, weights)


@pytest.fixture
def slow_download(monkeypatch, tiny_network, weights):
    """Let the command download the tiny network as torchvision's, and report half of it."""

    def load(source, progress):
        assert source == "torchvision"
        if progress is not None:
            progress(5_000_000, 10_000_000)
        return weights

    monkeypatch.setattr("impasto.network.weights.load_weights", load)


@pytest.fixture
def files(tmp_path, picture):
    """A content and a style image on disk, in a folder of their own."""
    picture().save(tmp_path / "content.png")
    picture(72, 60, seed=1).save(tmp_path / "style.jpg")
    return tmp_path
