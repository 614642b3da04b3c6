"""The pairs that L-BFGS remembers, as two matrices, and the inverse Hessian that they make, in compact form.

Byrd, Nocedal and Schnabel, *Representations of quasi-Newton matrices and their use in limited memory methods*, 1994,
theorem 2.2; the scale of H₀ is another one, of `Pairs.first_scale`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self, cast

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled import fits
from impasto.machine.processes import ALONE, Group
from impasto.optimizers.base import Resample
from impasto.planning.footprint import IMAGE_BYTES
from impasto.settings.choices import HistoryDtype

__all__ = ["FARTHER", "LEAST_COSINE", "PAIR_BYTES", "Pairs", "dot"]

LEAST_COSINE = 1e-8
"""Cosine of a step and the gradient's change along it, above which they are kept: no scale of either matters."""

FARTHER = 5.0
"""How much further to go in directions that no pair knows than pairs did, on the mean, for the same gradient."""

PAIR_BYTES: Mapping[HistoryDtype, float] = {"float32": 2 * IMAGE_BYTES, "bfloat16": IMAGE_BYTES}
"""Bytes a pixel of a curvature pair: a step, and the change of the gradient along it."""

_SMALL, _LARGE = 1 << 14, 1 << 22
"""Columns of a matrix that are worked on at a time."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Steps s and the changes y of the gradient along them, one a row, in a ring.

    A step is put in its row when it is taken, its change when the gradient at its end is known. N is the length of this
    process's part of an image; inner products are summed over all parts.
    """

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
    """When each row was written, (history,); 0 for those that hold nothing, -1 where a change is not known yet."""
    shape: torch.Size
    """Of the image that a row is a part of, (C, H, W) or whatever it is."""
    group: Group = ALONE

    @classmethod
    def none(cls, history: int, image: Tensor, dtype: torch.dtype, group: Group = ALONE) -> Self:
        """Return no pairs yet, with room for some of an image's size, held in `dtype`."""
        length = group.part(image.reshape(-1)).numel()
        rows = torch.zeros(history, length, dtype=dtype, device=image.device)
        exact = torch.float32 if image.device.type == "mps" else torch.float64
        small = torch.zeros(history, history, dtype=exact, device=image.device)
        ages = torch.zeros(history, dtype=torch.int64, device=image.device)
        return cls(rows, torch.zeros_like(rows), small, small.clone(), small[0].clone(), ages, image.shape, group)

    def __len__(self) -> int:
        """Count the pairs; this waits for the device."""
        return int((self.ages > 0).sum())

    def begin(self, step: Tensor) -> Self:
        """Put a step, (N,), in place of the oldest pair."""
        row = self.ages.argmin()[None]
        self.steps.index_copy_(0, row, step.to(self.steps.dtype)[None])
        return replace(self, ages=self.ages.index_fill(0, row, -1))

    def step(self, dtype: torch.dtype) -> Tensor:
        """Return a copy of the step that was begun, (N,), rounded to the precision in which it is held."""
        return self.steps.index_select(0, self.ages.argmin()[None])[0].to(dtype)

    def remember(self, step: Tensor, change: Tensor, gradient: Tensor) -> tuple[Self, Tensor]:
        """Complete the pair of the step that was begun, if both are finite and less than a right angle apart.

        `step` is what `step` returned; the change, (N,), is rounded in place to the precision in which it is held. To
        read the rows is what takes the time, so the products that `direction` needs, of all of them with a gradient,
        (N,), are taken along and returned, (2, history).
        """
        row = self.ages.argmin()[None]
        if change.dtype != self.steps.dtype:
            change.copy_(change.to(self.steps.dtype))
        product, length, square = self._sum(torch.stack((dot(step, change), dot(step, step), dot(change, change))))
        curved = _is_curved(product, length, square)
        for matrix, vector in ((self.steps, step), (self.changes, change)):
            for some in _parts(matrix):
                matrix[:, some].index_copy_(0, row, torch.where(curved, vector[some], 0.0).to(matrix.dtype)[None])
        products = torch.cat((_times(self.steps, change, gradient), _times(self.changes, step, change, gradient)))
        along, along_steps, by_step, by_change, along_changes = self._sum(products)  # (5, history)
        _put(self.products, row, curved, by_step, along)
        _put(self.squares, row, curved, by_change, by_change)
        self.lengths.index_copy_(0, row, torch.where(curved, length, 0.0)[None])
        ages = self.ages.index_copy(0, row, torch.where(curved, self.ages.max() + 1, 0)[None])
        return replace(self, ages=ages), torch.stack((along_steps, along_changes))

    def direction(self, gradient: Tensor, along: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """Return H g, (N,), where H₀ is a multiple of the identity; without pairs, g.

        `along` is what `remember` returned for this gradient, if it did.
        """
        order = self.ages.argsort()
        there = self.ages[order] > 0
        products, squares = (matrix[order][:, order] for matrix in (self.products, self.squares))
        curvatures = torch.where(there, products.diagonal(), 1.0)
        triangle = products.triu(1) + curvatures.diag()  # R
        scale = self.first_scale()
        if along is None:
            along = self._sum(torch.cat([_times(matrix, gradient) for matrix in (self.steps, self.changes)]))
        along_steps, along_changes = along[:, order]
        of_changes = _solve(triangle, along_steps, upper=True)
        rest = curvatures * of_changes + scale * (squares @ of_changes - along_changes)
        of_steps = _solve(triangle.T, rest, upper=False)
        direction = torch.mul(gradient, scale.to(gradient), out=out)
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
        return torch.where(there.any(), FARTHER, 1.0) * (logs.sum() / (2 * there.sum()).clamp_min(1)).exp()

    def resampled(self, resample: Resample, history: int, dtype: torch.dtype) -> Self:
        """Return the newest pairs, with room for `history`, for another size.

        Steps are images, and gradients are too, up to a factor: the losses are means over pixels, so a gradient by one
        pixel shrinks as their number grows.
        """
        exact = torch.promote_types(dtype, torch.float32)
        found = type(self).none(history, resample(self._image(self.steps, 0)), dtype, self.group)
        order = self.ages.argsort(descending=True)[: min(history, len(self))]
        shrunk = self.shape.numel() / found.shape.numel()
        for place, row in enumerate(map(int, order)):
            found.steps[place] = self.group.part(resample(self._image(self.steps, row)).reshape(-1))
            found.changes[place] = self.group.part(resample(self._image(self.changes, row).mul_(shrunk)).reshape(-1))
        for some in _parts(found.steps):
            steps, changes = (matrix[:, some].to(exact) for matrix in (found.steps, found.changes))
            found.products.add_(steps @ changes.T)
            found.squares.add_(changes @ changes.T)
            found.lengths.add_(steps.square().sum(1))
        for sums in (found.products, found.squares, found.lengths):
            self.group.sum(sums)
        found.ages[: len(order)] = self.ages[order]
        dead = ~_is_curved(found.products.diagonal(), found.lengths, found.squares.diagonal())
        found.ages[dead] = 0
        for matrix in (found.steps, found.changes):
            matrix[dead] = 0
        for matrix in (found.products, found.squares):
            matrix.masked_fill_(dead[:, None] | dead, 0)
        return found

    def _image(self, matrix: Tensor, row: int) -> Tensor:
        """Return a row as a whole image, in the precision of sums."""
        image = matrix.new_empty(self.shape, dtype=torch.promote_types(matrix.dtype, torch.float32))
        self.group.part(image.view(-1)).copy_(matrix[row])
        self.group.whole(image.view(-1))
        return image

    def _sum(self, numbers: Tensor) -> Tensor:
        """Add up the processes' inner products, in the precision of the small matrices."""
        return self.group.sum(numbers.to(self.products))


def dot(one: Tensor, two: Tensor) -> Tensor:
    """Return the inner product of two vectors, (); over millions of numbers torch's own loses digits in float32."""
    parts = (slice(start, start + _LARGE) for start in range(0, len(one), _LARGE))
    return torch.stack([one[some].dot(two[some]) for some in parts]).sum()


def _is_curved(product: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """Judge ⟨s, y⟩ by ⟨s, s⟩ and ⟨y, y⟩; what is not a number is not curved."""
    squares = step * change
    return (product > LEAST_COSINE * squares.sqrt()) & squares.isfinite()


def _solve(triangle: Tensor, vector: Tensor, *, upper: bool) -> Tensor:
    """Return triangle⁻¹ · vector."""
    return cast("Tensor", torch.linalg.solve_triangular(triangle, vector[:, None], upper=upper))[:, 0]


def _parts(matrix: Tensor) -> Iterator[slice]:
    """Divide the columns: on a processor, what is brought to another precision has to stay in its cache."""
    size = _SMALL if matrix.dtype == torch.bfloat16 and matrix.device.type == "cpu" else _LARGE
    return (slice(start, start + size) for start in range(0, matrix.shape[1], size))


def _times(matrix: Tensor, *vectors: Tensor) -> Tensor:
    """Return matrix · each vector, (K, history), in their precision; to read the matrix is what takes the time."""
    if _fits(matrix, vectors[0]):
        from impasto.kernels.cpu.compiled.rows import dots  # noqa: PLC0415 (not everywhere)

        return dots(matrix, vectors)
    total = vectors[0].new_zeros(len(vectors), len(matrix))
    for some in _parts(matrix):
        rows = torch.stack([vector[some] for vector in vectors])  # the matrix from the left would take twice as long
        total.addmm_(rows, matrix[:, some].to(rows.dtype).T)
    return total


def _add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector in place, in its precision."""
    if _fits(matrix, vector):
        from impasto.kernels.cpu.compiled.rows import add  # noqa: PLC0415 (not everywhere)

        add(vector, matrix, weights)
        return
    for some in _parts(matrix):
        vector[some].addmv_(matrix[:, some].to(vector.dtype).T, weights)


def _fits(matrix: Tensor, vector: Tensor) -> bool:
    """Tell whether there are compiled loops for these; in float32, torch's product is as fast."""
    return (matrix.dtype, vector.dtype) == (torch.bfloat16, torch.float32) and vector.is_contiguous() and fits(matrix)


def _put(matrix: Tensor, row: Tensor, new: Tensor, across: Tensor, down: Tensor) -> None:
    """Write a row, then a column of the same index; zeros, unless `new`, a scalar, is true."""
    matrix.index_copy_(0, row, torch.where(new, across.to(matrix), 0.0)[None])
    matrix.index_copy_(1, row, torch.where(new, down.to(matrix), 0.0)[:, None])
