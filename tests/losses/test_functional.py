"""The losses as plain functions: equal to the paper's, up to their factors, and to the terms of a run."""

import numpy as np
import pytest
import torch

import reference
from impasto import VGG19, Settings
from impasto.errors import InputError
from impasto.losses import content_loss, gram, style_loss
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage

DOUBLE = torch.float64


def features(channels=8, height=4, width=4, seed=0, batch=()):
    return torch.rand(*batch, channels, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def test_a_picture_of_4_by_4_in_8_maps_has_a_gram_matrix_of_8_by_8():
    maps = features()
    matrix = gram(maps)
    assert matrix.shape == (8, 8)
    rows = maps.reshape(8, 16)  # each map as a vector; the first row of a map is its first 4 numbers
    assert torch.equal(rows[0, :4], maps[0, 0])
    assert matrix[3, 1].item() == pytest.approx((rows[3] @ rows[1]).item() / 16), "how similar maps 4 and 2 are"
    assert torch.equal(matrix, matrix.T)
    shuffled = rows[:, torch.randperm(16, generator=torch.Generator().manual_seed(1))].reshape(8, 4, 4)
    torch.testing.assert_close(gram(shuffled), matrix, msg="style forgets where")


def test_they_are_the_equations_of_the_paper_but_for_their_factors():
    f, p, a = features(6, 7, 5), features(6, 7, 5, seed=1), features(6, 7, 5, seed=2)
    positions = 7 * 5
    in_numpy = [each.numpy() for each in (f, p, a)]
    np.testing.assert_allclose(gram(f) * positions, reference.gram(in_numpy[0]))
    paper = reference.content_loss(in_numpy[0], in_numpy[1])
    assert content_loss(f, p).item() * 6 * positions / 2 == pytest.approx(paper)
    paper = reference.style_loss(in_numpy[0], reference.gram(in_numpy[2]))
    assert style_loss(f, gram(a)).item() * 6**2 / 4 == pytest.approx(paper)


def test_finite_differences_agree_with_their_gradients():
    f, p, a = features(3, 4, 5).requires_grad_(), features(3, 4, 5, seed=1), gram(features(3, 4, 5, seed=2))
    torch.autograd.gradcheck(lambda x: (gram(x), content_loss(x, p), style_loss(x, a)), (f,))


def test_a_batch_is_a_mean_over_its_images():
    f, p, a = features(batch=(2,)), features(batch=(2,), seed=1), gram(features(seed=2))
    assert gram(f).shape == (2, 8, 8)
    torch.testing.assert_close(gram(f)[1], gram(f[1]))
    torch.testing.assert_close(content_loss(f, p), (content_loss(f[0], p[0]) + content_loss(f[1], p[1])) / 2)
    torch.testing.assert_close(style_loss(f, a), (style_loss(f[0], a) + style_loss(f[1], a)) / 2)


def test_features_in_half_precision_are_summed_in_float32():
    f = features().bfloat16()
    assert gram(f).dtype == content_loss(f, f + 1).dtype == style_loss(f, gram(f)).dtype == torch.float32
    torch.testing.assert_close(gram(f), gram(f.float()))


def own_loss(network, settings, x, photograph, painting):
    """Return content and style term, as a reader would write them."""
    of_x, of_p, of_a = (network(each, settings.active_layers) for each in (x, photograph, painting))
    content = sum(w * content_loss(of_x[name], of_p[name]) for name, w in settings.content_layers.items())
    style = sum(w * style_loss(of_x[name], gram(of_a[name])) for name, w in settings.style_layers.items())
    return settings.content_weight * content, settings.style_weight * style


def images():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, *size, dtype=DOUBLE, generator=generator) for size in ((48, 64), (48, 64), (60, 56))]


def compared(network, settings, images):
    """Return values and gradients of content plus style, by a reader's loop and by a run's objective."""
    x, photograph, painting = (each.to(network.dtype) for each in images)
    objective = Objective.build(settings, network, photograph, [Region([StyleImage(painting)])])
    theirs = objective.evaluate(x)
    x = x.clone().requires_grad_()
    content, style = own_loss(network, settings, x, photograph, painting)
    (content + style).backward()
    return (content, style, x.grad), (theirs.terms["content"], theirs.terms["style"], theirs.gradient)


@pytest.mark.parametrize(
    "changes",
    [{}, {"content_layers": "conv3_1:2,conv4_2", "style_layers": "conv1_1:3,conv2_1"}, {"pooling": "average"}],
)
def test_they_are_the_terms_of_a_run_with_their_gradient(weights, changes):
    settings = Settings(**changes)
    network = VGG19(weights, settings.pooling, padding=settings.padding).to("cpu", DOUBLE)
    ours, theirs = compared(network, settings, images())
    for our_gradient, their_gradient in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-9, atol=1e-12)


def test_by_the_real_network_in_float32_a_loop_of_ones_own_has_the_gradient_of_a_run(codebook):
    settings = Settings()
    network = VGG19(codebook, padding=settings.padding)
    ours, theirs = compared(network, settings, images())
    for our_gradient, their_gradient in zip(ours, theirs, strict=True):
        assert ((our_gradient - their_gradient).norm() / their_gradient.norm()).item() < 1e-5


F = features()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: gram(F[0]),
            "features cannot be torch.float64 of shape (4, 4); give a floating-point tensor (C, H, W)",
        ),
        (lambda: gram(F.byte()), "features cannot be torch.uint8 of shape (8, 4, 4)"),
        (lambda: gram(F.numpy()), "features cannot be of type ndarray"),
        (lambda: gram({"conv1_1": F}), "features cannot be of type dict"),
        (lambda: gram(None), "features cannot be of type NoneType"),
        (lambda: gram(F[:, :0]), "features cannot be torch.float64 of shape (8, 0, 4)"),
        (lambda: content_loss(F, F[:, :2]), "features have the shape (8, 4, 4) and target_features (8, 2, 4); give"),
        (lambda: content_loss(F, "conv4_2"), "target_features cannot be of type str"),
        (lambda: style_loss(F, F), "target_gram is torch.float64 of shape (8, 4, 4); style_loss takes the Gram matrix"),
        (
            lambda: style_loss(F, gram(F[:4])),
            "of shape (4, 4); style_loss takes the Gram matrix of the painting at the",
        ),
        (lambda: style_loss(F, None), "target_gram is of type NoneType"),
        (lambda: style_loss(gram(F), F), "features cannot be torch.float64 of shape (8, 8)"),
    ],
)
def test_what_they_cannot_take_is_named_in_a_sentence(call, sentence):
    with pytest.raises(InputError) as caught:
        call()
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
