"""Operators of L-BFGS and its history, S the steps and Y the changes of the gradient along them, one a row.

To read the rows is what takes the time, so each operator reads them once.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch
from impasto.kernels.cuda.operator import mutating_operator, operator

__all__ = ["advance", "combination", "complete", "products", "solve"]

_MOST_ROWS = 1024
"""Pairs of a history whose small matrices one program of a GPU works on."""


@mutating_operator("changes", "last_gradient")
def complete(
    steps: Tensor,
    changes: Tensor,
    ages: Tensor,
    gradient: Tensor,
    last_gradient: Tensor,
    loss: Tensor,
    last_loss: Tensor,
    tolerated: float,
) -> Tensor:
    """Put the change of the gradient y along the begun step s into its row, and replace the last gradient g₀.

    It becomes g₀ + y, unless the loss is above `tolerated` times the last one.

    Args:
        steps: (history, N), in float32 or bfloat16; the row with the least age is the step that was begun.
        changes: (history, N).
        ages: When each row was written, (history,).
        gradient: g, (N,).
        last_gradient: g₀, (N,).
        loss: A scalar.
        last_loss: A scalar.
        tolerated: Times the last loss.

    Returns:
        ⟨g, s⟩, ⟨g₀, s⟩, ⟨s, y⟩, ⟨s, s⟩, ⟨y, y⟩ in parts that add up to them, (parts, 5).

    """
    if dispatch.uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.complete(steps, changes, ages, gradient, last_gradient, loss, last_loss, tolerated)
    row = ages.argmin()[None]
    step = steps.index_select(0, row)[0].to(gradient)
    rounded = (gradient - last_gradient).to(changes.dtype)
    changes.index_copy_(0, row, rounded[None])
    change = rounded.to(gradient)
    products = (gradient @ step, last_gradient @ step, step @ change, step @ step, change @ change)
    last_gradient.add_(torch.where(loss <= tolerated * last_loss, change, 0))
    return torch.stack(products)[None]


@operator
def products(steps: Tensor, changes: Tensor, ages: Tensor, gradient: Tensor) -> Tensor:
    """Return S y, S g, Y s, Y y and Y g in parts that add up to them, (parts, 5, history).

    Args:
        steps: S, (history, N), in float32 or bfloat16.
        changes: Y, (history, N).
        ages: When each row was written, (history,); s and y are the rows with the least.
        gradient: g, (N,).

    """
    if dispatch.uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.products(steps, changes, ages, gradient)
    row = ages.argmin()[None]
    step, change = (matrix.index_select(0, row)[0].to(gradient) for matrix in (steps, changes))
    by_steps = torch.stack((change, gradient)) @ steps.to(gradient.dtype).T
    by_changes = torch.stack((step, change, gradient)) @ changes.to(gradient.dtype).T
    return torch.cat((by_steps, by_changes))[None]


@operator
def combination(
    steps: Tensor, changes: Tensor, gradient: Tensor, scale: Tensor, of_steps: Tensor, of_changes: Tensor
) -> Tensor:
    """Return scale · g + Sᵀ a + Yᵀ b, (N,); rows of which nothing is taken may hold anything.

    Args:
        steps: S, (history, N), in float32 or bfloat16.
        changes: Y, (history, N).
        gradient: g, (N,).
        scale: A scalar.
        of_steps: a, (history,).
        of_changes: b, (history,).

    """
    if dispatch.uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.combination(steps, changes, gradient, scale, of_steps, of_changes)
    direction = gradient * scale
    for weights, matrix in ((of_steps, steps), (of_changes, changes)):
        taken = weights != 0
        direction += weights[taken].to(gradient) @ matrix[taken].to(gradient.dtype)
    return direction


@mutating_operator("products", "squares", "lengths", "ages", "last_loss", "share", "longest")
def solve(
    sums: Tensor,
    found: Tensor,
    products: Tensor,
    squares: Tensor,
    lengths: Tensor,
    ages: Tensor,
    loss: Tensor,
    last_loss: Tensor,
    moved: Tensor,
    share: Tensor,
    longest: Tensor,
    limits: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Complete the newest pair in the small matrices of L-BFGS, and return how its direction is made of the rows.

    The compact form of Byrd, Nocedal and Schnabel 1994, theorem 2.2, as `optimizers.lbfgs` describes it.

    Args:
        sums: What `complete` returned, added up, (5,).
        found: What `products` returned, added up, (5, history).
        products: S Yᵀ, (history, history); its row and column of the newest pair are replaced, like all that follow.
        squares: Y Yᵀ, (history, history).
        lengths: ⟨s, s⟩ of each row, (history,).
        ages: When each row was written, (history,).
        loss: A scalar, as are the next five.
        last_loss: That of the last good point.
        moved: The mean absolute step from it.
        share: Of the step that the pairs propose.
        longest: The mean absolute step that is allowed next.
        limits: Least cosine of a pair; factor of the first Hessian's scale; losses tolerated, times the last one;
            longest step; power with which `share` follows, limits of what it follows, and limits of `share`.

    Returns:
        Weights of the steps, (history,), of the changes, (history,), of the gradient, a scalar; and whether there are
        pairs and whether the point was bad, (2,) of int32.

    """
    if dispatch.uses_triton(loss) and len(ages) <= _MOST_ROWS:
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.solve(
            sums, found, products, squares, lengths, ages, loss, last_loss, moved, share, longest, limits
        )
    cosine, farther, tolerated, longest_step, following, nearest, furthest, least_share, most_share = limits
    slope, slope_before, product, length, square = sums
    is_bad = ~(loss <= tolerated * last_loss)
    best = (1 - slope / slope_before).reciprocal()
    best = torch.where(best > 0, best, furthest).clamp(nearest, furthest)
    followed = torch.where(slope.isfinite(), share * best**following, share)
    share.copy_(followed.clamp(least_share, most_share))
    longest.copy_(torch.where(is_bad, moved / 2, (2 * longest).clamp_max(longest_step)))
    last_loss.copy_(torch.where(is_bad, last_loss, loss))
    curved = (product > cosine * (length * square).sqrt()) & (length * square).isfinite()
    row = ages.argmin()[None]
    ages.index_copy_(0, row, torch.where(curved, ages.max().clamp_min(0) + 1, 0)[None])
    there = ages > 0
    to_step, along_steps, to_change, by_square, along_changes = torch.where(there, found, 0.0)
    for matrix, across, down in ((products, to_change, to_step), (squares, by_square, by_square)):
        matrix.index_copy_(0, row, torch.where(curved, across, 0.0)[None])
        matrix.index_copy_(1, row, torch.where(curved, down, 0.0)[:, None])
    lengths.index_copy_(0, row, torch.where(curved, length, 0.0)[None])
    logs = torch.where(there, lengths.log() - squares.diagonal().log(), 0.0)
    scale = torch.where(there.any(), farther, 1.0) * (logs.sum() / (2 * there.sum()).clamp_min(1)).exp()
    order = ages.argsort()
    ordered, known = products[order][:, order], there[order]
    curvatures = torch.where(known, ordered.diagonal(), 1.0)
    triangle = ordered.triu(1) + curvatures.diag()
    of_changes = _solved(triangle, along_steps[order], upper=True)
    squared = squares[order][:, order] @ of_changes
    rest = curvatures * of_changes + scale * (squared - along_changes[order])
    of_steps = _solved(triangle.T, torch.where(known, rest, 0.0), upper=False)
    flags = torch.stack((there.any(), is_bad)).int()
    by_step, by_change = (torch.zeros_like(lengths).index_copy(0, order, each) for each in (of_steps, of_changes))
    return by_step, -scale * by_change, scale.to(lengths), flags


