"""Triton kernels of L-BFGS's history: reading its rows takes nearly all of the time, so each kernel reads them once."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["advance", "combination", "complete", "products", "solve"]

_BLOCK_ROWS, _BLOCK_COLUMNS, _MAX_BLOCK_COLUMNS = 64, 64, 128
"""The rows and columns of a block of the history, whose products a program adds up in one step.

The most columns fit into registers where rows are in bfloat16 and begin at multiples of 32 bytes (docs/notes/gpu.md).
"""

_PRODUCT_WARPS = 8
"""The warps of a program that adds up products."""

_PRODUCT_PROGRAMS = 264
"""The most programs that add up products: two for each multiprocessor of an H100."""

_ROW_COLUMNS = 512
"""The columns of a program that computes with one row at a time."""

_SOLVE_WARPS = 4
"""The warps of the program that computes with the small matrices."""

_MIN_PADDED_ROWS = 64
"""The least rows, with empty ones, of a program that computes with a number for each pair."""

_kernel = triton.jit(do_not_specialize=["history"])
"""Compile a kernel once for all numbers of pairs."""


@triton.jit
def _least_age_row(ages, history, rows: tl.constexpr):
    """Return the row with the least age: that of the started step, or an empty one, or the oldest pair."""
    row = tl.arange(0, rows)
    return tl.argmin(tl.load(ages + row, mask=row < history, other=2**62), 0)


@_kernel
def _complete(steps, changes, ages, gradient, last_gradient, loss, last_loss, partial, history, length, stride,
              divergence_factor, rows: tl.constexpr, columns: tl.constexpr):  # fmt: skip
    row_start = _least_age_row(ages, history, rows).to(tl.int64) * stride
    is_good = tl.load(loss) <= divergence_factor * tl.load(last_loss)
    zero = tl.zeros((columns,), tl.float32)
    s_g, s_last_g, s_y, s_s, y_y = zero, zero, zero, zero, zero
    for start in range(tl.program_id(0) * columns, length, tl.num_programs(0) * columns):
        column = start + tl.arange(0, columns)
        valid = column < length
        g = tl.load(gradient + column, mask=valid, other=0.0)
        last_g = tl.load(last_gradient + column, mask=valid, other=0.0)
        s = tl.load(steps + row_start + column, mask=valid, other=0.0).to(tl.float32)
        change = (g - last_g).to(changes.dtype.element_ty)
        tl.store(changes + row_start + column, change, mask=valid)
        y = change.to(tl.float32)
        tl.store(last_gradient + column, tl.where(is_good, last_g + y, last_g), mask=valid)
        s_g += g * s
        s_last_g += last_g * s
        s_y += s * y
        s_s += s * s
        y_y += y * y
    partial_start = partial + tl.program_id(0) * 5
    tl.store(partial_start, tl.sum(s_g, 0))
    tl.store(partial_start + 1, tl.sum(s_last_g, 0))
    tl.store(partial_start + 2, tl.sum(s_y, 0))
    tl.store(partial_start + 3, tl.sum(s_s, 0))
    tl.store(partial_start + 4, tl.sum(y_y, 0))


@_kernel
def _products(steps, changes, ages, gradient, partial, history, length, stride,
              rows: tl.constexpr, columns: tl.constexpr, all_rows: tl.constexpr):  # fmt: skip
    new_start = _least_age_row(ages, history, all_rows).to(tl.int64) * stride
    row = tl.program_id(1) * rows + tl.arange(0, rows)
    is_row = (row < history)[:, None]
    row_start = row.to(tl.int64)[:, None] * stride
    s_y = tl.zeros((rows, columns), tl.float32)
    s_g = tl.zeros((rows, columns), tl.float32)
    y_s = tl.zeros((rows, columns), tl.float32)
    y_y = tl.zeros((rows, columns), tl.float32)
    y_g = tl.zeros((rows, columns), tl.float32)
    for start in range(tl.program_id(0) * columns, length, tl.num_programs(0) * columns):
        column = start + tl.arange(0, columns)
        valid = column < length
        s = tl.load(steps + row_start + column[None, :], mask=is_row & valid[None, :], other=0.0).to(tl.float32)
        y = tl.load(changes + row_start + column[None, :], mask=is_row & valid[None, :], other=0.0).to(tl.float32)
        new_s = tl.load(steps + new_start + column, mask=valid, other=0.0).to(tl.float32)[None, :]
        new_y = tl.load(changes + new_start + column, mask=valid, other=0.0).to(tl.float32)[None, :]
        g = tl.load(gradient + column, mask=valid, other=0.0)[None, :]
        s_y += s * new_y
        s_g += s * g
        y_s += y * new_s
        y_y += y * new_y
        y_g += y * g
    partial_start = partial + tl.program_id(0) * 5 * history + row
    tl.store(partial_start, tl.sum(s_y, 1), mask=row < history)
    tl.store(partial_start + history, tl.sum(s_g, 1), mask=row < history)
    tl.store(partial_start + 2 * history, tl.sum(y_s, 1), mask=row < history)
    tl.store(partial_start + 3 * history, tl.sum(y_y, 1), mask=row < history)
    tl.store(partial_start + 4 * history, tl.sum(y_g, 1), mask=row < history)


@triton.jit
def _judge_step(sums, loss, last_loss, step_length, step_fraction, max_step, divergence_factor, max_step_limit,
                length_exponent, min_length, max_length, min_fraction, max_fraction):  # fmt: skip
    """Store the fraction and the limit of the next step, by the last one; return whether its loss is good."""
    new_loss, old_loss = tl.load(loss), tl.load(last_loss)
    is_good = new_loss <= divergence_factor * old_loss
    slope, old_slope = tl.load(sums), tl.load(sums + 1)
    best_length = 1.0 / (1.0 - slope / old_slope)
    best_length = tl.where(best_length > 0, best_length, max_length)
    best_length = tl.minimum(tl.maximum(best_length, min_length), max_length)
    old_fraction = tl.load(step_fraction)
    new_fraction = tl.where(
        tl.abs(slope) < float("inf"), old_fraction * tl.exp(length_exponent * tl.log(best_length)), old_fraction
    )
    tl.store(step_fraction, tl.minimum(tl.maximum(new_fraction, min_fraction), max_fraction))
    tl.store(max_step, tl.where(is_good, tl.minimum(2 * tl.load(max_step), max_step_limit), tl.load(step_length) / 2))
    tl.store(last_loss, tl.where(is_good, new_loss, old_loss))
    return is_good


@triton.jit
def _add_pair(sums, row_products, products, squares, lengths, ages, row, history, min_cosine):
    """Store the products of the newest pair, if it is curved, in the row of the oldest; return the age of each row."""
    is_row = row < history
    age = tl.load(ages + row, mask=is_row, other=2**62)
    new_row = tl.argmin(age, 0)
    s_y, s_s, y_y = tl.load(sums + 2), tl.load(sums + 3), tl.load(sums + 4)
    square_product = s_s * y_y
    is_curved = (s_y > min_cosine * tl.sqrt(square_product)) & (square_product < float("inf"))
    newest = tl.max(tl.where(is_row, age, 0), 0)
    age = tl.where(is_row, age, 0)
    age = tl.where(row == new_row, tl.where(is_curved, newest + 1, 0), age)
    is_pair = age > 0
    tl.store(ages + row, age, mask=is_row)
    to_step = tl.load(row_products + row, mask=is_pair, other=0.0)
    to_change = tl.load(row_products + 2 * history + row, mask=is_pair, other=0.0)
    square = tl.load(row_products + 3 * history + row, mask=is_pair, other=0.0)
    tl.store(products + new_row * history + row, tl.where(is_curved, to_change, 0.0), mask=is_row)
    tl.store(squares + new_row * history + row, tl.where(is_curved, square, 0.0), mask=is_row)
    tl.debug_barrier()
    tl.store(products + row * history + new_row, tl.where(is_curved, to_step, 0.0), mask=is_row)
    tl.store(squares + row * history + new_row, tl.where(is_curved, square, 0.0), mask=is_row)
    tl.store(lengths + row, tl.where(is_curved, s_s, 0.0), mask=is_row & (row == new_row))
    tl.debug_barrier()
    return age


@triton.jit
def _first_scale(squares, lengths, is_pair, row, history, first_scale_factor):
    """Return the scale of the first inverse Hessian: |s| / |y| in a geometric mean of all pairs."""
    length = tl.load(lengths + row, mask=is_pair, other=1.0)
    norm = tl.load(squares + row * history + row, mask=is_pair, other=1.0)
    count = tl.sum(is_pair.to(tl.float64), 0)
    logs = tl.sum(tl.where(is_pair, tl.log(length) - tl.log(norm), 0.0), 0)
    return tl.where(count > 0, first_scale_factor * tl.exp(logs / tl.maximum(2 * count, 1.0)), 1.0)


@triton.jit
def _sort_pairs(ages, order, age, row, history):
    """Store the row of each pair in `order`, the newest first; return the rank of each row in it."""
    rank = tl.zeros_like(row)
    for other_row in range(history):
        rank += (tl.load(ages + other_row) > age).to(tl.int32)
    tl.store(order + rank, row, mask=age > 0)
    tl.debug_barrier()
    return rank


@triton.jit
def _solve_upper(products, order, residual, inverse, rank, is_pair, row, history, pairs):
    """Return R⁻¹ · residual, the newest pair first; R is the upper triangle of S Yᵀ in the order of ages."""
    solution = tl.zeros_like(residual)
    for pair_rank in range(pairs):
        pair_row = tl.load(order + pair_rank)
        matrix_column = tl.load(products + row * history + pair_row, mask=is_pair & (rank > pair_rank), other=0.0)
        value = tl.sum(tl.where(row == pair_row, residual * inverse, 0.0), 0)
        solution = tl.where(row == pair_row, value, solution)
        residual -= matrix_column * value
    return solution


@triton.jit
def _solve_lower(products, order, residual, inverse, rank, is_pair, row, history, pairs):
    """Return R⁻ᵀ · residual, the oldest pair first; R is the upper triangle of S Yᵀ in the order of ages."""
    solution = tl.zeros_like(residual)
    for steps_done in range(pairs):
        pair_rank = pairs - 1 - steps_done
        pair_row = tl.load(order + pair_rank)
        triangle_row = tl.load(products + pair_row * history + row, mask=is_pair & (rank < pair_rank), other=0.0)
        value = tl.sum(tl.where(row == pair_row, residual * inverse, 0.0), 0)
        solution = tl.where(row == pair_row, value, solution)
        residual -= triangle_row * value
    return solution


@_kernel
def _solve(sums, row_products, products, squares, lengths, ages, loss, last_loss, step_length, step_fraction, max_step,
           step_weights, change_weights, scale_address, flags, order, history, min_cosine, first_scale_factor,
           divergence_factor, max_step_limit, length_exponent, min_length, max_length, min_fraction, max_fraction,
           rows: tl.constexpr):  # fmt: skip
    row = tl.arange(0, rows)
    is_row = row < history
    is_good = _judge_step(sums, loss, last_loss, step_length, step_fraction, max_step, divergence_factor,
                          max_step_limit, length_exponent, min_length, max_length, min_fraction,
                          max_fraction)  # fmt: skip
    age = _add_pair(sums, row_products, products, squares, lengths, ages, row, history, min_cosine)
    is_pair = age > 0
    pairs = tl.sum(is_pair.to(tl.int32), 0)
    scale = _first_scale(squares, lengths, is_pair, row, history, first_scale_factor)
    tl.store(scale_address, scale)
    tl.store(flags, (pairs > 0).to(tl.int32))
    tl.store(flags + 1, tl.where(is_good, 0, 1))
    rank = _sort_pairs(ages, order, age, row, history)
    along_steps = tl.load(row_products + history + row, mask=is_pair, other=0.0)
    along_changes = tl.load(row_products + 4 * history + row, mask=is_pair, other=0.0)
    curvature = tl.load(products + row * history + row, mask=is_pair, other=1.0)
    inverse = 1.0 / curvature
    by_change = _solve_upper(products, order, along_steps, inverse, rank, is_pair, row, history, pairs)
    tl.store(change_weights + row, by_change, mask=is_row)
    tl.debug_barrier()
    squared = tl.zeros((rows,), tl.float64)
    for other_row in range(history):
        matrix_column = tl.load(squares + row * history + other_row, mask=is_pair, other=0.0)
        squared += matrix_column * tl.load(change_weights + other_row)
    residual = tl.where(is_pair, curvature * by_change + scale * (squared - along_changes), 0.0)
    tl.debug_barrier()
    tl.store(change_weights + row, -scale * by_change, mask=is_row)
    by_step = _solve_lower(products, order, residual, inverse, rank, is_pair, row, history, pairs)
    tl.store(step_weights + row, by_step, mask=is_row)


@_kernel
def _combination(steps, changes, gradient, scale, step_weights, change_weights, direction, history, length, stride,
                 columns: tl.constexpr):  # fmt: skip
    column = tl.program_id(0) * columns + tl.arange(0, columns)
    valid = column < length
    total = tl.load(gradient + column, mask=valid, other=0.0) * tl.load(scale).to(tl.float32)
    s, y = steps + column, changes + column
    for row in range(history):
        by_step, by_change = tl.load(step_weights + row).to(tl.float32), tl.load(change_weights + row).to(tl.float32)
        step = tl.load(s, mask=valid, other=0.0).to(tl.float32)
        change = tl.load(y, mask=valid, other=0.0).to(tl.float32)
        total += by_step * tl.where(by_step == 0, 0.0, step) + by_change * tl.where(by_change == 0, 0.0, change)
        s += stride
        y += stride
    tl.store(direction + column, total, mask=valid)


@_kernel
def _advance(direction, move, length_sum, image, last_image, steps, ages, step_fraction, max_step, flags, step_length,
             next_image, history, length, stride, count, learning_rate, first_step,
             rows: tl.constexpr, columns: tl.constexpr):  # fmt: skip
    started_row = _least_age_row(ages, history, rows)
    has_pairs, is_bad = tl.load(flags) != 0, tl.load(flags + 1) != 0
    mean = tl.load(length_sum) / count.to(tl.float32)
    full_step = tl.where(has_pairs, learning_rate * tl.load(step_fraction) * mean, first_step)
    step = tl.minimum(full_step, tl.load(max_step))
    scale = -step / tl.maximum(mean, 1.1754944e-38)
    column = tl.program_id(0) * columns + tl.arange(0, columns)
    is_column = column < length
    change = tl.load(direction + column, mask=is_column, other=0.0) * scale
    tl.store(steps + started_row.to(tl.int64) * stride + column, change, mask=is_column)
    is_pixel = column < count
    pixels = tl.load(image + column, mask=is_pixel, other=0.0)
    last_pixels = tl.load(last_image + column, mask=is_pixel, other=0.0)
    base = tl.where(is_bad, last_pixels, pixels)
    tl.store(last_image + column, base, mask=is_pixel)
    tl.store(next_image + column, base + tl.load(move + column, mask=is_pixel, other=0.0) * scale, mask=is_pixel)
    if tl.program_id(0) == 0:  # other programs may read the age before or after: it is the least in both cases
        tl.store(ages + started_row, -1)
        tl.store(step_length, step)


def _padded_rows(history: int) -> int:
    """Return the rows of a history as a power of 2, so large that the usual histories share their kernels."""
    return max(_MIN_PADDED_ROWS, triton.next_power_of_2(history))


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
    """Compute `history_operators.complete` by one kernel; arguments and result are the operator's."""
    history, length = steps.shape
    programs = max(1, min(4 * _PRODUCT_PROGRAMS, triton.cdiv(length, _ROW_COLUMNS)))
    partial = torch.empty((programs, 5), dtype=torch.float32, device=steps.device)
    _complete[programs,](
        steps,
        changes,
        ages,
        gradient,
        last_gradient,
        loss,
        last_loss,
        partial,
        history,
        length,
        steps.stride(0),
        divergence_factor,
        rows=_padded_rows(history),
        columns=_ROW_COLUMNS,
    )
    return partial


