"""A panel: one picture of a sheet, with everything needed to paint it. Importing this module loads no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from impasto.settings import Settings

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.reports.contact_sheets import Block

__all__ = ["Blocks", "Panel"]


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture of a sheet that has not been painted yet."""

    name: str
    """The name of the picture's file, without a suffix."""
    settings: Settings
    """The options that the picture is painted with."""
    styles: "Sequence[Picture] | None" = field(default=None, repr=False)
    """The paintings, blended in equal parts; None: the paintings that all pictures of the sheet have in common."""


Blocks: TypeAlias = "Sequence[Block[Panel | Picture]]"
"""The blocks of a sheet: panels, and pictures that are shown as they are."""
