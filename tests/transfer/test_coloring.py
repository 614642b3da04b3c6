import pytest
import torch

from impasto import Mask, Picture, Runtime, Settings, Style, StyleTransfer
from impasto.errors import CheckpointError, InputError
from impasto.images import color
from impasto.planning.tiles import Tiling

LEFT = torch.zeros(160, 160)
LEFT[:, :80] = 1
SOFT = torch.linspace(2, -1, 160).clamp(0, 1).expand(160, -1)
SETTINGS = {"size": 160, "first_size": 0, "iterations": 6, "tolerance": 0}


def finish(run):
    for _ in run:
        pass
    return run.result().picture


def gray(pixels):
    return color.gray(pixels)


@pytest.fixture
def colorful(picture):
    return picture(160, 160), picture(80, 80, seed=1)


def both(painting, mask, inside="content-luminance", outside=None, **more):
    return [Style(painting, region=Mask(mask), color=inside, **more), Style(painting, color=outside)]


@pytest.mark.parametrize("kind", ["style", "content-luminance", "content-match"])
def test_styles_that_agree_paint_the_picture_of_the_setting(transfer, colorful, kind):
    photograph, painting = colorful
    by_setting = finish(transfer(**SETTINGS, color=kind).start(photograph, both(painting, SOFT, None)))
    by_style = finish(transfer(**SETTINGS).start(photograph, both(painting, SOFT, kind, kind)))
    assert torch.equal(by_setting.samples, by_style.samples)


def test_one_region_has_the_photographs_chroma_and_the_other_the_paintings_colors(transfer, colorful):
    photograph, painting = colorful
    result = finish(transfer(**SETTINGS).start(photograph, both(painting, LEFT))).pixels
    chroma = [pixels - gray(pixels) for pixels in (result, photograph.pixels)]
    assert (chroma[0] - chroma[1])[..., :80].abs().max() < 2 / 255
    assert (chroma[0] - chroma[1])[..., 80:].abs().mean() > 2 / 255
    assert (gray(result) - gray(photograph.pixels))[..., :80].abs().max() > 2 / 255, "nothing is painted"


def test_colors_are_mixed_where_a_region_is_soft(transfer, colorful):
    photograph, painting = colorful
    settings = Settings(**SETTINGS)
    run = StyleTransfer(settings, weights=transfer().weights).start(photograph, both(painting, SOFT))
    result = finish(run).pixels
    raw = run._state.best.float()
    recolored = color.with_luminance(raw.clamp(0, 1), photograph.pixels)
    torch.testing.assert_close(result, raw.lerp(recolored, SOFT).clamp(0, 1), atol=0.51 / 255, rtol=0)


def test_colors_are_matched_with_those_of_the_photograph_in_the_styles_own_region(transfer, colorful):
    photograph, painting = colorful
    result = finish(transfer(**SETTINGS).start(photograph, both(painting, LEFT, "content-match"))).pixels
    left, right = (
        [p[..., part].flatten(1) for p in (result, photograph.pixels)] for part in (slice(80), slice(80, 160))
    )
    assert (left[0].mean(1) - left[1].mean(1)).abs().max() < 2 / 255
    assert (right[0].mean(1) - right[1].mean(1)).abs().max() > 5 / 255
    chol, sym = (
        finish(transfer(**SETTINGS).start(photograph, both(painting, LEFT, "content-match", color_match=match)))
        for match in ("chol", "sym")
    )
    assert not torch.equal(chol.samples, sym.samples)


def test_tiles_change_nothing_of_colors_by_region(transfer, colorful):
    photograph, painting = colorful
    maker = StyleTransfer(Settings(**SETTINGS), Runtime(dtype="float64", device="cpu"), weights=transfer().weights)
    run = maker.start(photograph, both(painting, SOFT))
    stage = run.plan.stages[0]
    tiled = stage._replace(layout=stage.layout._replace(tiling=Tiling(64)))
    scene, network = run._solver.scene, run._solver.network
    grain = torch.rand(3, 160, 160, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = 0.9 * scene.canvas(stage.size) + 0.01 * grain  # in flat areas rounding decides which unit a pooling takes
    undivided, divided = (scene.objective(each, network).evaluate(image) for each in (stage, tiled))
    assert float(divided.loss) == pytest.approx(float(undivided.loss), rel=1e-9)
    torch.testing.assert_close(divided.gradient, undivided.gradient)


def test_a_run_continues_with_its_colors_and_refuses_others(transfer, colorful, tmp_path):
    photograph, painting = colorful
    maker, path = transfer(**SETTINGS), tmp_path / "run.checkpoint"
    uninterrupted = finish(maker.start(photograph, both(painting, SOFT)))
    run = maker.start(photograph, both(painting, SOFT), checkpoint=path)
    for _ in range(3):
        next(run)
    run.save_checkpoint()
    with pytest.raises(CheckpointError, match="style 1 color was content-luminance and is content-match"):
        maker.start(photograph, both(painting, SOFT, "content-match"), checkpoint=path)
    assert torch.equal(
        finish(maker.start(photograph, both(painting, SOFT), checkpoint=path)).samples, uninterrupted.samples
    )


def test_what_no_region_claims_is_left_in_the_colors_of_the_canvas(transfer, colorful):
    photograph, painting = colorful
    third = torch.zeros(160, 160)
    third[:, :50] = 1
    styles = [
        Style(painting, region=Mask(third), color="content-luminance"),
        Style(painting, region=Mask(third.flip(1)), color="style"),
    ]
    assert finish(transfer(**SETTINGS).start(photograph, styles)).pixels.isfinite().all()


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ({"color": "content-luminance"}, {}, "content-luminance and style"),
        ({"color": "content-match"}, {"color": "content-match", "color_match": "chol"},
         "content-match by sym and content-match by chol"),
    ],
)  # fmt: skip
def test_styles_of_one_region_with_different_colors_are_refused(transfer, colorful, first, second, kinds):
    photograph, painting = colorful
    with pytest.raises(InputError) as caught:
        transfer().start(photograph, [Style(painting, **first), Style(painting, **second)])
    assert str(caught.value) == (
        f"styles that are blended in one region cannot have the colors {kinds}; give them the same color, or a region each."
    )
    transfer().start(photograph, [Style(painting, **first), Style(painting, weight=0, **second)])
    with pytest.raises(InputError, match="a style's color cannot be blue"):
        Style(painting, color="blue")
    assert isinstance(painting, Picture)
