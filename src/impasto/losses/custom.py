"""Losses from outside the package: loaded by their import path, tried out before a run, recorded in a checkpoint."""

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, cast

import torch
from torch import Tensor

from impasto.errors import LossError
from impasto.layers import IMAGE, LAYERS
from impasto.losses.autograd import AutogradLoss
from impasto.losses.base import Loss, Statistic, Units
from impasto.losses.terms import TERMS

__all__ = ["ExtraLoss", "check", "identity", "load"]

ExtraLoss = AutogradLoss | Loss
"""The types of an extra loss of `StyleTransfer`."""

_TRIAL_SIDE = 8
"""Units of a side of the features on which a loss is tried out: enough for two tiles with neighbors."""

_TRIAL_TOLERANCE = 1e-3
"""Relative difference that rounding in float32 may make between a sum and that of its parts."""


def load(path: str) -> ExtraLoss:
    """Return the loss that an import path names.

    Args:
        path: `package.module:Name` of a loss, or of a class of losses that takes no arguments.

    Returns:
        The loss.

    Raises:
        LossError: there is no such module or name, or it is not a loss.

    """
    module, colon, name = path.partition(":")
    if not (module and colon and name.isidentifier()):
        raise LossError(f"{path!r} does not name a loss; write package.module:Name.")
    try:
        loss = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise LossError(f"the module of the loss {path} cannot be imported: {error}.") from error
    except AttributeError:
        raise LossError(f"there is no {name} in the module {module}; name a loss that is there.") from None
    if isinstance(loss, type) and issubclass(loss, AutogradLoss | Loss):
        try:
            loss = loss()
        except TypeError as error:
            raise LossError(f"{path} cannot be made without arguments ({error}); name an object of it.") from error
    if not isinstance(loss, AutogradLoss | Loss):
        raise LossError(f"{path} is no loss; name an AutogradLoss or a Loss, or the class of one.")
    return loss


def check(losses: Sequence[object], channels: Callable[[str], int], template: Tensor) -> None:
    """Refuse extra losses that would fail in the middle of a run.

    Args:
        losses: Losses to be added to the objective.
        channels: Return the number of channels of a layer.
        template: A tensor on the device of the run, in the precision of sums.

    Raises:
        LossError: an object is no loss, has the name of another loss or an unknown layer, or its functions do not work
            as documented.

    """
    built_in = {term.term for term in TERMS}
    classes: dict[str, type] = {}
    for loss in losses:
        if not isinstance(loss, AutogradLoss | Loss):
            raise LossError(f"{loss!r} is no loss; give an object of a class made from AutogradLoss or Loss.")
        name, term, layer = type(loss).__name__, getattr(loss, "term", None), getattr(loss, "layer", None)
        if not (isinstance(term, str) and term):
            raise LossError(f"{name} has no term; give it the name under which its value is to be reported.")
        if term in built_in:
            raise LossError(f"{name} cannot have the term {term}, which is built in; give it another name.")
        if classes.setdefault(term, type(loss)) is not type(loss):
            raise LossError(f"{name} and {classes[term].__name__} have the same term {term}; give one another name.")
        if layer != IMAGE and layer not in LAYERS:
            raise LossError(f"{name} cannot look at the layer {layer!r}; it takes {IMAGE}, {', '.join(LAYERS)}.")
        if loss.needs_content and layer == IMAGE:
            raise LossError(f"{name} cannot have the content's pixels; let it measure them with target_image content.")
        if isinstance(loss, AutogradLoss):
            _check_target(loss, name)
            _Trial(loss, channels(layer), template).run()


def _check_target(loss: AutogradLoss, name: str) -> None:
    """Refuse an unknown target image, or one that is measured without the content's features."""
    if loss.target_image not in {"none", "content", "style"}:
        raise LossError(f"{name} cannot have the target_image {loss.target_image!r}; it takes none, content or style.")
    if loss.needs_content and loss.target_image != "none":
        raise LossError(f"{name} cannot have both needs_content and a target_image; give it one of them.")


