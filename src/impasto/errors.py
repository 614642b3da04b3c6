"""Every error that impasto raises on purpose; each message is one sentence for the person who reads it.

ImpastoError
├── InputError              what was given cannot be used: correct it and try again
│   ├── SettingsError       an option's name or value
│   ├── CheckpointError     a file that cannot be read as a checkpoint
│   │   └── OtherRunError   a checkpoint that this run cannot continue: damaged, of another version or another run
│   ├── PictureError        an image file, or a picture too small or too thin to paint
│   │   └── SpaceError      a picture for which no plan fits into the memory
│   ├── LossError           a loss from outside the package that cannot be found or used
│   └── WeightsError        a weights file: missing, damaged, or not a VGG-19
└── RunError                the input was good, but the work failed
    ├── OutOfMemoryError    the system refused memory
    ├── WriteError          a file could not be written: full disk, read-only folder
    └── DownloadError       the network failed while weights were fetched

`out_of_memory_as` makes an `OutOfMemoryError` of what Python, PyTorch or libvips raise where memory is refused, and
`import_of_extra` an `InputError` of what Python raises where a library of an extra is not installed.
"""

import errno
import re
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "CheckpointError",
    "DownloadError",
    "ImpastoError",
    "InputError",
    "LossError",
    "OtherRunError",
    "OutOfMemoryError",
    "PictureError",
    "RunError",
    "SettingsError",
    "SpaceError",
    "WeightsError",
    "WriteError",
    "import_of_extra",
    "is_out_of_memory",
    "out_of_memory_as",
    "pip_install",
    "sentence_of",
]


class ImpastoError(Exception):
    """The root: catch this to catch everything that impasto raises on purpose."""


class InputError(ImpastoError):
    """What was given cannot be used; the command ends with exit code 2."""


class SettingsError(InputError):
    """An option's name or value is not accepted."""


class CheckpointError(InputError):
    """A file cannot be read, or is no checkpoint."""


class OtherRunError(CheckpointError):
    """A run cannot continue from a checkpoint: it is damaged, of another version, or of another run."""


class PictureError(InputError):
    """An image file cannot be read, or a picture is too small or too thin to paint."""


class SpaceError(PictureError):
    """No plan for a picture fits into the memory that the run may take."""


class LossError(InputError):
    """A loss from outside the package cannot be found or used."""


class WeightsError(InputError):
    """A weights file is missing, damaged, or does not hold a VGG-19."""


class RunError(ImpastoError):
    """The input was good, but the work failed; the command ends with exit code 1."""


class OutOfMemoryError(RunError):
    """The system refused memory, and there was no way to continue with less."""


class WriteError(RunError):
    """A file could not be written."""


class DownloadError(RunError):
    """The network failed while weights were fetched."""


_MEMORY_MESSAGES = re.compile(
    "out of memory"  # CUDA, libvips
    "|not enough memory"  # PyTorch on Windows
    r"|\[WinError 1455\]"  # Windows, whose paging file is too small
    "|DefaultCPUAllocator"  # PyTorch on Linux and macOS, where it has no class for the error
    "|could not create a (?:primitive|memory)(?! descriptor)"  # oneDNN, whose descriptors fail for other reasons
    "|bad_alloc"  # C++
    "|annot allocate memory"  # the C library
    "|failed to map segment"  # the loader of shared libraries
    "|can't start new thread"  # whose stack finds no room
)
"""The messages of libraries when memory is refused, in errors of classes that have other meanings, too."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that it was raised from or after, says that the system refused memory."""
    return any(
        isinstance(each, MemoryError)
        or (isinstance(each, OSError) and each.errno == errno.ENOMEM)
        or (not isinstance(each, ImpastoError) and _MEMORY_MESSAGES.search(_message(each)) is not None)
        for each in _causes(error)
    )


@contextmanager
def out_of_memory_as(work: str) -> Generator[None, None, None]:
    """Raise an `OutOfMemoryError` in place of any error by which a library says that memory was refused.

    It can decorate a function.

    Args:
        work: What was done, as it follows "the memory did not suffice to": "load the weights".

    Raises:
        OutOfMemoryError: the block failed for lack of memory; any other error stays as it is.

    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # it holds on to what was under way
    else:
        return
    raise OutOfMemoryError(
        f"the memory did not suffice to {work}; close other programs, or let this process have more memory."
    )


def sentence_of(error: Exception) -> str:
    """Return the sentence about an error that ended a job: its own, or one that names an unforeseen error."""
    if isinstance(error, ImpastoError):
        return str(error)
    return f"the worker met an error of its own: {type(error).__name__}: {_message(error)}"


@contextmanager
def import_of_extra(
    extra: str, need: str, alternative: str = "", error_type: type[InputError] = InputError
) -> Generator[None, None, None]:
    """Raise an error that names the command that installs an extra, where a block cannot import one of its libraries.

    Args:
        extra: The extra of impasto: film.
        need: What needs the extra, as the sentence begins; {module} stands for the module that is not there.
        alternative: What else can be done, as it follows the command: ", or draw a mask".
        error_type: The type of the error.

    Raises:
        InputError: a library is not installed; it is of the type `error_type`.

    """
    try:
        yield
    except ImportError as error:
        command = pip_install(f'"impasto[{extra}]"')
        sentence = f"{need}; run {command}{alternative}.".replace("{module}", str(error.name))
        raise error_type(sentence) from None


def pip_install(requirement: str) -> str:
    """Return the command that installs a requirement by the Python of impasto, which `pip` is only if it belongs to it.

    Args:
        requirement: What is installed, as every shell takes it: `"impasto[web]"`, in quotes.

    Returns:
        The command.

    """
    folder, pip = Path(sys.executable).parent, shutil.which("pip")
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    command = "pip" if pip is not None and Path(pip).parent == folder else f"{python} -m pip"
    return f"{command} install {requirement}"


def _message(error: BaseException) -> str:
    """Return the message of an error, or nothing if the error cannot make one."""
    try:
        return str(error)
    except Exception:  # an error of another library, raised without what its message needs
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """List an error and those from or after which it was raised."""
    visited: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in visited:
        visited.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
