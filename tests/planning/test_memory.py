import math

import pytest

from footprints import cheapest_layout
from impasto.layers import up_to
from impasto.planning.memory import Budget
from impasto.planning.tiles import Tiling
from impasto.settings import Settings


def layout(side=2048, gigabytes=math.inf, evaluations=20, feature=2, history_dtype=None, **changes):
    return cheapest_layout(
        Settings(**changes), side, side, Budget(gigabytes * 1e9, 0, feature, history_dtype), evaluations
    )


def test_with_enough_memory_an_image_is_evaluated_whole_and_nothing_is_given_up():
    whole = layout()
    assert (whole.tiling, whole.tiles, whole.history, whole.history_dtype) == (Tiling(), 1, 20, "float32")
    assert whole.work == 1


def test_a_history_has_no_more_room_than_there_are_evaluations():
    assert layout(evaluations=7).history == 7
    assert layout(evaluations=1000).history == Settings().history
    assert layout(evaluations=0).history == 1


def test_less_memory_costs_more_work_and_every_layout_fits():
    sizes = (16, 12, 8, 6, 4, 3)
    layouts = [layout(4096, gigabytes) for gigabytes in sizes]
    assert all(each.bytes <= gigabytes * 1e9 for each, gigabytes in zip(layouts, sizes, strict=True))
    work = [each.work for each in layouts]
    assert work == sorted(work)
    assert work[0] < 1.1
    assert work[-1] < 2.5
    assert layout(4096, 1) is None


def test_the_first_thing_to_give_up_costs_needed():
    whole = layout()
    smaller = layout(gigabytes=whole.bytes / 1e9 * 0.99)
    assert (smaller.tiling, smaller.history, smaller.history_dtype) == (Tiling(), 20, "bfloat16")
    assert layout(gigabytes=whole.bytes / 1e9 * 0.99, history_dtype="float32").history == 10


def test_as_many_tiles_are_kept_as_fit():
    counts = [layout(4096, gigabytes, evaluations=4).tiling.retained_tiles for gigabytes in (2.6, 4, 5, 6)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_content_features_wider_than_the_content_are_computed_again_where_nothing_else_fits():
    deep = layout(4096, 2.6, content_layers="conv4_2")
    assert deep.tiling.targets == "stored"
    shallow = layout(4096, 2.6, content_layers="conv1_2")
    assert shallow.tiling.targets == "recomputed"
    assert shallow.work > deep.work


@pytest.mark.parametrize("baseline", [0, 1e9, 100e9])
def test_what_an_image_takes_is_room_enough_for_it_whatever_else_the_process_holds(baseline):
    expected = layout(1024)
    budget = Budget(baseline=baseline, feature_bytes=2)
    assert cheapest_layout(Settings(), 1024, 1024, budget.with_available(expected.bytes + 1), 20) == expected
    assert cheapest_layout(Settings(), 1024, 1024, budget.with_available(expected.bytes - 1e5), 20) != expected


def test_style_images_many_times_the_picture_are_held_while_they_are_measured():
    def needed(styles):
        return cheapest_layout(Settings(), 1024, 1024, Budget(styles=styles), 20).bytes

    assert needed(0) == needed(2 * 1024**2)
    difference = needed(100 * 1024**2) - needed(99 * 1024**2)
    assert difference == 3 * 4 * 1024**2


@pytest.mark.parametrize(("optimizer", "images", "pairs"), [("lbfgs", 4, 20), ("adam", 5, 0)])
def test_bytes_are_those_of_the_parts(optimizer, images, pairs):
    result = layout(1024, optimizer=optimizer)
    content, band = 512 / 64 * 2, 3 * 2**22 * 2
    retained = 64 + 128 / 4 + 256 / 16 + (512 + 512) / 64
    bits = 2 * 256 / 16 / 8 + 512 / 64 / 8 + 1 / 2 * (64 / 4 + 128 / 16 + 256 / 64)
    backward = 512 / 64 + 512 / 64  # to conv4_2 from conv4_3, where most is alive
    features = 2 * (retained + backward) + bits + 12
    assert result.bytes == pytest.approx((images * 12 + pairs * 24 + content + features) * 1024**2 + band)


def test_what_is_kept_of_a_tile_is_its_features_and_bits():
    first, second = (layout(4096, gigabytes, evaluations=2, history_dtype="bfloat16") for gigabytes in (4, 6))
    assert first.tiling.side == second.tiling.side == 2048
    tile_bytes = (second.bytes - first.bytes) / (second.tiling.retained_tiles - first.tiling.retained_tiles)
    side = first.tiling.side + 70  # of two tiles along a side, each looks beyond one of its ends
    features = 64 + 128 / 4 + 256 / 16 + (512 + 512) / 64 + 512 / 256
    relu = 2 * 256 / 16 / 8 + 512 / 64 / 8  # conv3_2 and conv3_3; conv4_3
    pooled = 1 / 2 * (64 / 4 + 128 / 16 + 256 / 64 + 512 / 256)
    assert tile_bytes == pytest.approx((2 * features + relu + pooled + 12) * side**2, rel=1e-6)


def test_processes_share_work_history_and_targets_but_not_images():
    alone = layout(2048)
    budget = Budget(1e12, 0, 2, None, 2)
    shared = cheapest_layout(Settings(), 2048, 2048, budget, 20)
    assert shared.tiles == 2
    assert shared.tiling.processes == 2
    layers = up_to("conv5_1")
    macs = sum(layer.macs * (1024 + 70 - layer.halo) for layer in layers)  # each convolution loses a unit
    assert shared.work == pytest.approx(0.5 * macs / sum(layer.macs * 1024 for layer in layers))
    assert shared.work < 0.5 * 1.05
    assert 0.5 < shared.bytes / alone.bytes < 0.6


def test_an_image_that_alone_is_larger_than_the_memory_is_refused_at_once():
    assert layout(10**12, 16) is None