class _Trial:
    """One loss on small random features: whether its sums add up and its derivatives exist."""

    def __init__(self, loss: AutogradLoss, channels: int, template: Tensor) -> None:
        self.loss = loss
        shape = (channels, _TRIAL_SIDE, _TRIAL_SIDE)
        generator = torch.Generator().manual_seed(0)
        scale = 255 if loss.layer == IMAGE else 1
        self.images = [
            torch.rand(shape, generator=generator, dtype=torch.float32).to(template) * scale for _ in range(3)
        ]
        self.weights = torch.rand(shape[1:], generator=generator, dtype=torch.float32).to(template)

    def run(self) -> None:
        """Refuse a loss whose functions do not work as documented."""
        expected = self._measure(self._units())
        if self.loss.additive:
            tiles = [self._measure(self._units(*rows)) for rows in (((0, 5), (0, 4)), ((3, 8), (1, 5)))]
            self._compare_sums(expected, tiles, "the sums of two parts of an image do not add up to that of the whole")
            weights = (self.weights, 1 - self.weights)
            masks = [self._measure(self._units()._replace(weights=each)) for each in weights]
            trouble = "measure does not count each unit by units.weights; return units.sum(values)"
            self._compare_sums(expected, masks, trouble)
        target = self._measure(self._units()._replace(features=self.images[1])).mean
        self._compare(expected, target if self.loss.target_image != "none" else target.new_empty(0))
        self._differentiate()

    def _units(self, rows: tuple[int, int] = (0, _TRIAL_SIDE), owned: tuple[int, int] | None = None) -> Units:
        """Return the units of a tile that owns some rows of those that it sees; pixels that it does not own count 0."""
        features, content = (image[:, slice(*rows)] for image in (self.images[0], self.images[2]))
        weights = None
        if owned is not None and self.loss.layer == IMAGE:
            weights = torch.zeros_like(features[0])
            weights[slice(*owned)] = 1
        elif owned is not None:
            features, content = features[:, slice(*owned)], content[:, slice(*owned)]
        return Units(features, weights, content if self.loss.needs_content else None)

    def _measure(self, units: Units) -> Statistic:
        """Measure units, and check the statistic that is returned."""
        original = units.features.clone()
        statistic = self._call("measure", self.loss.measure, units)
        if not isinstance(statistic, Statistic):
            self._refuse(f"measure returned {type(statistic).__name__}; return a Statistic, such as units.sum(values)")
        sums = cast("tuple[object, object]", (statistic.total, statistic.weight_sum))
        if not all(isinstance(total, Tensor) and total.dtype in {torch.float32, torch.float64} for total in sums):
            self._refuse("measure returned sums that are not tensors in float32 or float64")
        if statistic.weight_sum.ndim:
            self._refuse(f"measure returned a weight_sum of shape {tuple(statistic.weight_sum.shape)}; return a scalar")
        if not torch.equal(original, units.features):
            self._refuse("measure changed the features in place; compute on a copy")
        return statistic

    def _compare_sums(self, statistic: Statistic, summands: Sequence[Statistic], trouble: str) -> None:
        """Refuse a loss if two statistics do not add up to the statistic of the image."""
        for name in ("total", "weight_sum"):
            expected, first, second = (cast("Tensor", getattr(each, name)) for each in (statistic, *summands))
            if {first.shape, second.shape} != {expected.shape}:
                self._refuse(f"measure returned sums of different shapes for parts of different sizes: {trouble}")
            if not torch.allclose(first + second, expected, rtol=_TRIAL_TOLERANCE, atol=_TRIAL_TOLERANCE):
                self._refuse(trouble)

    def _compare(self, statistic: Statistic, target: Tensor) -> None:
        """Check that compare returns a scalar that depends on the total."""
        with torch.enable_grad():
            total = statistic.total.detach().requires_grad_()
            value = self._call("compare", self.loss.compare, replace(statistic, total=total), target)
            if not isinstance(value, Tensor) or value.ndim:
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                self._refuse(f"compare returned {shape}; return a scalar tensor")
            if not _depends(value, total):
                self._refuse("what compare returns does not depend on statistic.total by differentiable operations")

    def _differentiate(self) -> None:
        """Check that the total depends on the features."""
        with torch.enable_grad():
            leaf = self.images[0].clone().requires_grad_()
            total = self._measure(self._units()._replace(features=leaf)).total
            if not _depends(total.sum(), leaf):
                self._refuse("what measure returns does not depend on the features by differentiable operations")

    def _call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the loss; any error that it raises becomes a LossError."""
        try:
            return function(*arguments)
        except Exception as error:
            raise LossError(f"{type(self.loss).__name__}.{name} failed when it was tried out: {error}") from error

    def _refuse(self, trouble: str) -> NoReturn:
        """Raise the error of a loss that cannot be used."""
        raise LossError(f"{type(self.loss).__name__} cannot be used: {trouble}.")


def _depends(value: Tensor, leaf: Tensor) -> bool:
    """Tell whether a scalar was computed from a tensor by differentiable operations."""
    if not value.requires_grad:
        return False
    gradients = cast("tuple[Tensor | None]", torch.autograd.grad(value, leaf, allow_unused=True))
    return gradients[0] is not None


def identity(losses: Sequence[ExtraLoss]) -> str:
    """Return the import path of the class and the parameters of each extra loss, for a checkpoint.

    Args:
        losses: Extra losses of a run.

    Returns:
        JSON.

    Raises:
        LossError: a parameter cannot be recorded.

    """
    return json.dumps([_record(loss) for loss in losses])


def _record(loss: ExtraLoss) -> dict[str, Any]:
    """Return the class and the parameters of a loss as plain values."""
    loss_class = type(loss)
    values = {"layer": loss.layer, "weight": getattr(loss, "weight", None), **vars(loss)}
    parameters = {name: _plain_value(value, f"{loss_class.__name__}.{name}") for name, value in sorted(values.items())}
    return {"loss": f"{loss_class.__module__}:{loss_class.__qualname__}", **parameters}


def _plain_value(value: object, name: str) -> Any:
    """Return a parameter as a plain value, a tensor as its hash."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        data = memoryview(cast("Any", value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
        return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(data).hexdigest()}"
    if isinstance(value, Mapping):
        return {str(key): _plain_value(each, name) for key, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence):
        return [_plain_value(each, name) for each in cast("Sequence[object]", value)]
    raise LossError(
        f"{name} is a {type(value).__name__}, which a checkpoint cannot record; "
        "it takes numbers, texts, tensors, and lists or mappings of them."
    )
