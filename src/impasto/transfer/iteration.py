"""Evaluations and the steps that follow them: one by one on a processor, several between two reports on a GPU.

A GPU is so much faster than Python that it would wait for most of an evaluation. So an evaluation and its step are
recorded once as a CUDA graph and then replayed, and nothing waits for the GPU before the last evaluation of several.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from impasto.objective.objective import Objective
from impasto.optimizers import Optimizer
from impasto.optimizers.state import named_tensors

__all__ = [
    "GPU_IMAGES",
    "IMAGES",
    "Iteration",
    "IterationResult",
    "Point",
    "Reading",
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
"""Evaluations before the recording: after them the optimizer's state has its final form, and libraries are loaded."""


class Point(NamedTuple):
    """The image, the best image and the optimizer's state between two steps, on the device."""

    image: Tensor
    """The image to be evaluated next, (3, H, W)."""
    state: Any
    """The state of the optimizer."""
    best: Tensor
    """The image with the least loss, (3, H, W)."""
    least: Tensor
    """The least loss, a scalar; infinite before the first evaluation."""


class Reading(NamedTuple):
    """The loss of an evaluation, its terms and their values at each layer, as plain numbers."""

    loss: float
    """The sum of all terms."""
    terms: Mapping[str, float]
    """The value of each term by its name."""
    layers: Mapping[str, Mapping[str, float]]
    """The value of each term at each of its layers."""


class IterationResult(NamedTuple):
    """The result of several evaluations."""

    readings: Sequence[Reading]
    """The losses of each evaluation."""
    point: Point
    """The point after the last step."""


class Names(NamedTuple):
    """The names of the values of an evaluation: the first value is the loss, then come the terms, then the losses."""

    terms: Sequence[str] = ()
    """The terms, each of which has one value."""
    losses: Sequence[tuple[str, str, int]] = ()
    """The term and the layer of each loss, and how many values add up to it."""

    def reading(self, values: Sequence[float]) -> Reading:
        """Return the reading that the values of an evaluation stand for."""
        start = 1 + len(self.terms)
        terms = dict(zip(self.terms, values[1:start], strict=True))
        layers: dict[str, dict[str, float]] = {}
        for term, layer, count in self.losses:
            term_layers = layers.setdefault(term, {})
            term_layers[layer] = term_layers.get(layer, 0.0) + sum(values[start : start + count])
            start += count
        return Reading(values[0], terms, layers)


class Step(NamedTuple):
    """The result of one evaluation and its step, on the device."""

    values: Tensor
    """The loss, its terms, and the values that add up to each loss, one after the other."""
    names: Names
    point: Point


Iterate = Callable[[Point, Callable[[], object]], Step]
"""Evaluate an image, call a function, and step on, which changes the optimizer's state in place."""

Recording = tuple[Callable[[], object], Step]
"""A function that repeats the recorded step, and the step, whose tensors hold the latest result."""


def _do_nothing() -> None:
    """Do nothing."""


@dataclass
class Iteration:
    """Evaluations and their steps, several at a time; only at the end of several it waits for the device."""

    iterate: Iterate

    def __call__(self, point: Point, count: int, on_step: Callable[[], object] = _do_nothing) -> IterationResult:
        """Evaluate and step on a number of times.

        Args:
            point: The point to evaluate first; a step changes the optimizer's state in place.
            count: Evaluations, at least 1.
            on_step: Called before each step.

        Returns:
            The losses of the evaluations, and the point after the last step.

        """
        rows: list[Tensor] = []
        names = Names()
        for _ in range(count):
            values, names, point = self.iterate(point, on_step)
            rows.append(values)
        values = cast("list[list[float]]", torch.stack(rows).tolist())
        return IterationResult([names.reading(row) for row in values], point)


def evaluations_at_once(device: torch.device, pixels: int) -> int:
    """Return how many evaluations come before the next report, at most: on a GPU several, since each report waits.

    Args:
        device: Where images are evaluated.
        pixels: The number of pixels of the image.

    Returns:
        A number from 1 to `MAX_EVALUATIONS_PER_REPORT`.

    """
    return max(1, min(MAX_EVALUATIONS_PER_REPORT, MAX_PIXELS_PER_REPORT // pixels)) if device.type == "cuda" else 1


def iteration(objective: Objective, optimizer: Optimizer[Any], device: torch.device) -> Iteration:
    """Return the iteration of a stage.

    Args:
        objective: The objective of the stage.
        optimizer: The optimizer of the stage.
        device: Where both compute; on a GPU the iteration is recorded, unless several processes paint together.

    Returns:
        The iteration.

    """

    def iterate(point: Point, on_step: Callable[[], object]) -> Step:
        image, state, best, least = point
        evaluation = objective.evaluate(image)
        scalars = (evaluation.loss, *evaluation.terms.values())
        values = torch.cat([*(each[None] for each in scalars), *(each.summands for each in evaluation.losses)])
        counts = [(each.term, each.layer, len(each.summands)) for each in evaluation.losses]
        is_best = evaluation.loss < least
        best, least = _select(is_best, image, best), torch.where(is_best, evaluation.loss, least)
        on_step()
        image, state = optimizer.step(image, evaluation.loss, evaluation.gradient, state)
        return Step(values, Names(list(evaluation.terms), counts), Point(image, state, best, least))

    is_recorded = device.type == "cuda" and objective.group.size == 1
    return Iteration(Recorded(iterate) if is_recorded else iterate)


def _select(condition: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return one of two tensors: on a processor the tensor itself, elsewhere a copy, so that nothing waits."""
    if condition.device.type == "cpu":
        return first if condition else second
    return torch.where(condition, first, second)


def _record(work: Callable[[], Step]) -> Recording:
    """Record a step as a CUDA graph, as `torch.cuda.graph` does, but without its slow garbage collection."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()  # the graph has memory of its own
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(torch.cuda.Stream()):
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            step = work()
        finally:
            graph.capture_end()
    torch.cuda.synchronize()
    return graph.replay, step


@dataclass
class Recorded:
    """An evaluation and its step that are carried out a few times, then recorded, then replayed.

    A recording reads and writes the tensors of a static point, and leaves the next point in them. So the point that is
    returned changes with the next call.
    """

    iterate: Iterate
    record: Callable[[Callable[[], Step]], Recording] = _record
    _calls: int = field(default=0, init=False)
    _static_point: Point | None = field(default=None, init=False)
    _recording: Recording | None = field(default=None, init=False)

    def __call__(self, point: Point, on_step: Callable[[], object]) -> Step:
        """Evaluate and step on; `on_step` is called first, since a GPU does not say when it steps."""
        on_step()
        self._calls += 1
        if self._calls <= _WARM_UP_STEPS:
            return self.iterate(point, _do_nothing)
        if self._recording is None or self._static_point is None:
            static = point._replace(image=point.image.clone(), best=point.best.clone(), least=point.least.clone())
            self._static_point = static
            self._recording = self.record(lambda: self._evaluate_static(static))
        _copy_tensors(point, self._static_point)
        replay, step = self._recording
        replay()
        return step._replace(values=step.values.clone())

    def _evaluate_static(self, static: Point) -> Step:
        """Evaluate the static point, and leave the next point in it."""
        step = self.iterate(static, _do_nothing)
        _copy_tensors(step.point, static)
        return step._replace(point=static)


def _copy_tensors(source: Point, target: Point) -> None:
    """Copy all tensors of a point to those of another, where they are not the same."""
    for (_, source_tensor), (_, target_tensor) in zip(named_tensors(source), named_tensors(target), strict=True):
        if source_tensor is not target_tensor:
            target_tensor.copy_(source_tensor)
