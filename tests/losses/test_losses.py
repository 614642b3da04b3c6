import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import reference
from apple_gpu import MPS, on_apple_gpu
from impasto.losses import (
    DISTANCES,
    ContentLoss,
    NinePointTotalVariationLoss,
    RangeLoss,
    StyleLoss,
    TotalVariationLoss,
    Units,
    moments,
)
from vgg_by_autograd import nine_points

GENERATOR = torch.Generator().manual_seed(0)


def features(channels=8, height=4, width=4):
    return torch.rand(channels, height, width, dtype=torch.float64, generator=GENERATOR)


def style_loss(kind, style=None, weight=3.0):
    style = features(8, 6, 5) if style is None else style
    return StyleLoss("conv1_1", [(DISTANCES[kind](moments(Units(style)).mean), weight)])


def test_8_maps_of_4_by_4_make_8_vectors_of_16_and_an_8_by_8_gram_matrix():
    maps = features(8, 4, 4)
    vectors = maps.flatten(1)
    assert vectors.shape == (8, 16)
    statistic = moments(Units(maps))
    assert statistic.total.shape == (8, 9)
    assert float(statistic.weight_sum) == 16
    for i in range(8):
        for j in range(8):
            products = sum(float(maps[i, y, x]) * float(maps[j, y, x]) for y in range(4) for x in range(4))
            assert float(statistic.total[i, j]) == pytest.approx(products, rel=1e-12)
            assert float(statistic.mean[i, j]) == pytest.approx(products / 16, rel=1e-12)
        assert float(statistic.mean[i, 8]) == pytest.approx(float(vectors[i].mean()), rel=1e-12)


def test_the_content_loss_is_the_papers_up_to_the_mean():
    maps, target = features(), features()
    ours = float(ContentLoss("conv4_2").value(ContentLoss("conv4_2").measure(Units(maps, content=target))))
    assert ours == pytest.approx(reference.content_loss(maps.numpy(), target.numpy()) / (0.5 * maps.numel()), rel=1e-12)


def test_the_style_loss_is_the_papers_up_to_the_notebooks_convention():
    maps, style = features(), features()  # the same size: the paper divides both Gram matrices by one M
    loss = style_loss("gram", style, 1.0)
    ours = float(loss.value(loss.measure(Units(maps))))
    papers = reference.style_loss(maps.numpy(), reference.gram(style.numpy()))
    assert ours == pytest.approx(papers * 4 / 8**2, rel=1e-12)  # E_l = mean((G/M - A/M)²) / 4


def gradient(loss, maps, mask=None, content=None):
    """Return the derivative of a loss by features, from its slope and its pullback."""
    derivative = torch.zeros_like(maps)
    units = Units(maps, mask, content)
    loss.cotangent(loss.slope(loss.measure(units)), units)(maps, derivative)
    return derivative


def test_gradients_by_features_are_equations_2_and_6():
    maps, style = features(), features()
    ours = gradient(ContentLoss("conv4_2"), maps, content=style)
    papers = reference.content_gradient(maps.numpy(), style.numpy()) / (0.5 * maps.numel())
    np.testing.assert_allclose(ours.numpy(), papers, rtol=1e-10)

    ours = gradient(style_loss("gram", style, 1.0), maps)
    papers = reference.style_gradient(maps.numpy(), reference.gram(style.numpy())) * 4 / 8**2
    np.testing.assert_allclose(ours.numpy(), papers, rtol=1e-10)


@pytest.mark.parametrize("masked", [False, True])
def test_a_gram_matrix_of_more_positions_than_are_summed_at_a_time(masked):
    maps, mask = features(4, 150, 120), features(1, 150, 120)[0] if masked else None
    flat = maps.flatten(1)
    weighed = flat * (1 if mask is None else mask.flatten())
    expected = torch.cat((weighed @ flat.T, weighed.sum(1, keepdim=True)), 1)
    torch.testing.assert_close(moments(Units(maps, mask)).total, expected, rtol=1e-10, atol=0)


class LargestResult(TorchDispatchMode):
    """Remember the units of the largest tensor that an operation returned."""

    units = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and not operation.is_view:
            self.units = max(self.units, result.numel())
        return result


@pytest.mark.parametrize("masked", [False, True])
def test_a_mean_square_of_many_units_is_worked_out_a_part_at_a_time(masked):
    maps, content = (features(128, 160, 120).bfloat16() for _ in range(2))
    mask = features(1, 160, 120)[0].float() if masked else None
    difference = maps.float() - content.float()
    loss, units, derivative = ContentLoss("conv4_2"), Units(maps, mask, content), torch.zeros(128, 160, 120)
    with LargestResult() as largest:
        measured = loss.measure(units)
        loss.cotangent(torch.tensor(1.0), units)(units.features, derivative)
    assert 0 < largest.units < maps.numel() / 2
    weighed = difference if mask is None else difference * mask
    torch.testing.assert_close(measured.total, (weighed * difference).sum(), rtol=1e-5, atol=0)
    torch.testing.assert_close(derivative, 2 * weighed, rtol=1e-5, atol=0)


def square_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**0.5) @ vectors.T


