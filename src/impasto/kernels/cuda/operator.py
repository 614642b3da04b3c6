"""Functions as operators of PyTorch, `impasto::name`, so that a profile or a dispatch mode shows them by name.

The body of an operator is plain PyTorch, for any device and precision; on a GPU it calls a Triton kernel that computes
the same in one launch.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

__all__ = ["mutating_operator", "operator"]

Operator = TypeVar("Operator", bound=Callable[..., Any])

_LIBRARY = torch.library.Library("impasto", "DEF")
"""The namespace of the operators; they are registered as long as it is alive."""


def mutating_operator(*names: str) -> Callable[[Operator], Operator]:
    """Return a decorator that registers a function as an operator that changes the named arguments in place.

    The operator is `impasto::name`, for all devices. `torch.library.custom_op` would do the same, but loads PyTorch's
    compiler, which takes a second.

    Args:
        names: The names of the arguments.

    """

    def define(function: Operator) -> Operator:
        name = function.__name__
        _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=names))
        _LIBRARY.impl(name, function, "CompositeExplicitAutograd")
        return cast("Operator", getattr(torch.ops.impasto, name).default)

    return define


operator = mutating_operator()
"""A decorator that registers a function as an operator that changes none of its arguments."""
