"""VGG-19 of a whole image, forward and backward, by cuDNN's convolutions and the operators of `kernels.cuda`.

In the forward pass each convolution reads a framed signal and needs no padding; one operator applies bias, ReLU,
pooling and the next frame. In the backward pass a convolution with transposed filters returns the gradient by the
framed signal; the next operator folds the frame, adds the losses' derivatives by that layer and applies the ReLU's
backward pass. The forward pass retains the features that losses look at, one bit per unit of every other ReLU, and one
byte per unit of each pooling.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
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

__all__ = ["ForwardStep", "FusedNetwork"]


class ForwardStep(NamedTuple):
    """A step of the forward pass, with the data that its backward pass needs."""

    layers: Sequence[Layer]
    shape: torch.Size
    """The shape of the convolution's output, before any pooling; for a step of a pooling alone, that of its input."""
    frame: Frame
    """The frame of the gradient by the step's output."""
    input_frame: Frame
    """The frame of the step's input."""
    bits: Tensor | None = None
    """The active units of a ReLU, or the choices of a pooling."""
    retained: Tensor | None = None
    """The raw input of an L2 pooling, or conv1_1's features if no loss looks at them."""


@dataclass(frozen=True, eq=False)
class FusedNetwork:
    """VGG-19 on RGB images in [0, 1], (3, H, W), with each step computed for the whole image at once."""

    weights: Weights
    pool: Pool
    padding: Padding

    def prepare(self, layers: Collection[str]) -> None:
        """Allocate the transposed filters, so that a plan can count them, and load the kernels."""
        _ = self._transposed_filters, self._zero_bias
        weight, _ = self._first_filters
        if dispatch.uses_triton(weight):
            warm_up(weight, self.pool, self.padding, layers)

    def forward(
        self, image: Tensor, layers: Collection[str], *, wraps: Wraps, cuts: Cuts, retain: bool
    ) -> tuple[dict[str, Tensor], list[ForwardStep]]:
        """Compute the features of an image.

        Args:
            image: RGB in [0, 1], (3, H, W).
            layers: The names of the layers.
            wraps: Whether the upper edge meets the lower one, and whether the left edge meets the right one.
            cuts: The sides on which the image continues, so that there is no padding.
            retain: Whether to retain the data that `pullback` needs.

        Returns:
            The features by layer, each (C, H, W), and the steps with their retained data; no steps without `retain`.

        Raises:
            ValueError: the image is too large to be computed whole.

        """
        size = image.shape[1], image.shape[2]
        if (size[0] + 2) * (size[1] + 2) * len(self._first_filters[1]) >= GPU_UNITS:
            raise ValueError(f"an image of {size[1]} × {size[0]} pixels is too large to be computed whole; use tiles")
        features: dict[str, Tensor] = {}
        forward_steps: list[ForwardStep] = []
        frame, signal = Frame.of(border(self.padding, wraps, cuts, first=True), *size), image
        inner_border = border(self.padding, wraps, cuts)
        network_steps = steps(layers)
        for step, next_step in zip_longest(network_steps, network_steps[1:]):
            first, last = step[0], step[-1]
            shape = size if first.is_pool else frame.valid_size(*size)
            size = (shape[0] // 2, shape[1] // 2) if last.is_pool else shape
            is_framed = next_step is not None and not next_step[0].is_pool
            input_frame, frame = frame, Frame.of(inner_border, *size) if is_framed else NO_FRAME
            signal, bits, raw = self._compute_step(step, signal, input_frame, frame, retain=retain)
            output = frame.interior(signal)  # (1, C, H, W)
            is_requested = last.name in layers
            if is_requested:
                features[last.name] = output[0]
            if retain:
                bits = bits if last.is_pool or not is_requested else None
                retained = raw if last.is_pool and self.pool.kind == "l2" else None
                retained = output if first.name == "conv1_1" and not is_requested else retained
                gradient_frame = NO_FRAME if frame.is_zeros else frame
                convolved = torch.Size((1, output.shape[1], *shape))
                forward_steps.append(ForwardStep(step, convolved, gradient_frame, input_frame, bits, retained))
        return features, forward_steps

    def _compute_step(
        self, step: Sequence[Layer], signal: Tensor, input_frame: Frame, frame: Frame, *, retain: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the framed output of a step, the bits that its backward pass needs, and a pooling's raw input."""
        first, last = step[0], step[-1]
        if first.name == "conv1_1":
            output = layer_operators.first_forward(signal, input_frame, *self._scaling, *self._first_filters, frame)
            return output, None, None
        if first.is_pool:
            raw, bias = signal, self._zero_bias[: signal.shape[1]]
        else:
            weight, bias = self.weights.tensors[first.name]
            raw = _convolution(signal, weight)
        if last.is_pool:
            return *layer_operators.pool(raw, bias, *self.pool, frame, retain), raw
        return *layer_operators.activate(raw, bias, frame, retain), None

    def pullback(
        self,
        features: dict[str, Tensor],
        forward_steps: list[ForwardStep],
        cotangents: Mapping[str, Sequence[Cotangent]],
    ) -> Tensor:
        """Return the gradient by the image, and release the features and the steps.

        Args:
            features: The features that `forward` returned, each (C, H, W); the dictionary is emptied.
            forward_steps: The steps that `forward` returned; the list is emptied.
            cotangents: By layer name, functions that each add a cotangent to a tensor of the features' shape.

        Returns:
            The gradient, (3, H, W).

        Raises:
            ValueError: no layer has a cotangent.

        """
        gradient: Tensor | None = None
        while forward_steps:
            step = forward_steps.pop()
            first, last = step.layers[0], step.layers[-1]
            layer_features = features.pop(last.name, None)  # (C, H, W)
            layer_cotangents = cotangents.get(last.name, ()) if layer_features is not None else ()
            if gradient is None and not layer_cotangents:
                continue
            if last.is_pool:
                gradient = self._pool_backward(gradient, step, layer_features, layer_cotangents)
                if first.is_pool:
                    continue
            else:
                gradient = _relu_backward(
                    gradient, step, layer_features, layer_cotangents, template=self._first_filters[0]
                )
                if first.name == "conv1_1":
                    weight, _ = self._first_filters
                    image = layer_operators.first_backward(gradient, weight, self._scaling[0], self._image_dtype)
                    return step.input_frame.fold(image[None])[0]
            del layer_features
            padding = 1 if step.input_frame.is_zeros else 2  # of a frame of zeros no gradient is needed
            gradient = _convolution(gradient, self._transposed_filters[first.name], padding)
        raise ValueError("there is no cotangent to pull back")

    def _pool_backward(
        self, gradient: Tensor | None, step: ForwardStep, features: Tensor | None, cotangents: Sequence[Cotangent]
    ) -> Tensor:
        """Return the gradient by a pooling's raw input, from the gradient by its framed output."""
        frame = step.frame
        if cotangents and features is not None:
            gradient, frame = _add_cotangents(gradient, frame, features, cotangents), NO_FRAME
        is_pool_only = step.layers[0].is_pool
        bias = self._zero_bias[: step.shape[1]] if is_pool_only else self.weights.tensors[step.layers[0].name][1]
        assert gradient is not None and step.bits is not None  # noqa: PT018, S101
        return layer_operators.unpool(gradient, frame, step.bits, step.retained, bias, *self.pool, *step.shape[2:])

    @cached_property
    def _scaling(self) -> tuple[list[float], list[float]]:
        """The factor of each channel of the image, and the summand that follows."""
        convention = self.weights.convention
        shift = [-mean / deviation for mean, deviation in zip(convention.mean, convention.deviation, strict=True)]
        return [convention.range / deviation for deviation in convention.deviation], shift

    @cached_property
    def _first_filters(self) -> tuple[Tensor, Tensor]:
        """The contiguous filters of conv1_1 and its bias."""
        weight, bias = self.weights.tensors["conv1_1"]
        return weight.contiguous(), bias

    @cached_property
    def _transposed_filters(self) -> Mapping[str, Tensor]:
        """The filters of the transposed convolutions by layer, each (in, out, 3, 3)."""
        return {
            name: weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
            for name, (weight, _) in self.weights.tensors.items()
        }

    @cached_property
    def _zero_bias(self) -> Tensor:
        """A bias of zeros, as long as that of the widest layer."""
        return self._first_filters[0].new_zeros(max(len(bias) for _, bias in self.weights.tensors.values()))

    @property
    def _image_dtype(self) -> torch.dtype:
        """The precision of images and their gradient: float32, or the weights' if that is higher."""
        return torch.promote_types(self._first_filters[0].dtype, torch.float32)


def _convolution(signal: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """Return a cross-correlation in channels_last, which cuDNN returns by itself and other backends may not."""
    return functional.conv2d(signal, weight, padding=padding).contiguous(memory_format=torch.channels_last)


def _relu_backward(
    gradient: Tensor | None,
    step: ForwardStep,
    features: Tensor | None,
    cotangents: Sequence[Cotangent],
    *,
    template: Tensor,
) -> Tensor:
    """Return the gradient by a ReLU's input, from the gradient by its framed output and the losses' cotangents."""
    signal = step.retained if features is None else features[None]
    frame = step.frame
    linear = [cotangent for cotangent in cotangents if isinstance(_unwrap(cotangent), Linear)]
    others = [cotangent for cotangent in cotangents if cotangent not in linear]
    if others and not (len(others) == 1 and isinstance(others[0], Difference)):
        assert features is not None  # noqa: S101
        gradient, frame, others = _add_cotangents(gradient, frame, features, others), NO_FRAME, []
    if others or not linear:
        difference = others[0] if others else None
        factor, content = (
            (difference.factor, difference.content) if isinstance(difference, Difference) else (None, None)
        )
        bits = step.bits if features is None else None
        gradient = layer_operators.relu_backward(
            gradient, frame, signal, bits, factor, content, not linear, step.shape, template
        )
        frame = NO_FRAME
    for cotangent in linear:
        inner, owned = _unwrap(cotangent), None
        if isinstance(cotangent, InTile):
            owned = [edge for units in cotangent.owned[1:] for edge in (units.start, units.stop)]
        assert signal is not None and isinstance(inner, Linear)  # noqa: PT018, S101
        is_last = cotangent is linear[-1]
        gradient = layer_operators.linear(
            gradient, frame, signal, inner.matrix, inner.offset, inner.weights, owned, is_last
        )
        frame = NO_FRAME
    assert gradient is not None  # noqa: S101
    return gradient


def _add_cotangents(framed: Tensor | None, frame: Frame, features: Tensor, cotangents: Sequence[Cotangent]) -> Tensor:
    """Return the gradient by a signal, (1, C, H, W), after adding cotangents."""
    if framed is None:
        signal = features[None]
        gradient = torch.zeros(signal.shape, dtype=signal.dtype, device=signal.device)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
    else:
        gradient = frame.fold(framed).contiguous(memory_format=torch.channels_last)
    for add in cotangents:
        add(features, gradient[0])
    return gradient


def _unwrap(cotangent: Cotangent) -> Cotangent:
    """Return the cotangent that an `InTile` restricts to a tile's own units, or the cotangent itself."""
    return cotangent.cotangent if isinstance(cotangent, InTile) else cotangent