@mutating_operator("last_image", "steps", "ages", "moved")
def advance(
    direction: Tensor,
    move: Tensor,
    length: Tensor,
    image: Tensor,
    last_image: Tensor,
    steps: Tensor,
    ages: Tensor,
    share: Tensor,
    longest: Tensor,
    flags: Tensor,
    moved: Tensor,
    rate: float,
    first_step: float,
) -> Tensor:
    """Step on from the last good point, and put the step in place of the oldest pair.

    Args:
        direction: Of steepest ascent as the pairs have it, this process's part, (N,).
        move: The same as an image, (3, H, W).
        length: The sum of absolute values of `move`, a scalar.
        image: The point that was evaluated last, (3, H, W).
        last_image: The last good point before it; replaced by the one that the step starts from.
        steps: (history, N).
        ages: When each row was written, (history,); the oldest row becomes that of a step that was begun, -1.
        share: Of the move that is taken, a scalar.
        longest: The mean absolute step that is allowed, a scalar.
        flags: Whether there are pairs, and whether the point was bad, (2,).
        moved: Replaced by the mean absolute step that is taken, a scalar.
        rate: Times `share`.
        first_step: The mean absolute step where there are no pairs.

    Returns:
        Where to evaluate next, (3, H, W).

    """
    if dispatch.uses_triton(image):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.advance(
            direction, move, length, image, last_image, steps, ages, share, longest, flags, moved, rate, first_step
        )
    mean = length / image.numel()
    moved.copy_(torch.where(flags[0] != 0, rate * share * mean, first_step).minimum(longest))
    scale = -moved / mean.clamp_min(torch.finfo(mean.dtype).tiny)
    row = ages.argmin()[None]
    steps.index_copy_(0, row, (direction * scale).to(steps.dtype)[None])
    ages.index_fill_(0, row, -1)
    last_image.copy_(torch.where(flags[1] != 0, last_image, image))
    return last_image + move * scale


def _solved(triangle: Tensor, vector: Tensor, *, upper: bool) -> Tensor:
    """Return triangle⁻¹ · vector."""
    return cast("Tensor", torch.linalg.solve_triangular(triangle, vector[:, None], upper=upper))[:, 0]
