"""The experiments of the paper, for any photograph and paintings: the panels of each figure, and their settings.

It paints nothing. Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016,
figures 1 and 3 to 7.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from impasto.errors import InputError
from impasto.images import Picture
from impasto.layers import LAYERS
from impasto.planning.plan import Size
from impasto.recipes.panel import Blocks, Panel
from impasto.reports.contact_sheets import Block
from impasto.settings import Settings

__all__ = ["FIGURES", "PAPER", "Experiments", "choose_figures", "name_paintings", "with_paper_weights"]

PAPER = Settings(
    size=256,
    init="noise",
    padding="zeros",
    pooling="average",
    normalize=True,
    iterations=300,
    first_size=0,
    tolerance=0.0,  # from noise, the loss falls slowly, but for a long time
)
"""The settings that all figures have in common: the paper's network, one size, and a canvas that starts as noise."""

_STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_CONTENT_LAYER = "conv4_2"

_STYLE_WEIGHT = 1000.0
"""β of all figures; only the ratio α/β decides what is painted."""

_CONTENT_FACTOR = 40
"""The weight of the content layer, in multiples of ½, which is its weight in the author's notebook: see
`with_paper_weights`. It was chosen by eye."""

_RATIO = 1e-3
"""α/β of figures 3, 5 and 6. The paper's figure 3 has a ratio of 5e-4 to 5e-3 for each painting."""

_PHOTOGRAPH_FIGURE = 7
"""The number of the figure that needs a second photograph."""


@dataclass(frozen=True, eq=False)
class Experiments:
    """The pictures and settings that the figures are painted from."""

    content: Picture
    """The photograph."""
    styles: Mapping[str, Picture]
    """The paintings by name; figure 3 uses all of them, the other figures use the first one."""
    photograph: Picture | None = None
    """Another photograph, which is the style of figure 7."""
    settings: Settings = PAPER
    """The settings that all panels have in common."""
    as_printed: bool = False
    """Whether content and style are balanced as the paper prints it: see `with_paper_weights`."""

    def reconstructions(self) -> Blocks:
        """Return figure 1: the content from each of five layers, and the style from one to five layers."""
        content_layers = [f"conv{block}_2" for block in range(1, 6)]
        content = [self._panel(f"content-{layer}", 0.1, layer, style_weight=0) for layer in content_layers]
        style = [
            self._panel(f"style-{_series_name(layers)}", 0.1, layers=layers, content_weight=0)
            for layers in _LAYER_SERIES
        ]
        style_labels = ["painting", *map(_series_label, _LAYER_SERIES)]
        return [
            Block([[self._photograph, *content]], ["photograph", *content_layers], title="content reconstructions"),
            Block([[self._resized_style(self._first_style), *style]], style_labels, title="style reconstructions"),
        ]

    def paintings(self) -> Blocks:
        """Return figure 3: the photograph in the style of each painting."""
        rows = [
            [self._photograph, self._resized_style(style), self._panel(name, _RATIO, style=style)]
            for name, style in self.styles.items()
        ]
        return [Block(rows, ["photograph", "painting", "picture"], list(self.styles) if len(rows) > 1 else ())]

    def ratios(self) -> Blocks:
        """Return figure 4: α/β rises from column to column; each row adds a style layer, as in the preprint."""
        powers = range(4, 0, -1)
        rows = [
            [self._panel(f"{_series_name(layers)}-1e-{power}", 10**-power, layers=layers) for power in powers]
            for layers in _LAYER_SERIES
        ]
        return [
            Block(rows, ["α/β = 10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"], [_series_label(layers) for layers in _LAYER_SERIES])
        ]

    def content_layers(self) -> Blocks:
        """Return figure 5: the content from a low layer, and from a high layer."""
        layers = ["conv2_2", "conv4_2"]
        return [
            Block([[self._photograph, *(self._panel(name, _RATIO, name) for name in layers)]], ["photograph", *layers])
        ]

    def starts(self) -> Blocks:
        """Return figure 6: the same objective from six starts."""
        images = [self._panel(f"{init}-image", _RATIO, init=init) for init in ("content", "style")]
        noises = [self._panel(f"noise-{seed}", _RATIO, seed=seed) for seed in range(4)]
        return [
            Block([images], ["content image", "style image"], title="from an image"),
            Block([noises], [f"seed {seed}" for seed in range(4)], title="from noise"),
        ]

    def photographs(self) -> Blocks:
        """Return figure 7: the photograph in the style of another photograph, started from the content image."""
        photograph = cast("Picture", self.photograph)  # `choose_figures` refuses the figure without one
        picture = self._panel("picture", 1e-2, style=photograph, init="content")
        cells = [self._photograph, self._resized_style(photograph), picture]
        return [Block([cells], ["photograph", "another photograph", "picture"])]

    def _panel(
        self,
        name: str,
        ratio: float,
        content: str = _CONTENT_LAYER,
        layers: Sequence[str] = _STYLE_LAYERS,
        style: Picture | None = None,
        **changes: object,
    ) -> Panel:
        """Return a panel of a ratio α/β, a content layer, style layers and a painting, by default the first one."""
        printed_size = self._size if self.as_printed else None
        settings = with_paper_weights(self.settings, ratio, content, layers, printed_size).replace(**changes)
        return Panel(name, settings, [style or self._first_style])

    @property
    def _size(self) -> Size:
        return Size(self.content.width, self.content.height).with_long_side(self.settings.size)

    @property
    def _first_style(self) -> Picture:
        return next(iter(self.styles.values()))

    @property
    def _photograph(self) -> Picture:
        return self.content.resized(*self._size)

    def _resized_style(self, style: Picture) -> Picture:
        """Resize a style image to the height of the panels."""
        return style.resized(max(1, round(style.width / style.height * self._size.height)), self._size.height)


