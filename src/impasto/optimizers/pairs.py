"""The pairs that L-BFGS remembers, as two matrices, and the inverse Hessian that they make, in compact form.

Byrd, Nocedal and Schnabel, *Representations of quasi-Newton matrices and their use in limited memory methods*, 1994,
theorem 2.2; the scale of H₀ is another one, of `Pairs.first_scale`.
"""

from dataclasses import dataclass, replace
from typing import Self, cast

import torch
from torch import Tensor

from impasto.optimizers.protocol import Resample

__all__ = ["Pairs"]

_ANGLE = 1e-8
"""Cosine of a step and the gradient's change along it, above which they are kept: no scale of either matters."""

_FREE = 5.0
"""How much further to go in directions that no pair knows than pairs did, on the mean, for the same gradient."""

_CHUNK = 1 << 14
"""Columns that are brought to the precision of sums at a time, where the matrices have a lower one."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Steps s and the changes y of the gradient along them, one a row, in a ring."""

    steps: Tensor
    """S, (history, N)."""
    changes: Tensor
    """Y, (history, N)."""
    products: Tensor
    """S Yᵀ, (history, history), in double precision where the device has it."""
    squares: Tensor
    """Y Yᵀ, (history, history)."""
    lengths: Tensor
    """⟨s, s⟩ of each row, (history,)."""
    ages: Tensor
    """When each row was written, (history,); 0 for never."""
    shape: torch.Size
    """Of the image that a row is, (C, H, W) or whatever it is."""

    @classmethod
    def none(cls, history: int, image: Tensor, dtype: torch.dtype) -> Self:
        """Return no pairs yet, with room for some of an image's size, held in `dtype`."""
        rows = torch.zeros(history, image.numel(), dtype=dtype, device=image.device)
        exact = torch.float32 if image.device.type == "mps" else torch.float64
        small = torch.zeros(history, history, dtype=exact, device=image.device)
        ages = torch.zeros(history, dtype=torch.int64, device=image.device)
        return cls(rows, torch.zeros_like(rows), small, small.clone(), small[0].clone(), ages, image.shape)

    def __len__(self) -> int:
        """Count the pairs; this waits for the device."""
        return int(self.ages.count_nonzero())

    def remember(self, step: Tensor, change: Tensor) -> Self:
        """Put a pair, each (N,), in place of the oldest, if they are finite and less than a right angle apart."""
        row = self.ages.argmin()[None]
        curved = _is_curved(step.dot(change), step.dot(step), change.dot(change))
        for matrix, vector in ((self.steps, step), (self.changes, change)):
            matrix.index_copy_(0, row, torch.where(curved, vector.to(matrix.dtype), matrix[row]))
        step, change = (matrix[row][0].to(step.dtype) for matrix in (self.steps, self.changes))
        by_change, by_step = _times(self.changes, change, step).to(self.squares)
        self.products.index_copy_(0, row, by_step[None])
        self.products.index_copy_(1, row, _times(self.steps, change).to(self.products).T)
        self.squares.index_copy_(0, row, by_change[None]).index_copy_(1, row, by_change[:, None])
        self.lengths.index_copy_(0, row, step.dot(step).to(self.lengths)[None])
        age = torch.where(curved, self.ages.max() + 1, self.ages[row])
        return replace(self, ages=self.ages.index_copy(0, row, age))

    def direction(self, gradient: Tensor) -> Tensor:
        """Return H g, (N,), where H₀ is a multiple of the identity; without pairs, g."""
        order = self.ages.argsort()
        there = self.ages[order] > 0
        products, squares = (matrix[order][:, order] for matrix in (self.products, self.squares))
        curvatures = torch.where(there, products.diagonal(), 1.0)
        triangle = products.triu(1) + curvatures.diag()  # R
        scale = self.first_scale()
        along_steps, along_changes = (
            _times(matrix, gradient)[0].to(products)[order] for matrix in (self.steps, self.changes)
        )
        of_changes = _solve(triangle, along_steps, upper=True)
        rest = curvatures * of_changes + scale * (squares @ of_changes - along_changes)
        of_steps = _solve(triangle.T, rest, upper=False)
        direction = gradient * scale.to(gradient)
        for matrix, weights in ((self.steps, of_steps), (self.changes, -scale * of_changes)):
            _add_rows(direction, matrix, torch.zeros_like(weights).index_copy(0, order, weights).to(gradient))
        return direction

    def first_scale(self) -> Tensor:
        """Return the scale of H₀, (): 5 times the geometric mean of |s| / |y| over all pairs; 1 without any.

        |s| / |y| is itself the geometric mean of ⟨s, y⟩ / ⟨y, y⟩ and ⟨s, s⟩ / ⟨s, y⟩ (Barzilai and Borwein, *Two-point
        step size gradient methods*, 1988, equations 5 and 6). The former, of the newest pair alone, is the usual scale.
        It suits the stiff directions, and where rounding adds to y it suits none: with it, the same loss takes half as
        many evaluations again (docs/notes/optimizer.md).
        """
        there = self.ages > 0
        logs = torch.where(there, self.lengths.log() - self.squares.diagonal().log(), 0.0)
        return torch.where(there.any(), _FREE, 1.0) * (logs.sum() / (2 * there.sum()).clamp_min(1)).exp()

    def resampled(self, resample: Resample) -> Self:
        """Return the pairs for another size: steps are images, and gradients are too, up to a factor.

        The losses are means over pixels, so a gradient by one pixel shrinks as their number grows.
        """
        sums = torch.promote_types(self.steps.dtype, torch.float32)
        steps, changes = (
            torch.stack([resample(row.view(self.shape)) for row in matrix.to(sums)])
            for matrix in (self.steps, self.changes)
        )
        shape = steps[0].shape
        steps, changes = steps.flatten(1), changes.flatten(1)
        changes *= self.steps.shape[1] / steps.shape[1]
        inner = ((steps * changes).sum(1), steps.square().sum(1), changes.square().sum(1))
        kept = _is_curved(*inner) & (self.ages > 0)
        steps, changes = (torch.where(kept[:, None], rows, 0.0) for rows in (steps, changes))
        return type(self)(
            steps.to(self.steps.dtype),
            changes.to(self.changes.dtype),
            (steps @ changes.T).to(self.products),
            (changes @ changes.T).to(self.squares),
            steps.square().sum(1).to(self.lengths),
            torch.where(kept, self.ages, 0),
            shape,
        )


