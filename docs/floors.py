"""Draw which package imports which, from the imports themselves, as an SVG picture: every mark is below the diagonal."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "impasto"
CELL = 24
"""Pixels of a side of a cell."""

MARGIN = 110
"""Pixels of the column and of the row that hold the names."""


def floors() -> list[str]:
    """List the packages and modules from the highest floor to the lowest, as the import contract in pyproject has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["containers"] == ["impasto"])
    names = [name for layer in layers for name in layer.split(" | ")]
    return [name for name in names if not name.startswith("__")]


def imports(name: str) -> set[str]:
    """Return the packages and modules of impasto that a package or module imports."""
    path = SOURCE / name
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return {target for file in files for target in _imports(ast.parse(file.read_text(encoding="utf-8")))} - {name}


def _imports(tree: ast.AST) -> Iterator[str]:
    """List the packages and modules of impasto that a module's syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "impasto":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("impasto."):
            yield node.module.split(".")[1]


def draw() -> str:
    """Return the picture: a row for each package, and a mark in the column of each package that it imports."""
    names = floors()
    side = MARGIN + CELL * len(names) + 10
    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" font-family="sans-serif" font-size="13">',
        f'<rect width="{side}" height="{side}" fill="white"/>',
    ]
    for row, name in enumerate(names):
        edge = MARGIN + CELL * row
        middle = edge + CELL / 2
        elements += [
            f'<rect x="{edge}" y="{edge}" width="{CELL}" height="{CELL}" fill="#ddd"/>',
            f'<line x1="0" y1="{edge}" x2="{side - 10}" y2="{edge}" stroke="#eee"/>',
            f'<line x1="{edge}" y1="0" x2="{edge}" y2="{side - 10}" stroke="#eee"/>',
            f'<text x="{MARGIN - 8}" y="{middle + 4}" text-anchor="end">{name}</text>',
            f'<text transform="translate({middle + 4},{MARGIN - 8}) rotate(-90)">{name}</text>',
        ]
        targets = imports(name)
        for column, target in enumerate(names):
            if target in targets:
                elements.append(f'<circle cx="{MARGIN + CELL * column + CELL / 2}" cy="{middle}" r="5" fill="#246"/>')
    return "\n".join([*elements, "</svg>"]) + "\n"
