"""What a run paints from, brought to the size of each stage, and what it makes of a painted image."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.images import Picture, color, srgb
from impasto.images.masks import Mask
from impasto.layers import IMAGE
from impasto.losses import ExtraLoss, identity
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.objective.objective import Kept, Objective
from impasto.planning.plan import Size, Stage
from impasto.settings import Settings
from impasto.transfer.identity import digest
from impasto.transfer.styles import Style, listed, regions

__all__ = ["Inputs", "Scene"]


class Inputs(NamedTuple):
    """What a run is given."""

    content: Picture
    styles: Sequence[Style]
    initial: Picture | None = None
    """A picture to start from, in place of what the settings say."""
    keep: Mask | None = None
    """Where the picture stays as the content is."""
    losses: Sequence[ExtraLoss] = ()
    """Losses beside the built-in ones."""

    @property
    def extra_layers(self) -> set[str]:
        """The network's layers that these losses look at."""
        return {loss.layer for loss in self.losses} - {IMAGE}

    def replaced(self, *, content: object, styles: object, keep: object) -> "Inputs":
        """Return the inputs with others in place of those that are given.

        Args:
            content: The photograph, or None for the same.
            styles: The style images, or None for the same.
            keep: The mask of what stays as the content is, None for the same, or False for none.

        Returns:
            The inputs.

        Raises:
            InputError: a picture or mask cannot be read.

        """
        return self._replace(
            content=self.content if content is None else Picture.of(content),
            styles=self.styles if styles is None else listed(styles),
            keep=self.keep if keep is None else None if keep is False else Mask.of(keep, name="keep"),
        )

    def identity(self) -> dict[str, str | float | None]:
        """Return the weights, scales and hashes by which a checkpoint knows what was painted, by name."""
        listed: dict[str, str | float | None] = {"content": _digest(self.content)}
        for number, style in enumerate(self.styles, start=1):
            name = f"style {number}"
            listed |= {name: _digest(style.picture), f"{name} weight": style.weight, f"{name} scale": style.scale}
            listed |= {f"{name} mask": _mask_digest(style.mask), f"{name} region": _mask_digest(style.region)}
        initial = None if self.initial is None else _digest(self.initial)
        listed |= {"initial": initial, "keep": _mask_digest(self.keep)}
        return {**listed, "extra losses": identity(self.losses)}


