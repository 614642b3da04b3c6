import pytest
from hypothesis import given, strategies as st

from footprints import budget_of, make_plan
from impasto.errors import PictureError
from impasto.planning.memory import Budget
from impasto.planning.plan import Size
from impasto.settings import Settings
from impasto.settings.limits import MIN_SIDE

PHOTO, PAINTING = Size(1024, 768), Size(1280, 1014)


def sizes(**changes):
    return [stage.size for stage in make_plan(Settings(**changes), PHOTO, [PAINTING]).stages]


def test_stages_double_from_the_first_size_to_the_last():
    assert sizes(size=1024) == [(256, 192), (512, 384), (1024, 768)]
    assert sizes(size=256) == [(256, 192)]
    assert sizes(size=700) == [(256, 192), (700, 525)]


def test_one_stage_where_the_first_size_is_0():
    assert sizes(size=1024, first_size=0) == [(1024, 768)]


def test_later_stages_have_fewer_evaluations():
    def evaluations(**changes):
        stages = make_plan(Settings(size=2048, iterations=200, stage_ratio=0.5, **changes), PHOTO, [PAINTING]).stages
        return [stage.evaluations for stage in stages]

    assert evaluations(middle_iterations=200) == [200, 100, 50, 25]
    assert evaluations(middle_iterations=60) == [200, 60, 50, 25]
    assert evaluations() == [200, 20, 20, 25]
    assert evaluations(first_size=1024) == [200, 100]
    assert evaluations(first_size=0) == [200]


def test_no_stage_is_skipped_unless_nothing_is_to_be_done():
    few = make_plan(Settings(size=1024, iterations=1, stage_ratio=0.1), PHOTO, [PAINTING])
    assert [stage.evaluations for stage in few.stages] == [1, 1, 1]
    none = make_plan(Settings(size=1024, iterations=0), PHOTO, [PAINTING])
    assert none.evaluations == 0


def test_stages_that_are_listed_come_first_and_the_usual_ones_continue_them():
    def stages(size):
        planned = make_plan(Settings(size=size, stages="128:7,362:9"), PHOTO, [PAINTING]).stages
        return [(stage.size.width, stage.evaluations) for stage in planned]

    assert stages(362) == [(128, 7), (362, 9)]
    assert stages(300) == [(128, 7), (300, 60)]
    assert stages(800) == [(128, 7), (362, 9), (800, 36)]
    assert stages(1500) == [(128, 7), (362, 9), (724, 20), (1500, 22)]
    assert stages(64) == [(64, 100)]


def test_stages_that_are_painted_are_laid_out_in_less_memory_as_a_plan_with_all_candidates_is():
    settings, small = Settings(size=1024, first_size=256), budget_of(600e6)
    plan = make_plan(settings, PHOTO, [PAINTING], is_timed=True)
    painted = plan._replace(stages=tuple(stage._replace(evaluations=7) for stage in plan.candidates[1::2]))
    other = make_plan(settings, PHOTO, [PAINTING], small, is_timed=True)
    result = painted.with_layouts_of(other)
    assert [(stage.size, stage.evaluations) for stage in result.stages] == [
        (stage.size, 7) for stage in plan.candidates[1::2]
    ]
    assert [stage.layout for stage in result.stages] == [stage.layout for stage in other.candidates[1::2]]
    assert result.bytes < painted.bytes
    assert result.candidates == other.candidates
    untimed = make_plan(settings, PHOTO, [PAINTING], small)
    with pytest.raises(PictureError, match="64 × 48 is not planned with these options"):
        plan._replace(stages=plan.candidates).with_layouts_of(untimed)


def test_a_styles_short_side_follows_the_pictures():
    (stage,) = make_plan(Settings(size=683, first_size=0), PHOTO, [PAINTING]).stages
    assert stage.size == (683, 512)
    assert stage.styles == ((646, 512),)  # as in the author's notebook
    (half,) = make_plan(Settings(size=683, first_size=0, style_scale=0.5), PHOTO, [PAINTING]).stages
    assert half.styles == ((323, 256),)


def test_a_panoramas_first_stage_is_not_too_thin_to_see_forms():
    stages = make_plan(Settings(size=2048), Size(4000, 800), [PAINTING]).stages
    assert min(stages[0].size) == 128


@pytest.mark.parametrize(
    ("content", "style", "message"),
    [
        (Size(1, 1), PAINTING, "content is 1 × 1"),
        (Size(30_000, 2), PAINTING, "content is 30000 × 2"),
        (PHOTO, Size(20, 20), "style is 20 × 20"),
        (Size(3000, 40), PAINTING, "size of at least 2400"),
        (PHOTO, Size(2000, 40), "too thin"),
    ],
)
def test_pictures_too_small_or_thin_are_refused_in_a_sentence(content, style, message):
    with pytest.raises(PictureError, match=message) as caught:
        make_plan(Settings(), content, [style])
    assert str(caught.value).endswith(".")


