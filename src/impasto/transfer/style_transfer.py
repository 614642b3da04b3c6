"""The loop: from a content and style images to a picture, stage by stage, as an iterator.

    transfer = StyleTransfer(Settings(size=1024))
    run = transfer.start(content, [style])
    for progress in run:
        print(progress.loss)
    run.result().picture.save("painted.png")

No thread stands behind a run: to break is to pause, to drop it is to cancel. `interactive.one_call` does all of it.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto import files, losses
from impasto.errors import InputError, SpaceError, out_of_memory_as
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.losses import AutogradLoss, ExtraLoss
from impasto.machine import allocator, device, memory
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights, load_weights, weights_of
from impasto.objective.objective import refuse_non_additive
from impasto.planning.needs import Needs
from impasto.planning.plan import Plan, Size
from impasto.settings import Runtime, Settings
from impasto.settings.options import options_or_default
from impasto.transfer import coloring
from impasto.transfer.cache import Cache
from impasto.transfer.checkpoint import Checkpoint, CheckpointWriter
from impasto.transfer.footprint import footprint
from impasto.transfer.identity import Identity
from impasto.transfer.inputs import Inputs
from impasto.transfer.run import Run
from impasto.transfer.setup import Setup
from impasto.transfer.styles import style_list

__all__ = ["StyleTransfer"]

RESUMED_OPTIONS = {"dtype": "auto", "winograd": "auto", "threads": 0}
"""Options of `Runtime`, with the value that leaves the choice to the machine: a resumed run takes the checkpoint's."""


