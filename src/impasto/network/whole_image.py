"""VGG-19 of a whole image, forward and back, by cuDNN's convolutions and the operators of `kernels.cuda`.

Forward, each convolution goes over a framed signal and needs no padding; bias, ReLU, pooling and the next frame are one
operator. Back, a convolution with its filters turned gives the gradient by the framed signal; the next operator folds
the frame, adds what losses say of that layer and goes back through the ReLU. What is retained: features that losses
look at, a bit a unit of every other ReLU, and a byte a unit of each pooling.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.borders import border
from impasto.kernels.cotangents import Cotangent, Difference, InTile, Linear
from impasto.kernels.cpu.pooling import Pool
from impasto.kernels.cuda import dispatch, layer_operators
from impasto.kernels.cuda.frame import NO_FRAME, Frame
from impasto.kernels.cuda.warm_up import warm_up
from impasto.layers import Layer, steps
from impasto.network.weights import Weights
from impasto.planning.tiles import GPU_UNITS, Cuts, Wraps
from impasto.settings.choices import Padding

__all__ = ["FusedNetwork", "PassedStep"]


class PassedStep(NamedTuple):
    """A step of the network that was passed, and what going back needs."""

    step: Sequence[Layer]
    shape: torch.Size
    """The shape of what goes back to the convolution: its output, before any pooling; of a lone pooling, its input."""
    frame: Frame
    """The frame of the gradient by the output of the step."""
    before: Frame
    """The frame of the input of the step."""
    bits: Tensor | None = None
    """Which units of a ReLU are active, or what a pooling chose."""
    retained: Tensor | None = None
    """What an L2 pooling was made of, or conv1_1's features where no loss looks at them."""


