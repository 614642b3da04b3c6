"""The scene of a run: its pictures at the size of each stage, and the picture that a painted image becomes."""

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from impasto.images import Picture, resample, srgb
from impasto.images.masks import Mask
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.objective.anchor import Anchor
from impasto.objective.objective import KeptContent, Objective
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.targets import Region
from impasto.planning.plan import Plan, Size, Stage
from impasto.settings import Settings
from impasto.transfer import coloring
from impasto.transfer.coloring import Palette, make_palettes
from impasto.transfer.inputs import Inputs
from impasto.transfer.styles import make_regions

__all__ = ["Scene", "SmallPictures"]

SmallPictures = WeakKeyDictionary[Picture, tuple[object, Tensor]]
"""Images by the picture that they were made from, each with a key of its size, profile, device and precision."""

STORED_SIDE = 1024
"""Pixels of the long side of a picture that is stored at its last size, at most: 8 MB."""


@dataclass(frozen=True)
class Scene:
    """Pictures and settings on a machine; images are (3, H, W) there."""

    inputs: Inputs
    settings: Settings
    machine: Machine
    targets: StoredTargets = field(default_factory=StoredTargets)
    """The targets that were measured for the objective of the stage under way."""
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
            return self.loss_image(self.inputs.initial, size)
        if self.settings.init == "noise":
            generator = torch.Generator().manual_seed(self.settings.seed)
            return self.to_device(torch.rand(shape, generator=generator, dtype=torch.float32))
        if self.settings.init == "blank":
            return self.to_device(torch.full(shape, 0.5, dtype=torch.float32))
        return self.content(size) if self.begins_as_content else self._resize(self.inputs.styles[0].picture, size)

    def canvas_of(self, picture: Picture, plan: Plan) -> Tensor:
        """Return a picture that a run continues from, at its size, or at the last size of a plan if that is smaller.

        Args:
            picture: A picture of the content's proportions, or about.
            plan: The plan of the run.

        Returns:
            The canvas, (3, H, W).

        """
        content, side = self.inputs.content, max(picture.width, picture.height)
        sizes = [stage.size for stage in plan.possible_stages if max(stage.size) == min(side, max(plan.asked_size))]
        return self.loss_image(picture, (sizes or [Size(content.width, content.height).with_long_side(side)])[0])

    def objective(self, stage: Stage, network: VGG19) -> Objective:
        """Measure the targets of a stage.

        Args:
            stage: The stage.
            network: The network on the machine.

        Returns:
            The objective, whose targets are on the machine.

        """
        content, keep = self.content(stage.size), self.inputs.keep
        kept = None if keep is None else KeptContent(self.to_device(keep.white(*stage.size)), content)
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
            PictureError: a region is too small, or a mask and its picture have different shapes.

        """
        keep, opaque = self.inputs.keep, Mask.of_opacity(self.inputs.content)
        images = self.style_images(stage)
        return make_regions(self.inputs.styles, images, stage.size, keep, self.to_device, opaque=opaque)

    def _anchor(self, size: Size) -> Anchor:
        """Return the image that the picture stays close to; where `inputs.initial` is transparent it is free."""
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
        return network.normalized([self.content(stage.size), *self.style_images(stage)], layers)

    def content(self, size: Size) -> Tensor:
        """Return the content image as it is painted, (3, H, W)."""
        return self.loss_image(self.inputs.content, size)

    def loss_image(self, picture: Picture, size: Size) -> Tensor:
        """Return the image that the losses see of a picture that has the content's colors.

        Args:
            picture: The content, or a picture painted from it.
            size: The size to which it is brought.

        Returns:
            The image, (3, H, W), with its luminance alone where only that is painted.

        """
        return coloring.desaturate(self._resize(picture, size), self._palettes(size))

    def style_images(self, stage: Stage) -> list[Tensor]:
        """Return the style images of a stage in the colors of their kinds, each (3, H, W)."""
        sizes = zip(self.inputs.styles, stage.styles, strict=True)
        images = [self._resize(style.picture, size) for style, size in sizes]
        content, areas = self._resize(self.inputs.content, stage.size), dict(self._palettes(stage.size))
        recolored: list[Tensor] = []
        for style, image in zip(self.inputs.styles, images, strict=True):
            kind = coloring.coloring_of(style, self.settings)
            samples = coloring.color_samples(image, style.picture)
            content_samples = coloring.color_samples(content, self.inputs.content, areas.get(kind))
            recolored.append(kind.recolor_style(image, samples, content_samples))
        return recolored

    def picture(self, image: Tensor, note: str, dpi: float, long_side: int | None = None) -> Picture:
        """Return a painted image as a picture, with the metadata of the content's file.

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
            self._finish(image).clamp_(0, 1).float().cpu(),
            profile=self.profile,
            bits=None if settings.bits == "auto" else int(settings.bits),
            dpi=dpi,
            with_position=settings.keep_position,
            note=note,
        )

    def _finish(self, image: Tensor) -> Tensor:
        """Return a copy of a painted image with the content's colors, mixed with the content as the mask keeps it.

        A run paints as if the gray pixels of the mask were black. So the difference of the picture from the content
        falls in proportion to the gray, and the painting does not depend on it.
        """
        keep, size = self.inputs.keep, Size(image.shape[2], image.shape[1])
        if keep is None and all(kind.color == "style" for kind, _ in self._palettes(size)):
            return image.clone()
        content = self._resize(self.inputs.content, size)
        image = coloring.recolor_painting(image.clone(), content, self.inputs.content, self._palettes(size))
        if keep is None:
            return image
        return image.clamp(0, 1).lerp(content, self.to_device(keep.resized(*size).maximum(keep.white(*size))))

    def _palettes(self, size: Size) -> list[Palette]:
        """Return the kinds of colors of the picture, and where each of them is at a size."""
        return make_palettes(self.inputs.styles, self.settings, size, self.to_device)

    def _resize(self, picture: Picture, size: Size) -> Tensor:
        """Bring a picture to a size, to the colors of the run's profile and to the device, (3, H, W)."""
        key = size, self.profile, self.machine.device, self.machine.sums
        stored_key, image = self.small.get(picture, (None, None))  # another thread may replace it at any time
        if image is None or stored_key != key:
            image = self.to_device(picture.resized(size.width, size.height).in_profile(self.profile).pixels)
            if max(size) <= STORED_SIDE:
                self.small[picture] = key, image
        return image.clone()

    def to_device(self, tensor: Tensor) -> Tensor:
        """Bring a tensor to the device, in the precision of images and contiguous in memory."""
        return tensor.to(self.machine.device, self.machine.sums).contiguous()