class StyleTransfer:
    """A network that is loaded once, for many runs, of which several can be under way in several threads.

    It changes nothing in the process around it: the number of threads and PyTorch's modes are set while a run computes
    and set back after it.

    Args:
        settings: What the pictures will be.
        runtime: How they are computed.
        weights: VGG-19's weights, or whatever `load_weights` takes, instead of those that `settings.weights` names.
        extra_losses: Losses that are added to the objective, each an `AutogradLoss` or a `Loss`; or one alone.
        cache: Networks and targets of style images, which other transfers may share.

    Raises:
        InputError: the weights cannot be loaded, the device is not there, or an extra loss cannot be used.
        OutOfMemoryError: the system refused the memory for it.

    """

    machine: Machine
    """The machine that the runtime asks for; a run computes on it, or on a smaller one where its plan needs that."""

    def __init__(
        self,
        settings: Settings | None = None,
        runtime: Runtime | None = None,
        *,
        weights: Weights | str | Path | None = None,
        extra_losses: ExtraLoss | Sequence[ExtraLoss] = (),
        cache: Cache | None = None,
    ) -> None:
        self.settings = options_or_default(Settings, settings, "settings")
        self.runtime = options_or_default(Runtime, runtime, "runtime")
        self.extra_losses = tuple(extra_losses) if isinstance(extra_losses, Sequence) else (extra_losses,)
        with out_of_memory_as("load the network"):
            self.machine = device.resolve(self.runtime)
            with self.machine.computing():
                self.weights = load_weights(self.settings.weights) if weights is None else weights_of(weights)
                template = torch.empty(0, device=self.machine.device, dtype=self.machine.sums)
                losses.check(self.extra_losses, self.weights.channels, template)
        self._cache = cache or Cache()

    def __repr__(self) -> str:
        return f"StyleTransfer on {self.machine.device}: {self.settings!r}"

    @property
    def network(self) -> VGG19:
        """The network as the settings want it, on the machine."""
        return self._network_on(self.machine)

    def plan(self, content: object, styles: object, *, keep: object = None, focus: object = None) -> Plan:
        """Plan a run in the memory that it may take: `runtime.memory`, or most of the free memory.

        Args:
            content: The photograph, as `start` takes it.
            styles: The style images, as `start` takes them.
            keep: Where the picture stays as the content is, as `start` takes it.
            focus: Where the content counts more, as `start` takes it.

        Returns:
            The stages, and how each fits into memory.

        Raises:
            PictureError: a picture is too small, or too thin for the size asked for, or too large for the memory.
            OutOfMemoryError: the system refused the memory to plan in.

        """
        with out_of_memory_as("plan the run"), self.machine.computing():
            plan, _ = self._fit_plan(self._read_inputs(content, styles, keep=keep, focus=focus))
        return plan

    def start(
        self,
        content: object,
        styles: object = (),
        *,
        initial: object = None,
        keep: object = None,
        focus: object = None,
        checkpoint: str | Path | None = None,
        note: Mapping[str, Any] | None = None,
        began: float | None = None,
    ) -> Run:
        """Begin a run; nothing is evaluated before its first `next`.

        Args:
            content: The photograph: a `Picture`, or whatever `Picture.of` takes, such as a path, a PIL image or an
                array.
            styles: One style image or a list of several, each a `Style` or whatever `Picture.of` takes, blended by
                their weights in each region; none, if the settings give style no weight.
            initial: A picture to start from, in place of what `settings.init` says; it is brought to size.
            keep: Where the picture stays as the content is: a `Mask`, or whatever `Mask.of` takes. Where it is gray,
                the painted picture and the content are mixed: half-gray is half of each.
            focus: Where the content counts more, such as a face: a `Mask`, or whatever `Mask.of` takes. Where it is
                white, the content weight is multiplied by `settings.focus_weight`.
            checkpoint: A file in which the run saves what it needs to continue, as often as the runtime says, and by
                `Run.save_checkpoint`. If it is there already, the run continues from it, on the same plan and with the
                same precision, algorithm and threads, so that it ends in the same picture.
            note: The caller's values, as JSON has them, for the metadata of the picture and for each checkpoint;
                `checkpoint.read_note` returns them.
            began: The `time.perf_counter()` from which `runtime.seconds` count; now, if not given.

        Returns:
            The run, to iterate over.

        Raises:
            PictureError: a picture is too small, or too thin for the size asked for.
            OtherRunError: the checkpoint is damaged, of another version or of another run.
            CheckpointError: the file is no checkpoint.
            InputError: no style image has a weight, though the settings ask for style or an extra loss aims at it;
                styles of one region have different colors; an extra loss cannot be summed over the tiles of the plan;
                or a checkpoint cannot be written there.
            OutOfMemoryError: the system refused the memory for it.

        """
        began = time.perf_counter() if began is None else began
        inputs = self._read_inputs(content, styles, initial, keep, focus)
        self._check(inputs)
        path = None if checkpoint is None else files.check_output(checkpoint, overwrite=True)
        with out_of_memory_as("begin the run"), self.machine.computing():
            return self._start(inputs, path, note, began)

    def _read_inputs(
        self, content: object, styles: object, initial: object = None, keep: object = None, focus: object = None
    ) -> Inputs:
        """Return the inputs of a run, read from whatever a caller gives."""
        return Inputs(
            Picture.of(content),
            style_list(styles),
            None if initial is None else Picture.of(initial),
            None if keep is None else Mask.of(keep, name="keep"),
            None if focus is None else Mask.of(focus, name="focus"),
            self.extra_losses,
        )

    def _start(self, inputs: Inputs, path: Path | None, note: Mapping[str, Any] | None, began: float) -> Run:
        """Begin a run, or continue the run of a checkpoint."""
        checkpoint, writer = None, None
        if path is not None and files.exists(path):
            checkpoint = Checkpoint.read(path, self.machine.group)
            setup = self._make_setup(inputs, checkpoint.plan(), self._resume_machine(checkpoint))
        else:
            setup = self._make_setup(inputs, *self._fit_plan(inputs))
        if path is not None:
            identity = setup.identify()
            if checkpoint is not None:
                checkpoint.check(identity)
            writer = CheckpointWriter(path, identity, self.runtime.checkpoint_every, setup.machine.group)
        with setup.machine.computing():
            return Run(setup, prepare=self._prepare, writer=writer, checkpoint=checkpoint, note=note, began=began)

    def _prepare(self, inputs: Inputs, settings: Settings) -> Setup:
        """Return the setup of other inputs and settings; networks that fit are shared."""
        weights = self.weights if settings.weights == self.settings.weights else None
        transfer = StyleTransfer(
            settings, self.runtime, weights=weights, extra_losses=self.extra_losses, cache=self._cache
        )
        transfer._check(inputs)
        with transfer.machine.computing():
            return transfer._make_setup(inputs, *transfer._fit_plan(inputs))

    def _make_setup(self, inputs: Inputs, plan: Plan, machine: Machine) -> Setup:
        """Return the setup of a run; refuse losses that the plan's tiles cannot sum."""
        for stage in plan.stages:
            refuse_non_additive(inputs.losses, stage.layout.tiling)
        return Setup(
            inputs,
            self.settings,
            plan,
            self._network_on(machine),
            machine,
            replan=partial(self._plan, inputs, machine),
            identify=lambda: self._identity(inputs, machine),
            needs=partial(self._needs, inputs, machine),
            seconds=self.runtime.seconds,
            cache=self._cache,
        )

    def _check(self, inputs: Inputs) -> None:
        """Refuse inputs that the settings cannot be used with."""
        if self.settings.style_weight and not any(style.weight for style in inputs.styles):
            raise InputError(
                "there is no style image with a weight above 0; give at least one, or a style_weight of 0."
            )
        if self.settings.init == "style" and inputs.initial is None and not inputs.styles:
            raise InputError("init cannot be style where there is no style image; it takes content, noise or blank.")
        if self.settings.strength < 1 and self.settings.init == "noise" and inputs.initial is None:
            raise InputError(
                f"strength cannot be {self.settings.strength:g} where painting starts from noise; start from a "
                "picture, or give a strength of 1."
            )
        coloring.check(inputs.styles, self.settings)
        terms = [each.term for each in inputs.losses if isinstance(each, AutogradLoss) and each.target_image == "style"]
        if terms and not any(style.weight for style in inputs.styles):
            raise InputError(f"the loss {terms[0]} aims at the style, but no style image has a weight; give one.")

    def _network_on(self, machine: Machine) -> VGG19:
        """Return the network on a machine."""
        return self._cache.network(self.weights, self.settings, machine)

    def _fit_plan(self, inputs: Inputs) -> tuple[Plan, Machine]:
        """Plan a run on the machine, or if it does not fit, on one with smaller filters, which take up to 500 MB."""
        machine: Machine | None = self.machine
        refusal: SpaceError | None = None
        while machine is not None:
            with allocator.caching("none"):  # filters that are packed again for another size leave no hole
                self._network_on(machine).prepare({*self.settings.active_layers, *inputs.extra_layers})
            try:
                return self._plan(inputs, machine), machine
            except SpaceError as error:
                refusal = error.with_traceback(None)
            if self.runtime.winograd != "auto" or machine.with_smaller_filters() is None:
                break
            self._cache.release_network(self.weights, self.settings, machine)
            machine = machine.with_smaller_filters()
        raise refusal or SpaceError("there is no plan.")

    def _plan(self, inputs: Inputs, machine: Machine, available: float | None = None) -> Plan:
        """Plan a run in the memory that it may take, or in `available` bytes and those that the process holds."""
        pictures = [inputs.content, *(style.picture for style in inputs.styles)]
        sizes = [Size(picture.width, picture.height) for picture in pictures]
        needs = self._needs(inputs, machine)
        needs = needs if available is None else needs._replace(budget=needs.budget.with_available(available))
        scales = [style.scale for style in inputs.styles]
        return needs.plan(self.settings, sizes[0], sizes[1:], scales=scales, seconds=self.runtime.seconds)

    def _needs(self, inputs: Inputs, machine: Machine) -> Needs:
        """Return the memory that a run takes at any size, and the memory that is free now."""
        masks = {style.region for style in inputs.styles}
        masks |= {inputs.keep, inputs.focus, Mask.of_opacity(inputs.content)}
        masks |= set() if inputs.initial is None else {Mask.of_opacity(inputs.initial)}
        budget = memory.budget(machine, self.runtime)._replace(masks=len(masks) if masks != {None} else 0)
        return Needs(footprint(self.settings, self._network_on(machine), inputs.losses), budget)

    def _resume_machine(self, checkpoint: Checkpoint) -> Machine:
        """Return a machine that computes as the run of a checkpoint did, where the runtime leaves that open."""
        saved_machine = checkpoint.identity.get("machine", {})
        open_options = [name for name, value in RESUMED_OPTIONS.items() if getattr(self.runtime, name) == value]
        changes = {name: saved_machine[name] for name in open_options if name in saved_machine}
        return device.resolve(self.runtime.replace(**changes), resumed=True) if changes else self.machine

    def _identity(self, inputs: Inputs, machine: Machine) -> Identity:
        """Return the values that have to be equal for a run to continue in the same way."""
        return {
            "options": self.settings.model_dump(),
            "inputs": {**inputs.identity(), "weights file": self.weights.sha256},
            "machine": {"impasto": version("impasto"), **machine.identity()},
        }