def products(steps: Tensor, changes: Tensor, ages: Tensor, gradient: Tensor) -> Tensor:
    """Compute `history_operators.products` by one kernel; arguments and result are the operator's."""
    history, length = steps.shape
    is_compact = steps.dtype == torch.bfloat16 and steps.stride(0) % 16 == 0
    columns = _MAX_BLOCK_COLUMNS if is_compact else _BLOCK_COLUMNS
    programs = max(1, min(_PRODUCT_PROGRAMS, triton.cdiv(length, columns)))
    partial = torch.empty((programs, 5, history), dtype=torch.float32, device=steps.device)
    _products[programs, triton.cdiv(history, _BLOCK_ROWS)](
        steps,
        changes,
        ages,
        gradient,
        partial,
        history,
        length,
        steps.stride(0),
        rows=_BLOCK_ROWS,
        columns=columns,
        all_rows=_padded_rows(history),
        num_warps=_PRODUCT_WARPS,
    )
    return partial


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
    """Compute `history_operators.solve` by one program; arguments and result are the operator's."""
    history = len(ages)
    step_weights, change_weights, scale = (
        torch.empty_like(lengths),
        torch.empty_like(lengths),
        torch.empty_like(sums[0]),
    )
    flags, order = (torch.empty(count, dtype=torch.int32, device=ages.device) for count in (2, history))
    _solve[1,](
        sums,
        row_products,
        products,
        squares,
        lengths,
        ages,
        loss,
        last_loss,
        step_length,
        step_fraction,
        max_step,
        step_weights,
        change_weights,
        scale,
        flags,
        order,
        history,
        *limits,
        rows=_padded_rows(history),
        num_warps=_SOLVE_WARPS,
    )
    return step_weights, change_weights, scale, flags