@dataclass(frozen=True, eq=False)
class FusedNetwork:
    """VGG-19 on RGB images in [0, 1], (3, H, W)."""

    weights: Weights
    pool: Pool
    padding: Padding

    def prepare(self, layers: Collection[str]) -> None:
        """Make ready what takes memory, so that a plan can count it, and load the kernels."""
        _ = self._turned, self._no_bias
        weight, _ = self._first
        if dispatch.uses_triton(weight):
            warm_up(weight, self.pool, self.padding, layers)

    def forward(
        self, image: Tensor, layers: Collection[str], *, wraps: Wraps, cuts: Cuts, retain: bool
    ) -> tuple[dict[str, Tensor], list[PassedStep]]:
        """Compute features of an image.

        Args:
            image: RGB in [0, 1], (3, H, W).
            layers: Names of layers.
            wraps: Whether the upper edge meets the lower one, and the left the right.
            cuts: Sides on which the image goes on, so that there is no padding.
            retain: Whether to retain what `pullback` needs.

        Returns:
            The features by layer, each (C, H, W), and the steps that were passed, if `retain`.

        Raises:
            ValueError: the image is too large to be computed whole.

        """
        size = image.shape[1], image.shape[2]
        if (size[0] + 2) * (size[1] + 2) * len(self._first[1]) >= GPU_UNITS:
            raise ValueError(f"an image of {size[1]} × {size[0]} pixels is too large to be computed whole; use tiles")
        found: dict[str, Tensor] = {}
        passed: list[PassedStep] = []
        frame, signal = Frame.of(border(self.padding, wraps, cuts, first=True), *size), image
        around = border(self.padding, wraps, cuts)
        listed = steps(layers)
        for place, step in enumerate(listed):
            first, last = step[0], step[-1]
            shape = size if first.is_pool else frame.valid_size(*size)
            size = (shape[0] // 2, shape[1] // 2) if last.is_pool else shape
            is_framed = any(not following[0].is_pool for following in listed[place + 1 : place + 2])
            before, frame = frame, Frame.of(around, *size) if is_framed else NO_FRAME
            signal, bits, raw = self._pass(step, signal, before, frame, remember=retain)
            features = frame.interior(signal)  # (1, C, H, W)
            is_wanted = last.name in layers
            if is_wanted:
                found[last.name] = features[0]
            if retain:
                bits = bits if last.is_pool or not is_wanted else None
                retained = raw if last.is_pool and self.pool.kind == "l2" else None
                retained = features if first.name == "conv1_1" and not is_wanted else retained
                back = NO_FRAME if frame.is_zeros else frame
                passed.append(
                    PassedStep(step, torch.Size((1, features.shape[1], *shape)), back, before, bits, retained)
                )
        return found, passed

    def _pass(
        self, step: Sequence[Layer], signal: Tensor, before: Frame, frame: Frame, *, remember: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the framed output of a step, what going back needs of it, and what a pooling was made of."""
        first, last = step[0], step[-1]
        if first.name == "conv1_1":
            return layer_operators.first_forward(signal, before, *self._convention, *self._first, frame), None, None
        if first.is_pool:
            raw, bias = signal, self._no_bias[: signal.shape[1]]
        else:
            weight, bias = self.weights.tensors[first.name]
            raw = _convolved(signal, weight)
        if last.is_pool:
            return *layer_operators.pool(raw, bias, *self.pool, frame, remember), raw
        return *layer_operators.activate(raw, bias, frame, remember), None

    def pullback(
        self, found: dict[str, Tensor], passed: list[PassedStep], cotangents: Mapping[str, Sequence[Cotangent]]
    ) -> Tensor:
        """Return the gradient by the image; uses up the features and the steps.

        Args:
            found: The features that `forward` returned, each (C, H, W).
            passed: The steps that it returned.
            cotangents: By layer, functions that add a cotangent to a tensor of the features' shape.

        Returns:
            The gradient, (3, H, W).

        Raises:
            ValueError: there is no cotangent.

        """
        wide: Tensor | None = None
        while passed:
            at = passed.pop()
            first, last = at.step[0], at.step[-1]
            features = found.pop(last.name, None)  # (C, H, W)
            added = cotangents.get(last.name, ()) if features is not None else ()
            if wide is None and not added:
                continue
            if last.is_pool:
                wide = self._before_pool(wide, at, features, added)
                if first.is_pool:
                    continue
            else:
                wide = _before_relu(wide, at, features, added, like=self._first[0])
                if first.name == "conv1_1":
                    weight, _ = self._first
                    image = layer_operators.first_backward(wide, weight, self._convention[0], self._image_dtype)
                    return at.before.fold(image[None])[0]
            del features
            wide = self._back(wide, at.before, first.name)
        raise ValueError("there is no cotangent to pull back")

    def _back(self, cotangent: Tensor, frame: Frame, name: str) -> Tensor:
        """Return the gradient by the framed input of a convolution; without the frame, if that is zeros all around."""
        padding = 1 if frame.is_zeros else 2
        return _convolved(cotangent, self._turned[name], padding)

    def _before_pool(
        self, wide: Tensor | None, at: PassedStep, features: Tensor | None, added: Sequence[Cotangent]
    ) -> Tensor:
        """Go back through the frame of a pooling's output, and through the pooling."""
        frame = at.frame
        if added and features is not None:
            wide, frame = _added(wide, frame, features, added), NO_FRAME
        is_alone = at.step[0].is_pool
        bias = self._no_bias[: at.shape[1]] if is_alone else self.weights.tensors[at.step[0].name][1]
        assert wide is not None and at.bits is not None  # noqa: PT018, S101
        return layer_operators.unpool(wide, frame, at.bits, at.retained, bias, *self.pool, *at.shape[2:])

    @cached_property
    def _convention(self) -> tuple[list[float], list[float]]:
        """What each channel of the image is multiplied with, and what is added then."""
        convention = self.weights.convention
        pairs = list(zip(convention.mean, convention.deviation, strict=True))
        return [convention.range / each for _, each in pairs], [-mean / each for mean, each in pairs]

    @cached_property
    def _first(self) -> tuple[Tensor, Tensor]:
        weight, bias = self.weights.tensors["conv1_1"]
        return weight.contiguous(), bias

    @cached_property
    def _turned(self) -> Mapping[str, Tensor]:
        """Filters of the transposed convolutions, (in, out, 3, 3)."""
        return {
            name: weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
            for name, (weight, _) in self.weights.tensors.items()
        }

    @cached_property
    def _no_bias(self) -> Tensor:
        return self._first[0].new_zeros(max(len(bias) for _, bias in self.weights.tensors.values()))

    @property
    def _image_dtype(self) -> torch.dtype:
        return torch.promote_types(self._first[0].dtype, torch.float32)


def _convolved(signal: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """Return a cross-correlation in channels_last, which cuDNN gives and others may not."""
    return functional.conv2d(signal, weight, padding=padding).contiguous(memory_format=torch.channels_last)


def _before_relu(
    wide: Tensor | None, at: PassedStep, features: Tensor | None, added: Sequence[Cotangent], *, like: Tensor
) -> Tensor:
    """Go back through the frame of a ReLU's output, what losses add there, and the ReLU."""
    signal = at.retained if features is None else features[None]
    frame = at.frame
    fused = [cotangent for cotangent in added if isinstance(_within(cotangent), Linear)]
    others = [cotangent for cotangent in added if cotangent not in fused]
    if others and not (len(others) == 1 and isinstance(others[0], Difference)):
        assert features is not None  # noqa: S101
        wide, frame, others = _added(wide, frame, features, others), NO_FRAME, []
    if others or not fused:
        aim = others[0] if others else None
        factor, content = (aim.factor, aim.content) if isinstance(aim, Difference) else (None, None)
        bits = at.bits if features is None else None
        wide = layer_operators.relu_backward(wide, frame, signal, bits, factor, content, not fused, at.shape, like)
        frame = NO_FRAME
    for cotangent in fused:
        inner, place = _within(cotangent), None
        if isinstance(cotangent, InTile):
            place = [edge for part in cotangent.place[1:] for edge in (part.start, part.stop)]
        assert signal is not None and isinstance(inner, Linear)  # noqa: PT018, S101
        is_last = cotangent is fused[-1]
        wide = layer_operators.linear(wide, frame, signal, inner.matrix, inner.offset, inner.weights, place, is_last)
        frame = NO_FRAME
    assert wide is not None  # noqa: S101
    return wide


def _added(wide: Tensor | None, frame: Frame, features: Tensor, added: Sequence[Cotangent]) -> Tensor:
    """Return the gradient by a signal, (1, C, H, W), to which cotangents were added."""
    if wide is None:
        signal = features[None]
        gradient = torch.zeros(signal.shape, dtype=signal.dtype, device=signal.device)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
    else:
        gradient = frame.fold(wide).contiguous(memory_format=torch.channels_last)
    for add in added:
        add(features, gradient[0])
    return gradient


def _within(cotangent: Cotangent) -> Cotangent:
    """Return the cotangent of the units that a tile owns, or of all."""
    return cotangent.cotangent if isinstance(cotangent, InTile) else cotangent
