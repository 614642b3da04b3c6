"""Each choice is written once, and every table that is keyed by a choice has exactly its values."""

import ast
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

import impasto
from impasto import Settings
from impasto.images import color
from impasto.kernels import borders
from impasto.kernels.cpu import convolution
from impasto.losses import DISTANCES, total_variation
from impasto.network import vgg
from impasto.settings import choices

SOURCES = Path(impasto.__file__).parent
HOME = SOURCES / "settings" / "choices.py"


def literals(path: Path) -> Iterator[set[str]]:
    """The texts that stand in each Literal[...] of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            yield {part.value for part in ast.walk(node.slice) if isinstance(part, ast.Constant)}


def written() -> list[tuple[str, set[str]]]:
    """Every Literal of the sources, with the file in which it stands."""
    paths = sorted(SOURCES.rglob("*.py"))
    return [(str(path.relative_to(SOURCES)), texts) for path in paths for texts in literals(path)]


def test_no_choice_is_written_twice():
    assert len(list(literals(HOME))) == len(set(choices.__all__) - {"one_of"})
    for (path, texts), (other_path, other_texts) in combinations(written(), 2):
        assert path == other_path or len(texts & other_texts) < 2, (
            f"{path} and {other_path} both write {texts & other_texts}; import it from settings.choices"
        )


def test_the_options_of_choices_take_them_from_there():
    for name in ("settings.py", "runtime.py"):
        literal_sets = list(literals(SOURCES / "settings" / name))
        assert all(texts <= {"auto"} for texts in literal_sets), literal_sets


@pytest.mark.parametrize(
    ("table", "choice", "elsewhere"),
    [
        (DISTANCES, choices.DistanceName, ()),
        (vgg.POOLING_FACTORS, choices.Pooling, ()),
        (borders._EDGES, choices.Padding, ()),
        (color._MATRICES, choices.ColorMatch, {"histogram"}),
        (convolution._MIN_CHANNELS, choices.Winograd, {"off"}),
    ],
)
def test_a_table_of_a_choice_has_an_entry_for_each_of_its_values(table, choice, elsewhere):
    assert {*table, *elsewhere} == set(get_args(choice))
    assert not {*table} & {*elsewhere}


@pytest.mark.parametrize("kind", get_args(choices.Variation))
def test_every_variation_has_a_loss(kind):
    settings = Settings(tv_weight=1.0, tv_variation=kind)
    (loss,) = total_variation.TotalVariationLoss.build(settings, SimpleNamespace(wraps=(False, False)))
    assert getattr(loss, "variation", "nine-point") == kind
