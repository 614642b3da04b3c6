"""The padding of a signal: copies of its own rows and columns, or zeros. This module uses no tensors."""

from collections.abc import Mapping
from typing import NamedTuple

from impasto.planning.tiles import UNCUT, Cuts, Wraps
from impasto.settings.choices import Padding

__all__ = ["Border", "border"]

Edges = tuple[int, int]
"""Along an axis, the indices of the row or column that is copied before the first one, and after the last one."""

_EDGES: Mapping[Padding, Edges | None] = {
    "zeros": None,
    "replicate": (0, -1),
    "reflect": (1, -2),
    "replicate-first": None,
}
"""The edges that each padding copies; None for zeros."""
_WRAPPED: Edges = (-1, 0)
"""The edges that are copied along an axis that wraps around."""


class Border(NamedTuple):
    """The padding of a signal on its four sides: copies of its rows and columns, or zeros (None).

    A cut side has no padding, so a 3 × 3 convolution loses a row or a column there.
    """

    rows: Edges | None = None
    columns: Edges | None = None
    cuts: Cuts = UNCUT

    def along(self, axis: int) -> tuple[Edges | None, tuple[bool, bool]]:
        """Return the edges that are copied along an axis, 2 or 3, and whether its first and last sides are cut."""
        above, below, left, right = self.cuts
        return (self.rows, (above, below)) if axis == 2 else (self.columns, (left, right))

    def copied_edges(self, axis: int) -> list[tuple[int, int]]:
        """List the sides of an axis, 0 and -1, that are padded with copies, each with the index that is copied."""
        edges, cuts = self.along(axis)
        return [(end, source) for end, source, cut in zip((0, -1), edges or (), cuts, strict=False) if not cut]


def border(padding: Padding, wraps: Wraps = (False, False), cuts: Cuts = UNCUT, *, first: bool = False) -> Border:
    """Return the border of a signal.

    Args:
        padding: The padding of an axis that does not wrap around.
        wraps: Whether the upper edge meets the lower one, and whether the left edge meets the right one.
        cuts: The sides without padding, on which the image continues.
        first: Whether the signal is the input of the first layer.

    Returns:
        The border.

    """
    edges = _EDGES["replicate" if first and padding == "replicate-first" else padding]
    rows, columns = (_WRAPPED if wrap else edges for wrap in wraps)
    return Border(rows, columns, cuts)
