"""A run: from pictures and a plan to a painted picture, evaluation by evaluation, as an iterator."""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from impasto import color
from impasto.device import Machine
from impasto.images import Picture, resample, srgb
from impasto.iteration import iteration
from impasto.masks import Mask
from impasto.objective import Kept, Objective
from impasto.optimizers import LBFGS, Adam, Optimizer
from impasto.plan import Plan, Size, Stage
from impasto.progress import Clock, Progress, Result, Stopped
from impasto.settings import Settings
from impasto.styles import Style, regions
from impasto.targets import Region, StyleImage
from impasto.vgg import VGG19

__all__ = ["Inputs", "Run"]

_WINDOW = 20
"""Evaluations over which a plateau is judged, as the help of `tolerance` says."""

_FAILURES = 3
"""Evaluations in a row without a finite loss after which a run ends as diverged."""

_SQUARE, _TRIALS = 256, 6
"""Pixels and evaluations by which the time of a run is predicted."""


class Inputs(NamedTuple):
    """What a run is given."""

    content: Picture
    styles: Sequence[Style]
    initial: Picture | None = None
    """To start from, in place of what the settings say."""
    keep: Mask | None = None
    """Where the picture stays as the content is."""


class Run:
    """A run under way: iterate to paint, look at any time."""

    def __init__(
        self,
        inputs: Inputs,
        *,
        settings: Settings,
        plan: Plan,
        network: VGG19,
        machine: Machine,
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.history: list[Progress] = []
        self.stopped: Stopped = "unfinished"
        self._machine = machine
        self._inputs = inputs
        self._profile = inputs.content.profile if settings.profile == "content" else srgb()
        self._network = self._normalized(network)
        self._began_as_content = inputs.initial is None and self.settings.init == "content"
        self._image: Tensor = self._start()
        self._best: Tensor = self._image
        self._state = self._optimizer(self.plan.stages[0]).init(self._image)
        self._clock = Clock(self.plan)
        self._progress = self._paint()

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        return next(self._progress)

    def forecast(self) -> float:
        """Return the seconds that the run will take, by the time of a few evaluations of a small square."""
        square = torch.rand(3, _SQUARE, _SQUARE, generator=torch.Generator().manual_seed(0))
        square = square.to(self._machine.device, self._machine.sums)
        objective = Objective.build(self.settings, self._network, square, [Region([StyleImage(square.flip(2))])])
        optimizer = self._optimizer(self.plan.stages[-1])
        iterate = iteration(objective, optimizer, self._machine.device)
        state, times = optimizer.init(square), [math.inf]
        for _ in range(_TRIALS):
            began = time.perf_counter()
            step = iterate(square, state)
            square, state, _ = step.image, step.state, float(step.loss)
            times.append(time.perf_counter() - began)
        targets = sum(stage.work for stage in self.plan.stages)  # two pictures forward, at each stage
        return min(times) / _SQUARE**2 * (self.plan.work + targets)

    def preview(self) -> Picture:
        """Return the best picture so far, at the size of the stage under way, with what the content's file says."""
        settings = self.settings
        return self._inputs.content.repainted(
            self._finished(self._best).clamp_(0, 1).float().cpu(),
            profile=self._profile,
            bits=None if settings.bits == "auto" else int(settings.bits),
            dpi=settings.dpi,
            keeps_position=settings.keep_position,
            note=json.dumps({"impasto": version("impasto"), "settings": settings.model_dump()}),
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Save `preview` with the settings in its metadata.

        Raises:
            InputError: the name is not that of an image, or something is there already.
            WriteError: the file could not be written.

        """
        self.preview().save(path, overwrite=overwrite)

    def result(self) -> Result:
        """Return the picture as it is now; iterate to the end first for a finished one."""
        return Result(self.preview(), self.settings, tuple(self.history), self.stopped)

    def _paint(self) -> Iterator[Progress]:
        outcome: Stopped = "finished"
        for number, stage in enumerate(self.plan.stages):
            self._enlarge(stage)
            outcome = yield from self._paint_stage(number, stage)
            if outcome == "diverged":
                break
        self._enlarge(self.plan.stages[-1])
        self.stopped = outcome

    def _paint_stage(self, number: int, stage: Stage) -> Generator[Progress, None, Stopped]:
        """Evaluate and step until the stage's evaluations are used up, a plateau is reached, or nothing is finite."""
        optimizer = self._optimizer(stage)
        iterate = iteration(self._objective(stage), optimizer, self._machine.device)
        bests: list[float] = [math.inf]
        failures = 0
        for evaluation in range(1, stage.evaluations + 1):
            step = iterate(self._image, self._state)
            self._state = step.state
            loss, *terms = _numbers(step.loss, *step.terms.values())
            failures = 0 if math.isfinite(loss) else failures + 1
            if loss < bests[-1]:
                self._best = self._image
            bests.append(min(loss, bests[-1]) if math.isfinite(loss) else bests[-1])
            self.history.append(self._report(number, evaluation, loss, dict(zip(step.terms, terms, strict=True))))
            yield self.history[-1]
            if failures == _FAILURES:
                return "diverged"
            if _is_flat(bests, self.settings.tolerance):
                return "converged"
            self._image = step.image
        return "finished"

    def _report(self, number: int, evaluation: int, loss: float, terms: Mapping[str, float]) -> Progress:
        stage = self.plan.stages[number]
        seconds, left = self._clock.read(number, evaluation)
        return Progress(
            stage=number + 1,
            stages=len(self.plan.stages),
            width=stage.size.width,
            height=stage.size.height,
            evaluation=evaluation,
            evaluations=stage.evaluations,
            loss=loss,
            terms=terms,
            seconds=seconds,
            seconds_left=left,
        )

    def _enlarge(self, stage: Stage) -> None:
        """Bring the best image and the optimizer's state to a stage's size, in float.

        An image that began as the content gets back the content's finer detail, which the smaller size could not hold:
        lines stay sharp, and the loss falls as far in a fifth fewer evaluations (docs/notes/pictures.md).
        """
        size, before = stage.size, Size(self._best.shape[2], self._best.shape[1])
        if size != before:
            enlarge: Callable[[Tensor], Tensor] = partial(resample, height=size.height, width=size.width)
            self._best = enlarge(self._best)
            if self._began_as_content:
                self._best.add_(self._content(size))
                self._best.sub_(enlarge(self._content(before)))
            self._state = self._optimizer(stage).resampled(self._state, enlarge)
        self._image = self._best

    def _objective(self, stage: Stage) -> Objective:
        content, keep = self._content(stage.size), self._inputs.keep
        place, seen = self._to_device, Mask.of(self._inputs.content)
        found = regions(self._inputs.styles, self._paintings(stage), stage.size, keep, place, seen=seen)
        kept = None if keep is None else Kept(self._to_device(keep.resized(*stage.size)), content)
        tiling, group = stage.layout.tiling, self._machine.group
        return Objective.build(self.settings, self._network, content, found, kept=kept, tiling=tiling, group=group)

    def _optimizer(self, stage: Stage) -> Optimizer[Any]:
        settings, layout = self.settings, stage.layout
        if settings.optimizer == "adam":
            return Adam(settings.learning_rate, settings.preconditioner)
        history_dtype = torch.bfloat16 if layout.history_type == "bfloat16" else None
        rate, power = settings.learning_rate, settings.preconditioner
        return LBFGS(layout.history, rate, power, history_dtype, group=self._machine.group)

    def _start(self) -> Tensor:
        """Return the canvas at the first stage's size, (3, H, W)."""
        size = self.plan.stages[0].size
        shape = (3, size.height, size.width)
        if self._inputs.initial is not None:
            return self._place(self._inputs.initial, size)
        if self.settings.init == "noise":
            return self._to_device(torch.rand(shape, generator=torch.Generator().manual_seed(self.settings.seed)))
        if self.settings.init == "blank":
            return self._to_device(torch.full(shape, 0.5))
        return (
            self._content(size)
            if self.settings.init == "content"
            else self._place(self._inputs.styles[0].picture, size)
        )

    def _normalized(self, network: VGG19) -> VGG19:
        """Rescale the network over the run's own images at the first stage's size, if the settings say so."""
        if not self.settings.normalize:
            return network
        stage = self.plan.stages[0]
        layers = {**self.settings.content_layers, **self.settings.style_layers}
        return network.normalized([self._content(stage.size), *self._paintings(stage)], layers)

    def _content(self, size: Size) -> Tensor:
        """Return the content image as it is painted, (3, H, W)."""
        placed = self._place(self._inputs.content, size)
        return color.gray(placed) if self.settings.color == "content-luminance" else placed

    def _paintings(self, stage: Stage) -> list[Tensor]:
        """Return the style images of a stage in the colors that they are to have, each (3, H, W)."""
        sizes = zip(self._inputs.styles, stage.styles, strict=True)
        images = [self._place(style.picture, size) for style, size in sizes]
        if self.settings.color == "style":
            return images
        content = _opaque(self._place(self._inputs.content, stage.size), self._inputs.content)
        counted = [_opaque(image, style.picture) for image, style in zip(images, self._inputs.styles, strict=True)]
        pairs = zip(images, counted, strict=True)
        if self.settings.color == "content-luminance":
            return [color.like_luminance(image, content, part) for image, part in pairs]
        return [color.matched(image, content, self.settings.color_match, part) for image, part in pairs]

    def _finished(self, image: Tensor) -> Tensor:
        """Return a copy of a painted image with the content's colors, and what is kept of it, as far as asked for."""
        keep, image = self._inputs.keep, image.clone()
        if keep is None and self.settings.color == "style":
            return image
        size = Size(image.shape[2], image.shape[1])
        content = self._place(self._inputs.content, size)
        if self.settings.color == "content-luminance":
            image = color.with_luminance(image.clamp_(0, 1), content)
        elif self.settings.color == "content-match":
            parts = [_opaque(each, self._inputs.content) for each in (content, image)]
            image = color.matched(image, parts[0], self.settings.color_match, parts[1])
        return image if keep is None else image.lerp(content, self._to_device(keep.resized(*size)))

    def _place(self, picture: Picture, size: Size) -> Tensor:
        """Bring a picture to a size, to the colors of the run's profile and to the device, (3, H, W)."""
        return self._to_device(picture.resized(size.width, size.height).in_profile(self._profile).pixels)

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._machine.device, self._machine.sums)


def _opaque(image: Tensor, picture: Picture) -> Tensor:
    """Return the pixels of an image that a picture of its shape shows, (3, 1, N), or the image where it shows all."""
    mask = Mask.of(picture)
    if mask is None:
        return image
    opacity = mask.resized(image.shape[2], image.shape[1])
    return image[:, (opacity >= opacity.max() / 2).to(image.device)][:, None]


def _numbers(*scalars: Tensor) -> list[float]:
    """Wait for the device, once, and return what it found."""
    return cast("list[float]", torch.stack(scalars).tolist())


def _is_flat(bests: Sequence[float], tolerance: float) -> bool:
    """Judge whether the best loss fell by less than a share of `tolerance` over the last evaluations."""
    if tolerance == 0 or len(bests) <= _WINDOW + 1:
        return False
    return bests[-1 - _WINDOW] - bests[-1] < tolerance * bests[-1 - _WINDOW]
