import pytest

from impasto.layers import LAYERS
from impasto.tiles import Tiling, grid, reach

NOTEBOOK = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]


@pytest.mark.parametrize("size", [(1000, 700), (512, 512), (33, 2049), (80, 80)])
@pytest.mark.parametrize("side", [0, 100, 128, 512])
@pytest.mark.parametrize("layer", ["conv1_1", "pool2", "conv5_1"])
def test_every_unit_is_owned_once(size, side, layer):
    stride = LAYERS[layer].stride
    owned = [[0] * (size[1] // stride) for _ in range(size[0] // stride)]
    for tile in Tiling(side).tiles(*size, NOTEBOOK):
        _, rows, columns = tile.owned(stride)
        for row in owned[rows]:
            row[columns] = [count + 1 for count in row[columns]]
    assert {count for row in owned for count in row} == {1}


def test_the_reach_is_that_of_the_deepest_layer():
    assert reach(["conv1_1"]) == 1
    assert reach(["conv4_2"]) == 40  # 38 on a grid of 8
    assert reach(NOTEBOOK) == 80  # 70 on a grid of 16
    assert reach([]) == 1


def test_a_tile_looks_as_far_as_it_must_and_no_further_than_the_image():
    first, middle, last = Tiling(350).tiles(100, 1000, NOTEBOOK)
    assert first.rows == (0, 100, 0, 100)
    assert [tile.columns for tile in (first, middle, last)] == [
        (0, 416, 0, 336),
        (256, 752, 336, 672),
        (592, 1000, 672, 1000),
    ]
    assert last.mine(16)[2] == slice(5, 25)
    assert last.owned(16)[2] == slice(42, 62)
    assert last.seen(16)[2] == slice(37, 62)


@pytest.mark.parametrize("side", [0, 700, 5000])
def test_a_side_as_long_as_the_image_is_one_tile(side):
    (whole,) = Tiling(side).tiles(500, 700, NOTEBOOK)
    assert whole.seen() == whole.owned() == (slice(None), slice(0, 500), slice(0, 700))


def test_tiles_are_nearly_equal_and_begin_on_the_grid():
    spans = [tile.columns for tile in Tiling(512).tiles(64, 4100, NOTEBOOK)]
    assert all(span.own_start % grid(NOTEBOOK) == span.start % grid(NOTEBOOK) == 0 for span in spans)
    assert {span.own_stop - span.own_start for span in spans} <= set(range(440, 473))


def test_tiles_of_an_image_that_wraps_around_see_a_margin_beyond_its_edges():
    first, middle, last = (tile.columns for tile in Tiling(350, wraps=(False, True)).tiles(100, 1008, NOTEBOOK))
    assert first == (0, 496, 80, 416)
    assert middle == (336, 832, 416, 752)
    assert last == (672, 1168, 752, 1088)
    assert Tiling(350, wraps=(False, True)).margin(NOTEBOOK) == (0, 80)
    assert Tiling(0, wraps=(True, True)).margin(NOTEBOOK) == (0, 0)
