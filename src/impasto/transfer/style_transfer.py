"""The loop: from a content and style images to a picture, stage by stage, as an iterator.

    transfer = StyleTransfer(Settings(size=1024))
    run = transfer.start(content, [style])
    for progress in run:
        print(progress.loss)
    run.result().picture.save("painted.png")

No thread stands behind a run: to break is to pause, to drop it is to cancel. `stylize` does all of it in one call.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import torch

from impasto import losses
from impasto.errors import InputError, SpaceError
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.losses import AutogradLoss, ExtraLoss
from impasto.machine import allocator, device
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights, load_weights
from impasto.objective.objective import refuse_parts
from impasto.planning.plan import Plan, Size, make_plan
from impasto.settings import Runtime, Settings
from impasto.transfer.progress import Result
from impasto.transfer.run import Run
from impasto.transfer.run_state import Identity, Keeper, Saved
from impasto.transfer.scene import Inputs
from impasto.transfer.styles import Style

__all__ = ["StyleTransfer", "stylize"]


class StyleTransfer:
    """A network that is loaded once, for many runs.

    Args:
        settings: What the pictures will be.
        runtime: How they are computed.
        weights: VGG-19's weights, in place of those that `settings.weights` names.
        extra_losses: Losses that are added to the objective, each an `AutogradLoss` or a `Loss`.

    Raises:
        InputError: the weights cannot be loaded, the device is not there, or an extra loss cannot be used.

    """

    def __init__(
        self,
        settings: Settings | None = None,
        runtime: Runtime | None = None,
        *,
        weights: Weights | None = None,
        extra_losses: Sequence[ExtraLoss] = (),
    ) -> None:
        self.settings = settings or Settings()
        self.runtime = runtime or Runtime()
        self.machine = device.resolve(self.runtime)
        self.weights = weights or load_weights(self.settings.weights)
        self.extra_losses = tuple(extra_losses)
        losses.check(
            self.extra_losses, self.weights.channels, torch.empty(0).to(self.machine.device, self.machine.sums)
        )

    @cached_property
    def network(self) -> VGG19:
        """The network as the settings want it, on the device."""
        return self._network_on(self.machine)

    def plan(self, content: Picture, styles: Sequence[Style | Picture], *, keep: Mask | None = None) -> Plan:
        """Plan a run in the memory that it may take: what the runtime says, or most of what is free.

        Raises:
            PictureError: a picture is too small, or too thin for the size asked for, or too large for the memory.

        """
        return self._fitting_plan(Inputs(content, [_style(style) for style in styles], None, keep, self.extra_losses))

    def start(
        self,
        content: Picture,
        styles: Sequence[Style | Picture] | Style | Picture = (),
        *,
        initial: Picture | None = None,
        keep: Mask | None = None,
        checkpoint: str | Path | None = None,
    ) -> Run:
        """Begin a run; nothing is evaluated before its first `next`.

        Args:
            content: The photograph.
            styles: One style image or several, blended by their weights in each region; none, if the settings give
                style no weight.
            initial: A picture to start from, in place of what `settings.init` says; it is brought to size.
            keep: Where the picture stays as the content is.
            checkpoint: A file in which the run leaves what it takes to go on, now and then as the runtime says, and by
                `Run.keep`. If it is there already, the run goes on from it, on the same plan and with the same
                precision, algorithm and threads, so that it ends in the same picture.

        Raises:
            PictureError: a picture is too small, or too thin for the size asked for.
            CheckpointError: the checkpoint is damaged, or of another run.
            InputError: no style image has a weight, though the settings ask for style or an extra loss aims at it; or
                an extra loss cannot be summed over the parts of the picture that the plan makes.

        """
        listed = [styles] if isinstance(styles, Style | Picture) else styles
        chosen = [_style(style) for style in listed]
        if self.settings.style_weight and not any(style.weight for style in chosen):
            raise InputError(
                "there is no style image with a weight above 0; give at least one, or a style_weight of 0."
            )
        if self.settings.init == "style" and initial is None and not chosen:
            raise InputError("init cannot be style where there is no style image; it takes content, noise or blank.")
        inputs = Inputs(content, chosen, initial, keep, self.extra_losses)
        self._refuse_without_styles(inputs)
        path = None if checkpoint is None else Path(checkpoint)
        saved = Saved.of(path, self.machine.group) if path is not None and path.exists() else None
        plan = self._fitting_plan(inputs) if saved is None else saved.plan()
        for stage in plan.stages:
            refuse_parts(inputs.losses, stage.layout.tiling)
        machine = self.machine if saved is None else self._machine_of(saved)
        keeper = None
        if path is not None:
            identity = self._identity(inputs, machine)
            if saved is not None:
                saved.check(identity)
            keeper = Keeper(path, identity, self.runtime.checkpoint_every, machine.group)
        return Run(
            inputs,
            settings=self.settings,
            plan=plan,
            network=self.network if machine is self.machine else self._network_on(machine),
            machine=machine,
            replan=lambda room: self._plan(inputs, room),
            keeper=keeper,
            saved=saved,
        )

    def _refuse_without_styles(self, inputs: Inputs) -> None:
        """Refuse losses that aim at the style where there is none."""
        aiming = [loss for loss in inputs.losses if isinstance(loss, AutogradLoss) and loss.target_image == "style"]
        if aiming and not any(style.weight for style in inputs.styles):
            raise InputError(f"the loss {aiming[0].term} aims at the style, but no style image has a weight; give one.")

    def _network_on(self, machine: Machine) -> VGG19:
        settings = self.settings
        network = VGG19(self.weights, settings.pooling, settings.pooling_rescale, settings.padding)
        return network.to(machine.device, machine.features, machine.saving)

    def _fitting_plan(self, inputs: Inputs) -> Plan:
        """Plan a run; where it would not fit, without the fastest convolutions, whose filters take up to 500 MB."""
        while True:
            with allocator.keeping("none"):  # what is packed anew for another size leaves no hole
                self.network.prepare({*self.settings.content_layers, *self.settings.style_layers, *inputs.extra_layers})
            try:
                return self._plan(inputs)
            except SpaceError:
                machine = None if self.runtime.winograd != "auto" else device.smaller(self.machine)
                if machine is None:
                    raise
                self.machine = machine
                del self.network

    def _plan(self, inputs: Inputs, room: float | None = None) -> Plan:
        """Plan a run in the memory that it may take, or with so many bytes beside what the process holds."""
        listed = [inputs.content, *(style.picture for style in inputs.styles)]
        sizes = [Size(picture.width, picture.height) for picture in listed]
        masks = {style.region for style in inputs.styles} | {inputs.keep, Mask.of(inputs.content)}
        budget = device.budget(self.machine, self.runtime)._replace(
            masks=len(masks) if masks != {None} else 0,
            layers=frozenset(inputs.extra_layers),
            content_layers=frozenset(loss.layer for loss in inputs.losses if loss.needs_content),
            autograd=max(
                (loss.bytes_per_pixel for loss in inputs.losses if isinstance(loss, AutogradLoss)), default=0.0
            ),
        )
        budget = budget if room is None else budget.with_room(room)
        return make_plan(self.settings, sizes[0], sizes[1:], budget, scales=[style.scale for style in inputs.styles])

    def _machine_of(self, saved: Saved) -> Machine:
        """Compute as a kept run did, where the runtime leaves that open."""
        open_ = {"dtype": "auto", "winograd": "auto", "threads": 0}
        asked = {name: getattr(self.runtime, name) for name in open_}
        then = {name: saved.identity.get(name) for name, value in open_.items() if asked[name] == value}
        return device.resolve(self.runtime.replace(**then)) if then else self.machine

    def _identity(self, inputs: Inputs, machine: Machine) -> Identity:
        """Return what has to be equal for a run to go on in the same way."""
        options = self.settings.model_dump().items()
        return {
            "impasto": version("impasto"),
            **{name: json.dumps(value) if isinstance(value, dict) else value for name, value in options},
            **inputs.identity(),
            "weights file": self.weights.sha256,
            **machine.identity(),
        }


def stylize(
    content: str | Path | Picture,
    *styles: str | Path | Picture | Style,
    settings: Settings | None = None,
    runtime: Runtime | None = None,
    **changes: object,
) -> Result:
    """Paint a content image in the style of one or several others, from paths or pictures, in one call.

    Args:
        content: The photograph.
        styles: At least one style image.
        settings: What the picture will be; the defaults if not given.
        runtime: How it is computed.
        changes: Options of `Settings` to change, such as `size=1024`.

    Raises:
        InputError: an option, a file or a picture cannot be used; the message is one sentence.

    """
    chosen = (settings or Settings()).replace(**changes)
    opened = [style if isinstance(style, Style) else Style(_picture(style)) for style in styles]
    run = StyleTransfer(chosen, runtime).start(_picture(content), opened)
    for _ in run:
        pass
    return run.result()


def _style(style: Style | Picture) -> Style:
    return Style(style) if isinstance(style, Picture) else style


def _picture(source: str | Path | Picture) -> Picture:
    return source if isinstance(source, Picture) else Picture.open(source)