def _is_curved(product: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """Judge ⟨s, y⟩ by ⟨s, s⟩ and ⟨y, y⟩; what is not a number is not curved."""
    squares = step * change
    return (product > _ANGLE * squares.sqrt()) & squares.isfinite()


def _solve(triangle: Tensor, vector: Tensor, *, upper: bool) -> Tensor:
    """Return triangle⁻¹ · vector."""
    return cast("Tensor", torch.linalg.solve_triangular(triangle, vector[:, None], upper=upper))[:, 0]


def _times(matrix: Tensor, *vectors: Tensor) -> Tensor:
    """Return matrix · each vector, (K, history), in their precision; to read the matrix is what takes the time."""
    columns = torch.stack(vectors).T
    if matrix.dtype == columns.dtype:
        return (matrix @ columns).T
    total = columns.new_zeros(len(matrix), len(vectors))
    for start in range(0, len(columns), _CHUNK):
        some = slice(start, start + _CHUNK)
        total += matrix[:, some].to(columns.dtype) @ columns[some]
    return total.T


def _add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector in place, in its precision."""
    if matrix.dtype == vector.dtype:
        vector.addmv_(matrix.T, weights)
        return
    for start in range(0, len(vector), _CHUNK):
        some = slice(start, start + _CHUNK)
        vector[some].addmv_(matrix[:, some].to(vector.dtype).T, weights)
