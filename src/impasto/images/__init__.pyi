# What `impasto.images` exports. lazy_loader reads these lines and imports a name when it is asked for.

from .picture import Picture as Picture
from .profiles import srgb as srgb
from .reading import (
    MAX_PIXELS as MAX_PIXELS,
    read_note as read_note,
)
from .resampling import resample as resample
from .writing import check_suffix as check_suffix
