"""Truth in the bits of integers: what going back through a ReLU or a pooling has to remember.

A mask is an integer tensor of -1 (all bits: true) and 0, as wide as the floats that it is for: `floats & mask` on their
bits keeps or clears them, at the speed of memory, where torch's booleans and comparisons are many times slower. Floats
that are not negative are ordered like their bits. A mask packs to one bit an element.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

__all__ = ["Bits", "as_bits", "is_less"]

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def as_bits(floats: Tensor) -> Tensor:
    """View floats as integers of the same width."""
    return floats.view(_INTEGERS[floats.element_size()])


def is_less(first: Tensor | int, second: Tensor) -> Tensor:
    """Return the mask of first < second for bits of floats that are not negative."""
    return (first - second) >> _width(second) - 1


def _width(integers: Tensor) -> int:
    return 8 * integers.element_size()


@dataclass(frozen=True, eq=False)
class Bits:
    """A mask at a bit an element."""

    packed: Tensor
    """Integers as wide as the mask's; bit k of each is an element of the k-th part of the mask."""
    like: Tensor
    """Of the mask's shape and strides, without memory."""

    @classmethod
    def pack(cls, mask: Tensor) -> Self:
        """Pack a mask that fills its memory, in any order of its dimensions."""
        width, count = _width(mask), mask.numel()
        flat = torch.as_strided(mask, (count,), (1,))
        if count % width:
            flat = torch.cat((flat, flat.new_zeros(-count % width)))
        parts = flat.view(width, -1)
        packed = parts[0] & 1
        for bit in range(1, width):
            packed |= parts[bit] & (1 << bit if bit < width - 1 else -(1 << bit))
        return cls(packed, mask.to("meta"))

    def unpack(self) -> Tensor:
        """Return the mask."""
        width = _width(self.packed)
        parts = self.packed.new_empty(width, len(self.packed))
        for bit in range(width):
            torch.bitwise_left_shift(self.packed, width - 1 - bit, out=parts[bit])
        parts >>= width - 1
        return torch.as_strided(parts, self.like.shape, self.like.stride())
