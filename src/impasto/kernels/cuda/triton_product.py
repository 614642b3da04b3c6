"""The product of two blocks on tensor cores, which is added to a third block in float32."""
# pyright: basic, reportMissingTypeStubs=false, reportAttributeAccessIssue=false

import os

import torch
import triton
import triton.language as tl

__all__ = ["has_wide_products", "product"]

_HOPPER, _CONSUMER_BLACKWELL = 90, 120
"""The first GPUs whose tensor cores read their operands from shared memory, and the first later ones that do not."""

_INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")
"""Whether Triton's interpreter runs the kernels; in a product it would read the bits of bfloat16 as integers."""

_IS_AMD = tl.constexpr(torch.version.hip is not None)
"""Whether the GPU is one of AMD, for which Triton compiles only exact products of float32."""


@triton.jit
def product(left, right, total, precision: tl.constexpr):
    """Return total + left · right.

    Args:
        left: A block, (M, K).
        right: A block of the same dtype, (K, N).
        total: A block in float32, (M, N).
        precision: How tensor cores multiply float32: tf32 or tf32x3. AMD's multiply exactly in both cases.

    Returns:
        The sum in float32, (M, N).

    """
    if _INTERPRETED:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, total, input_precision="ieee" if _IS_AMD else precision)


def has_wide_products() -> bool:
    """Tell whether tensor cores read their operands from shared memory, so that large blocks fit into registers."""
    try:
        target = triton.runtime.driver.active.get_current_target()
    except RuntimeError:  # no GPU: Triton's interpreter runs the kernels
        return False
    return target.backend == "cuda" and _HOPPER <= target.arch < _CONSUMER_BLACKWELL
