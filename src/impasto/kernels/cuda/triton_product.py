"""The product of two blocks on tensor cores, which is added to a third block in float32."""
# pyright: basic, reportMissingTypeStubs=false, reportAttributeAccessIssue=false

import triton
import triton.language as tl

__all__ = ["product"]

_INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Whether Triton's interpreter runs the kernels; in a product it would read the bits of bfloat16 as integers."""


@triton.jit
def product(one, two, total, precision: tl.constexpr):
    """Return total + one · two.

    Args:
        one: A block, (M, K).
        two: A block of the same dtype, (K, N).
        total: A block in float32, (M, N).
        precision: How tensor cores multiply float32: tf32 or tf32x3.

    Returns:
        The sum in float32, (M, N).

    """
    if _INTERPRETED:
        one, two = one.to(tl.float32), two.to(tl.float32)
    return tl.dot(one, two, total, input_precision=precision)
