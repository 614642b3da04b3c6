"""The curvature pairs that L-BFGS remembers, as two matrices, and their inverse Hessian in compact form.

The small matrices that the compact form solves are in `kernels.lbfgs_algebra`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled import has_loops_for
from impasto.kernels.lbfgs_algebra import PairMatrices, add_pair, is_curved, row_weights
from impasto.kernels.precision import exact_dtype
from impasto.machine.processes import ALONE, Group
from impasto.optimizers.base import Resample
from impasto.planning.footprint import IMAGE_BYTES
from impasto.settings.choices import HistoryDtype

__all__ = ["FIRST_SCALE_FACTOR", "MIN_CURVATURE_COSINE", "PAIR_BYTES", "CurvaturePairs", "dot"]

MIN_CURVATURE_COSINE = 1e-8
"""The least cosine between a step and the change of the gradient along it, for the pair to be remembered. A bound on
⟨s, y⟩ itself, as in torch.optim.LBFGS, would depend on the scale of the loss."""

FIRST_SCALE_FACTOR = 5.0
"""The scale of H₀, for directions that no pair knows, over the mean |s| / |y| of pairs (docs/notes/optimizer.md)."""

PAIR_BYTES: Mapping[HistoryDtype, float] = {"float32": 2 * IMAGE_BYTES, "bfloat16": IMAGE_BYTES}
"""Bytes a pixel of a curvature pair: a step, and the change of the gradient along it."""

_CACHED_COLUMNS = 1 << 14
"""Columns of a bfloat16 matrix that a processor converts at a time: 64 kB a row in float32 stay in its cache."""

_MAX_COLUMNS = 1 << 22
"""Columns of a matrix that are multiplied at a time: sums over more lose digits in float32."""


@dataclass(frozen=True, eq=False)
class CurvaturePairs:
    """Steps s and the changes y of the gradient along them, one pair a row, in a ring.

    A step is written to its row when it is taken, its change when the gradient at its end is known. Where
    several processes divide an image, N is the number of values of this process's shard; inner products are summed over
    all processes. Methods change the history in place. A processor alone calls `begin`, `step`, `remember` and
    `direction`; a GPU calls the operators of `kernels.cuda.history_operators`.
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
    """The order in which rows were written, (history,); 0 for an empty row, -1 where the change is not known yet."""
    shape: torch.Size
    """The shape of the whole image, (C, H, W), of which a row holds this process's shard."""
    group: Group = ALONE

    @classmethod
    def empty(cls, history: int, image: Tensor, dtype: torch.dtype, group: Group = ALONE) -> Self:
        """Return a history without pairs.

        Args:
            history: The number of pairs that it can hold.
            image: An image of the size of a step, (C, H, W).
            dtype: The dtype of steps and changes.
            group: The processes among which an image is divided.

        Returns:
            A history with empty rows.

        """
        length = group.shard(image.reshape(-1)).numel()
        rows = torch.zeros(history, length, dtype=dtype, device=image.device)
        small = torch.zeros(history, history, dtype=exact_dtype(image.device), device=image.device)
        ages = torch.zeros(history, dtype=torch.int64, device=image.device)
        return cls(rows, torch.zeros_like(rows), small, small.clone(), small[0].clone(), ages, image.shape, group)

    def __len__(self) -> int:
        """Count the pairs; this waits for the device."""
        return int((self.ages > 0).sum())

    @property
    def matrices(self) -> PairMatrices:
        """What is known of the pairs without their rows."""
        return PairMatrices(self.products, self.squares, self.lengths, self.ages)

    def begin(self, step: Tensor) -> None:
        """Write a step, (N,), in place of the oldest pair."""
        row = int(self.ages.argmin())
        self.steps[row] = step
        self.ages[row] = -1

    def step(self, dtype: torch.dtype) -> Tensor:
        """Return a copy of the step that was started, (N,), rounded to the dtype of the history."""
        return self.steps[int(self.ages.argmin())].to(dtype, copy=True)

    def remember(self, step: Tensor, change: Tensor, gradient: Tensor) -> Tensor:
        """Complete the pair of the step that was started, if both are finite and less than a right angle apart.

        Most of the time goes into reading the rows, so the products of all rows with a gradient, which `direction`
        needs, are computed in the same pass.

        Args:
            step: The step that `step` returned, (N,).
            change: The change of the gradient along it, (N,), which is rounded in place to the dtype of the history.
            gradient: The next gradient for `direction`, (N,).

        Returns:
            The products of steps and changes with the gradient, (2, history).

        """
        row = int(self.ages.argmin())
        if change.dtype != self.steps.dtype:
            change.copy_(change.to(self.steps.dtype))
        product, length, square = self._sum(torch.stack((dot(step, change), dot(step, step), dot(change, change))))
        is_pair = is_curved(product, length, square, MIN_CURVATURE_COSINE)
        if is_pair:
            self.changes[row] = change
        else:
            self.steps[row] = self.changes[row] = 0
        products = torch.cat((_multiply(self.steps, change, gradient), _multiply(self.changes, step, change, gradient)))
        return add_pair(self.matrices, is_pair, length, self._sum(products))

    def direction(self, gradient: Tensor, gradient_products: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """Return H g, where H₀ is a multiple of the identity; without pairs, g.

        Args:
            gradient: g, (N,).
            gradient_products: The products that `remember` returned for this gradient, (2, history); computed, if not
                given.
            out: A tensor to write the result to, (N,).

        Returns:
            The direction, (N,).

        """
        if gradient_products is None:
            products_of_rows = [_multiply(matrix, gradient) for matrix in (self.steps, self.changes)]
            gradient_products = self._sum(torch.cat(products_of_rows))
        step_weights, change_weights, scale = row_weights(self.matrices, gradient_products, FIRST_SCALE_FACTOR)
        direction = torch.mul(gradient, scale.to(gradient), out=out)
        for matrix, weights in ((self.steps, step_weights), (self.changes, change_weights)):
            _add_rows(direction, matrix, weights.to(gradient))
        return direction

    def resampled(self, resample: Resample, history: int, dtype: torch.dtype) -> Self:
        """Return the newest pairs for the same image at another size.

        Steps are images, and gradients are too, up to a factor: the losses are means over pixels, so a gradient by one
        pixel shrinks as the number of pixels grows.

        Args:
            resample: Bring a (C, H, W) tensor to the other size.
            history: The number of pairs that the result can hold.
            dtype: The dtype of its steps and changes.

        Returns:
            A history in which every pair is finite and curved.

        """
        exact = torch.promote_types(dtype, torch.float32)
        pairs = type(self).empty(history, resample(self._image(self.steps, 0)), dtype, self.group)
        order = self.ages.argsort(descending=True)[: min(history, len(self))]
        factor = self.shape.numel() / pairs.shape.numel()
        for new_row, row in enumerate(map(int, order)):
            pairs.steps[new_row] = self.group.shard(resample(self._image(self.steps, row)).reshape(-1))
            pairs.changes[new_row] = self.group.shard(resample(self._image(self.changes, row).mul_(factor)).reshape(-1))
        for columns in _column_chunks(pairs.steps):
            steps, changes = (matrix[:, columns].to(exact) for matrix in (pairs.steps, pairs.changes))
            pairs.products.add_(steps @ changes.T)
            pairs.squares.add_(changes @ changes.T)
            pairs.lengths.add_(steps.square().sum(1))
        for sums in (pairs.products, pairs.squares, pairs.lengths):
            self.group.sum(sums)
        pairs.ages[: len(order)] = self.ages[order]
        is_lost = ~is_curved(pairs.products.diagonal(), pairs.lengths, pairs.squares.diagonal(), MIN_CURVATURE_COSINE)
        pairs.ages[is_lost] = 0
        for matrix in (pairs.steps, pairs.changes):
            matrix[is_lost] = 0
        for matrix in (pairs.products, pairs.squares):
            matrix.masked_fill_(is_lost[:, None] | is_lost, 0)
        return pairs

    def _image(self, matrix: Tensor, row: int) -> Tensor:
        """Return a row as a whole image, in the precision of sums."""
        image = matrix.new_empty(self.shape, dtype=torch.promote_types(matrix.dtype, torch.float32))
        self.group.shard(image.view(-1)).copy_(matrix[row])
        self.group.all_gather(image.view(-1))
        return image

    def _sum(self, products: Tensor) -> Tensor:
        """Add up the processes' inner products, in the precision of the small matrices."""
        return self.group.sum(products.to(self.products))


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Return the inner product of two vectors, summed in chunks: torch's own loses digits over millions of numbers.

    Args:
        first: (N,).
        second: (N,), in the same dtype.

    Returns:
        A scalar.

    """
    chunks = (slice(start, start + _MAX_COLUMNS) for start in range(0, len(first), _MAX_COLUMNS))
    return torch.stack([first[chunk].dot(second[chunk]) for chunk in chunks]).sum()


def _column_chunks(matrix: Tensor) -> Iterator[slice]:
    """Divide the columns: on a processor, columns that are converted to another dtype have to stay in its cache."""
    size = _CACHED_COLUMNS if matrix.dtype == torch.bfloat16 and matrix.device.type == "cpu" else _MAX_COLUMNS
    return (slice(start, start + size) for start in range(0, matrix.shape[1], size))


def _multiply(matrix: Tensor, *vectors: Tensor) -> Tensor:
    """Return matrix · each vector, (K, history), in the vectors' dtype, after reading the matrix once."""
    if _has_row_loops(matrix, vectors[0]):
        from impasto.kernels.cpu.compiled.rows import row_products  # noqa: PLC0415 (not everywhere)

        return row_products(matrix, vectors)
    total = vectors[0].new_zeros(len(vectors), len(matrix))
    for columns in _column_chunks(matrix):
        rows = torch.stack([vector[columns] for vector in vectors])  # the matrix on the left would take twice as long
        total.addmm_(rows, matrix[:, columns].to(rows.dtype).T)
    return total


def _add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector in place, in the vector's dtype."""
    if _has_row_loops(matrix, vector):
        from impasto.kernels.cpu.compiled.rows import add_rows  # noqa: PLC0415 (not everywhere)

        add_rows(vector, matrix, weights)
        return
    for columns in _column_chunks(matrix):
        vector[columns].addmv_(matrix[:, columns].to(vector.dtype).T, weights)


def _has_row_loops(matrix: Tensor, vector: Tensor) -> bool:
    """Tell whether there are compiled loops for a matrix and a vector; in float32, torch's product is as fast."""
    return (
        (matrix.dtype, vector.dtype) == (torch.bfloat16, torch.float32)
        and vector.is_contiguous()
        and has_loops_for(matrix)
    )
