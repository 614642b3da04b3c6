"""The built-in terms of the objective: where a new one is registered."""

from collections.abc import Sequence
from typing import Protocol

from impasto.losses.base import Loss, Sources
from impasto.losses.content import ContentLoss
from impasto.losses.pixel_range import RangeLoss
from impasto.losses.style import StyleLoss
from impasto.losses.total_variation import TotalVariationLoss
from impasto.settings import Settings

__all__ = ["TERMS", "Term"]


class Term(Protocol):
    """The class of a built-in loss."""

    term: str
    """The name under which its value is reported."""

    @classmethod
    def build(cls, settings: Settings, sources: Sources) -> Sequence[Loss]:
        """Return the losses of this term in a stage.

        Args:
            settings: Their weights and layers.
            sources: The content and the styles of the stage, to measure targets on.

        Returns:
            No loss, if the settings give it no weight.

        """
        ...


TERMS: tuple[type[Term], ...] = (
    ContentLoss,
    StyleLoss,
    TotalVariationLoss,
    RangeLoss,
)
"""The terms in the order of their reports. The value of the terms before the range loss is its weight, so losses that
look at the network come before it."""
