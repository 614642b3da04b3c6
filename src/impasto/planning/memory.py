"""What it takes to paint an image of some size, in memory and in work, and the cheapest layout that fits a budget.

Pure arithmetic on sizes; no tensors. Beside the process and the pictures as they were opened, N pixels take

    N · (images + history + content)  +  tiles whose features are kept  +  what is under way in one tile

docs/large-images.md compares these figures with measured ones.
"""

import math
from collections.abc import Collection, Sequence
from itertools import product
from typing import Literal, NamedTuple

from impasto.layers import LAYERS, steps, up_to
from impasto.planning.tiles import BAND, GPU_UNITS, Tile, Tiling
from impasto.settings import Settings

__all__ = ["FUSED_TAKING", "Budget", "HistoryType", "Layout", "cheapest"]

HistoryType = Literal["float32", "bfloat16"]

_IMAGE = 3 * 4
"""Bytes a pixel of an image in float32."""

_SHORT = 2
"""Bytes of a number in bfloat16."""

_MASK = 4 * 7 / 3
"""Bytes a pixel of a mask and of its guides, a third more than one at full size."""

_IMAGES = 3
"""Images that each process has at the peak: the picture, its gradient, and the best one."""

_MOMENTS = 2
"""Images that Adam has; of L-BFGS's, the last gradient, each process has its part."""

_FILTERING = 12
"""Bytes a pixel to filter an image by frequency: a channel's spectrum and a copy of it, and the gain."""

_FUSED_IMAGES = 8
"""Images on a GPU at the peak: the picture, the next, the best and the last good one, two gradients, one in gray
levels, and a direction."""

_FUSED_FILTERING = 3 * 12 + 2
"""Bytes a pixel to filter an image by frequency on a GPU: the spectrum of all channels, two copies, and the gain."""

_SPREAD = 27
"""Numbers a pixel that conv1_1 gives to its inputs on the way back, before they are added up."""

_BANDS = 3 * BAND
"""Features that are under way in a band, forward or back."""

_SIDES = (0, 2048, 1536, 1024, 768, 512, 384, 256)
"""Sides of tiles to choose from; 0 is the whole image."""

_HALVING = 0.06
"""Work that half the history costs, as a share: so many more evaluations reach the same loss."""

_ROUNDING = 0.01
"""The same, of a history or of targets in bfloat16."""

_SURE = 0.9
"""Share of the memory that a plan may take: docs/large-images.md says how far predictions were off."""

FUSED_TAKING = (1.15, 0.15e9)
"""Times what it needs that a run takes of a GPU's memory, at least, and bytes beside: docs/notes/gpu.md."""

_FEWEST = 2
"""Pairs in the shortest history."""


class Budget(NamedTuple):
    """What there is to compute with."""

    limit: float = math.inf
    """Bytes that the process may take."""
    held: float = 0
    """Bytes of them that it takes before a run, with the network ready."""
    feature: int = 4
    """Bytes of one feature."""
    history_type: HistoryType | None = None
    """Of L-BFGS's pairs; None: the more precise one that fits."""
    processes: int = 1
    """That paint the image together; bytes are those of one of them."""
    masks: int = 0
    """Of the picture, each with a guide at every layer."""
    styles: int = 0
    """Pixels of all style images together."""
    fused: bool = False
    """Whether a GPU computes: what is under way is another then."""
    layers: Collection[str] = ()
    """Layers that extra losses look at."""
    content_layers: Collection[str] = ()
    """Layers at which extra losses need the content image's features."""
    autograd: float = 0
    """Bytes a pixel of a tile that an extra loss takes while torch differentiates it."""

    @property
    def sure(self) -> float:
        """Bytes that the process may be predicted to take: less than the limit by what a prediction may be wrong by."""
        return _SURE * self.limit

    @property
    def room(self) -> float:
        """Bytes of them for the run itself."""
        factor, beside = FUSED_TAKING if self.fused else (1.0, 0.0)
        return (self.sure - self.held - beside) / factor

    def with_room(self, room: float) -> "Budget":
        """Change the limit so that there are so many bytes for the run itself."""
        factor, beside = FUSED_TAKING if self.fused else (1.0, 0.0)
        return self._replace(limit=(self.held + factor * room + beside) / _SURE)


