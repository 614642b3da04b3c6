"""Every error that impasto raises on purpose; each message is one sentence for the person who reads it.

ImpastoError
├── InputError              what was given cannot be used: correct it and try again
│   ├── SettingsError       an option's name or value
│   ├── CheckpointError     a checkpoint that is damaged, or of another run
│   ├── PictureError        an image file, or a picture too small or too thin to paint
│   ├── LossError           a loss from outside the package that cannot be found or used
│   └── WeightsError        a weights file: missing, damaged, or not a VGG-19
└── RunError                the input was good, but the work failed
    ├── WriteError          a file could not be written: full disk, read-only folder
    └── DownloadError       the network failed while weights were fetched
"""

__all__ = [
    "CheckpointError",
    "DownloadError",
    "ImpastoError",
    "InputError",
    "LossError",
    "PictureError",
    "RunError",
    "SettingsError",
    "WeightsError",
    "WriteError",
]


class ImpastoError(Exception):
    """The root: catch this to catch everything that impasto raises on purpose."""


class InputError(ImpastoError):
    """What was given cannot be used; the command ends with exit code 2."""


class SettingsError(InputError):
    """An option's name or value is not accepted."""


class CheckpointError(InputError):
    """A checkpoint is damaged, or was kept of another run than the one that is started."""


class PictureError(InputError):
    """An image file cannot be read, or a picture is too small or too thin to paint."""


class SpaceError(PictureError):
    """A picture is too large for the memory that there is."""


class LossError(InputError):
    """A loss from outside the package cannot be found or used."""


class WeightsError(InputError):
    """A weights file is missing, damaged, or does not hold a VGG-19."""


class RunError(ImpastoError):
    """The input was good, but the work failed; the command ends with exit code 1."""


class WriteError(RunError):
    """A file could not be written."""


class DownloadError(RunError):
    """The network failed while weights were fetched."""
