"""The inputs of a run: the photograph, the styles, the masks and the losses that a caller gives."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from impasto.images import Picture
from impasto.images.digest import digest
from impasto.images.masks import Mask
from impasto.layers import IMAGE
from impasto.losses import ExtraLoss, identity
from impasto.transfer.styles import Style, style_list

__all__ = ["Inputs"]


class Inputs(NamedTuple):
    """The inputs of a run."""

    content: Picture
    styles: Sequence[Style]
    initial: Picture | None = None
    """A picture to start from, in place of `Settings.init`."""
    keep: Mask | None = None
    """Where the picture stays as the content is."""
    focus: Mask | None = None
    """Where the content counts more."""
    losses: Sequence[ExtraLoss] = ()
    """Losses in addition to the built-in ones."""

    @property
    def extra_layers(self) -> set[str]:
        """The network's layers that the additional losses look at."""
        return {loss.layer for loss in self.losses} - {IMAGE}

    def replaced(self, *, content: object, styles: object, keep: object, focus: object) -> "Inputs":
        """Return a copy of the inputs with some of them replaced.

        Args:
            content: The photograph, or None for the same.
            styles: The style images, or None for the same.
            keep: The mask of what stays as the content is, None for the same, or False for none.
            focus: The mask of where the content counts more, None for the same, or False for none.

        Returns:
            The inputs.

        Raises:
            InputError: a picture or mask cannot be read.

        """
        return self._replace(
            content=self.content if content is None else Picture.of(content),
            styles=self.styles if styles is None else style_list(styles),
            keep=_replaced(self.keep, keep, "keep"),
            focus=_replaced(self.focus, focus, "focus"),
        )

    def identity(self) -> dict[str, str | float | None]:
        """Return the weights, scales and hashes by which a checkpoint identifies the inputs, by name."""
        values: dict[str, str | float | None] = {"content": _digest(self.content)}
        for number, style in enumerate(self.styles, start=1):
            name = f"style {number}"
            values |= {name: _digest(style.picture), f"{name} weight": style.weight, f"{name} scale": style.scale}
            values |= {f"{name} mask": _mask_digest(style.mask), f"{name} region": _mask_digest(style.region)}
            values |= {f"{name} color": style.color, f"{name} color_match": style.color_match}
        initial = None if self.initial is None else _digest(self.initial)
        values |= {"initial": initial, "keep": _mask_digest(self.keep), "focus": _mask_digest(self.focus)}
        return {**values, "extra losses": identity(self.losses)}


def _replaced(mask: Mask | None, replacement: object, name: str) -> Mask | None:
    """Return the replacement of a mask: None stands for the same mask, and False for no mask."""
    return mask if replacement is None else None if replacement is False else Mask.of(replacement, name=name)


def _digest(picture: Picture) -> str:
    """Return a hash of a picture's colors, opacity and profile."""
    samples = digest(picture.samples, picture.alpha)
    return hashlib.sha256(samples.encode() + (picture.profile or b"")).hexdigest()


def _mask_digest(mask: Mask | None) -> str | None:
    """Return a hash of a mask's weights."""
    return None if mask is None else digest(mask.weights)
