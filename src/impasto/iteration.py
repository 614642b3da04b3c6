"""One evaluation and the step that it leads to, as often as wanted: on a GPU recorded once and then replayed.

A GPU is so much faster than the Python that tells it what to do that it would wait for most of an evaluation; a CUDA
graph holds all of its work as one order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto.objective import Objective
from impasto.optimizers import Optimizer
from impasto.trees import named

__all__ = ["Iteration", "Recorded", "Step", "iteration"]

_WARM_UP = 3
"""Steps before the recording: what an optimizer remembers has its final form after two, and libraries are set up."""


class Step(NamedTuple):
    """What an iteration finds."""

    loss: Tensor
    """The sum of all terms, a scalar."""
    terms: Mapping[str, Tensor]
    """The scalar of each term."""
    image: Tensor
    """Where to evaluate next, (3, H, W)."""
    state: Any
    """Of the optimizer, then."""


Iteration = Callable[[Tensor, Any], Step]
"""Evaluate an image, (3, H, W), and step on with an optimizer's state."""

Recording = tuple[Callable[[], object], Step]
"""A function that does the recorded work again, and the result, whose tensors hold what was last found."""


def iteration(objective: Objective, optimizer: Optimizer[Any], device: torch.device) -> Iteration:
    """Return the iteration of a stage."""

    def iterate(image: Tensor, state: Any) -> Step:
        found = objective.evaluate(image)
        return Step(found.loss, found.terms, *optimizer.step(image, found.loss, found.gradient, state))

    return Recorded(iterate) if device.type == "cuda" else iterate


def _record(work: Callable[[], Step]) -> Recording:
    torch.cuda.empty_cache()  # the graph has memory of its own
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work()
    return graph.replay, found


@dataclass
class Recorded:
    """An iteration that is carried out a few times, then recorded, then replayed.

    A recording reads and writes fixed places in memory. So what it reads is copied there before each replay, and the
    image that it returns is a copy; all else that it returns holds until the next call.
    """

    iterate: Iteration
    record: Callable[[Callable[[], Step]], Recording] = _record
    _calls: int = field(default=0, init=False)
    _places: list[Tensor] = field(default_factory=list[Tensor], init=False)
    _recording: Recording | None = field(default=None, init=False)

    def __call__(self, image: Tensor, state: Any) -> Step:
        """Evaluate and step."""
        self._calls += 1
        if self._calls <= _WARM_UP:
            return self.iterate(image.clone(), state)  # the state may keep that image, and be written over
        if self._recording is None:
            image = image.clone()
            self._places = _tensors(image, state)
            self._recording = self.record(lambda: self.iterate(image, state))
        for place, tensor in zip(self._places, _tensors(image, state), strict=True):
            if place is not tensor:
                place.copy_(tensor)
        replay, found = self._recording
        replay()
        return found._replace(image=found.image.clone())


def _tensors(image: Tensor, state: object) -> list[Tensor]:
    return [tensor for _, tensor in named((image, state))]