class Layout(NamedTuple):
    """How an image is computed, and what that takes."""

    tiling: Tiling
    tiles: int
    history: int
    """Pairs of L-BFGS."""
    history_type: HistoryType
    bytes: int
    """At the peak, beyond what the process holds before the run."""
    work: float
    """Of an evaluation, over that of a whole image; what a shorter history costs in evaluations counts, too."""


def cheapest(settings: Settings, height: int, width: int, budget: Budget, longest: int) -> Layout | None:
    """Return the layout with the least work among those that fit, or None.

    Args:
        settings: Of the picture.
        height: In pixels.
        width: In pixels.
        budget: What it has to fit in.
        longest: Pairs in a history that would hold all that there ever are.

    """
    full = max(1, min(settings.history, longest))
    shorter = range(1, max(1, int(math.log2(full / _FEWEST)) + 1)) if settings.optimizer == "lbfgs" else ()
    contents = tuple(dict.fromkeys((*settings.content_layers, *budget.content_layers)))
    layers = frozenset((*contents, *settings.style_layers, *budget.layers))
    follow = _fused_passing if budget.fused else _passing
    passing = follow(settings.pooling, layers, budget.feature)
    again = follow(settings.pooling, contents, budget.feature).forward
    problem = _Problem(settings, height, width, budget, full, layers, contents, passing, again)
    tilings = [
        Tiling(side, shares=budget.processes, wraps=settings.wraps) for side in _SIDES if side < max(height, width)
    ]
    choices = product(
        [(tiling, _parts(tiling.tiles(height, width, layers), layers)) for tiling in tilings],
        ("kept", "bfloat16", "computed") if budget.feature > _SHORT else ("kept", "computed"),
        (full, *(full >> halvings for halvings in shorter)),
        (budget.history_type,) if budget.history_type else ("float32", "bfloat16"),
    )
    found = (
        _layout(problem, tiling._replace(targets=held), parts, pairs, type_)
        for (tiling, parts), held, pairs, type_ in choices
    )
    return min(filter(None, found), key=lambda layout: (layout.work, layout.bytes), default=None)


class _Problem(NamedTuple):
    """What is to be laid out."""

    settings: Settings
    height: int
    width: int
    budget: Budget
    full: int
    """Pairs in a history of full length."""
    layers: Collection[str]
    """That the losses look at."""
    contents: Collection[str]
    """At which they need the content image's features."""
    passing: "_Passing"
    """The network as deep as these."""
    again: float
    """Bytes a pixel to compute the content's features once more."""


class _Parts(NamedTuple):
    """The tiles of an image."""

    number: int
    macs: float
    """Multiply-adds of all together, once forward."""
    largest: int
    """Pixels that one looks at, at most."""


def _parts(tiles: Sequence[Tile], layers: Collection[str]) -> _Parts:
    down, across = {tile.rows for tile in tiles}, {tile.columns for tile in tiles}
    macs = sum(
        layer.macs * sum(span.pixels(layer.name) for span in down) * sum(span.pixels(layer.name) for span in across)
        for layer in up_to(*layers)
    )
    return _Parts(len(tiles), macs, max(span.pixels() for span in down) * max(span.pixels() for span in across))


