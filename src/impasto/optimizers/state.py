"""Tensors in nested tuples, mappings and dataclasses, by the path of names that leads to each."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from torch import Tensor

__all__ = ["filled", "named"]


def named(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """List the tensors with names such as last.image."""
    if isinstance(tree, Tensor):
        yield path, tree
    for name, part in _parts(tree).items():
        yield from named(part, _below(path, name))


def filled(tree: Any, tensors: Mapping[str, Tensor], path: str = "") -> Any:
    """Return a copy of nested named tuples and dataclasses in which each tensor is the one of its name.

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
    """Return what a tree is made of, by name."""
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
    return f"{path}.{name}" if path else name