FIGURES: Mapping[int, Callable[[Experiments], Blocks]] = {
    1: Experiments.reconstructions,
    3: Experiments.paintings,
    4: Experiments.ratios,
    5: Experiments.content_layers,
    6: Experiments.starts,
    7: Experiments.photographs,
}
"""The figures by their numbers in the paper; figure 2 shows no painted pictures."""


def choose_figures(numbers: Sequence[int] | None, *, has_photograph: bool) -> list[int]:
    """Return the numbers of the figures to paint, in ascending order.

    Args:
        numbers: The numbers that were asked for; None for every figure that can be painted.
        has_photograph: Whether there is another photograph, which figure 7 needs.

    Raises:
        InputError: there is no figure of a number, or its photograph is missing.

    """
    if numbers is None:
        return [number for number in FIGURES if number != _PHOTOGRAPH_FIGURE or has_photograph]
    for number in numbers:
        if number not in FIGURES:
            raise InputError(f"there is no figure {number} to paint; the figures are {', '.join(map(str, FIGURES))}.")
    if _PHOTOGRAPH_FIGURE in numbers and not has_photograph:
        raise InputError(
            f"figure {_PHOTOGRAPH_FIGURE} takes the style of another photograph; name one with --photograph."
        )
    return sorted(set(numbers))


def name_paintings(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the paths of paintings by the names of their files, which label the rows of figure 3.

    Raises:
        InputError: two paintings have the same name.

    """
    paintings = {re.sub(r"[^\w.,-]+", "-", path.stem): path for path in paths}
    if len(paintings) < len(paths):
        raise InputError("two paintings have the same name; give their files different names.")
    return paintings


def with_paper_weights(
    settings: Settings, ratio: float, content: str, styles: Sequence[str], printed_size: Size | None = None
) -> Settings:
    """Return settings with the layers and weights of the paper's objective α L_content + β L_style, at α/β = `ratio`.

    F are the features of a picture at a layer of C maps and M positions, P those of the content, G = F Fᵀ / M and A the
    Gram matrices of picture and style over their positions. The paper sums (eq. 1, 4 and 5; its G is F Fᵀ = M G):

        L_content = ½ Σ (F - P)² = ½ C M · mean((F - P)²)
        L_style = Σ w E,    E = 1 / (4 C² M²) · Σ (M G - M A)² = ¼ mean((G - A)²),    w = 1 / number of layers

    Settings take means: content_weight v mean((F - P)²) + style_weight v / C² · mean((G - A)²), v a layer's weight. So

        content_weight = α,  v = ½ C M        style_weight = β,  v = ¼ w C²

    That is the objective as printed. With `printed_size`, the settings have this objective divided by C M, which has
    the same minimum. But then the result is the photograph at every ratio of the paper: at the photograph itself,
    L_content is 0 and L_style is 0.6 (tubingen and *The Starry Night*, 256 × 192 pixels, features of mean 1). So at the
    minimum ½ α C M mean((F - P)²) < 0.6 β, which for α/β = 1e-4 is mean((F - P)²) < 0.03, while mean(P²) is 5.5. With
    the mean in place of the sum, v = ½, as in the author's notebook, a ratio of 1e-3 shows no photograph. So without
    `printed_size` v = ½ `_CONTENT_FACTOR` at any size: 1e-3 shows both, 1e-4 hardly any photograph, 1e-1 hardly any
    painting.

    Args:
        settings: The settings to change.
        ratio: α/β.
        content: The content layer.
        styles: The style layers, with equal weights w.
        printed_size: The size of the picture in pixels, for the objective as printed.

    Returns:
        The changed settings.

    """
    layer = LAYERS[content]
    positions = (printed_size.width // layer.stride) * (printed_size.height // layer.stride) if printed_size else 1
    return settings.replace(
        content_weight=ratio * _STYLE_WEIGHT,
        content_layers={content: 0.5 if printed_size else 0.5 * _CONTENT_FACTOR},
        style_weight=_STYLE_WEIGHT / (layer.channels * positions) if printed_size else _STYLE_WEIGHT,
        style_layers={name: LAYERS[name].channels ** 2 / (4 * len(styles)) for name in styles},
    )


_LAYER_SERIES = [_STYLE_LAYERS[:count] for count in range(1, len(_STYLE_LAYERS) + 1)]
"""The first style layer, the first two, and so on to all five."""


def _series_label(layers: Sequence[str]) -> str:
    """Write a series of layers as `conv1_1 … conv3_1`."""
    return layers[0] if len(layers) == 1 else f"{layers[0]} … {layers[-1]}"


def _series_name(layers: Sequence[str]) -> str:
    """Write a series of layers as `conv1_1-to-conv3_1`, for the name of a file."""
    return layers[0] if len(layers) == 1 else f"{layers[0]}-to-{layers[-1]}"
