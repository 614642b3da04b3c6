import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.recipes import demo
from impasto.recipes.demo import fields, landscape, strokes

pytestmark = pytest.mark.usefixtures("coarse_landscape")


@pytest.fixture(scope="module")
def evening(coarse_landscape: None) -> Tensor:
    return demo.painting(256)


@pytest.fixture
def broad_brush(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint with the widest brush only."""
    monkeypatch.setattr(demo, "LAYERS", strokes.LAYERS[:1])


def luma(picture: Tensor) -> np.ndarray:
    return picture.mean(0).numpy().astype(np.float64)


def structure(gray: np.ndarray, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the coherence in [0, 1] and the direction along the edges of the smoothed structure tensor."""
    down, right = np.gradient(gray)
    xx, yy, xy = (fields.blur(a, deviation, deviation) for a in (right * right, down * down, right * down))
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-9)
    return coherence, 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2


@pytest.mark.slow
def test_the_painting_is_a_float32_picture_in_range_with_darks_and_lights(evening: Tensor) -> None:
    assert evening.shape == (3, 205, 256)
    assert evening.dtype == torch.float32
    assert evening.is_contiguous()
    assert evening.min() >= 0
    assert evening.max() <= 1
    dark, light = np.quantile(luma(evening), [0.05, 0.95])
    assert dark < 0.2
    assert light > 0.65


@pytest.mark.slow
def test_warm_and_cool_saturated_hues_share_the_canvas(evening: Tensor) -> None:
    red, _, blue = evening
    chroma = evening.amax(0) - evening.amin(0)
    assert chroma.mean() > 0.3
    assert ((red - blue > 0.15).float().mean()) > 0.2
    assert ((blue - red > 0.15).float().mean()) > 0.3
    angle = torch.atan2(3**0.5 * (evening[1] - evening[2]), 2 * evening[0] - evening[1] - evening[2])
    counts = torch.histc(angle[chroma > 0.2], bins=12, min=-torch.pi, max=torch.pi)
    assert (counts > 0.005 * counts.sum()).sum() >= 7


@pytest.mark.slow
def test_the_same_seed_paints_the_same_bytes_and_another_seed_other_strokes(broad_brush: None) -> None:
    first, again, other = demo.painting(96, 5), demo.painting(96, 5), demo.painting(96, 6)
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 0.05
    assert np.corrcoef(luma(first).ravel(), luma(other).ravel())[0, 1] > 0.3  # the same motif


@pytest.mark.slow
def test_two_sizes_show_the_same_painting(broad_brush: None) -> None:
    large, small = demo.painting(240), demo.painting(120)
    shrunk = torch.nn.functional.interpolate(large[None], small.shape[1:], mode="bilinear", antialias=True)[0]
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.97


def test_one_layer_of_strokes_covers_the_whole_canvas() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    rows, columns = np.mgrid[0 : landscape.GRID * 4 // 5, 0 : landscape.GRID]
    gray = (rows + columns).astype(np.float32)[..., None] / (2 * landscape.GRID) * np.ones(3, np.float32)
    scene = landscape.Landscape(gray, np.ones((*rows.shape, 2), np.float32) / 2**0.5)
    planned = strokes.plan_strokes(scene, strokes.contrast(gray), strokes.LAYERS[0], generator)
    _, height = strokes.paint(gray, planned, strokes.brush(generator), 200)
    assert height.shape == (160, 200)
    assert height.min() > 0


@pytest.mark.slow
def test_paint_lies_along_the_flow_and_noise_does_not(evening: Tensor) -> None:
    scene = landscape.compose(np.random.Generator(np.random.PCG64(0)))
    rows, columns = np.mgrid[0:205, 0:256]
    flow = fields.sample_field(scene.flow, (np.stack([columns, rows], -1) + 0.5) / 256)
    coherence, direction = structure(luma(evening), 3.0)
    static, _ = structure(np.random.default_rng(0).random((205, 256)), 3.0)
    assert coherence.mean() > 1.5 * static.mean()
    agreement = np.cos(2 * (direction - np.arctan2(flow[..., 1], flow[..., 0])))
    assert np.average(agreement, weights=coherence) > 0.5


def test_a_stroke_stays_inside_its_ribbon_and_may_leave_the_canvas() -> None:
    color = np.array([0.8, 0.2, 0.1], np.float32)
    ends = np.array([[0.2, 0.4], [1.3, 0.4]], np.float32)
    stroke = strokes.Stroke(0.1, ends[0], ends[1], 0.0, 0.0, color, color, 0, 0)
    bristles = strokes.brush(np.random.Generator(np.random.PCG64(0)))
    _, height = strokes.paint(np.zeros((256, 320, 3), np.float32), [stroke], bristles, 200)
    assert height[80, 60:].min() > 0
    assert height[:68].max() == 0
    assert height[92:].max() == 0
    assert height[:, :28].max() == 0


def test_light_from_the_upper_left_brightens_the_slopes_that_face_it() -> None:
    mound = np.zeros((160, 200), np.float32)
    mound[60:100, 80:120] = 0.05
    lit = strokes.shade_relief(np.full((160, 200, 3), 0.5, np.float32), mound)
    assert lit[80, 79:81].mean() > 0.5 > lit[80, 119:121].mean()
    assert lit[59:61, 100].mean() > 0.5 > lit[99:101, 100].mean()
    assert lit[10, 10] == pytest.approx([0.5] * 3, abs=1e-3)


def test_the_photograph_is_a_file_that_matplotlib_installs() -> None:
    path = demo.photograph()
    assert path.name == "grace_hopper.jpg"
    assert path.read_bytes()[:3] == b"\xff\xd8\xff"
