"""The experiments of the paper, on pictures of one's own: which pictures a figure shows, and what each is painted with.

It paints nothing. Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016,
figures 1 and 3 to 7.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from impasto.images import Picture
from impasto.layers import LAYERS
from impasto.planning.plan import Size
from impasto.reports.contact_sheets import Block
from impasto.settings import Settings

__all__ = ["FIGURES", "PAPER", "Experiments", "Panel", "weighed"]

PAPER = Settings(
    size=256,
    init="noise",
    padding="zeros",
    pooling="average",
    normalize=True,
    iterations=300,
    first_size=0,
    tolerance=0.0,  # from noise, the loss falls slowly and for long
)
"""What all figures have in common: the paper's network, one size, a canvas that begins as noise."""

_STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_CONTENT = "conv4_2"

_BETA = 1000.0
"""Only α/β decides what is painted."""

_BALANCE = 40
"""Content against style, chosen by looking: see `weighed`."""

_RATIO = 1e-3
"""α/β of figures 5 and 6, and of figure 3, where the paper takes 5e-4 to 5e-3, as the painting needs it."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture of a sheet, still to be painted."""

    name: str
    """For its file."""
    settings: Settings
    styles: Sequence[Picture] = field(repr=False)


Blocks = Sequence[Block[Panel | Picture]]


@dataclass(frozen=True, eq=False)
class Experiments:
    """What the figures are painted from."""

    content: Picture
    styles: Mapping[str, Picture]
    """Paintings by their names; figure 3 takes all of them, the others the first."""
    photograph: Picture | None = None
    """The style of figure 7."""
    settings: Settings = PAPER
    as_printed: bool = False
    """Whether content and style are balanced as the paper prints it: see `weighed`."""

    def reconstructions(self) -> Blocks:
        """Figure 1: what layers keep of the content, one by one, and of the style, more and more of them."""
        layers = [f"conv{block}_2" for block in range(1, 6)]
        content = [self._panel(f"content-{layer}", 0.1, layer, style_weight=0) for layer in layers]
        style = [self._panel(f"style-{_name(some)}", 0.1, layers=some, content_weight=0) for some in _GROWING]
        return [
            Block([[self._photograph, *content]], ["photograph", *layers], title="content reconstructions"),
            Block([[self._painting, *style]], ["painting", *map(_label, _GROWING)], title="style reconstructions"),
        ]

    def paintings(self) -> Blocks:
        """Figure 3: the photograph in the style of each painting."""
        rows = [
            [self._photograph, self._shown(style), self._panel(name, _RATIO, style=style)]
            for name, style in self.styles.items()
        ]
        return [Block(rows, ["photograph", "painting", "picture"], list(self.styles) if len(rows) > 1 else ())]

    def ratios(self) -> Blocks:
        """Figure 4: from style to content in columns, more and more style layers in rows; those are the preprint's."""
        powers = range(4, 0, -1)
        rows = [[self._panel(f"{_name(some)}-1e-{p}", 10**-p, layers=some) for p in powers] for some in _GROWING]
        heads = [f"α/β = {_power(4)}", *map(_power, powers[1:])]
        return [Block(rows, heads, [_label(some) for some in _GROWING])]

    def content_layers(self) -> Blocks:
        """Figure 5: the content of a low layer against that of a high one."""
        layers = ["conv2_2", "conv4_2"]
        return [
            Block([[self._photograph, *(self._panel(name, _RATIO, name) for name in layers)]], ["photograph", *layers])
        ]

    def starts(self) -> Blocks:
        """Figure 6: one objective from different starts."""
        images = [self._panel(f"{init}-image", _RATIO, init=init) for init in ("content", "style")]
        noises = [self._panel(f"noise-{seed}", _RATIO, seed=seed) for seed in range(4)]
        return [
            Block([images], ["content image", "style image"], title="from an image"),
            Block([noises], [f"seed {seed}" for seed in range(4)], title="from noise"),
        ]

    def photographs(self) -> Blocks:
        """Figure 7: the photograph in the style of another one, from the content image."""
        if self.photograph is None:
            raise ValueError("there is no photograph to take the style from")
        picture = self._panel("picture", 1e-2, style=self.photograph, init="content")
        shown = [self._photograph, self._shown(self.photograph), picture]
        return [Block([shown], ["photograph", "another photograph", "picture"])]

    def _panel(
        self,
        name: str,
        ratio: float,
        content: str = _CONTENT,
        layers: Sequence[str] = _STYLE,
        style: Picture | None = None,
        **changes: object,
    ) -> Panel:
        printed = self._size if self.as_printed else None
        settings = weighed(self.settings, ratio, content, layers, printed).replace(**changes)
        return Panel(name, settings, [style or self._first])

    @property
    def _size(self) -> Size:
        return Size(self.content.width, self.content.height).with_long_side(self.settings.size)

    @property
    def _first(self) -> Picture:
        return next(iter(self.styles.values()))

    @property
    def _photograph(self) -> Picture:
        return self.content.resized(*self._size)

    @property
    def _painting(self) -> Picture:
        return self._shown(self._first)

    def _shown(self, style: Picture) -> Picture:
        """Bring a style image to the height of the pictures beside it."""
        return style.resized(max(1, round(style.width / style.height * self._size.height)), self._size.height)


