"""The tensors of a state, which is made of nested tuples, mappings and dataclasses, by the path of names to each."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from torch import Tensor

__all__ = ["filled", "named"]


def named(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """List the tensors of a state.

    Args:
        tree: A tensor, or tuples, mappings and dataclasses of tensors.
        path: The name of the tree itself.

    Returns:
        Names such as last.image, each with its tensor.

    """
    if isinstance(tree, Tensor):
        yield path, tree
    for name, part in _parts(tree).items():
        yield from named(part, _below(path, name))


def filled(tree: Any, tensors: Mapping[str, Tensor], path: str = "") -> Any:
    """Return a copy of a state with other tensors.

    Args:
        tree: A tensor, or named tuples and dataclasses of tensors.
        tensors: The tensors by the names that `named` gives.
        path: The name of the tree itself.

    Returns:
        The copy, with each tensor on the device of the one in its place.

    Raises:
        ValueError: a tensor is missing, or of another shape or dtype than the one in its place.

    """
    if isinstance(tree, Tensor):
        found = tensors.get(path)
        if found is None or (found.shape, found.dtype) != (tree.shape, tree.dtype):
            raise ValueError(f"there is no {path} of {tree.dtype} and shape {tuple(tree.shape)}")
        return found.to(tree.device)
    if not is_dataclass(tree) and not hasattr(tree, "_replace"):
        return tree
    parts = {name: filled(part, tensors, _below(path, name)) for name, part in _parts(tree).items()}
    return replace(cast("Any", tree), **parts) if is_dataclass(tree) else tree._replace(**parts)


def _parts(tree: Any) -> Mapping[str, Any]:
    """Return the parts of a tree by name."""
    if isinstance(tree, Tensor):
        return {}
    if is_dataclass(tree):
        return {each.name: getattr(tree, each.name) for each in fields(tree)}
    if hasattr(tree, "_asdict"):
        return tree._asdict()
    if isinstance(tree, tuple):
        return {str(place): item for place, item in enumerate(cast("tuple[Any, ...]", tree))}
    return cast("Mapping[str, Any]", tree) if isinstance(tree, Mapping) else {}


def _below(path: str, name: str) -> str:
    """Return the path of a part."""
    return f"{path}.{name}" if path else name
