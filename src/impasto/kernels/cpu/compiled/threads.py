"""Compiled functions on torch's own threads, and what they need beside Python.

The threads are GNU OpenMP's, which torch keeps spinning between its operations and which would take the processor from
any others. Where torch was built on another library, importing this module fails.

A job is a row of integers: the first two count the threads and the pieces of work that were taken, the rest is the
function's own, addresses among them.
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

_HAS_CACHE_FOLDER = (
    bool(os.environ.get("NUMBA_CACHE_DIR"))
    or os.access(Path(__file__).parent, os.W_OK)
    or Path(os.path.expanduser("~")).is_absolute()  # noqa: PTH111 (which returns "~" where there is no home folder)
)
"""Whether numba finds a folder for what it compiles: one that is named, one beside this file, or the user's cache."""

Compiled = Any
"""What numba makes of a function."""

_fork = ctypes.CDLL(str(next(LIBRARIES.glob("libgomp*")))).GOMP_parallel
_fork.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
_fork.restype = None


def run_threads(work: Compiled, *numbers: int) -> None:
    """Let each of torch's threads do a job, of which `numbers` are the function's own, and wait for all."""
    job = np.array((0, 0, *numbers), np.int64)
    _fork(work.address, job.ctypes.data, torch.get_num_threads(), 0)


def inlined(function: Callable[..., None]) -> Compiled:
    """Compile a part of a job."""
    return _compiled(numba.njit, function)


def threaded(function: Callable[[Any], None]) -> Compiled:
    """Compile what each thread does; it is given the job's address."""
    return _compiled(partial(numba.cfunc, "void(voidptr)"), function)


def _compiled(decorator: Callable[..., Any], function: Callable[..., None]) -> Compiled:
    """Compile a function, once for a machine if there is a folder for what is compiled.

    Without a home folder numba would make one named `~` in the working folder; where it can write nowhere it raises.
    """
    options = {"fastmath": True, "error_model": "numpy"}
    if _HAS_CACHE_FOLDER:
        with suppress(RuntimeError):
            return decorator(cache=True, **options)(function)
    return decorator(cache=False, **options)(function)


@intrinsic
def fetch_and_add(context: Any, address: Any, place: Any, more: Any) -> Any:
    """Return the integer at a place behind an address and add to it, before any other thread can."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        pointer = builder.gep(builder.bitcast(values[0], ir.IntType(64).as_pointer()), [values[1]])
        return builder.atomic_rmw("add", pointer, values[2], "monotonic")

    return numba.types.int64(numba.types.voidptr, numba.types.int64, numba.types.int64), generate


def pointers(kind: Any) -> Any:
    """Return a compiled function that makes of an address, an integer, a pointer to numbers of a kind."""

    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

        return numba.types.CPointer(kind)(numba.types.int64), generate

    return pointer
