"""What the weights α and β of other programs are in impasto: each has formulas of its own for the two losses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from impasto.errors import SettingsError

__all__ = ["FACTORS", "Factors", "LayerShape", "our_weights"]


class LayerShape(NamedTuple):
    """The size of the features of a layer."""

    maps: int
    """C, the number of feature maps."""
    positions: int
    """M, the number of positions of a map: height times width."""


@dataclass(frozen=True)
class Factors:
    """How many times as large as impasto's the losses of a program are, for the same features."""

    content: Callable[[LayerShape], float]
    """The program's content loss of a layer over impasto's, mean (F - P)²."""
    style: Callable[[LayerShape, int, int], float]
    """The program's style loss of a layer over impasto's, mean (G/M - A/M)² / C², by the shape of the layer, the
    number of style layers and the number of pixels of the picture."""


_MEANS = Factors(lambda _: 1.0, lambda _, __, ___: 1.0)

FACTORS: Mapping[str, Factors] = {
    "paper": Factors(
        lambda shape: shape.maps * shape.positions / 2, lambda shape, layers, _: shape.maps**2 / 4 / layers
    ),
    "notebook": _MEANS,
    "neural-style": _MEANS,
    "pytorch": _MEANS,
    "keras": Factors(
        lambda shape: shape.maps * shape.positions,
        lambda shape, layers, pixels: shape.maps**4 * shape.positions**2 / (4 * 3**2 * pixels**2) / layers,
    ),
    "tensorflow": Factors(lambda _: 1.0, lambda shape, layers, _: shape.maps**2 / layers),
}
"""The factors by program: the paper, the author's notebook, jcjohnson/neural-style and its port to PyTorch, and the
tutorials of PyTorch, Keras and TensorFlow. The tutorial of impasto has a table of their formulas."""


def our_weights(
    program: str,
    alpha: float,
    beta: float,
    *,
    content: tuple[int, int],
    styles: Sequence[tuple[int, int]],
    pixels: int,
) -> tuple[float, list[float]]:
    """Return the weights with which impasto's losses are those of another program.

    Args:
        program: One of `FACTORS`.
        alpha: The program's weight of the content.
        beta: The program's weight of the style.
        content: Maps and positions (C, M) of the content layer.
        styles: Maps and positions (C, M) of each style layer.
        pixels: The number of pixels of the picture.

    Returns:
        The `content_weight`, and for each style layer its weight times `style_weight`.

    Raises:
        SettingsError: the program is not known.

    """
    if program not in FACTORS:
        raise SettingsError(f"there is no program {program}; the programs are {', '.join(FACTORS)}.")
    factors = FACTORS[program]
    shapes = [LayerShape(*shape) for shape in styles]
    return (
        alpha * factors.content(LayerShape(*content)),
        [beta * factors.style(shape, len(shapes), pixels) for shape in shapes],
    )
