"""The tensors of a state, which is a tree of named tuples and dataclasses, by their paths of names."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from torch import Tensor

__all__ = ["named_tensors", "with_tensors"]


def named_tensors(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """List the tensors of a state.

    Args:
        tree: A tensor, or named tuples and dataclasses of tensors; anything else has none.
        path: The name of the tree itself.

    Returns:
        Names such as last.image, each with its tensor.

    """
    if isinstance(tree, Tensor):
        yield path, tree
    for name, child in _children(tree).items():
        yield from named_tensors(child, _child_path(path, name))


def with_tensors(tree: Any, tensors: Mapping[str, Tensor], path: str = "") -> Any:
    """Return a copy of a state with other tensors.

    Args:
        tree: A tensor, or named tuples and dataclasses of tensors.
        tensors: The tensors by the names that `named_tensors` gives.
        path: The name of the tree itself.

    Returns:
        The copy, with each tensor on the device of the tensor that it replaces.

    Raises:
        ValueError: a tensor is missing, or of another shape or dtype than the tensor that it replaces.

    """
    if isinstance(tree, Tensor):
        tensor = tensors.get(path)
        if tensor is None or (tensor.shape, tensor.dtype) != (tree.shape, tree.dtype):
            raise ValueError(f"there is no {path} of {tree.dtype} and shape {tuple(tree.shape)}")
        return tensor.to(tree.device)
    children = {name: with_tensors(child, tensors, _child_path(path, name)) for name, child in _children(tree).items()}
    if hasattr(tree, "_replace"):
        return tree._replace(**children)
    return replace(cast("Any", tree), **children) if is_dataclass(tree) else tree


def _children(tree: Any) -> Mapping[str, Any]:
    """Return the children of a tree by name."""
    if is_dataclass(tree):
        return {field.name: getattr(tree, field.name) for field in fields(tree)}
    return tree._asdict() if hasattr(tree, "_asdict") else {}


def _child_path(path: str, name: str) -> str:
    """Return the path of a child."""
    return f"{path}.{name}" if path else name
