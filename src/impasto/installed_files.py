"""Files of weights that are installed with a distribution, of which no code is imported.

Their SHA-256 is checked before anything is unpickled. This module does not know what is in a file.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from impasto.errors import WeightsError, pip_install

__all__ = ["InstalledFile"]


class InstalledFile(NamedTuple):
    """A file of a distribution."""

    distribution: str
    """The name of the distribution."""
    version: str
    """The version of the distribution that has the file."""
    path: str
    """The path of the file in it."""
    sha256: str
    """The digest of the file, 64 hexadecimal digits."""

    def find(self, alternative: str = "") -> Path:
        """Return the path of the file, whose digest is checked.

        Args:
            alternative: What else can be done, as it follows the command that installs it: ", or draw a mask".

        Raises:
            WeightsError: the file is missing, damaged or of another version.

        """
        advice = f"run {pip_install(f'--force-reinstall --no-deps {self.distribution}=={self.version}')}{alternative}"
        try:
            file = Path(str(distribution(self.distribution).locate_file(self.path)))
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except (PackageNotFoundError, OSError):
            message = f"{self.path}, a file of the distribution {self.distribution}, is missing; {advice}."
            raise WeightsError(message) from None
        if digest != self.sha256:
            raise WeightsError(f"{file} is damaged or of another version than {self.version}; {advice}.")
        return file
