"""Evaluations and the steps that they lead to: one by one on a processor, several between two reports on a GPU.

A GPU is so much faster than the Python that tells it what to do that it would wait for most of an evaluation. So an
evaluation and its step are recorded once as a CUDA graph and then replayed, and nothing waits for the GPU before the
last evaluation of several.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from impasto.objective.objective import Objective
from impasto.optimizers import Optimizer
from impasto.optimizers.state import named

__all__ = [
    "GPU_IMAGES",
    "IMAGES",
    "Iteration",
    "OneByOne",
    "Point",
    "Reading",
    "Readings",
    "Recorded",
    "evaluations_at_once",
    "iteration",
]

IMAGES = 3
"""Images that are alive at the peak of an iteration on a processor: the picture, its gradient, and the best one."""

GPU_IMAGES = 8
"""Images that are alive at the peak of an iteration on a GPU: the picture, the next, the best and the last good one,
two gradients, one in gray levels, and a direction."""

MAX_PIXELS_PER_REPORT, MAX_EVALUATIONS_PER_REPORT = 1 << 24, 16
"""Pixels evaluated between two reports on a GPU, about, and evaluations at most: 20 to 60 ms on an H200."""

_WARM_UP_STEPS = 2
"""Evaluations before the recording: after them the optimizer's state has its final form, and libraries are set up."""


class Point(NamedTuple):
    """Where a stage stands, on the device."""

    image: Tensor
    """The image to be evaluated next, (3, H, W)."""
    state: Any
    """The state of the optimizer."""
    best: Tensor
    """The image with the least loss, (3, H, W)."""
    least: Tensor
    """The least loss, a scalar; infinite before the first evaluation."""


class Reading(NamedTuple):
    """What an evaluation found, as plain numbers."""

    loss: float
    """The sum of all terms."""
    terms: Mapping[str, float]
    """The value of each term by its name."""
    layers: Mapping[str, Mapping[str, float]]
    """The value of each term at each of its layers."""


class Readings(NamedTuple):
    """What several evaluations found, and where they ended."""

    each: Sequence[Reading]
    point: Point


class Names(NamedTuple):
    """What the numbers of an evaluation stand for, from the second one on; the first is the loss."""

    terms: Sequence[str] = ()
    """The terms, a number each."""
    parts: Sequence[tuple[str, str, int]] = ()
    """The term and the layer of each loss, and how many numbers add up to its value."""

    def layers(self, numbers: Sequence[float]) -> dict[str, dict[str, float]]:
        """Return the value of each term at each of its layers, from all numbers of an evaluation."""
        found: dict[str, dict[str, float]] = {}
        start = 1 + len(self.terms)
        for term, layer, count in self.parts:
            of_term = found.setdefault(term, {})
            of_term[layer] = of_term.get(layer, 0.0) + sum(numbers[start : start + count])
            start += count
        return found


class Step(NamedTuple):
    """What one evaluation finds on the device."""

    numbers: Tensor
    """The loss, its terms, and the numbers that add up to the value of each loss, one after the other."""
    names: Names
    point: Point


Iterate = Callable[[Point, Callable[[], object]], Step]
"""Evaluate an image, call a function, and step on, which changes the optimizer's state in place."""


class Iteration(Protocol):
    """Evaluate and step on a number of times."""

    def __call__(self, point: Point, count: int, about_to_step: Callable[[], object] = ...) -> Readings:
        """Evaluate and step on a number of times.

        Args:
            point: Where the stage stands; a step changes the optimizer's state in place.
            count: Evaluations, at least 1.
            about_to_step: Called once, before the first step begins.

        Returns:
            What the evaluations found, and where they ended.

        """
        ...


Recording = tuple[Callable[[], object], Step]
"""A function that does the recorded work again, and the result, whose tensors hold what was last found."""


def _nothing() -> None:
    """Do nothing."""


