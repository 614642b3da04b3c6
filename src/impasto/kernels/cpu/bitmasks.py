"""Masks of integers with all bits set or none: the backward pass of a ReLU or a pooling needs them.

A mask is an integer tensor of -1 (all bits set: true) and 0 (false), with as many bits per element as the floats that
it masks: `bits & mask` leaves a float or clears it, as fast as the memory allows; torch's booleans and comparisons are
many times slower. Floats that are not negative have the same order as their bits. `Bits` packs a mask to one bit per
element.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

__all__ = ["Bits", "as_bits", "is_less"]

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The signed integers by their size in bytes."""


def as_bits(floats: Tensor) -> Tensor:
    """View floats as integers of the same size."""
    return floats.view(_INTEGERS[floats.element_size()])


def is_less(first: Tensor | int, second: Tensor) -> Tensor:
    """Return the mask of first < second.

    Args:
        first: The bits of floats that are not negative, or 0.
        second: The bits of floats that are not negative, of a shape that broadcasts with `first`.

    Returns:
        The mask, -1 where first < second and 0 elsewhere.

    """
    return (first - second) >> _width(second) - 1


def _width(integers: Tensor) -> int:
    """Return the number of bits of an integer."""
    return 8 * integers.element_size()


@dataclass(frozen=True, eq=False)
class Bits:
    """A mask that is packed to one bit per element."""

    packed: Tensor
    """Integers of the mask's dtype; bit k of each is an element of the k-th of equally long runs."""
    template: Tensor
    """A tensor on the meta device, which takes no memory, with the mask's shape and strides."""

    @classmethod
    def pack(cls, mask: Tensor) -> Self:
        """Pack a dense mask, with its dimensions in any order in memory."""
        width, count = _width(mask), mask.numel()
        flat = torch.as_strided(mask, (count,), (1,))
        if count % width:
            flat = torch.cat((flat, flat.new_zeros(-count % width)))
        planes = flat.view(width, -1)
        packed = planes[0] & 1
        for bit in range(1, width):
            packed |= planes[bit] & (1 << bit if bit < width - 1 else -(1 << bit))
        return cls(packed, mask.to("meta"))

    def unpack(self) -> Tensor:
        """Return the mask as integers of -1 and 0."""
        width = _width(self.packed)
        planes = self.packed.new_empty(width, len(self.packed))
        for bit in range(width):
            torch.bitwise_left_shift(self.packed, width - 1 - bit, out=planes[bit])
        planes >>= width - 1
        return torch.as_strided(planes, self.template.shape, self.template.stride())