@dataclass(frozen=True)
class Scene:
    """Pictures and settings on a machine; images are (3, H, W) there."""

    inputs: Inputs
    settings: Settings
    machine: Machine

    @property
    def profile(self) -> bytes | None:
        """The color profile in which the picture is painted."""
        return self.inputs.content.profile if self.settings.profile == "content" else srgb()

    @property
    def begins_as_content(self) -> bool:
        """Whether the canvas is the content image at first."""
        return self.inputs.initial is None and self.settings.init == "content"

    def canvas(self, size: Size) -> Tensor:
        """Return what there is before the first evaluation, (3, H, W)."""
        shape = (3, size.height, size.width)
        if self.inputs.initial is not None:
            return self._place(self.inputs.initial, size)
        if self.settings.init == "noise":
            return self.to_device(torch.rand(shape, generator=torch.Generator().manual_seed(self.settings.seed)))
        if self.settings.init == "blank":
            return self.to_device(torch.full(shape, 0.5))
        return self.content(size) if self.begins_as_content else self._place(self.inputs.styles[0].picture, size)

    def objective(self, stage: Stage, network: VGG19) -> Objective:
        """Measure the targets of a stage.

        Args:
            stage: The stage.
            network: The network on the machine.

        Returns:
            The objective, whose targets are on the machine.

        """
        content, keep = self.content(stage.size), self.inputs.keep
        seen = Mask.of_opacity(self.inputs.content)
        found = regions(self.inputs.styles, self.paintings(stage), stage.size, keep, self.to_device, seen=seen)
        kept = None if keep is None else Kept(self.to_device(keep.resized(*stage.size)), content)
        return Objective.build(
            self.settings,
            network,
            content,
            found,
            kept=kept,
            tiling=stage.layout.tiling,
            group=self.machine.group,
            extra_losses=self.inputs.losses,
        )

    def normalized(self, network: VGG19, stage: Stage) -> VGG19:
        """Rescale a network over the images of a stage, if the settings say so.

        Args:
            network: The network on the machine.
            stage: The stage whose images are looked at.

        Returns:
            The rescaled network, or the network itself.

        """
        if not self.settings.normalize:
            return network
        layers = {*self.settings.active_layers, *self.inputs.extra_layers}
        return network.normalized([self.content(stage.size), *self.paintings(stage)], layers)

    def content(self, size: Size) -> Tensor:
        """Return the content image as it is painted, (3, H, W)."""
        return self.as_painted(self.inputs.content, size)

    def as_painted(self, picture: Picture, size: Size) -> Tensor:
        """Return what the losses see of a picture that has the content's colors.

        Args:
            picture: The content, or a picture painted from it.
            size: The size to which it is brought.

        Returns:
            The image, (3, H, W), or its luminance where only that is painted.

        """
        placed = self._place(picture, size)
        return color.gray(placed) if self.settings.color == "content-luminance" else placed

    def paintings(self, stage: Stage) -> list[Tensor]:
        """Return the style images of a stage in the colors that they are to have, each (3, H, W)."""
        sizes = zip(self.inputs.styles, stage.styles, strict=True)
        images = [self._place(style.picture, size) for style, size in sizes]
        if self.settings.color == "style":
            return images
        content = _opaque(self._place(self.inputs.content, stage.size), self.inputs.content)
        counted = [_opaque(image, style.picture) for image, style in zip(images, self.inputs.styles, strict=True)]
        pairs = zip(images, counted, strict=True)
        if self.settings.color == "content-luminance":
            return [color.like_luminance(image, content, part) for image, part in pairs]
        return [color.matched(image, content, self.settings.color_match, part) for image, part in pairs]

    def picture(self, image: Tensor, note: str) -> Picture:
        """Return a painted image as a picture, with what the content's file says.

        Args:
            image: The image, (3, H, W).
            note: A text for the picture's metadata.

        Returns:
            The picture, in the colors and with the bits that the settings ask for.

        """
        settings = self.settings
        return self.inputs.content.repainted(
            self._finished(image).clamp_(0, 1).float().cpu(),
            profile=self.profile,
            bits=None if settings.bits == "auto" else int(settings.bits),
            dpi=settings.dpi,
            with_position=settings.keep_position,
            note=note,
        )

    def _finished(self, image: Tensor) -> Tensor:
        """Return a copy of a painted image with the content's colors, and the content where the mask keeps it."""
        keep, image = self.inputs.keep, image.clone()
        if keep is None and self.settings.color == "style":
            return image
        size = Size(image.shape[2], image.shape[1])
        content = self._place(self.inputs.content, size)
        if self.settings.color == "content-luminance":
            image = color.with_luminance(image.clamp_(0, 1), content)
        elif self.settings.color == "content-match":
            parts = [_opaque(each, self.inputs.content) for each in (content, image)]
            image = color.matched(image, parts[0], self.settings.color_match, parts[1])
        return image if keep is None else image.lerp(content, self.to_device(keep.resized(*size)))

    def _place(self, picture: Picture, size: Size) -> Tensor:
        """Bring a picture to a size, to the colors of the run's profile and to the device, (3, H, W)."""
        return self.to_device(picture.resized(size.width, size.height).in_profile(self.profile).pixels)

    def to_device(self, tensor: Tensor) -> Tensor:
        """Bring a tensor to the device, in the precision of images and contiguous in memory."""
        return tensor.to(self.machine.device, self.machine.sums).contiguous()


def _opaque(image: Tensor, picture: Picture) -> Tensor:
    """Return the pixels of an image that a picture of its shape shows, (3, 1, N), or the image where it shows all."""
    mask = Mask.of_opacity(picture)
    if mask is None:
        return image
    opacity = mask.resized(image.shape[2], image.shape[1])
    return image[:, (opacity >= opacity.max() / 2).to(image.device)][:, None]


def _digest(picture: Picture) -> str:
    """Return a hash of a picture's colors, opacity and profile."""
    samples = digest(picture.samples, picture.alpha)
    return hashlib.sha256(samples.encode() + (picture.profile or b"")).hexdigest()


def _mask_digest(mask: Mask | None) -> str | None:
    return None if mask is None else digest(mask.weights)
