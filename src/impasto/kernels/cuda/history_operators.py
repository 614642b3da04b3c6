"""Operators of L-BFGS and its history of curvature pairs: S holds the steps, Y the changes of the gradient along them.

A pair is a row of S and a row of Y; its age is the number of the pair, 0 for an empty row and -1 for the step that was
started and has no change yet. Reading the rows takes nearly all of the time, so each operator reads them once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch
from impasto.kernels.cuda.operator import mutating_operator, operator
from impasto.kernels.lbfgs_algebra import PairMatrices, StepControl, add_pair, is_curved, judge_step, row_weights

__all__ = ["advance", "combination", "complete", "products", "solve"]

_MAX_PROGRAM_ROWS = 1024
"""The most pairs of a history whose small matrices one program of a GPU can compute with."""


@mutating_operator("changes", "last_gradient")
def complete(
    steps: Tensor,
    changes: Tensor,
    ages: Tensor,
    gradient: Tensor,
    last_gradient: Tensor,
    loss: Tensor,
    last_loss: Tensor,
    divergence_factor: float,
) -> Tensor:
    """Write the change of the gradient along the started step, and update the gradient at the last good point.

    The started step s and its change y = g - g₀ become a pair. The last gradient g₀ becomes g₀ + y, unless the loss is
    above `divergence_factor` times the last one.

    Args:
        steps: S, (history, N), in float32 or bfloat16; the row with the least age is the step that was started.
        changes: Y, (history, N); y is written to the row with the least age.
        ages: The age of each pair, (history,).
        gradient: g, (N,).
        last_gradient: g₀, (N,); updated in place.
        loss: The loss at the end of the step, a scalar.
        last_loss: The loss at the last good point, a scalar.
        divergence_factor: The largest ratio of the loss to the last loss at a good point.

    Returns:
        ⟨g, s⟩, ⟨g₀, s⟩, ⟨s, y⟩, ⟨s, s⟩ and ⟨y, y⟩ as partial sums, (parts, 5).

    """
    if dispatch.uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.complete(
            steps, changes, ages, gradient, last_gradient, loss, last_loss, divergence_factor
        )
    row = ages.argmin()[None]
    step = steps.index_select(0, row)[0].to(gradient)
    rounded = (gradient - last_gradient).to(changes.dtype)
    changes.index_copy_(0, row, rounded[None])
    change = rounded.to(gradient)
    products = (gradient @ step, last_gradient @ step, step @ change, step @ step, change @ change)
    last_gradient.add_(torch.where(loss <= divergence_factor * last_loss, change, 0))
    return torch.stack(products)[None]


@operator
def products(steps: Tensor, changes: Tensor, ages: Tensor, gradient: Tensor) -> Tensor:
    """Return S y, S g, Y s, Y y and Y g for the pair s, y with the least age.

    Args:
        steps: S, (history, N), in float32 or bfloat16.
        changes: Y, (history, N).
        ages: The age of each pair, (history,).
        gradient: g, (N,).

    Returns:
        The products as partial sums, (parts, 5, history).

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
    steps: Tensor, changes: Tensor, gradient: Tensor, scale: Tensor, step_weights: Tensor, change_weights: Tensor
) -> Tensor:
    """Return scale · g + Sᵀ a + Yᵀ b; rows with a weight of 0 are ignored, whatever they contain.

    Args:
        steps: S, (history, N), in float32 or bfloat16.
        changes: Y, (history, N).
        gradient: g, (N,).
        scale: The weight of g, a scalar.
        step_weights: a, (history,).
        change_weights: b, (history,).

    Returns:
        The linear combination, (N,).

    """
    if dispatch.uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.combination(steps, changes, gradient, scale, step_weights, change_weights)
    direction = gradient * scale
    for weights, matrix in ((step_weights, steps), (change_weights, changes)):
        is_used = weights != 0
        direction += weights[is_used].to(gradient) @ matrix[is_used].to(gradient.dtype)
    return direction


