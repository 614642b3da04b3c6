"""Functions that numba compiles and runs on torch's own threads.

The threads are GNU OpenMP's. They spin between torch's operations and would compete with other threads for the CPU.
If torch was built with another OpenMP library, importing this module fails.

A job is an array of integers: the first counts the threads that have started, the second the work items that were
taken, and the others are the function's arguments, among them addresses.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba.extending import intrinsic

__all__ = ["LIBRARIES", "Compiled", "fetch_and_add", "inlined", "pointers", "run_threads", "threaded"]

LIBRARIES = Path(torch.__file__).parent / "lib"
"""The folder of torch's shared libraries."""

_HAS_CACHE_FOLDER = (
    bool(os.environ.get("NUMBA_CACHE_DIR"))
    or os.access(Path(__file__).parent, os.W_OK)
    or Path(os.path.expanduser("~")).is_absolute()  # noqa: PTH111 (Path.expanduser raises where there is no home folder)
)
"""Whether numba finds a cache folder: NUMBA_CACHE_DIR, the folder of this file, or the user's cache folder."""

Compiled = Any
"""A function that numba compiled."""

_run_parallel_region = ctypes.CDLL(str(next(LIBRARIES.glob("libgomp*")))).GOMP_parallel
_run_parallel_region.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
_run_parallel_region.restype = None


def run_threads(work: Compiled, *numbers: int) -> None:
    """Run a compiled function on each of torch's threads, and wait until all have returned.

    Args:
        work: A function that `threaded` compiled.
        numbers: The function's arguments: sizes, and the addresses of arrays, which must stay alive.

    """
    job = np.array((0, 0, *numbers), np.int64)
    _run_parallel_region(work.address, job.ctypes.data, torch.get_num_threads(), 0)


def inlined(function: Callable[..., None]) -> Compiled:
    """Compile a function that other compiled functions call."""
    return _compiled(numba.njit, function)


def threaded(function: Callable[[Any], None]) -> Compiled:
    """Compile the function that each thread runs; its argument is the address of the job."""
    return _compiled(partial(numba.cfunc, "void(voidptr)"), function)


def _compiled(decorator: Callable[..., Any], function: Callable[..., None]) -> Compiled:
    """Compile a function, and cache the compiled code on disk if there is a folder for it.

    Without a home folder numba would create one named `~` in the working folder; if it can write nowhere, it raises.
    """
    options = {"fastmath": True, "error_model": "numpy"}
    if _HAS_CACHE_FOLDER:
        with suppress(RuntimeError):
            return decorator(cache=True, **options)(function)
    return decorator(cache=False, **options)(function)


@intrinsic
def fetch_and_add(context: Any, address: Any, offset: Any, increment: Any) -> Any:
    """Return an integer of a job and add to it, as one atomic operation.

    Args:
        context: Numba's typing context, which the compiler supplies.
        address: The address of the job.
        offset: The index of the integer in the job.
        increment: The number to add.

    Returns:
        The integer before the addition.

    """

    def _generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        _pointer = builder.gep(builder.bitcast(values[0], ir.IntType(64).as_pointer()), [values[1]])
        return builder.atomic_rmw("add", _pointer, values[2], "monotonic")

    return numba.types.int64(numba.types.voidptr, numba.types.int64, numba.types.int64), _generate


def pointers(kind: Any) -> Any:
    """Return a compiled function that converts an address, an integer, to a pointer to numbers of a numba type."""

    @intrinsic
    def _pointer(context: Any, address: Any) -> Any:
        def _generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

        return numba.types.CPointer(kind)(numba.types.int64), _generate

    return _pointer
