import pytest
import torch

from impasto.network.vgg import VGG19
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.optimizers import LBFGS, Adam
from impasto.optimizers.state import named_tensors
from impasto.settings import Settings
from impasto.transfer.iteration import Iteration, Point, Recorded, iteration
from tiny import tiny_weights

OPTIMIZERS = pytest.mark.parametrize("optimizer", [LBFGS(history=4), Adam()], ids=["lbfgs", "adam"])


def problem(device):
    network = VGG19(tiny_weights()).to(torch.device(device), torch.float32)
    content, style = (torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    content = content.to(device)
    return Objective.build(Settings(), network, content, [Region([StyleImage(style.to(device))])]), content


def first(optimizer, image):
    return Point(image, optimizer.init(image), image, torch.full((), torch.inf, device=image.device))


def run(iterate, optimizer, image, counts=(5, 1, 4, 2)):
    """Return the losses of several calls, the best image and its loss."""
    point, losses = first(optimizer, image), []
    for count in counts:
        result = iterate(point, count)
        assert len(result.readings) == count
        losses += [reading.loss for reading in result.readings]
        point = result.point
    return losses, point.best.clone(), float(point.least)


def recording(point):
    """Record as a GPU does: to record is to do nothing; a replay reads and writes the same places in memory."""

    def record(work):
        before = [tensor.clone() for _, tensor in named_tensors(point())]
        step = work()
        for (_, buffer), value in zip(named_tensors(point()), before, strict=True):
            buffer.copy_(value)

        def replay():
            again = work()
            step.values.copy_(again.values)

        return replay, step

    return record


@OPTIMIZERS
@pytest.mark.parametrize("fused", [False, True])
def test_a_recording_finds_what_the_iteration_itself_finds(optimizer, monkeypatch, fused):
    monkeypatch.setattr("impasto.transfer.iteration._select", torch.where)
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: fused)
    objective, image = problem("cpu")
    iterate = iteration(objective, optimizer, torch.device("cpu"))
    plain = run(iterate, optimizer, image)
    recorded = iteration(objective, optimizer, torch.device("cuda"))
    assert isinstance(recorded.iterate, Recorded)
    recorded.iterate.record = recording(lambda: recorded.iterate._static_point)
    replayed = run(recorded, optimizer, image)
    assert replayed[0] == plain[0]
    assert torch.equal(replayed[1], plain[1])
    assert replayed[2] == plain[2] == min(plain[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@OPTIMIZERS
def test_a_cuda_graph_finds_what_the_iteration_itself_finds(optimizer):
    objective, image = problem("cuda")
    recorded = iteration(objective, optimizer, torch.device("cuda"))
    plain = run(Iteration(recorded.iterate.iterate), optimizer, image)
    replayed = run(recorded, optimizer, image)
    assert replayed[0] == pytest.approx(plain[0], rel=1e-3)
    torch.testing.assert_close(replayed[1], plain[1], atol=1e-2, rtol=0)
