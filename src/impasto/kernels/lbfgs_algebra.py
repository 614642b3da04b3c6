"""The algebra of L-BFGS in small matrices and scalars, in plain PyTorch; `cuda` has it as a kernel, too.

S holds the steps and Y the changes of the gradient along them, one curvature pair a row. What is computed with their
rows, which are as long as an image, is not in here.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

__all__ = ["PairMatrices", "StepControl", "add_pair", "is_curved", "judge_step", "row_weights"]


class PairMatrices(NamedTuple):
    """What is known of curvature pairs without their rows."""

    products: Tensor
    """S Yᵀ, (history, history)."""
    squares: Tensor
    """Y Yᵀ, (history, history)."""
    lengths: Tensor
    """⟨s, s⟩ of each row, (history,)."""
    ages: Tensor
    """The order in which rows were written, (history,); 0 for an empty row, -1 where the change is not known yet."""


class StepControl(NamedTuple):
    """What the length of the next step depends on, each a scalar."""

    loss: Tensor
    """The loss of the last good point."""
    step_fraction: Tensor
    """The fraction of the proposed step that is taken."""
    max_step: Tensor
    """The mean absolute step that is allowed next, in units of the image."""


def judge_step(
    control: StepControl, slopes: Tensor, loss: Tensor, step_length: Tensor, limits: Sequence[float]
) -> tuple[Tensor, StepControl]:
    """Judge a step by the loss and the slope at its end.

    The fraction of a proposed step that is taken moves towards the length at which the slope would have been 0.

    Args:
        control: What the length of the step depended on.
        slopes: The slope along the step at its end and at its beginning, (2,).
        loss: The loss at its end, a scalar.
        step_length: The mean absolute step, a scalar, in units of the image.
        limits: Seven numbers: the loss over the last loss above which a point is bad; the largest value of `max_step`;
            the exponent of the best length in `step_fraction`; the least and the largest best length; the least and
            the largest `step_fraction`.

    Returns:
        Whether the point is bad, so that the next step begins where this one began, a scalar; and what the length of
        the next step depends on.

    """
    divergence_factor, max_step_limit, length_exponent, min_length, max_length, min_fraction, max_fraction = limits
    is_bad = ~(loss <= divergence_factor * control.loss)
    slope, start_slope = slopes
    best_length = (1 - slope / start_slope).reciprocal()  # over the step's; negative: the slope is steeper at the end
    best_length = torch.where(best_length > 0, best_length, max_length).clamp(min_length, max_length)
    next_fraction = control.step_fraction * best_length**length_exponent
    fraction = torch.where(slope.isfinite(), next_fraction, control.step_fraction).clamp(min_fraction, max_fraction)
    max_step = torch.where(is_bad, step_length / 2, (2 * control.max_step).clamp_max(max_step_limit))
    return is_bad, StepControl(torch.where(is_bad, control.loss, loss), fraction, max_step)


def is_curved(product: Tensor, step_square: Tensor, change_square: Tensor, min_cosine: float) -> Tensor:
    """Tell whether a pair can be remembered: both are finite, and less than a right angle apart.

    Args:
        product: ⟨s, y⟩.
        step_square: ⟨s, s⟩, of the shape of the product.
        change_square: ⟨y, y⟩, of the shape of the product.
        min_cosine: The least cosine between s and y.

    Returns:
        True or False for each pair, of the shape of the product.

    """
    product_of_squares = step_square * change_square
    return (product > min_cosine * product_of_squares.sqrt()) & product_of_squares.isfinite()


def add_pair(matrices: PairMatrices, is_pair: Tensor, length: Tensor, row_products: Tensor) -> Tensor:
    """Write what is known of the newest pair to the matrices, in place of the row with the least age.

    Args:
        matrices: The matrices; written in place.
        is_pair: Whether the pair is remembered, a scalar; if not, its row becomes an empty one.
        length: ⟨s, s⟩ of the pair, a scalar.
        row_products: S y, S g, Y s, Y y and Y g for the pair and a gradient g, (5, history).

    Returns:
        S g and Y g, (2, history), 0 for the rows that hold no pair.

    """
    products, squares, lengths, ages = matrices
    row = ages.argmin()[None]
    ages.index_copy_(0, row, torch.where(is_pair, ages.max().clamp_min(0) + 1, 0)[None])
    row_products = torch.where(ages > 0, row_products, 0.0)
    steps_change, steps_gradient, changes_step, changes_change, changes_gradient = row_products
    new_products, new_squares = (changes_step, steps_change), (changes_change, changes_change)
    for matrix, (new_row, new_column) in ((products, new_products), (squares, new_squares)):
        matrix.index_copy_(0, row, torch.where(is_pair, new_row, 0.0)[None])
        matrix.index_copy_(1, row, torch.where(is_pair, new_column, 0.0)[:, None])
    lengths.index_copy_(0, row, torch.where(is_pair, length, 0.0)[None])
    return torch.stack((steps_gradient, changes_gradient))


def row_weights(
    matrices: PairMatrices, gradient_products: Tensor, first_scale_factor: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a, b and c of H g = c · g + Sᵀ a + Yᵀ b, where H₀ is c times the identity; without pairs, H g = g.

    Byrd, Nocedal and Schnabel, *Representations of quasi-Newton matrices and their use in limited memory methods*,
    1994, theorem 2.2.

    Args:
        matrices: What is known of the pairs.
        gradient_products: S g and Y g, (2, history).
        first_scale_factor: The scale of H₀ over the mean |s| / |y| of pairs.

    Returns:
        a, (history,); b, (history,); and c, a scalar.

    """
    scale = _first_scale(matrices, first_scale_factor)
    order = matrices.ages.argsort()
    is_pair = matrices.ages[order] > 0
    products, squares = (matrix[order][:, order] for matrix in matrices[:2])
    curvatures = torch.where(is_pair, products.diagonal(), 1.0)
    triangle = products.triu(1) + curvatures.diag()  # R
    steps_gradient, changes_gradient = gradient_products[:, order]
    change_weights = _solve_triangular(triangle, steps_gradient, upper=True)
    right_side = curvatures * change_weights + scale * (squares @ change_weights - changes_gradient)
    step_weights = _solve_triangular(triangle.T, torch.where(is_pair, right_side, 0.0), upper=False)
    by_step, by_change = (
        torch.zeros_like(weights).index_copy(0, order, weights) for weights in (step_weights, -scale * change_weights)
    )
    return by_step, by_change, scale


def _first_scale(matrices: PairMatrices, factor: float) -> Tensor:
    """Return the scale of H₀, (): `factor` times the geometric mean of |s| / |y| over all pairs; 1 without any.

    |s| / |y| is itself the geometric mean of ⟨s, y⟩ / ⟨y, y⟩ and ⟨s, s⟩ / ⟨s, y⟩ (Barzilai and Borwein, *Two-point
    step size gradient methods*, 1988, equations 5 and 6). The former, of the newest pair alone, is the usual scale.
    It suits the stiff directions, and where rounding adds to y it suits none: with it, the same loss takes half as
    many evaluations again (docs/notes/optimizer.md).
    """
    is_pair = matrices.ages > 0
    logs = torch.where(is_pair, matrices.lengths.log() - matrices.squares.diagonal().log(), 0.0)
    mean = (logs.sum() / (2 * is_pair.sum()).clamp_min(1)).exp()
    return torch.where(is_pair.any(), factor * mean, mean)


def _solve_triangular(triangle: Tensor, vector: Tensor, *, upper: bool) -> Tensor:
    """Return triangle⁻¹ · vector."""
    return cast("Tensor", torch.linalg.solve_triangular(triangle, vector[:, None], upper=upper))[:, 0]
