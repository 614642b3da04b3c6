import pytest

from impasto.layers import IMAGE, LAYERS
from impasto.planning.tiles import UNCUT, Cuts, Span, Tiling, grid, halo_width

NOTEBOOK = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]


@pytest.mark.parametrize("size", [(1000, 700), (512, 512), (33, 2049), (80, 80)])
@pytest.mark.parametrize("side", [0, 100, 128, 512])
@pytest.mark.parametrize("layer", ["conv1_1", "pool2", "conv5_1"])
def test_every_unit_is_owned_once(size, side, layer):
    stride = LAYERS[layer].stride
    owned = [[0] * (size[1] // stride) for _ in range(size[0] // stride)]
    for tile in Tiling(side).tiles(*size, NOTEBOOK):
        _, rows, columns = tile.owned(layer)
        for row in owned[rows]:
            row[columns] = [count + 1 for count in row[columns]]
    assert {count for row in owned for count in row} == {1}


def test_the_halo_is_that_of_the_deepest_layer():
    assert halo_width(["conv1_1"]) == 1
    assert halo_width(["conv4_2"]) == 38
    assert halo_width(NOTEBOOK) == 70
    assert halo_width([]) == 1


def test_a_tile_looks_as_far_as_it_must_and_no_further_than_the_image():
    first, middle, last = Tiling(350).tiles(100, 1000, NOTEBOOK)
    assert first.rows == Span(0, 100, 0, 100, 100)
    assert [tile.columns for tile in (first, middle, last)] == [
        Span(0, 406, 0, 336, 1000),
        Span(266, 742, 336, 672, 1000),
        Span(602, 1000, 672, 1000, 1000),
    ]
    assert last.cuts == Cuts(left=True)
    assert [tile.cuts for tile in Tiling().tiles(100, 1000, NOTEBOOK)] == [UNCUT]


def test_each_convolution_loses_a_unit_until_what_is_owned_is_left():
    _, middle, last = (tile.columns for tile in Tiling(350).tiles(100, 1000, NOTEBOOK))
    assert middle.extent(IMAGE) == slice(266, 742)
    assert middle.extent("conv1_1") == slice(267, 741)
    assert middle.extent("conv1_2") == slice(268, 740)
    assert middle.extent("pool1") == slice(134, 370)
    assert middle.extent("conv4_1") == slice(296 // 8, 712 // 8)
    assert middle.extent("conv5_1") == middle.owned("conv5_1") == slice(21, 42)
    assert middle.owned_in_tile("conv4_1") == slice(5, 47)
    assert last.extent("conv4_1") == slice(632 // 8, 1000 // 8)
    assert last.owned("conv5_1") == last.extent("conv5_1") == slice(42, 62)
    assert middle.pixels("conv4_1") == 416


@pytest.mark.parametrize("layers", [["conv5_4"], ["conv5_1"], ["pool4"], ["conv4_2"], ["conv3_1"], ["pool1"]])
def test_poolings_take_the_fours_of_the_whole_image(layers):
    for tile in Tiling(300).tiles(900, 1000, layers):
        for name in ("conv1_2", "conv2_2", "conv3_4", "conv4_4"):
            if LAYERS[name].halo < halo_width(layers):
                assert all(span.extent(name).start % 2 == 0 for span in tile)


@pytest.mark.parametrize("side", [0, 700, 5000])
def test_a_side_as_long_as_the_image_is_one_tile(side):
    (whole,) = Tiling(side).tiles(500, 700, NOTEBOOK)
    assert whole.extent() == whole.owned() == (slice(None), slice(0, 500), slice(0, 700))


def test_tiles_are_nearly_equal_and_begin_on_the_grid():
    spans = [tile.columns for tile in Tiling(512).tiles(64, 4100, NOTEBOOK)]
    assert all(span.owned_start % grid(NOTEBOOK) == 0 for span in spans)
    assert {span.owned_stop - span.owned_start for span in spans} <= set(range(440, 473))


def test_tiles_of_an_image_that_wraps_around_see_a_margin_beyond_its_edges():
    first, middle, last = (tile.columns for tile in Tiling(350, wraps=(False, True)).tiles(100, 1008, NOTEBOOK))
    assert first == Span(10, 486, 80, 416, 1168)
    assert middle == Span(346, 822, 416, 752, 1168)
    assert last == Span(682, 1158, 752, 1088, 1168)
    assert Tiling(350, wraps=(False, True)).margin(NOTEBOOK) == (0, 80)
    assert Tiling(0, wraps=(True, True)).margin(NOTEBOOK) == (0, 0)