FIGURES: Mapping[int, Callable[[Experiments], Blocks]] = {
    1: Experiments.reconstructions,
    3: Experiments.paintings,
    4: Experiments.ratios,
    5: Experiments.content_layers,
    6: Experiments.starts,
    7: Experiments.photographs,
}
"""The figures by their numbers in the paper; figure 2 shows no pictures."""


def weighed(
    settings: Settings, ratio: float, content: str, styles: Sequence[str], printed: Size | None = None
) -> Settings:
    """Change the layers and weights of settings to the paper's objective α L_content + β L_style, at α/β = `ratio`.

    F are the features of a picture at a layer of C maps and M positions, P those of the content, G = F Fᵀ / M and A the
    Gram matrices of picture and style over their positions. The paper sums (eq. 1, 4 and 5; its G is F Fᵀ = M G):

        L_content = ½ Σ (F - P)² = ½ C M · mean((F - P)²)
        L_style = Σ w E,    E = 1 / (4 C² M²) · Σ (M G - M A)² = ¼ mean((G - A)²),    w = 1 / number of layers

    Settings take means: content_weight v mean((F - P)²) + style_weight v / C² · mean((G - A)²), v a layer's weight. So

        content_weight = α,  v = ½ C M        style_weight = β,  v = ¼ w C²

    That is the objective as printed, which `printed`, the size of the picture, asks for; all of it is divided by C M
    here, which leaves the minimum where it is. But so every ratio of the paper gives the photograph. There L_content is
    0 and L_style 0.6 (tubingen and *The Starry Night*, 256 × 192 pixels, features of mean 1), so at the minimum
    ½ α C M mean((F - P)²) < 0.6 β, which for α/β = 1e-4 is mean((F - P)²) < 0.03, where mean(P²) is 5.5. With the mean
    in place of the sum, v = ½, as in the author's notebook, 1e-3 shows no photograph. So without `printed`
    v = ½ `_BALANCE`, at any size: both show at 1e-3, hardly any photograph at 1e-4, hardly any painting at 1e-1.
    """
    layer = LAYERS[content]
    positions = (printed.width // layer.stride) * (printed.height // layer.stride) if printed else 1
    return settings.replace(
        content_weight=ratio * _BETA,
        content_layers={content: 0.5 if printed else 0.5 * _BALANCE},
        style_weight=_BETA / (layer.channels * positions) if printed else _BETA,
        style_layers={name: LAYERS[name].channels ** 2 / (4 * len(styles)) for name in styles},
    )


_GROWING = [_STYLE[:count] for count in range(1, len(_STYLE) + 1)]


def _label(layers: Sequence[str]) -> str:
    return layers[0] if len(layers) == 1 else f"{layers[0]} … {layers[-1]}"


def _name(layers: Sequence[str]) -> str:
    return layers[0] if len(layers) == 1 else f"{layers[0]}-to-{layers[-1]}"


def _power(minus: int) -> str:
    return f"10⁻{'⁰¹²³⁴'[minus]}"
