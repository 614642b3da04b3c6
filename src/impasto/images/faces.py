"""Faces: where a picture shows some, as a mask.

They are detected as in Zhang, Zhang, Li and Qiao, *Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks* (IEEE Signal Processing Letters, 2016): a small network proposes boxes at every scale, and two
larger ones refuse most of them and move the others. Not in here: the networks, and what a face is for.
"""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from impasto.images.face_networks import PROPOSAL, REFINEMENTS, FaceNetwork
from impasto.images.masks import Mask
from impasto.images.picture import Picture
from impasto.images.resampling import resample

__all__ = ["find_faces"]

LONG_SIDE = 640
"""The long side, in pixels, to which larger pictures are reduced: a face that is lost by it would be a stroke."""

MIN_FACE_SIDE = 24
"""The side of the smallest face that is looked for, in pixels."""

SCALE_STEP = 0.709
"""The factor from one scale to the next: the root of a half, as in the paper's code."""

STRIDE = 2
"""Pixels from one box that the first network judges to the next."""

OVERLAP = 0.5
"""The area of two boxes' intersection divided by that of their union, above which they are the same face."""

INNER_RADIUS, OUTER_RADIUS = 0.95, 1.6
"""The radii of the ellipses in which a mask is 1, and outside of which it is 0, in halves of the sides of the box."""

_masks: WeakKeyDictionary[Picture, Mask | None] = WeakKeyDictionary()
"""The masks of the faces of pictures that are in memory: a batch paints a photograph in the style of many paintings."""


def find_faces(picture: object) -> Mask | None:
    """Return a mask of the faces that a picture shows: soft ellipses from the hair to the chin.

    Args:
        picture: The picture, or whatever `Picture.of` takes. Faces are found upright, from the front or turned by up to
            a half profile, and if they have at least 24 pixels where a larger picture is reduced to 640.

    Returns:
        The mask, of the shape of the picture and of 640 pixels at most; None, if there is no face.

    Raises:
        PictureError: the picture cannot be read.
        WeightsError: the networks, which are installed with impasto, are missing or damaged.

    """
    picture = Picture.of(picture)
    if picture not in _masks:
        _masks[picture] = _find(picture)
    return _masks[picture]


@torch.no_grad()
def _find(picture: Picture) -> Mask | None:
    """Return the mask of the faces in a picture; None, if there is no face."""
    picture = picture.within(LONG_SIDE).in_profile(None)
    boxes = _detect(2 * picture.pixels - 1).round()  # to pixels, so that a mask is the same whatever computes it
    if not len(boxes):
        return None
    return Mask(_ellipses(boxes, picture.width, picture.height).amax(0), "the mask of the faces")


def _detect(image: Tensor) -> Tensor:
    """Return the boxes of the faces in an image, in [-1, 1], (3, H, W): left, top, right and bottom, (N, 4)."""
    boxes = _propose(image)
    for network in REFINEMENTS:
        boxes = _refine(network, image, boxes)
    return boxes


def _propose(image: Tensor) -> Tensor:
    """Return boxes that may hold a face, (N, 4): the first network judges squares all over the image, at each scale."""
    boxes, scores = [torch.zeros(0, 4)], [torch.zeros(0)]
    scale = PROPOSAL.side / MIN_FACE_SIDE
    while scale * min(image.shape[1:]) >= PROPOSAL.side:
        height, width = (int(side * scale) for side in image.shape[1:])
        moves, probabilities = PROPOSAL.judge(resample(image, height, width)[None])
        y, x = torch.nonzero(probabilities[0] >= PROPOSAL.threshold, as_tuple=True)
        squares = torch.stack([x, y, x, y], 1) * STRIDE + torch.tensor([0, 0, PROPOSAL.side, PROPOSAL.side])
        boxes.append(_move(squares / scale, moves[0, :, y, x].T))
        scores.append(probabilities[0, y, x])
        scale *= SCALE_STEP
    return _without_repeats(torch.cat(boxes), torch.cat(scores))


def _refine(network: FaceNetwork, image: Tensor, boxes: Tensor) -> Tensor:
    """Return the boxes, (N, 4), that a larger network takes for faces, moved to where it sees them."""
    if not len(boxes):
        return boxes
    squares = _squares(boxes)
    moves, probabilities = network.judge(torch.stack([_crop(image, square, network.side) for square in squares]))
    is_face = probabilities[:, 0, 0] >= network.threshold
    return _without_repeats(_move(squares[is_face], moves[is_face, :, 0, 0]), probabilities[is_face, 0, 0])


def _move(boxes: Tensor, moves: Tensor) -> Tensor:
    """Return boxes, (N, 4), whose sides moved by fractions of their width and height, (N, 4)."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + moves * sides.tile(2)


def _squares(boxes: Tensor) -> Tensor:
    """Return the squares around boxes, (N, 4), as large as their longer sides."""
    centers, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    return torch.cat([centers - radii, centers + radii], 1)


def _crop(image: Tensor, box: Tensor, side: int) -> Tensor:
    """Return what is in a box of an image, black outside of the image, as a square of some pixels, (3, side, side)."""
    left, top, right, bottom = (int(edge) for edge in box.round())
    crop = torch.full((3, max(1, bottom - top), max(1, right - left)), -1.0)
    inside = image[:, max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    crop[:, max(0, -top) :, max(0, -left) :][:, : inside.shape[1], : inside.shape[2]] = inside
    return resample(crop, side, side)


def _without_repeats(boxes: Tensor, scores: Tensor) -> Tensor:
    """Return boxes, (N, 4), one for each face: of boxes that overlap, the one with the highest score."""
    rest = boxes[scores.argsort(descending=True, stable=True)]
    chosen = [boxes[:0]]
    while len(rest):
        best, rest = rest[:1], rest[1:]
        chosen.append(best)
        sides = (rest[:, 2:].minimum(best[:, 2:]) - rest[:, :2].maximum(best[:, :2])).clamp_min(0)
        intersection = sides.prod(1)
        rest = rest[intersection <= OVERLAP * (_area(rest) + _area(best) - intersection)]
    return torch.cat(chosen)


def _area(boxes: Tensor) -> Tensor:
    """Return the areas of boxes, (N, 4), in square pixels, (N,)."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _ellipses(boxes: Tensor, width: int, height: int) -> Tensor:
    """Return a soft ellipse for each box, in [0, 1], (N, height, width)."""
    centers, radii = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    x, y = torch.arange(width) + 0.5, torch.arange(height)[:, None] + 0.5
    (center_x, center_y), (radius_x, radius_y) = centers.T[..., None, None], radii.T[..., None, None]
    distance = torch.hypot((x - center_x) / radius_x, (y - center_y) / radius_y)
    return ((OUTER_RADIUS - distance) / (OUTER_RADIUS - INNER_RADIUS)).clamp(0, 1)
