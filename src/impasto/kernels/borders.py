"""What stands beyond the border of a signal, by padding: copies of its rows and columns, or zeros. No tensors."""

from collections.abc import Mapping
from typing import NamedTuple

from impasto.planning.tiles import UNCUT, Cuts, Wraps
from impasto.settings.choices import Padding

__all__ = ["Border", "border"]

Edges = tuple[int, int]
"""Along an axis, the indices of what stands beyond the first and beyond the last."""

_EDGES: Mapping[Padding, Edges | None] = {
    "zeros": None,
    "replicate": (0, -1),
    "reflect": (1, -2),
    "replicate-first": None,
}
_AROUND: Edges = (-1, 0)


class Border(NamedTuple):
    """What stands beyond the border of a signal: copies of its rows and columns, or zeros (None).

    Where it is cut, nothing does: a row or a column less comes out.
    """

    rows: Edges | None = None
    columns: Edges | None = None
    cuts: Cuts = UNCUT

    def along(self, axis: int) -> tuple[Edges | None, tuple[bool, bool]]:
        """Return what stands beyond the ends of an axis, 2 or 3, and which of them are cut."""
        above, below, left, right = self.cuts
        return (self.rows, (above, below)) if axis == 2 else (self.columns, (left, right))

    def copied(self, axis: int) -> list[tuple[int, int]]:
        """List the ends of an axis, 0 and -1, beyond which copies stand, and of which place."""
        edges, cuts = self.along(axis)
        return [(end, edge) for end, edge, cut in zip((0, -1), edges or (), cuts, strict=False) if not cut]


def border(padding: Padding, wraps: Wraps = (False, False), cuts: Cuts = UNCUT, *, first: bool = False) -> Border:
    """Return the border that a padding makes, in the first layer or another, where an axis does not wrap around."""
    edges = _EDGES["replicate" if first and padding == "replicate-first" else padding]
    rows, columns = (_AROUND if wrap else edges for wrap in wraps)
    return Border(rows, columns, cuts)
