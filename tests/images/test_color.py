import pytest
import torch

from apple_gpu import MPS, on_apple_gpu
from impasto import Picture
from impasto.images.color import gray, match_colors, match_luminance, with_luminance

LUMA = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
MATCHINGS = ["chol", "pca", "sym", "histogram"]


def image(height=30, width=40, seed=0):
    """Return colors that vary together."""
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mix = torch.rand(3, 3, generator=torch.Generator().manual_seed(seed + 9), dtype=torch.float64)
    return (torch.einsum("ij,jhw->ihw", mix + torch.eye(3), noise) / 4 + 0.1).float()


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("part", [None, slice(5, 20)])
def test_colors_are_matched_where_the_device_has_neither_double_precision_nor_eigenvalues(matching, part):
    target = image(20, 25, seed=5)
    selection = None if part is None else image()[:, part]
    expected = match_colors(image(), target, matching, selection)
    on_gpu = [None if each is None else on_apple_gpu(each) for each in (image(), target, selection)]
    matched = match_colors(*on_gpu[:2], matching, on_gpu[2])
    assert (matched.device, matched.dtype) == (MPS, torch.float32)
    assert torch.equal(matched.cpu(), expected)


@pytest.mark.parametrize("matching", ["chol", "pca", "sym"])
def test_mean_and_covariance_become_the_targets(matching):
    target = image(20, 25, seed=5)
    result = match_colors(image(), target, matching)
    for statistic in (torch.cov, lambda colors: colors.mean(1)):
        expected = statistic(target.flatten(1))
        torch.testing.assert_close(statistic(result.flatten(1)), expected, atol=1e-4, rtol=0)


def test_the_symmetric_map_moves_colors_least():
    distances = {
        name: float((match_colors(image(), image(seed=5), name) - image()).square().mean()) for name in MATCHINGS[:3]
    }
    assert distances["sym"] == min(distances.values())


def test_histograms_become_the_targets():
    target = image(20, 25, seed=5)
    result = match_colors(image(), target, "histogram")
    for fraction in (0.0, 0.1, 0.5, 0.9, 1.0):
        expected = target.flatten(1).quantile(fraction, dim=1)
        torch.testing.assert_close(result.flatten(1).quantile(fraction, dim=1), expected, atol=5e-3, rtol=0)
    ranks = image()[0].flatten().argsort()
    assert (result[0].flatten()[ranks].diff() >= 0).all()


def flat(level):
    return torch.full((3, 12, 14), level)


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("source", [flat(0.5), flat(0.0), gray(image()), gray(image()) + 1e-5 * image(seed=3), image()])
@pytest.mark.parametrize("target", [flat(0.2), gray(image(seed=4)), image(seed=4)])
def test_gray_and_flat_images_are_matched_too(matching, source, target):
    result = match_colors(source, target, matching)
    assert result.isfinite().all()
    torch.testing.assert_close(
        result.mean((1, 2)), target.mean((1, 2)), atol=0.02 if matching == "histogram" else 1e-4, rtol=0
    )
    assert match_luminance(source, target).isfinite().all()


def test_gray_is_the_luminance():
    expected = torch.einsum("c,chw->hw", LUMA, image().double())
    torch.testing.assert_close(gray(image()).double(), expected.expand(3, -1, -1))


def test_a_style_in_gray_has_the_contents_luminance():
    result, content = match_luminance(image(), image(20, 25, seed=5)), gray(image(20, 25, seed=5))
    torch.testing.assert_close(result.mean(), content.mean(), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.std(), content.std(), atol=1e-4, rtol=0)
    assert torch.equal(result[0], result[1])


def test_the_chroma_stays_and_the_luminance_comes_as_near_as_it_can():
    source, colors = torch.rand(3, 30, 40), image()
    result = with_luminance(source, colors)
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6
    torch.testing.assert_close(result - gray(result), colors - gray(colors), atol=1e-5, rtol=0)
    dull = 0.5 + 0.1 * (colors - 0.5)
    kept = with_luminance(gray(dull) * 0.9, dull)
    torch.testing.assert_close(gray(kept), gray(dull) * 0.9, atol=1e-6, rtol=0)


def tinted(levels, light, dark):
    """Return levels (H, W) between two colors."""
    ends = [torch.tensor(color)[:, None, None] for color in (dark, light)]
    return ends[0].lerp(ends[1], levels[None])


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize(("light", "dark"), [((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), ((1.0, 0.9, 0.7), (0.2, 0.1, 0.0))])
def test_a_picture_that_is_nearly_gray_takes_the_tint_of_one_color(light, dark, noise):
    generator = torch.Generator().manual_seed(0)
    target = tinted(torch.rand(30, 40, generator=generator), light, dark)
    source = torch.rand(1, 24, 32, generator=generator).expand(3, -1, -1)
    source = source + noise * torch.randn(3, 24, 32, generator=generator)
    result = match_colors(source, target, "histogram")
    axis = torch.tensor(light) - torch.tensor(dark)
    level = (result - torch.tensor(dark)[:, None, None]) / axis[:, None, None]
    assert (level - level.mean(0)).abs().max() < 1e-4, "no other color than the target's"
    for fraction in (0.1, 0.5, 0.9):
        expected = target.flatten(1).quantile(fraction, dim=1)
        torch.testing.assert_close(result.flatten(1).quantile(fraction, dim=1), expected, atol=0.02, rtol=0)


def test_a_gray_picture_of_a_gray_painting_stays_gray(transfer, picture):
    content, painting = (Picture(gray(picture(seed=seed).pixels)) for seed in (0, 1))
    run = transfer(color="content-match", color_match="histogram", iterations=4).start(content, painting)
    for _ in run:
        pass
    pixels = run.result().picture.pixels
    assert (pixels[0] - pixels[1]).abs().max() < 1e-4
    assert (pixels[0] - pixels[2]).abs().max() < 1e-4
    assert pixels.std() > 0.02
