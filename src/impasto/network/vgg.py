"""VGG-19 as a function of an image: features forward, gradients back, both by hand.

Automatic differentiation would retain the input of every convolution for the backward pass. The filters are fixed, so
the backward pass needs only which units a ReLU let pass, one bit a unit, and which of its four units a pooling chose.
The network knows nothing of losses.

Simonyan and Zisserman, ICLR 2015 (the network); Gatys, Ecker and Bethge, CVPR 2016, section 2 (its use here).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Self, cast, get_args, overload

import torch
from torch import Tensor

from impasto.errors import InputError, WeightsError, is_out_of_memory
from impasto.kernels.borders import Border, border
from impasto.kernels.cotangents import Cotangent
from impasto.kernels.cpu import row_bands
from impasto.kernels.cpu.convolution import Convolution
from impasto.kernels.cpu.pooling import Pool, Pullback
from impasto.kernels.cpu.relu import Clear, clear_by_bits, clear_by_output
from impasto.kernels.cuda import dispatch
from impasto.kernels.precision import exact_dtype
from impasto.layers import Layer, steps, up_to
from impasto.network import autograd
from impasto.network.footprint import footprint
from impasto.network.input_image import input_images, layer_names
from impasto.network.weights import Weights, load_weights, weights_of
from impasto.network.whole_image import ForwardStep, FusedNetwork
from impasto.planning.footprint import NetworkFootprint
from impasto.planning.tiles import UNCUT, Cuts, Wraps
from impasto.settings.choices import Padding, Pooling, Winograd, one_of

__all__ = ["VGG19", "Features"]

POOLING_FACTORS = {"max": 1.0, "average": 2.0, "l2": 0.78}
"""Factors that leave the activations of the original network, which was trained with max pooling, at their scale."""

PREPARATION_SIDE = 64
"""Pixels of a side of an image by which the network is made ready."""

MIN_RELATIVE_ACTIVATION = 1e-2
"""A channel's mean activation over its layer's, below which `normalized` scales it as if it were this."""


class Features(dict[str, Tensor]):
    """Features by layer name, each (C, H, W), with the data that `VGG19.pullback` needs."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        """The precision of the image that the features were computed from."""
        self.pullbacks: list[tuple[str, Pullback]] = []
        """The pullback of each step from its output to its input, by layer, on a CPU."""
        self.forward_steps: list[ForwardStep] = []
        """The steps of the forward pass with their retained data, on other devices."""


def _default_weights() -> Weights:
    """Load the weights that the package installs."""
    return load_weights()


@dataclass(frozen=True, eq=False, repr=False)
class VGG19:
    """VGG-19 as a function of an image: `VGG19()(image, layers)` returns the features of some of its layers.

    It is computed up to the deepest layer that is asked for. The defaults are those of the original network; the
    network of a run is `StyleTransfer.network`, whose padding is that of `Settings`.

    Raises:
        InputError: the weights cannot be loaded, or an option has another value than those of `Settings`.

    """

    weights: Weights = field(default_factory=_default_weights)
    """The weights, or whatever `load_weights` takes, such as a path; the original ones if not given."""
    pooling: Pooling = "max"
    """The result of 2 × 2 pooling: max, average or l2."""
    pooling_rescale: bool = True
    """Whether average pooling is scaled by 2 and L2 pooling by 0.78, which leaves the activations at their scale."""
    padding: Padding = "zeros"
    """The values beyond the border of each convolution's input; zeros is the mean color in the first layer, where
    replicate-first has copies."""
    winograd: Winograd = "off"
    """How wide convolutions save multiplications by Winograd's algorithm, at the price of more rounding."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", weights_of(self.weights))
        for name, choices in (("pooling", Pooling), ("padding", Padding), ("winograd", Winograd)):
            value, accepted = getattr(self, name), get_args(choices)
            if value not in accepted:
                raise InputError(f"{name} cannot be {value!r}; it takes {one_of(accepted)}.")

    def __repr__(self) -> str:
        dtype, source = str(self.dtype).removeprefix("torch."), self.weights.source
        return f"VGG19({self.pooling} pooling, {self.padding} padding, {dtype} on {self.device}, {source})"

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the features."""
        return self.weights.tensors["conv1_1"][0].dtype

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which images are taken."""
        return self.weights.tensors["conv1_1"][0].device

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None, winograd: Winograd = "off") -> Self:
        """Return the network on a device.

        Args:
            device: Where its weights are brought.
            dtype: The precision of its weights and features; as it is, if not given.
            winograd: How wide convolutions take fewer multiplications.

        Returns:
            A network of its own, whose filters are packed at the first use.

        Raises:
            InputError: there is no such device, or the precision is none of floating-point numbers.

        """
        precision = cast("object", self.dtype if dtype is None else dtype)
        if not (isinstance(precision, torch.dtype) and precision.is_floating_point):
            raise InputError(
                f"the network cannot compute in {precision}; give a floating-point dtype, such as torch.float32."
            )
        try:
            weights = self.weights.to(torch.device(device), precision)
        except (RuntimeError, TypeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
            if is_out_of_memory(error):
                raise
            raise InputError(f"there is no device {device}; give cpu, cuda, cuda:1 or mps, where they are.") from error
        return replace(self, weights=weights, winograd=winograd)

    @property
    def is_fused(self) -> bool:
        """Whether the network's device computes each step for the whole image at once, as a GPU does."""
        return dispatch.is_fused(self.weights.tensors["conv1_1"][0])

    def footprint(self, layers: Collection[str]) -> NetworkFootprint:
        """Return the memory that a tile takes in the forward and the backward pass.

        Args:
            layers: The layers whose features are asked for; the deepest one ends the forward pass.

        Returns:
            Bytes a pixel that the tile sees.

        """
        return footprint(self.pooling, layers, self.dtype.itemsize, is_fused=self.is_fused)

    def prepare(self, layers: Collection[str]) -> None:
        """Pack the filters and load the kernels once, in seconds and up to 700 MB; otherwise the first use does it.

        Args:
            layers: The layers that will be computed.

        """
        if self._prepared.issuperset(layers):
            return
        if self.is_fused:
            self._fused.prepare(layers)
        else:
            image = torch.zeros(3, PREPARATION_SIDE, PREPARATION_SIDE, dtype=torch.float32, device=self.device)
            features = self.compute(image, layers, retain=True)
            self.pullback(
                features, {name: [lambda _, gradient: gradient] for name in layers}
            )  # so that all loops are compiled
        self._prepared.update(layers)

    @overload
    def forward(self, image: object, layers: str) -> Tensor: ...  # pyright: ignore[reportOverlappingOverload] (a text is a collection of texts)
    @overload
    def forward(self, image: object, layers: Collection[str]) -> dict[str, Tensor]: ...
    def forward(self, image: object, layers: str | Collection[str]) -> Tensor | dict[str, Tensor]:
        """Compute the features of some layers, which torch differentiates where the image requires a gradient.

        Args:
            image: RGB from 0 to 1, a floating-point tensor (3, H, W) or (B, 3, H, W) on the network's device; a
                `Picture`; or whatever `Picture.of` takes. The network subtracts the mean itself. Both sides have at
                least 32 pixels, or for a shallow layer fewer.
            layers: One name or several, such as conv4_2 (after its ReLU) or pool4.

        Returns:
            The features of one layer, (C, H // stride, W // stride) or (B, C, H // stride, W // stride) as the image
            has a batch, in the precision of the network; of several layers, a dictionary of them by name.

        Raises:
            InputError: there is no such layer, or the image has another shape, range or device, or is too small.

        """
        names = layer_names(layers)
        self._check_weights(names)
        images = input_images(image, names, self.device)
        if images.ndim == 3:
            features = self._differentiable_features(images, names)
        else:
            batch = [self._differentiable_features(image, names) for image in images]
            features = {name: torch.stack([each[name] for each in batch]) for name in names}
        return features[layers] if isinstance(layers, str) else features

    __call__ = forward

    def compute(
        self,
        image: Tensor,
        layers: Collection[str],
        *,
        retain: bool = False,
        wraps: Wraps = (False, False),
        cuts: Cuts = UNCUT,
    ) -> Features:
        """Compute the features of `layers` for the engine, which checks nothing.

        Args:
            image: RGB in [0, 1], (3, H, W), both sides at least 32; it is not differentiated.
            layers: Names such as conv4_2 (after its ReLU) or pool4.
            retain: Whether to retain the data that `pullback` needs.
            wraps: Whether the upper edge meets the lower one, and the left the right: in place of padding there.
            cuts: Sides on which the image continues: there is no padding there, and each convolution loses a unit. The
                edge has to be where the blocks of 2 × 2 of each pooling are those of the whole image.

        Returns:
            The features by name, each (C, H // stride, W // stride) less the lost units, in the weights' dtype.

        """
        features = Features(image.dtype)
        if dispatch.is_fused(image):
            outputs, features.forward_steps = self._fused.forward(image, layers, wraps=wraps, cuts=cuts, retain=retain)
            features.update(outputs)
            return features
        signal = self._input_signal(image)  # (1, 3, H, W)
        for step in steps(layers):
            name = step[-1].name
            is_requested = name in layers
            layer_border = border(self.padding, wraps, cuts, first=step[0].name == "conv1_1")
            signal, pullback = self._compute_step(step, signal, layer_border, retain=retain, is_requested=is_requested)
            if is_requested:
                features[name] = signal[0]  # (C, H, W)
            if pullback is not None:
                features.pullbacks.append((name, pullback))
        return features

    def pullback(self, features: Features, cotangents: Mapping[str, Sequence[Cotangent]]) -> Tensor:
        """Return the gradient by the image of Σ ⟨cotangent, features⟩, (3, H, W), in the image's dtype.

        Args:
            features: The features that `compute` returned with `retain`; this call uses them up, and releases each
                layer after its backward pass.
            cotangents: By layer name, functions that, given the features, each add a cotangent to a tensor of their
                shape, in place: so no cotangent takes memory of its own, in addition to the gradient.

        Returns:
            The gradient, (3, H, W).

        Raises:
            ValueError: no layer of the features has a cotangent.

        """
        if features.forward_steps:
            return self._fused.pullback(features, features.forward_steps, cotangents)
        gradient: Tensor | None = None
        while features.pullbacks:
            name, pullback = features.pullbacks.pop()
            layer_features = features.pop(name, None)  # (C, H, W)
            if layer_features is not None and name in cotangents:
                gradient = torch.zeros_like(layer_features)[None] if gradient is None else gradient  # (1, C, H, W)
                for add in cotangents[name]:
                    add(layer_features, gradient[0])
            del layer_features
            if gradient is not None:
                gradient = pullback(gradient)
        if gradient is None:
            raise ValueError("there is no cotangent to pull back")
        return self.weights.convention.pullback(gradient[0].to(features.dtype))  # (3, H, W)

    def normalized(self, images: Sequence[Tensor], layers: Collection[str]) -> Self:
        """Return the network rescaled so that each filter's mean activation over `images` is 1, as deep as `layers`.

        Exact, since ReLU and pooling are positively homogeneous (Gatys et al. 2016, section 2). The paper takes the
        mean over ImageNet; over few images a filter may hardly ever be active, so its scale is limited to 100 times
        the layer's.

        Args:
            images: RGB in [0, 1], each (3, H, W), on the network's device.
            layers: Names of the layers that are used; filters up to the deepest are rescaled.

        Returns:
            The rescaled network.

        """
        names, exact = [layer.name for layer in up_to(*layers) if not layer.is_pool], exact_dtype(self.device)
        sums: dict[str, Tensor] = {}
        for image in images:
            for name, features in self.compute(image, names).items():
                sums[name] = sums.get(name, 0) + features.to(exact).mean((1, 2)) / len(images)  # (C,)
        tensors = dict(self.weights.tensors)
        input_scale = torch.ones(3, dtype=exact, device=self.device)
        for name in names:
            weight, bias = tensors[name]
            scale = sums[name].clamp_min(MIN_RELATIVE_ACTIVATION * float(sums[name].mean()) or 1.0)  # (C,)
            scaled = weight * input_scale[None, :, None, None] / scale[:, None, None, None]
            tensors[name] = (scaled.to(weight.dtype), (bias / scale).to(bias.dtype))
            input_scale = scale
        return replace(self, weights=replace(self.weights, tensors=tensors))

    def _differentiable_features(self, image: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the features of one image, in torch's graph where the image requires a gradient."""
        if image.requires_grad and torch.is_grad_enabled():
            compute = partial(self.compute, layers=names, retain=True)
            return autograd.features(compute, self.pullback, image, names)
        return dict(self.compute(image.detach(), names))

    def _check_weights(self, names: Sequence[str]) -> None:
        """Refuse layers that the weights do not reach."""
        convolutions = [layer.name for layer in up_to(*names) if not layer.is_pool]
        missing = [name for name in convolutions if name not in self.weights.tensors]
        if missing:
            raise WeightsError(f"the weights of {self.weights.source} have no {missing[0]}; ask for layers before it.")

    def _input_signal(self, image: Tensor) -> Tensor:
        """Return an image as the input of the first convolution."""
        weight, _ = self.weights.tensors["conv1_1"]
        signal = self.weights.convention.apply(image).to(weight.dtype)[None]
        return signal.contiguous(memory_format=torch.channels_last)  # (1, 3, H, W)

    @cached_property
    def _convolutions(self) -> Mapping[str, Convolution]:
        return {name: Convolution(weight, bias, self.winograd) for name, (weight, bias) in self.weights.tensors.items()}

    @cached_property
    def _prepared(self) -> set[str]:
        """The layers for which the network is ready."""
        return set()

    @cached_property
    def _fused(self) -> FusedNetwork:
        return FusedNetwork(self.weights, self._pool, self.padding)

    @property
    def _pool(self) -> Pool:
        return Pool(self.pooling, POOLING_FACTORS[self.pooling] if self.pooling_rescale else 1.0)

    def _compute_step(
        self, step: Sequence[Layer], signal: Tensor, layer_border: Border, *, retain: bool, is_requested: bool
    ) -> tuple[Tensor, Pullback | None]:
        """Return the output of a step, and with `retain` the pullback to its input."""
        first, last = step[0], step[-1]
        if first.is_pool:
            output = self._pool.forward(signal)
            return output, self._pool.make_pullback(signal, output) if retain else None
        convolution = self._convolutions[first.name]
        if last.is_pool:
            return row_bands.forward(convolution, layer_border, self._pool, signal, retain=retain)
        output = convolution.forward(signal, layer_border)
        if not retain:
            return output, None
        clear = (clear_by_output if is_requested else clear_by_bits)(output)  # a requested output is retained anyway
        return output, partial(_convolution_pullback, convolution, layer_border, clear)


def _convolution_pullback(convolution: Convolution, layer_border: Border, clear: Clear, cotangent: Tensor) -> Tensor:
    """Return the gradient by a convolution's input, from the gradient by its ReLU's output."""
    clear(cotangent)
    return convolution.pullback(cotangent, layer_border)
