"""Cropping of images to other proportions."""

__all__ = ["center_crop"]


def center_crop(height: int, width: int, ratio: float) -> tuple[slice, slice]:
    """Return the rows and columns of the largest middle part of an image that has some proportions.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        ratio: The width of the part divided by its height.

    Returns:
        Two slices, of at least one row and column.

    """
    rows, columns = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)
