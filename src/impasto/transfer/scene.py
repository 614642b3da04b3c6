"""What a run paints from, brought to the size of each stage, and what it makes of a painted image."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from impasto.images import Picture, resample, srgb
from impasto.images.digest import digest
from impasto.images.masks import Mask
from impasto.layers import IMAGE
from impasto.losses import ExtraLoss, identity
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.objective.objective import Anchor, Kept, Objective
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.targets import Region
from impasto.planning.plan import Plan, Size, Stage
from impasto.settings import Settings
from impasto.transfer import coloring
from impasto.transfer.coloring import Palette, palettes
from impasto.transfer.styles import Style, listed, regions

__all__ = ["Inputs", "Scene", "SmallPictures"]

SmallPictures = WeakKeyDictionary[Picture, tuple[object, Tensor]]
"""Images by the picture that they were made from, each with what else it was made for, such as its size."""

STORED_SIDE = 1024
"""Pixels of the long side of a picture that is stored at its last size, at most: 8 MB."""


class Inputs(NamedTuple):
    """What a run is given."""

    content: Picture
    styles: Sequence[Style]
    initial: Picture | None = None
    """A picture to start from, in place of what the settings say."""
    keep: Mask | None = None
    """Where the picture stays as the content is."""
    focus: Mask | None = None
    """Where the content counts more."""
    losses: Sequence[ExtraLoss] = ()
    """Losses in addition to the built-in ones."""

    @property
    def extra_layers(self) -> set[str]:
        """The network's layers that these losses look at."""
        return {loss.layer for loss in self.losses} - {IMAGE}

    def replaced(self, *, content: object, styles: object, keep: object, focus: object) -> "Inputs":
        """Return the inputs with some of them replaced.

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
            styles=self.styles if styles is None else listed(styles),
            keep=_replaced(self.keep, keep, "keep"),
            focus=_replaced(self.focus, focus, "focus"),
        )

    def identity(self) -> dict[str, str | float | None]:
        """Return the weights, scales and hashes by which a checkpoint knows what was painted, by name."""
        listed: dict[str, str | float | None] = {"content": _digest(self.content)}
        for number, style in enumerate(self.styles, start=1):
            name = f"style {number}"
            listed |= {name: _digest(style.picture), f"{name} weight": style.weight, f"{name} scale": style.scale}
            listed |= {f"{name} mask": _mask_digest(style.mask), f"{name} region": _mask_digest(style.region)}
            listed |= {f"{name} color": style.color, f"{name} color_match": style.color_match}
        initial = None if self.initial is None else _digest(self.initial)
        listed |= {"initial": initial, "keep": _mask_digest(self.keep), "focus": _mask_digest(self.focus)}
        return {**listed, "extra losses": identity(self.losses)}


@dataclass(frozen=True)
class Scene:
    """Pictures and settings on a machine; images are (3, H, W) there."""

    inputs: Inputs
    settings: Settings
    machine: Machine
    targets: StoredTargets = field(default_factory=StoredTargets)
    """What was measured of the pictures for the objective of the stage under way."""
    small: SmallPictures = field(default_factory=SmallPictures)
    """Pictures at their last size, where that was small, for the next preview and for the next run of the process."""

    @property
    def profile(self) -> bytes | None:
        """The color profile in which the picture is painted."""
        return self.inputs.content.profile if self.settings.profile == "content" else srgb()

    @property
    def begins_as_content(self) -> bool:
        """Whether the canvas is the content image at first."""
        return self.inputs.initial is None and self.settings.init == "content"

    @property
    def has_detail(self) -> bool:
        """Whether the canvas is the content or a given picture at first, which has finer detail at larger sizes."""
        return self.begins_as_content or self.inputs.initial is not None

    def canvas(self, size: Size) -> Tensor:
        """Return the image that the first evaluation sees, (3, H, W), as `Settings.init` or the given picture say."""
        shape = (3, size.height, size.width)
        if self.inputs.initial is not None:
            return self.as_painted(self.inputs.initial, size)
        if self.settings.init == "noise":
            generator = torch.Generator().manual_seed(self.settings.seed)
            return self.to_device(torch.rand(shape, generator=generator, dtype=torch.float32))
        if self.settings.init == "blank":
            return self.to_device(torch.full(shape, 0.5, dtype=torch.float32))
        return self.content(size) if self.begins_as_content else self._place(self.inputs.styles[0].picture, size)

    def canvas_of(self, picture: Picture, plan: Plan) -> Tensor:
        """Return a picture that a run continues from, at its size, or at the last size of a plan if that is smaller.

        Args:
            picture: A picture of the content's proportions, or about.
            plan: The plan of the run.

        Returns:
            The canvas, (3, H, W).

        """
        content, side = self.inputs.content, max(picture.width, picture.height)
        sizes = [stage.size for stage in plan.possible if max(stage.size) == min(side, max(plan.asked_size))]
        return self.as_painted(picture, (sizes or [Size(content.width, content.height).with_long_side(side)])[0])

    def objective(self, stage: Stage, network: VGG19) -> Objective:
        """Measure the targets of a stage.

        Args:
            stage: The stage.
            network: The network on the machine.

        Returns:
            The objective, whose targets are on the machine.

        """
        content, keep = self.content(stage.size), self.inputs.keep
        kept = None if keep is None else Kept(self.to_device(keep.white(*stage.size)), content)
        focus = self.inputs.focus
        return Objective.build(
            self.settings,
            network,
            content,
            self.regions(stage),
            kept=kept,
            anchor=self._anchor(stage.size) if self.settings.strength < 1 else None,
            focus=None if focus is None else self.to_device(focus.resized(*stage.size)),
            tiling=stage.layout.tiling,
            group=self.machine.group,
            extra_losses=self.inputs.losses,
            targets=self.targets,
        )

    def regions(self, stage: Stage) -> list[Region]:
        """Return the regions of a stage, with their styles and masks on the machine.

        Raises:
            PictureError: a region is too small, or a mask is of another shape than what it masks.

        """
        keep, seen = self.inputs.keep, Mask.of_opacity(self.inputs.content)
        return regions(self.inputs.styles, self.paintings(stage), stage.size, keep, self.to_device, seen=seen)

    def _anchor(self, size: Size) -> Anchor:
        """Return what the picture stays close to; where a given picture is transparent it is free."""
        initial = self.inputs.initial
        opaque = None if initial is None else Mask.of_opacity(initial)
        weights = None if opaque is None else self.to_device(opaque.resized(*size))
        return Anchor(self.canvas(size), self.settings.strength, weights)

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
            The image, (3, H, W), with its luminance alone where only that is painted.

        """
        return coloring.in_luminance(self._place(picture, size), self._palettes(size))

    def paintings(self, stage: Stage) -> list[Tensor]:
        """Return the style images of a stage in the colors that they are to have, each (3, H, W)."""
        sizes = zip(self.inputs.styles, stage.styles, strict=True)
        images = [self._place(style.picture, size) for style, size in sizes]
        content, areas = self._place(self.inputs.content, stage.size), dict(self._palettes(stage.size))
        found: list[Tensor] = []
        for style, image in zip(self.inputs.styles, images, strict=True):
            kind = coloring.coloring_of(style, self.settings)
            theirs = coloring.counted(content, self.inputs.content, areas.get(kind))
            found.append(kind.of_painting(image, coloring.counted(image, style.picture), theirs))
        return found

    def picture(self, image: Tensor, note: str, dpi: float, long_side: int | None = None) -> Picture:
        """Return a painted image as a picture, with what the content's file says.

        Args:
            image: The image, (3, H, W).
            note: A text for the picture's metadata.
            dpi: Pixels per inch on paper; 0: those of the content.
            long_side: The long side of the picture in pixels, at least 1; that of the image, if not given or if larger.

        Returns:
            The picture, in the colors and with the bits that the settings ask for.

        """
        settings, size = self.settings, Size(image.shape[2], image.shape[1])
        if long_side is not None and long_side < max(size):
            width, height = (max(1, side) for side in size.with_long_side(long_side))
            image = resample(image, height, width)
        return self.inputs.content.repainted(
            self._finished(image).clamp_(0, 1).float().cpu(),
            profile=self.profile,
            bits=None if settings.bits == "auto" else int(settings.bits),
            dpi=dpi,
            with_position=settings.keep_position,
            note=note,
        )

    def _finished(self, image: Tensor) -> Tensor:
        """Return a copy of a painted image with the content's colors, mixed with the content as the mask keeps it.

        A run paints what is gray in the mask as if it were black. So the difference of the picture from the content
        falls in proportion to the gray, and the painting does not change with it.
        """
        keep, size = self.inputs.keep, Size(image.shape[2], image.shape[1])
        if keep is None and all(kind.color == "style" for kind, _ in self._palettes(size)):
            return image.clone()
        content = self._place(self.inputs.content, size)
        image = coloring.finished(image.clone(), content, self.inputs.content, self._palettes(size))
        if keep is None:
            return image
        return image.clamp(0, 1).lerp(content, self.to_device(keep.resized(*size).maximum(keep.white(*size))))

    def _palettes(self, size: Size) -> list[Palette]:
        """Return the kinds of colors of the picture, and where each of them is at a size."""
        return palettes(self.inputs.styles, self.settings, size, self.to_device)

    def _place(self, picture: Picture, size: Size) -> Tensor:
        """Bring a picture to a size, to the colors of the run's profile and to the device, (3, H, W)."""
        key = size, self.profile, self.machine.device, self.machine.sums
        before, image = self.small.get(picture, (None, None))  # another thread may replace it at any time
        if image is None or before != key:
            image = self.to_device(picture.resized(size.width, size.height).in_profile(self.profile).pixels)
            if max(size) <= STORED_SIDE:
                self.small[picture] = key, image
        return image.clone()

    def to_device(self, tensor: Tensor) -> Tensor:
        """Bring a tensor to the device, in the precision of images and contiguous in memory."""
        return tensor.to(self.machine.device, self.machine.sums).contiguous()


def _replaced(mask: Mask | None, given: object, name: str) -> Mask | None:
    """Return the mask that is given, the same mask for None, or none for False."""
    return mask if given is None else None if given is False else Mask.of(given, name=name)


def _digest(picture: Picture) -> str:
    """Return a hash of a picture's colors, opacity and profile."""
    samples = digest(picture.samples, picture.alpha)
    return hashlib.sha256(samples.encode() + (picture.profile or b"")).hexdigest()


def _mask_digest(mask: Mask | None) -> str | None:
    return None if mask is None else digest(mask.weights)
