"""Functions as operators of PyTorch, `impasto::name`, so that a profile or a dispatch mode shows them by name.

The body of an operator is plain PyTorch, for any device and precision; on a GPU it hands over to a Triton kernel that
does the same in one launch.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

__all__ = ["mutating_operator", "operator"]

Operator = TypeVar("Operator", bound=Callable[..., Any])

_LIBRARY = torch.library.Library("impasto", "DEF")


def mutating_operator(*names: str) -> Callable[[Operator], Operator]:
    """Make a function an operator of PyTorch, `impasto::name`, for all devices, that changes some of its arguments.

    `torch.library.custom_op` does the same, and loads PyTorch's compiler, which takes a second.
    """

    def define(function: Operator) -> Operator:
        name = function.__name__
        _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=names))
        _LIBRARY.impl(name, function, "CompositeExplicitAutograd")
        return cast("Operator", getattr(torch.ops.impasto, name).default)

    return define


operator = mutating_operator()
"""Make a function an operator that changes none of its arguments."""
