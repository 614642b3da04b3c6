"""Triton kernels of L-BFGS's history: what takes the time is to read its rows, so each kernel reads them once."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["advance", "combination", "complete", "products", "solve"]

_ROWS, _COLUMNS = 64, 128
"""Of a block of the history whose products are added up."""

_WARPS = 8
"""Of a program that adds up products."""

_PROGRAMS = 264
"""Programs that add up products: two for each multiprocessor of an H100."""

_STRETCH = 512
"""Columns of a program that works on single rows."""

_SOLVE_WARPS = 4
"""Of the program that works on the small matrices."""


@triton.jit
def _begun(ages, history, rows: tl.constexpr):
    """Return the row of the step that was begun, or the oldest."""
    row = tl.arange(0, rows)
    return tl.argmin(tl.load(ages + row, mask=row < history, other=2**62), 0)


@triton.jit
def _complete(steps, changes, ages, gradient, last_gradient, loss, last_loss, partial, history, length, stride,
              tolerated, rows: tl.constexpr, columns: tl.constexpr):  # fmt: skip
    row = _begun(ages, history, rows).to(tl.int64) * stride
    is_good = tl.load(loss) <= tolerated * tl.load(last_loss)
    zero = tl.zeros((columns,), tl.float32)
    by_slope, by_last, s_y, s_s, y_y = zero, zero, zero, zero, zero
    for start in range(tl.program_id(0) * columns, length, tl.num_programs(0) * columns):
        column = start + tl.arange(0, columns)
        valid = column < length
        g = tl.load(gradient + column, mask=valid, other=0.0)
        before = tl.load(last_gradient + column, mask=valid, other=0.0)
        s = tl.load(steps + row + column, mask=valid, other=0.0).to(tl.float32)
        change = (g - before).to(changes.dtype.element_ty)
        tl.store(changes + row + column, change, mask=valid)
        y = change.to(tl.float32)
        tl.store(last_gradient + column, tl.where(is_good, before + y, before), mask=valid)
        by_slope += g * s
        by_last += before * s
        s_y += s * y
        s_s += s * s
        y_y += y * y
    into = partial + tl.program_id(0) * 5
    tl.store(into, tl.sum(by_slope, 0))
    tl.store(into + 1, tl.sum(by_last, 0))
    tl.store(into + 2, tl.sum(s_y, 0))
    tl.store(into + 3, tl.sum(s_s, 0))
    tl.store(into + 4, tl.sum(y_y, 0))


@triton.jit
def _products(steps, changes, ages, gradient, partial, history, length, stride,
              rows: tl.constexpr, columns: tl.constexpr, all_rows: tl.constexpr):  # fmt: skip
    new = _begun(ages, history, all_rows).to(tl.int64) * stride
    row = tl.program_id(1) * rows + tl.arange(0, rows)
    there = (row < history)[:, None]
    start_of_row = row.to(tl.int64)[:, None] * stride
    s_y = tl.zeros((rows, columns), tl.float32)
    s_g = tl.zeros((rows, columns), tl.float32)
    y_s = tl.zeros((rows, columns), tl.float32)
    y_y = tl.zeros((rows, columns), tl.float32)
    y_g = tl.zeros((rows, columns), tl.float32)
    for start in range(tl.program_id(0) * columns, length, tl.num_programs(0) * columns):
        column = start + tl.arange(0, columns)
        valid = column < length
        s = tl.load(steps + start_of_row + column[None, :], mask=there & valid[None, :], other=0.0).to(tl.float32)
        y = tl.load(changes + start_of_row + column[None, :], mask=there & valid[None, :], other=0.0).to(tl.float32)
        new_s = tl.load(steps + new + column, mask=valid, other=0.0).to(tl.float32)[None, :]
        new_y = tl.load(changes + new + column, mask=valid, other=0.0).to(tl.float32)[None, :]
        g = tl.load(gradient + column, mask=valid, other=0.0)[None, :]
        s_y += s * new_y
        s_g += s * g
        y_s += y * new_s
        y_y += y * new_y
        y_g += y * g
    into = partial + tl.program_id(0) * 5 * history + row
    tl.store(into, tl.sum(s_y, 1), mask=row < history)
    tl.store(into + history, tl.sum(s_g, 1), mask=row < history)
    tl.store(into + 2 * history, tl.sum(y_s, 1), mask=row < history)
    tl.store(into + 3 * history, tl.sum(y_y, 1), mask=row < history)
    tl.store(into + 4 * history, tl.sum(y_g, 1), mask=row < history)


@triton.jit
def _solve(sums, found, products, squares, lengths, ages, loss, last_loss, moved, share, longest,
           of_steps, of_changes, first_scale, flags, order, history, least_cosine, farther, tolerated, longest_step,
           following, nearest, furthest, least_share, most_share, rows: tl.constexpr):  # fmt: skip
    row = tl.arange(0, rows)
    now, before = tl.load(loss), tl.load(last_loss)
    is_good = now <= tolerated * before
    slope, slope_before = tl.load(sums), tl.load(sums + 1)
    best = 1.0 / (1.0 - slope / slope_before)
    best = tl.where(best > 0, best, furthest)
    best = tl.minimum(tl.maximum(best, nearest), furthest)
    old_share = tl.load(share)
    new_share = tl.where(tl.abs(slope) < float("inf"), old_share * tl.exp(following * tl.log(best)), old_share)
    tl.store(share, tl.minimum(tl.maximum(new_share, least_share), most_share))
    tl.store(longest, tl.where(is_good, tl.minimum(2 * tl.load(longest), longest_step), tl.load(moved) / 2))
    tl.store(last_loss, tl.where(is_good, now, before))
    mine = row < history
    age = tl.load(ages + row, mask=mine, other=2**62)
    new = tl.argmin(age, 0)
    s_y, s_s, y_y = tl.load(sums + 2), tl.load(sums + 3), tl.load(sums + 4)
    both = s_s * y_y
    curved = (s_y > least_cosine * tl.sqrt(both)) & (both < float("inf"))
    newest = tl.max(tl.where(mine, age, 0), 0)
    age = tl.where(mine, age, 0)
    age = tl.where(row == new, tl.where(curved, newest + 1, 0), age)
    there = age > 0
    tl.store(ages + row, age, mask=mine)
    to_step, along_steps = (
        tl.load(found + row, mask=there, other=0.0),
        tl.load(found + history + row, mask=there, other=0.0),
    )
    to_change = tl.load(found + 2 * history + row, mask=there, other=0.0)
    square = tl.load(found + 3 * history + row, mask=there, other=0.0)
    along_changes = tl.load(found + 4 * history + row, mask=there, other=0.0)
    tl.store(products + new * history + row, tl.where(curved, to_change, 0.0), mask=mine)
    tl.store(squares + new * history + row, tl.where(curved, square, 0.0), mask=mine)
    tl.debug_barrier()
    tl.store(products + row * history + new, tl.where(curved, to_step, 0.0), mask=mine)
    tl.store(squares + row * history + new, tl.where(curved, square, 0.0), mask=mine)
    tl.store(lengths + row, tl.where(curved, s_s, 0.0), mask=mine & (row == new))
    tl.debug_barrier()
    curvature = tl.load(products + row * history + row, mask=there, other=1.0)
    length = tl.load(lengths + row, mask=there, other=1.0)
    norm = tl.load(squares + row * history + row, mask=there, other=1.0)
    count = tl.sum(there.to(tl.float64), 0)
    logs = tl.sum(tl.where(there, tl.log(length) - tl.log(norm), 0.0), 0)
    scale = tl.where(count > 0, farther * tl.exp(logs / tl.maximum(2 * count, 1.0)), 1.0)
    tl.store(first_scale, scale)
    tl.store(flags, (count > 0).to(tl.int32))
    tl.store(flags + 1, tl.where(is_good, 0, 1))
    inverse = 1.0 / curvature
    rank = tl.zeros((rows,), tl.int32)  # 0: the newest
    for other in range(history):
        rank += (tl.load(ages + other) > age).to(tl.int32)
    tl.store(order + rank, row, mask=there)
    tl.debug_barrier()
    pairs = tl.sum(there.to(tl.int32), 0)
    rest = along_steps
    by_change = tl.zeros((rows,), tl.float64)
    for place in range(pairs):  # R x = S g, the newest first
        at = tl.load(order + place)
        column = tl.load(products + row * history + at, mask=there & (rank > place), other=0.0)
        value = tl.sum(tl.where(row == at, rest * inverse, 0.0), 0)
        by_change = tl.where(row == at, value, by_change)
        rest -= column * value
    tl.store(of_changes + row, by_change, mask=mine)
    tl.debug_barrier()
    squared = tl.zeros((rows,), tl.float64)
    for other in range(history):
        column = tl.load(squares + row * history + other, mask=there, other=0.0)
        squared += column * tl.load(of_changes + other)
    rest = tl.where(there, curvature * by_change + scale * (squared - along_changes), 0.0)
    tl.debug_barrier()
    tl.store(of_changes + row, -scale * by_change, mask=mine)
    by_step = tl.zeros((rows,), tl.float64)
    for left in range(pairs):  # Rᵀ z = rest, the oldest first
        place = pairs - 1 - left
        at = tl.load(order + place)
        across = tl.load(products + at * history + row, mask=there & (rank < place), other=0.0)
        value = tl.sum(tl.where(row == at, rest * inverse, 0.0), 0)
        by_step = tl.where(row == at, value, by_step)
        rest -= across * value
    tl.store(of_steps + row, by_step, mask=mine)


@triton.jit
def _combination(steps, changes, gradient, scale, of_steps, of_changes, direction, history, length, stride,
                 columns: tl.constexpr):  # fmt: skip
    column = tl.program_id(0) * columns + tl.arange(0, columns)
    valid = column < length
    total = tl.load(gradient + column, mask=valid, other=0.0) * tl.load(scale).to(tl.float32)
    s, y = steps + column, changes + column
    for row in range(history):
        by_step, by_change = tl.load(of_steps + row).to(tl.float32), tl.load(of_changes + row).to(tl.float32)
        one, two = tl.load(s, mask=valid, other=0.0).to(tl.float32), tl.load(y, mask=valid, other=0.0).to(tl.float32)
        total += by_step * tl.where(by_step == 0, 0.0, one) + by_change * tl.where(by_change == 0, 0.0, two)
        s += stride
        y += stride
    tl.store(direction + column, total, mask=valid)


@triton.jit
def _advance(direction, move, length_sum, image, last_image, steps, ages, share, longest, flags, moved, into, history,
             length, stride, whole, rate, first_step, rows: tl.constexpr, columns: tl.constexpr):  # fmt: skip
    begun = _begun(ages, history, rows)
    has_pairs, is_bad = tl.load(flags) != 0, tl.load(flags + 1) != 0
    mean = tl.load(length_sum) / whole.to(tl.float32)
    wanted = tl.where(has_pairs, rate * tl.load(share) * mean, first_step)
    taken = tl.minimum(wanted, tl.load(longest))
    scale = -taken / tl.maximum(mean, 1.1754944e-38)
    column = tl.program_id(0) * columns + tl.arange(0, columns)
    part = column < length
    d = tl.load(direction + column, mask=part, other=0.0) * scale
    tl.store(steps + begun.to(tl.int64) * stride + column, d, mask=part)
    valid = column < whole
    now = tl.load(image + column, mask=valid, other=0.0)
    before = tl.load(last_image + column, mask=valid, other=0.0)
    base = tl.where(is_bad, before, now)
    tl.store(last_image + column, base, mask=valid)
    tl.store(into + column, base + tl.load(move + column, mask=valid, other=0.0) * scale, mask=valid)
    if tl.program_id(0) == 0:  # others may read it before or after: it stays the least
        tl.store(ages + begun, -1)
        tl.store(moved, taken)


def _rows(history: int) -> int:
    return max(16, triton.next_power_of_2(history))


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
    history, length = steps.shape
    programs = max(1, min(4 * _PROGRAMS, triton.cdiv(length, _STRETCH)))
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
        tolerated,
        rows=_rows(history),
        columns=_STRETCH,
    )
    return partial


def products(steps: Tensor, changes: Tensor, ages: Tensor, gradient: Tensor) -> Tensor:
    history, length = steps.shape
    programs = max(1, min(_PROGRAMS, triton.cdiv(length, _COLUMNS)))
    partial = torch.empty((programs, 5, history), dtype=torch.float32, device=steps.device)
    _products[programs, triton.cdiv(history, _ROWS)](
        steps,
        changes,
        ages,
        gradient,
        partial,
        history,
        length,
        steps.stride(0),
        rows=_ROWS,
        columns=_COLUMNS,
        all_rows=_rows(history),
        num_warps=_WARPS,
    )
    return partial


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
    history = len(ages)
    of_steps, of_changes, scale = torch.empty_like(lengths), torch.empty_like(lengths), torch.empty_like(sums[0])
    flags, order = (torch.empty(count, dtype=torch.int32, device=ages.device) for count in (2, history))
    _solve[1,](
        sums,
        found,
        products,
        squares,
        lengths,
        ages,
        loss,
        last_loss,
        moved,
        share,
        longest,
        of_steps,
        of_changes,
        scale,
        flags,
        order,
        history,
        *limits,
        rows=_rows(history),
        num_warps=_SOLVE_WARPS,
    )
    return of_steps, of_changes, scale, flags


def combination(
    steps: Tensor, changes: Tensor, gradient: Tensor, scale: Tensor, of_steps: Tensor, of_changes: Tensor
) -> Tensor:
    history, length = steps.shape
    direction = torch.empty_like(gradient)
    _combination[triton.cdiv(length, _STRETCH),](
        steps,
        changes,
        gradient,
        scale,
        of_steps,
        of_changes,
        direction,
        history,
        length,
        steps.stride(0),
        columns=_STRETCH,
    )
    return direction


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
    history, count = steps.shape
    into, whole = torch.empty_like(image), image.numel()
    _advance[triton.cdiv(whole, _STRETCH),](
        direction,
        move,
        length,
        image,
        last_image,
        steps,
        ages,
        share,
        longest,
        flags,
        moved,
        into,
        history,
        count,
        steps.stride(0),
        whole,
        rate,
        first_step,
        rows=_rows(history),
        columns=_STRETCH,
    )
    return into