def _layout(problem: _Problem, tiling: Tiling, parts: _Parts, pairs: int, history_type: HistoryType) -> Layout | None:
    """Return a layout with as many tiles kept as fit, or None where not one does."""
    settings, height, width, budget, full, layers, contents, passing, again = problem
    processes = budget.processes
    short = history_type == "bfloat16"
    row = _IMAGE if short else 2 * _IMAGE
    own = (_IMAGE + row * pairs) / processes if settings.optimizer == "lbfgs" else _MOMENTS * _IMAGE
    each = parts.largest * passing.kept
    computed, rounded = tiling.targets == "computed", tiling.targets == "bfloat16"
    wide = _SHORT if rounded else budget.feature
    content = _IMAGE if computed else _features(contents, wide) / processes
    masks = _MASK * budget.masks
    under_way = parts.largest * (passing.most + budget.autograd)
    if computed:  # beside a tile's features
        under_way = max(under_way, each + parts.largest * again)
    if budget.fused and LAYERS["conv1_1"].units * parts.largest >= GPU_UNITS:
        return None
    under_way += 0 if budget.fused else _BANDS * budget.feature
    images, filtering = (_FUSED_IMAGES, _FUSED_FILTERING) if budget.fused else (_IMAGES, _FILTERING)
    fixed = height * width * (images * _IMAGE + own + content + masks)
    stepping = height * width * (_IMAGE / processes + filtering)
    measuring = _IMAGE * (budget.styles - height * width) + each  # when there is no gradient yet
    mine = parts.number / processes
    kept = int(min(mine, 1 + (budget.room - fixed - under_way) // each))
    if kept < 1 or fixed + max(stepping, measuring) > budget.room:
        return None
    taken = int(fixed + max(under_way + (kept - 1) * each, stepping, measuring))
    forward = 2 - kept / mine
    if computed:
        forward *= 1 + _macs(contents) / _macs(layers)
    work = parts.macs / processes / (height * width * _macs(layers)) * (forward + 1) / 2
    work *= 1 + _HALVING * math.log2(full / pairs) + _ROUNDING * (short + rounded)
    return Layout(tiling._replace(kept=kept), parts.number, pairs, history_type, taken, work)


def _features(layers: Collection[str], feature: int) -> float:
    """Return the bytes a pixel of the features of layers."""
    return sum(LAYERS[name].units for name in layers) * feature


class _Passing(NamedTuple):
    """What it takes to pass the network, in bytes a pixel."""

    kept: float
    """For the way back: features, a bit a unit of each ReLU, and the poolings' choices."""
    forward: float
    """At the peak of the way forward, if nothing is kept."""
    most: float
    """At the peak of both ways."""


def _passing(pooling: str, layers: Collection[str], feature: int) -> _Passing:
    """Follow what is alive from step to step, and back."""
    kept, forward, most = float(_IMAGE), 0.0, 0.0
    passed: list[tuple[float, float]] = []
    before, held = 3.0 * feature, 3.0 * feature  # the signal, and as much of it as is not kept anyway
    for step in steps(layers):
        first, last = step[0], step[-1]
        wanted, after = last.name in layers, last.units * feature
        forward, most = max(forward, before + after), max(most, kept + held + after)
        keeps = after if wanted else 0.0
        if last.is_pool:
            keeps += {"max": last.units / 2, "average": 0.0, "l2": 4 * last.units * feature}[pooling]
        if not first.is_pool and not (wanted and first is last) and not (last.is_pool and pooling == "max"):
            keeps += first.units / 8
        passed.append((before + after, keeps))
        kept += keeps
        before, held = after, 0.0 if wanted else after
    total = kept
    for under_way, keeps in reversed(passed):
        most = max(most, kept + under_way)
        kept -= keeps
    return _Passing(total, forward, most)


def _fused_passing(pooling: str, layers: Collection[str], feature: int) -> _Passing:
    """Follow the same on a GPU, where each step is one of the whole image: `kernels.cuda.network`."""
    kept, forward, most = float(_IMAGE), 0.0, 0.0
    passed: list[tuple[float, float]] = []
    before, held = float(_IMAGE), float(_IMAGE)
    for step in steps(layers):
        first, last = step[0], step[-1]
        is_wanted, after = last.name in layers, last.units * feature
        raw = 0.0 if first.inputs == 3 or first.is_pool else first.units * feature
        forward, most = max(forward, before + raw + after), max(most, kept + held + raw + after)
        keeps = after if is_wanted or first.inputs == 3 else 0.0
        if last.is_pool:
            keeps += last.units + (first.units * feature if pooling == "l2" else 0.0)
        elif not is_wanted:
            keeps += last.units / 8
        under_way = max(after + first.units * feature, first.units * feature + before)
        if first.inputs == 3:
            under_way = after + _SPREAD * feature + _IMAGE
        passed.append((under_way, keeps))
        kept += keeps
        before, held = after, 0.0 if keeps >= after else after
    total = kept
    for under_way, keeps in reversed(passed):
        most = max(most, kept + under_way)
        kept -= keeps
    return _Passing(total, forward, most)


def _macs(layers: Collection[str]) -> float:
    return sum(layer.macs for layer in up_to(*layers))
