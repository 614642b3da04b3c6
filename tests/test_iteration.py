import pytest
import torch

from impasto.iteration import Recorded, iteration
from impasto.objective import Objective
from impasto.optimizers import LBFGS, Adam, lbfgs
from impasto.settings import Settings
from impasto.targets import Region, StyleImage
from impasto.vgg import VGG19
from tiny import tiny_weights

OPTIMIZERS = pytest.mark.parametrize("optimizer", [LBFGS(history=4), Adam()], ids=["lbfgs", "adam"])


def problem(device):
    network = VGG19(tiny_weights()).to(torch.device(device), torch.float32)
    content, style = (torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    content = content.to(device)
    return Objective.build(Settings(), network, content, [Region([StyleImage(style.to(device))])]), content


def run(iterate, optimizer, image, count=12):
    """Return the losses, and every image beside a copy that was made at once."""
    state, losses, images = optimizer.init(image), [], []
    for _ in range(count):
        step = iterate(image, state)
        losses.append(float(step.loss))
        image, state = step.image, step.state
        images.append((image, image.clone()))
    return losses, images


def recording(places):
    """Record as a GPU does: to record is to do nothing; a replay reads and writes the same places in memory."""

    def record(work):
        before = [place.clone() for place in places()]
        found = work()
        for place, value in zip(places(), before, strict=True):
            place.copy_(value)

        def replay():
            again = work()
            for old, new in ((found.loss, again.loss), (found.image, again.image)):
                old.copy_(new)
            for name, value in vars(again.state).items():
                copy(getattr(found.state, name), value)

        return replay, found

    def copy(old, new):
        if isinstance(old, torch.Tensor):
            old.copy_(new)
        elif hasattr(old, "_fields") or hasattr(old, "__dict__"):
            for name in getattr(old, "_fields", None) or vars(old):
                copy(getattr(old, name), getattr(new, name))

    return record


@OPTIMIZERS
def test_a_recording_finds_what_the_iteration_itself_finds(optimizer, monkeypatch):
    as_on_a_gpu = lambda bad, before, now: torch.where(bad, before(), now)  # noqa: E731 (no place may become another)
    monkeypatch.setattr(lbfgs, "_choose", as_on_a_gpu)
    objective, image = problem("cpu")
    iterate = iteration(objective, optimizer, torch.device("cpu"))
    plain, _ = run(iterate, optimizer, image)
    recorded = Recorded(iterate, recording(lambda: recorded._places))
    replayed, images = run(recorded, optimizer, image)
    assert replayed == plain
    assert all(torch.equal(kept, copy) for kept, copy in images)  # no image is written over later


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@OPTIMIZERS
def test_a_cuda_graph_finds_what_the_iteration_itself_finds(optimizer):
    objective, image = problem("cuda")
    recorded = iteration(objective, optimizer, torch.device("cuda"))
    assert isinstance(recorded, Recorded)
    plain, _ = run(recorded.iterate, optimizer, image)
    replayed, images = run(recorded, optimizer, image)
    assert replayed == pytest.approx(plain, rel=1e-3)
    assert all(torch.equal(kept, copy) for kept, copy in images)