@pytest.mark.parametrize("kind", DISTANCES)
def test_distances_are_what_they_say_of_vectors_of_features(kind):
    maps, style = features(8, 6, 7), features(8, 5, 9) * 2
    x, y = (each.flatten(1).numpy() for each in (maps, style))
    covariances = [np.cov(vectors, bias=True) for vectors in (x, y)]
    means, deviations = (
        [f(vectors, 1) for vectors in (x, y)] for f in (np.mean, lambda v, _: np.sqrt(v.var(1) + 1e-4))
    )
    first, second = (covariance + 1e-4 * np.eye(8) for covariance in covariances)
    root = square_root(square_root(second) @ first @ square_root(second))
    means = np.mean((means[0] - means[1]) ** 2)
    expected = {
        "gram": np.mean((x @ x.T / 42 - y @ y.T / 45) ** 2) / 64,
        "moments": means + np.mean((deviations[0] - deviations[1]) ** 2),
        "covariance": np.mean((covariances[0] - covariances[1]) ** 2) / 64,
        "wasserstein": means + np.trace(first + second - 2 * root) / 8,
    }[kind]
    loss = style_loss(kind, style, 3.0)
    assert float(loss.value(loss.measure(Units(maps)))) == pytest.approx(3 * expected, rel=1e-9)


@pytest.mark.parametrize("kind", DISTANCES)
def test_distances_are_computed_where_the_device_has_neither_double_precision_nor_eigenvalues(kind):
    target, moments = (
        torch.cat((maps.flatten(1).cov(correction=0) + mean @ mean.T, mean), 1).float()
        for maps in (features(8, 5, 9), features(8, 6, 7))
        for mean in [maps.flatten(1).mean(1, keepdim=True)]
    )
    expected, found = DISTANCES[kind](target), DISTANCES[kind](on_apple_gpu(target))
    moments_there = on_apple_gpu(moments)
    for result, plain in (
        (found.value(moments_there), expected.value(moments)),
        (found.derivative(moments_there), expected.derivative(moments)),
    ):
        assert (result.device, result.dtype) == (MPS, torch.float32)
        assert torch.equal(result.cpu(), plain)


@pytest.mark.parametrize("kind", DISTANCES)
def test_a_style_is_at_no_distance_from_itself_and_features_that_never_occur_do_no_harm(kind):
    maps = features(8, 6, 7)
    maps[3] = 0
    loss = style_loss(kind, maps)
    assert float(loss.value(loss.measure(Units(maps)))) == pytest.approx(0, abs=1e-9)
    assert gradient(loss, maps + 0.1 * features(8, 6, 7)).isfinite().all()
    assert gradient(loss, maps * 0).isfinite().all()


def test_total_variation_of_a_ramp_is_the_square_of_its_slope():
    ramp = torch.arange(5, dtype=torch.float64).mul(3).expand(1, 4, 5)
    assert float(TotalVariationLoss().value(TotalVariationLoss().measure(Units(ramp)))) == pytest.approx(9 * 16 / 20)


def test_total_variation_as_a_sum_is_that_of_neural_style_and_of_its_port_and_a_mean_does_not_grow():
    x = features(3, 6, 5) * 9
    dx, dy = x[:, :, 1:] - x[:, :, :-1], x[:, 1:] - x[:, :-1]
    for kind, expected in (
        ("half-squares", 0.5 * (dx.square().sum() + dy.square().sum())),
        ("absolute", dx.abs().sum() + dy.abs().sum()),
        ("mean-absolute", (dx.abs().sum() + dy.abs().sum()) / x.numel()),
    ):
        loss = TotalVariationLoss(1e-3, kind)
        assert float(loss.value(loss.measure(Units(x)))) == pytest.approx(1e-3 * float(expected), rel=1e-12)


@pytest.mark.parametrize("size", [(6, 5), (1, 4), (2, 2)])
def test_total_variation_over_nine_points(size):
    x = (features(3, *size) * 9).requires_grad_()
    expected = 0.5 * nine_points(x)
    loss = NinePointTotalVariationLoss(0.5)
    assert float(loss.value(loss.measure(Units(x.detach())))) == pytest.approx(float(expected.detach()), rel=1e-12)
    expected.backward()
    torch.testing.assert_close(gradient(loss, x.detach()), x.grad, rtol=1e-10, atol=1e-12)


def test_total_variation_over_nine_points_knows_no_edge_where_edges_meet():
    x = features(3, 6, 5)
    loss = NinePointTotalVariationLoss(wraps=(True, True))
    rolled = x.roll((2, 3), (1, 2))
    assert float(loss.value(loss.measure(Units(x)))) == pytest.approx(
        float(loss.value(loss.measure(Units(rolled)))), rel=1e-12
    )
    torch.testing.assert_close(gradient(loss, rolled), gradient(loss, x).roll((2, 3), (1, 2)))


def test_only_values_outside_the_range_are_penalized():
    inside, outside = torch.tensor([[[0.0, 255.0]]]), torch.tensor([[[-2.0, 258.0]]])
    assert float(RangeLoss().value(RangeLoss().measure(Units(inside)))) == 0
    assert float(RangeLoss().value(RangeLoss().measure(Units(outside)))) == pytest.approx((4 + 9) / 2)


def test_the_content_loss_says_what_it_misses():
    with pytest.raises(ValueError, match="content image"):
        ContentLoss("conv4_2").measure(Units(features()))