def combination(
    steps: Tensor, changes: Tensor, gradient: Tensor, scale: Tensor, step_weights: Tensor, change_weights: Tensor
) -> Tensor:
    """Compute `history_operators.combination` by one kernel; arguments and result are the operator's."""
    history, length = steps.shape
    direction = torch.empty_like(gradient)
    _combination[triton.cdiv(length, _ROW_COLUMNS),](
        steps,
        changes,
        gradient,
        scale,
        step_weights,
        change_weights,
        direction,
        history,
        length,
        steps.stride(0),
        columns=_ROW_COLUMNS,
    )
    return direction


def advance(
    direction: Tensor,
    move: Tensor,
    move_length: Tensor,
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
    """Compute `history_operators.advance` by one kernel; arguments and result are the operator's."""
    history, length = steps.shape
    next_image, pixels = torch.empty_like(image), image.numel()
    _advance[triton.cdiv(pixels, _ROW_COLUMNS),](
        direction,
        move,
        move_length,
        image,
        last_image,
        steps,
        ages,
        step_fraction,
        max_step,
        flags,
        step_length,
        next_image,
        history,
        length,
        steps.stride(0),
        pixels,
        learning_rate,
        first_step,
        rows=_padded_rows(history),
        columns=_ROW_COLUMNS,
    )
    return next_image