def evaluations_at_once(device: torch.device, pixels: int) -> int:
    """Return how many evaluations come before the next report, at most: on a GPU several, since each report waits.

    Args:
        device: Where images are evaluated.
        pixels: Of the image.

    Returns:
        A number from 1 to `MAX_EVALUATIONS_PER_REPORT`.

    """
    return max(1, min(MAX_EVALUATIONS_PER_REPORT, MAX_PIXELS_PER_REPORT // pixels)) if device.type == "cuda" else 1


def iteration(objective: Objective, optimizer: Optimizer[Any], device: torch.device) -> Iteration:
    """Return the iteration of a stage.

    Args:
        objective: What is evaluated.
        optimizer: What steps.
        device: Where both compute; on a GPU the iteration is recorded, unless several processes paint together.

    Returns:
        A function that evaluates and steps on.

    """

    def _iterate(point: Point, about_to_step: Callable[[], object]) -> Step:
        image, state, best, least = point
        found = objective.evaluate(image)
        scalars = (found.loss, *found.terms.values())
        numbers = torch.cat([*(each[None] for each in scalars), *(part.values for part in found.parts)])
        names = Names(list(found.terms), [(part.term, part.layer, len(part.values)) for part in found.parts])
        is_less = found.loss < least
        best, least = _chosen(is_less, image, best), torch.where(is_less, found.loss, least)
        about_to_step()
        image, state = optimizer.step(image, found.loss, found.gradient, state)
        return Step(numbers, names, Point(image, state, best, least))

    return Recorded(_iterate) if device.type == "cuda" and objective.group.size == 1 else OneByOne(_iterate)


def _chosen(is_first: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return one of two tensors: on a processor itself, elsewhere a copy, since to look would be to wait."""
    if is_first.device.type == "cpu":
        return first if is_first else second
    return torch.where(is_first, first, second)


def _read(rows: Tensor, names: Names, point: Point) -> Readings:
    """Wait for the device, once."""
    listed = cast("list[list[float]]", rows.tolist())
    terms = [dict(zip(names.terms, row[1 : 1 + len(names.terms)], strict=True)) for row in listed]
    return Readings([Reading(row[0], each, names.layers(row)) for row, each in zip(listed, terms, strict=True)], point)


def _record(work: Callable[[], Step]) -> Recording:
    """Record work as a CUDA graph; `torch.cuda.graph` does the same after a garbage collection, which takes longer."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()  # the graph has memory of its own
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(torch.cuda.Stream()):
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            found = work()
        finally:
            graph.capture_end()
    torch.cuda.synchronize()
    return graph.replay, found


class OneByOne:
    """An iteration that is carried out as it is."""

    def __init__(self, iterate: Iterate) -> None:
        self.iterate = iterate

    def __call__(self, point: Point, count: int, about_to_step: Callable[[], object] = _nothing) -> Readings:
        """Evaluate and step on a number of times."""
        rows: list[Tensor] = []
        names = Names()
        for _ in range(count):
            numbers, names, point = self.iterate(point, _nothing if rows else about_to_step)
            rows.append(numbers)
        return _read(torch.stack(rows), names, point)


@dataclass
class Recorded:
    """An iteration that is carried out a few times, then recorded, then replayed.

    A recording reads and writes fixed places in memory, and leaves there where the next evaluation begins. So the point
    that is returned changes with the next call.
    """

    iterate: Iterate
    record: Callable[[Callable[[], Step]], Recording] = _record
    _calls: int = field(default=0, init=False)
    _places: Point | None = field(default=None, init=False)
    _recording: Recording | None = field(default=None, init=False)

    def __call__(self, point: Point, count: int, about_to_step: Callable[[], object] = _nothing) -> Readings:
        """Evaluate and step on a number of times; `about_to_step` comes first: a GPU does not say when it steps."""
        about_to_step()
        rows: list[Tensor] = []
        names = Names()
        for _ in range(count):
            numbers, names, point = self._step(point)
            rows.append(numbers.clone())
        return _read(torch.stack(rows), names, point)

    def _step(self, point: Point) -> Step:
        self._calls += 1
        if self._calls <= _WARM_UP_STEPS:
            return self.iterate(point, _nothing)
        if self._recording is None or self._places is None:
            places = point._replace(image=point.image.clone(), best=point.best.clone(), least=point.least.clone())
            self._places = places
            self._recording = self.record(lambda: self._work(places))
        _copy(point, self._places)
        replay, found = self._recording
        replay()
        return found

    def _work(self, places: Point) -> Step:
        """Evaluate at the places, and leave the next point there."""
        found = self.iterate(places, _nothing)
        _copy(found.point, places)
        return found._replace(point=places)


def _copy(source: Point, target: Point) -> None:
    """Copy all tensors of a point to those of another, where they are not the same."""
    for (_, one), (_, other) in zip(named(source), named(target), strict=True):
        if one is not other:
            other.copy_(one)
