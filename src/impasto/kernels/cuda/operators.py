"""The operators of the network, the statistics and the optimizer's history: few, each one pass over memory.

Each is an operator of PyTorch, so that a profile or a dispatch mode shows it by name. Its body here is plain PyTorch,
for any device and precision; on a GPU a Triton kernel does the same in one launch. Signals are (1, C, H, W) in
channels_last, with rows that may lie further apart than they are long; frames are the numbers of a `Frame`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.cotangents import Difference, Linear
from impasto.kernels.cuda.dispatch import uses_triton
from impasto.kernels.cuda.frame import Frame

__all__ = [
    "activate",
    "add_excess",
    "advance",
    "combination",
    "complete",
    "excess",
    "first_back",
    "first_forward",
    "gram_distance",
    "linear",
    "mask",
    "moments",
    "pool",
    "products",
    "solve",
    "square_distance",
    "unpool",
]

_MOST_ROWS = 1024
"""Pairs of a history whose small matrices one program of a GPU works on."""

Operator = TypeVar("Operator", bound=Callable[..., Any])

_LIBRARY = torch.library.Library("impasto", "DEF")


def _changing(*names: str) -> Callable[[Operator], Operator]:
    """Make a function an operator of PyTorch, `impasto::name`, for all devices, that changes some of its arguments.

    `torch.library.custom_op` does the same, and loads PyTorch's compiler, which takes a second.
    """

    def define(function: Operator) -> Operator:
        name = function.__name__
        _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=names))
        _LIBRARY.impl(name, function, "CompositeExplicitAutograd")
        return cast("Operator", getattr(torch.ops.impasto, name).default)

    return define


_operator = _changing()


@_operator
def first_forward(
    image: Tensor,
    around: Sequence[int],
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Sequence[int],
) -> Tensor:
    """Return max(0, conv1_1(scale · image + shift)) in a frame.

    Args:
        image: RGB in [0, 1], (3, H, W).
        around: The image's own frame; zeros in it are what `scale` and `shift` leave 0.
        scale: What the network takes a channel times, 3 numbers.
        shift: And what it adds then.
        weight: (C, 3, 3, 3), contiguous.
        bias: (C,).
        frame: Of the output.

    Returns:
        The framed signal, in the dtype of `weight`.

    """
    if uses_triton(weight) and image.dtype == torch.float32:
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.first_forward(image, Frame(*around), scale, shift, weight, bias, Frame(*frame))
    factor, summand = (torch.tensor(each, dtype=image.dtype)[:, None, None].to(image.device) for each in (scale, shift))
    signal = (image * factor + summand).to(weight.dtype)[None]
    output = functional.conv2d(Frame(*around).put(signal), weight, bias).relu_()
    return Frame(*frame).put(output)


@_operator
def first_back(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Return the gradient by the framed image, (3, H + 2, W + 2), from that by conv1_1's convolution, (1, C, H, W)."""
    if uses_triton(cotangent) and dtype == torch.float32:
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.first_back(cotangent, weight, scale, dtype)
    wide = functional.conv_transpose2d(cotangent, weight)[0].to(dtype)
    return (wide * torch.tensor(scale, dtype=dtype)[:, None, None].to(wide.device)).contiguous()


@_operator
def activate(raw: Tensor, bias: Tensor, frame: Sequence[int], remember: bool) -> tuple[Tensor, Tensor]:
    """Return max(0, raw + bias) in a frame and a bit for each unit above 0, (H, W, C / 8), at least if `remember`."""
    if uses_triton(raw):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.activate(raw, bias, Frame(*frame))
    output = _active(raw, bias)
    bits = _packed(output[0].permute(1, 2, 0) > 0) if remember else output.new_empty(0, dtype=torch.uint8)
    return Frame(*frame).put(output), bits


@_operator
def pool(
    raw: Tensor,
    bias: Tensor,
    kind: str,
    scale: float,
    frame: Sequence[int],
    remember: bool,
) -> tuple[Tensor, Tensor]:
    """Return the 2 × 2 pooling of max(0, raw + bias) in a frame, and what `unpool` needs, at least if `remember`.

    That is (H // 2, W // 2, C) of uint8: for max, which of four is the largest, the first of equal ones, and 4 where
    none is above 0; else a bit for each of the four that is above 0.
    """
    if uses_triton(raw):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.pool(raw, bias, kind, scale, Frame(*frame))
    fours = _fours(_active(raw, bias))  # (4, 1, C, H // 2, W // 2)
    if kind == "max":
        pooled = fours.amax(0)
        chosen = torch.where(pooled > 0, (fours == pooled).to(torch.uint8).argmax(0), 4)
    else:
        pooled = fours.mean(0) * scale if kind == "average" else _root(fours) * scale
        places = torch.arange(4, dtype=torch.uint8, device=raw.device).view(4, 1, 1, 1, 1)
        chosen = ((fours > 0).to(torch.uint8) << places).sum(0)
    choices = chosen.to(torch.uint8)[0].permute(1, 2, 0).contiguous() if remember else _nothing(raw)
    return Frame(*frame).put(pooled), choices


