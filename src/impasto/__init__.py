"""Paint a photograph in the style of a painting.

The method of Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.

    from impasto import stylize

    stylize("photo.jpg", "painting.jpg", size=1024).picture.save("painted.png")
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("impasto")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(  # pyright: ignore[reportUnknownVariableType]
    __name__, __file__
)
