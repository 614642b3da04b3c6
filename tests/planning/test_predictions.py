"""Predictions of memory and work are those of commit 88c9c1d, where planning mirrored all constants itself.

A change of the kernels, losses or optimizers that takes other memory changes this table, with what was measured.
"""

import json
from pathlib import Path

import pytest

from footprints import budget_of, cheapest_layout, make_plan
from impasto.errors import SpaceError
from impasto.planning.plan import Size
from impasto.settings import Settings

TABLE = json.loads(Path(__file__).with_name("predictions.json").read_text(encoding="utf-8"))


def budget_and_device(record):
    fused = record.get("fused", False)
    return budget_of(**{**record, "fused": fused}), fused


@pytest.mark.parametrize("row", TABLE["layouts"], ids=str)
def test_a_layout_takes_what_it_took(row):
    budget, fused = budget_and_device(row["budget"])
    settings = Settings(**row["settings"])
    layout = cheapest_layout(settings, row["height"], row["width"], budget, row["evaluations"], fused=fused)
    if row["layout"] is None:
        assert layout is None
        return
    side, tiles, targets, processes, _ = layout.tiling
    assert [side, tiles, targets, processes, *layout[1:]] == row["layout"]


@pytest.mark.parametrize("row", TABLE["plans"], ids=str)
def test_a_plan_takes_what_it_took(row):
    budget, fused = budget_and_device(row["budget"])
    settings = Settings(size=1024, middle_iterations=60)
    plan = make_plan(settings, Size(1600, 1200), [Size(900, 1100)], budget, fused=fused)
    assert [plan.caching, plan.bytes, plan.needed, plan.work] == row["plan"]


def test_the_table_has_whole_and_divided_images_each_way_to_store_targets_and_some_that_fit_nowhere():
    layouts = [row["layout"] for row in TABLE["layouts"]]
    assert None in layouts
    fitting = [layout for layout in layouts if layout]
    assert {layout[0] for layout in fitting} >= {0, 384, 512, 768, 1024, 1536, 2048}
    assert len({layout[2] for layout in fitting}) == 3
    assert {layout[6] for layout in fitting} == {"float32", "bfloat16"}


def test_nothing_fits_into_less_than_the_process_takes():
    with pytest.raises(SpaceError, match="does not fit"):
        make_plan(Settings(), Size(1600, 1200), [Size(900, 1100)], budget_of(limit=0.3e9, baseline=0.3e9))