@_operator
def unpool(
    wide: Tensor,
    frame: Sequence[int],
    choices: Tensor,
    raw: Tensor | None,
    bias: Tensor | None,
    kind: str,
    scale: float,
    height: int,
    width: int,
) -> Tensor:
    """Return the gradient by `raw` of `pool`, (1, C, H, W), from that by its framed output.

    `raw` and `bias` are needed for l2 only.
    """
    if uses_triton(wide):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.unpool(wide, Frame(*frame), choices, raw, bias, kind, scale, height, width)
    pulled = Frame(*frame).fold(wide.clone()) * (1.0 if kind == "max" else scale)
    chosen = choices.permute(2, 0, 1)[None].int()
    gradient = torch.zeros((1, *wide.shape[1:2], height, width), dtype=wide.dtype, device=wide.device)
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    if kind == "l2" and raw is not None and bias is not None:
        fours = _fours(_active(raw, bias))
        parts = list(pulled / _root(fours) * fours)
    elif kind == "max":
        parts = [torch.where(chosen == place, pulled, 0) for place in range(4)]
    else:
        parts = [torch.where((chosen >> place & 1) > 0, pulled / 4, 0) for place in range(4)]
    for place, part in enumerate(parts):
        gradient[:, :, place // 2 : height // 2 * 2 : 2, place % 2 : width // 2 * 2 : 2] = part
    return gradient


@_operator
def mask(
    wide: Tensor | None,
    frame: Sequence[int],
    features: Tensor | None,
    bits: Tensor | None,
    factor: Tensor | None,
    content: Tensor | None,
    clears: bool,
    shape: Sequence[int],
    like: Tensor,
) -> Tensor:
    """Go back through a frame and a ReLU.

    Args:
        wide: The gradient by the framed signal; None: 0.
        frame: The frame.
        features: The signal, the output of the ReLU, if it is there.
        bits: Else what `activate` remembered.
        factor: A scalar; with it, factor · (features - content) is added before the ReLU.
        content: (C, H, W).
        clears: Whether to set the gradient to 0 where the features are not above 0.
        shape: Of the signal.
        like: A tensor of the gradient's dtype and device.

    """
    if uses_triton(like):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.mask(
            wide, Frame(*frame), features, bits, factor, content, clears=clears, shape=shape, like=like
        )
    gradient = _start(wide, frame, shape, like)
    if features is not None and factor is not None and content is not None:
        Difference(factor, content)(features[0], gradient[0])
    if features is not None and clears:
        gradient *= features > 0
    if bits is not None:
        gradient *= _unpacked(bits, shape[1]).permute(2, 0, 1)
    return gradient


@_operator
def linear(
    wide: Tensor | None,
    frame: Sequence[int],
    features: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    weights: Tensor | None,
    place: Sequence[int] | None,
    clears: bool,
) -> Tensor:
    """Go back through a frame, add w ∘ (2 S F + s) and, if `clears`, go back through the ReLU before it.

    Args:
        wide: The gradient by the framed signal; None: 0.
        frame: The frame.
        features: F, the signal, (1, C, H, W).
        matrix: S, symmetric, (C, C).
        offset: s, (C,); None: 0.
        weights: w, of the rows and columns of `place`; None: 1.
        place: First and last row, first and last column to which the sum is added; None: all.
        clears: Whether to set the gradient to 0 where the features are not above 0.

    """
    if uses_triton(features):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        part = None if place is None else (place[0], place[1], place[2], place[3])
        return triton_layers.linear(wide, Frame(*frame), features, matrix, offset, weights, part, clears=clears)
    gradient = _start(wide, frame, features.shape, features)
    top, bottom, near, far = place or (0, features.shape[2], 0, features.shape[3])
    some = slice(None), slice(top, bottom), slice(near, far)
    Linear(matrix, offset, weights)(features[0][some], gradient[0][some])
    if clears:
        gradient *= features > 0
    return gradient


@_operator
def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    """Return sums of w F Fᵀ and, as a last column, of w F over parts of the positions, (parts, C, C + 1).

    Args:
        features: F, (C, H, W), channels last in memory.
        weights: w, (H, W); None: 1.

    """
    if uses_triton(features):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.moments(features, weights)
    exact = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(1)  # (C, H·W)
    weighted = exact if weights is None else exact * weights.flatten()
    return torch.cat((weighted @ exact.T, weighted.sum(1)[:, None]), 1)[None]


@_operator
def gram_distance(
    total: Tensor, mass: Tensor, target: Tensor, weight: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return weight / C² · mean((G - A)²) in parts that add up to it, and its derivative.

    Args:
        total: Sums of F Fᵀ and F, (C, C + 1).
        mass: What divides them, a scalar: G is the first C columns of total / mass.
        target: A and a column that does not count, (C, C + 1).
        weight: Of the distance.
        dtype: Of the features, in which the derivative is returned.

    Returns:
        Scalars, (parts,), and the derivative by the sums of F Fᵀ, (C, C).

    """
    if uses_triton(total):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.gram_distance(total, mass, target, weight, dtype)
    difference = (total / mass - target)[:, :-1]
    factor = weight / len(total) ** 4
    return difference.square().sum()[None] * factor, (difference * (2 * factor) / mass).to(dtype)


@_operator
def square_distance(features: Tensor, content: Tensor) -> Tensor:
    """Return Σ (F - P)² in parts that add up to it, (parts,).

    Args:
        features: F, (C, H, W), channels last in memory.
        content: P, (C, H, W), likewise, in any precision.

    """
    if uses_triton(features):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.square_distance(features, content)
    exact = torch.promote_types(features.dtype, torch.float32)
    return (features.to(exact) - content.to(exact)).square().sum()[None]


@_operator
def excess(gray: Tensor) -> Tensor:
    """Return Σ max(0, x - 255)² + max(0, -x)² of gray levels, (3, H, W), in parts that add up to it, (parts,)."""
    if uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.excess(gray)
    return (gray - gray.clamp(0, 255)).square().sum()[None]


@_changing("into")
def add_excess(gray: Tensor, factor: Tensor, into: Tensor) -> None:
    """Add factor · (x - the nearest in 0 … 255) to a gradient by gray levels x, both (3, H, W)."""
    if uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        triton_statistics.add_excess(gray, factor, into)
    else:
        into.add_((gray - gray.clamp(0, 255)) * factor)


@_changing("changes", "last_gradient")
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
    if uses_triton(gradient):
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


@_operator
def products(steps: Tensor, changes: Tensor, ages: Tensor, gradient: Tensor) -> Tensor:
    """Return S y, S g, Y s, Y y and Y g in parts that add up to them, (parts, 5, history).

    Args:
        steps: S, (history, N), in float32 or bfloat16.
        changes: Y, (history, N).
        ages: When each row was written, (history,); s and y are the rows with the least.
        gradient: g, (N,).

    """
    if uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.products(steps, changes, ages, gradient)
    row = ages.argmin()[None]
    step, change = (matrix.index_select(0, row)[0].to(gradient) for matrix in (steps, changes))
    by_steps = torch.stack((change, gradient)) @ steps.to(gradient.dtype).T
    by_changes = torch.stack((step, change, gradient)) @ changes.to(gradient.dtype).T
    return torch.cat((by_steps, by_changes))[None]


@_operator
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
    if uses_triton(gradient):
        from impasto.kernels.cuda import triton_history  # noqa: PLC0415 (a GPU)

        return triton_history.combination(steps, changes, gradient, scale, of_steps, of_changes)
    direction = gradient * scale
    for weights, matrix in ((of_steps, steps), (of_changes, changes)):
        taken = weights != 0
        direction += weights[taken].to(gradient) @ matrix[taken].to(gradient.dtype)
    return direction


@_changing("products", "squares", "lengths", "ages", "last_loss", "share", "longest")
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
    if uses_triton(loss) and len(ages) <= _MOST_ROWS:
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


@_changing("last_image", "steps", "ages", "moved")
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
    if uses_triton(image):
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


def _active(raw: Tensor, bias: Tensor) -> Tensor:
    return (raw + bias[:, None, None]).relu_()


def _start(wide: Tensor | None, frame: Sequence[int], shape: Sequence[int], like: Tensor) -> Tensor:
    """Return the gradient before anything is added to it."""
    if wide is not None:
        return Frame(*frame).fold(wide.clone()).contiguous(memory_format=torch.channels_last)
    zeros = torch.zeros(*shape, dtype=like.dtype, device=like.device)
    return zeros.contiguous(memory_format=torch.channels_last)


def _fours(signal: Tensor) -> Tensor:
    """Return the four of each pooling by place, from the upper left to the lower right, (4, 1, C, H // 2, W // 2)."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    return torch.stack([signal[:, :, row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)])


def _root(fours: Tensor) -> Tensor:
    """Return the root of the sum of squares of each four, above 0."""
    return fours.square().sum(0).clamp_min(torch.finfo(torch.float32).tiny).sqrt()


def _packed(active: Tensor) -> Tensor:
    """Pack (H, W, C) of booleans to a bit each, (H, W, C / 8)."""
    height, width, channels = active.shape
    eights = functional.pad(active.to(torch.uint8), (0, -channels % 8)).view(height, width, -1, 8)
    shifts = torch.arange(8, dtype=torch.uint8, device=active.device)
    return (eights << shifts).sum(3).to(torch.uint8)


def _unpacked(bits: Tensor, channels: int) -> Tensor:
    """Return what was packed, (H, W, C)."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return (bits[..., None] >> shifts & 1).flatten(2)[..., :channels]


def _nothing(like: Tensor) -> Tensor:
    return torch.empty(0, dtype=torch.uint8, device=like.device)