def test_a_stage_says_how_it_fits_and_the_plan_what_it_takes():
    budget = Budget(limit=3.1e9, baseline=0.6e9, feature_bytes=2)
    plan = make_plan(Settings(size=2048), PHOTO, [PAINTING], budget)
    assert [stage.layout.history for stage in plan.stages] == [50, 50, 50, 25]
    assert plan.stages[0].layout.work == 1
    assert plan.baseline == 0.6e9
    assert plan.bytes == 0.6e9 + plan.stages[-1].layout.bytes
    assert plan.bytes <= 3.1e9
    assert plan.work == sum(
        stage.size.width * stage.size.height * stage.layout.work * stage.evaluations for stage in plan.stages
    )


def test_a_run_keeps_as_much_as_fits_of_the_memory_that_is_freed():
    plan = make_plan(Settings(size=2048), PHOTO, [PAINTING], budget_of(baseline=0.6e9))
    need = plan.needed
    for available, caching in (
        (1.76 * need, "all"),
        (1.74 * need, "small"),
        (need + 0.21e9, "small"),
        (need + 1e8, "none"),
    ):
        tight = plan._replace(limit=plan.baseline + available)
        assert tight.caching == caching
        assert 0.6e9 + need <= tight.bytes <= tight.limit


def test_a_gpu_expands_its_segments_of_memory_where_not_half_as_much_again_fits():
    plan = make_plan(Settings(size=2048), PHOTO, [PAINTING], budget_of(feature_bytes=2, fused=True), fused=True)
    need = plan.needed
    for limit, caching in ((1.51 * need + 0.3e9, "all"), (1.49 * need + 0.3e9, "none")):
        assert plan._replace(limit=limit).caching == caching
    tight = make_plan(
        Settings(size=2048), PHOTO, [PAINTING], budget_of(limit=3e9, feature_bytes=2, fused=True), fused=True
    )
    assert tight.bytes <= tight.limit == 0.9 * 3e9


def test_where_nothing_fits_the_largest_size_that_does_is_named():
    budget = Budget(limit=3e9, baseline=0.6e9, feature_bytes=2)
    with pytest.raises(PictureError, match="8192 × 6144 pixels does not fit into 3 GB, .* 0.60;") as caught:
        make_plan(Settings(size=8192), PHOTO, [PAINTING], budget)
    size = int(str(caught.value).rsplit(" ", 1)[1].rstrip("."))
    assert 4000 < size < 8192
    make_plan(Settings(size=size), PHOTO, [PAINTING], budget)
    with pytest.raises(PictureError):
        make_plan(Settings(size=size + 1), PHOTO, [PAINTING], budget)
    with pytest.raises(PictureError, match="; give more memory.$"):
        make_plan(Settings(size=8192), PHOTO, [PAINTING], Budget(limit=0.6e9, baseline=0.6e9))


def test_more_processes_than_a_picture_can_be_divided_among_are_refused():
    make_plan(Settings(size=64), PHOTO, [PAINTING], Budget(processes=2))
    with pytest.raises(PictureError, match="64 × 48 pixels cannot be divided among 3 processes; start at most 2."):
        make_plan(Settings(size=64), PHOTO, [PAINTING], Budget(processes=3))


@given(
    width=st.integers(MIN_SIDE, 8000),
    height=st.integers(MIN_SIDE, 8000),
    size=st.integers(32, 8000),
    first=st.integers(0, 3000),
)
def test_every_plan_grows_to_its_size_and_every_picture_in_it_is_large_enough(width, height, size, first):
    try:
        plan = make_plan(Settings(size=size, first_size=first), Size(width, height), [PAINTING])
    except PictureError:
        assert size * min(width, height) < (MIN_SIDE + 1) * max(width, height)
        return
    longs = [max(stage.size) for stage in plan.stages]
    assert longs == sorted(set(longs))
    assert longs[-1] == size
    assert all(min(*stage.size, *stage.styles[0]) >= MIN_SIDE for stage in plan.stages)


@pytest.mark.parametrize(
    ("seamless", "size"), [("none", (500, 375)), ("x", (496, 375)), ("y", (500, 368)), ("both", (496, 368))]
)
def test_sides_that_wrap_around_are_multiples_of_16(seamless, size):
    (stage,) = make_plan(Settings(size=500, first_size=0, seamless=seamless), PHOTO, [PAINTING]).stages
    assert stage.size == size
    assert stage.layout.tiling.wraps == (seamless in {"y", "both"}, seamless in {"x", "both"})


def test_each_style_has_its_own_scale():
    (stage,) = make_plan(Settings(first_size=0, style_scale=0.5), PHOTO, [PAINTING, PAINTING], scales=[1, 3]).stages
    assert min(stage.styles[1]) == pytest.approx(3 * min(stage.styles[0]), abs=2)


def test_masks_take_memory():
    plans = [make_plan(Settings(first_size=0), PHOTO, [PAINTING], Budget(masks=masks)) for masks in (0, 3)]
    assert plans[0].bytes < plans[1].bytes
