"""What the loops have in common: jobs, work items that threads take one by one, and pointers.

A job is an array of integers: the first counts the threads that have started, the second the work items that were
taken, and the others are the function's arguments, among them addresses.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic

__all__ = ["Compiled", "fetch_and_add", "inlined", "pointers", "threaded"]

Compiled = Any
"""A function that numba compiled."""

_OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy"}


def inlined(function: Callable[..., None]) -> Compiled:
    """Compile a function that other compiled functions call."""
    return numba.njit(**_OPTIONS)(function)


def threaded(function: Callable[[Any], None]) -> Compiled:
    """Compile the function that each thread runs; its argument is the address of the job."""
    return numba.cfunc("void(voidptr)", **_OPTIONS)(function)


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
