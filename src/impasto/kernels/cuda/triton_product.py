"""A product of two blocks on tensor cores, added to a third in float32."""
# pyright: basic, reportMissingTypeStubs=false, reportAttributeAccessIssue=false

import triton
import triton.language as tl

__all__ = ["product"]

_INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Triton's interpreter takes the bits of bfloat16 for integers in a product."""


@triton.jit
def product(one, two, total, precision: tl.constexpr):
    """Return total + one · two; `precision` is that of products in float32."""
    if _INTERPRETED:
        one, two = one.to(tl.float32), two.to(tl.float32)
    return tl.dot(one, two, total, input_precision=precision)