@mutating_operator("products", "squares", "lengths", "ages", "last_loss", "step_fraction", "max_step")
def solve(
    sums: Tensor,
    row_products: Tensor,
    products: Tensor,
    squares: Tensor,
    lengths: Tensor,
    ages: Tensor,
    loss: Tensor,
    last_loss: Tensor,
    step_length: Tensor,
    step_fraction: Tensor,
    max_step: Tensor,
    limits: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Add the newest pair to the small matrices of L-BFGS, and return its direction as weights of the rows.

    The direction has the compact form of Byrd, Nocedal and Schnabel 1994, theorem 2.2; `optimizers.lbfgs` describes how
    the length of a step is chosen.

    Args:
        sums: The sums of `complete`, (5,).
        row_products: The sums of `products`, (5, history).
        products: S Yᵀ, (history, history); the row and the column of the newest pair are replaced.
        squares: Y Yᵀ, (history, history); the row and the column of the newest pair are replaced.
        lengths: ⟨s, s⟩ of each pair, (history,); that of the newest pair is replaced.
        ages: The age of each pair, (history,); that of the newest pair is replaced.
        loss: The loss at the end of the step, a scalar.
        last_loss: The loss at the last good point, a scalar; updated in place.
        step_length: The mean absolute step from the last good point, a scalar.
        step_fraction: The fraction of the pairs' step that is taken, a scalar; updated in place.
        max_step: The mean absolute step that is allowed next, a scalar; updated in place.
        limits: Nine numbers: the least cosine of a pair; the factor of the first Hessian's scale; the divergence
            factor; the largest value of `max_step`; the exponent of the best length in `step_fraction`; the least and
            the largest best length; the least and the largest `step_fraction`.

    Returns:
        The weights of the steps, (history,), of the changes, (history,), and of the gradient, a scalar; and two flags,
        (2,) of int32: whether there are pairs, and whether the point was bad.

    """
    if dispatch.uses_triton(loss) and len(ages) <= _MAX_PROGRAM_ROWS:
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        matrices = products, squares, lengths, ages
        scalars = loss, last_loss, step_length, step_fraction, max_step
        return triton_history.solve(sums, row_products, *matrices, *scalars, limits)
    min_cosine, first_scale_factor, *step_limits = limits
    matrices, control = PairMatrices(products, squares, lengths, ages), StepControl(last_loss, step_fraction, max_step)
    is_bad, next_control = judge_step(control, sums[:2], loss, step_length, step_limits)
    for scalar, value in zip(control, next_control, strict=True):
        scalar.copy_(value)
    product, length, square = sums[2:]
    is_pair = is_curved(product, length, square, min_cosine)
    gradient_products = add_pair(matrices, is_pair, length, row_products)
    weights = row_weights(matrices, gradient_products, first_scale_factor)
    return *weights, torch.stack(((ages > 0).any(), is_bad)).int()


@mutating_operator("last_image", "steps", "ages", "step_length")
def advance(
    direction: Tensor,
    move: Tensor,
    length: Tensor,
    image: Tensor,
    last_image: Tensor,
    steps: Tensor,
    ages: Tensor,
    step_fraction: Tensor,
    max_step: Tensor,
    flags: Tensor,
    step_length: Tensor,
    learning_rate: float,
    first_step: float,
) -> Tensor:
    """Return the next point, and write the step to it over the oldest pair.

    Args:
        direction: The direction of ascent that the pairs propose, this process's shard, (N,).
        move: The direction as an image, (3, H, W).
        length: The sum of the absolute values of `move`, a scalar.
        image: The point that was evaluated last, (3, H, W).
        last_image: The last good point before `image`, (3, H, W); replaced by the point from which the step starts.
        steps: S, (history, N); the oldest row is replaced.
        ages: The age of each pair, (history,); that of the oldest pair becomes -1, the age of a started step.
        step_fraction: The fraction of the pairs' step that is taken, a scalar.
        max_step: The mean absolute step that is allowed, a scalar.
        flags: Whether there are pairs, and whether the point was bad, (2,).
        step_length: The mean absolute step, a scalar; updated in place.
        learning_rate: A factor of the step if there are pairs.
        first_step: The mean absolute step if there are no pairs.

    Returns:
        The point to evaluate next, (3, H, W).

    """
    if dispatch.uses_triton(image):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        images, scalars = (image, last_image), (step_fraction, max_step, flags, step_length, learning_rate, first_step)
        return triton_history.advance(direction, move, length, *images, steps, ages, *scalars)
    mean = length / image.numel()
    step_length.copy_(torch.where(flags[0] != 0, learning_rate * step_fraction * mean, first_step).minimum(max_step))
    scale = -step_length / mean.clamp_min(torch.finfo(mean.dtype).tiny)
    row = ages.argmin()[None]
    steps.index_copy_(0, row, (direction * scale).to(steps.dtype)[None])
    ages.index_fill_(0, row, -1)
    last_image.copy_(torch.where(flags[1] != 0, last_image, image))
    return last_image + move * scale
