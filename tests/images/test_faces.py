"""Faces are detected on real photographs: one of matplotlib's, and copies of it that are smaller, cut and put together."""

from unittest.mock import Mock

import pytest
import torch

from impasto import InputError, Picture, WeightsError, find_faces
from impasto.images import face_networks, faces
from impasto.recipes import demo


@pytest.fixture(scope="module")
def photograph():
    return Picture.open(demo.photograph()).resized(256, 300)


def test_the_mask_is_white_in_the_face_and_black_far_from_it(photograph):
    mask = find_faces(photograph)
    assert mask.weights.shape == (300, 256)
    rows, columns = torch.where(mask.weights == 1)
    center = rows.float().mean() / 300, columns.float().mean() / 256
    assert center == (pytest.approx(0.34, abs=0.05), pytest.approx(0.51, abs=0.04))
    assert 0.1 < mask.weights.mean() < 0.25
    edge = torch.cat([mask.weights[:3].flatten(), mask.weights[210:].flatten(), mask.weights[:, :15].flatten()])
    assert edge.max() == 0


def test_each_face_of_a_group_is_found_at_its_own_size(photograph):
    group = torch.full((3, 400, 700), 0.5)
    group[:, 50:350, 20:276] = photograph.pixels
    group[:, 200:350, 500:628] = photograph.resized(128, 150).pixels
    weights = find_faces(Picture(group)).weights
    columns = weights.amax(0)
    assert weights.shape == (366, 640)
    left, middle, right = columns[:256], columns[256:450], columns[450:]
    assert (float(left.max()), float(middle.max()), float(right.max())) == (1, 0, 1)
    assert float(weights[:, :256].sum() / weights[:, 450:].sum()) == pytest.approx(4, rel=0.3), "half as wide and high"


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (24, 24), (3, 900), (300, 200)])
def test_a_picture_without_a_face_has_no_mask(size):
    generator = torch.Generator().manual_seed(0)
    assert find_faces(Picture(torch.rand(3, *size, generator=generator))) is None
    assert find_faces(Picture(torch.full((3, *size), 0.5))) is None


def test_a_painting_without_people_has_no_mask():
    assert find_faces(Picture(demo.painting(256))) is None


def test_a_face_that_is_cut_off_by_an_edge_is_found(photograph):
    mask = find_faces(Picture(photograph.pixels[:, 60:, 80:].clone()))
    assert mask is not None
    assert float(mask.weights[:, 0].max()) > 0


def test_files_and_transparent_and_16_bit_pictures_are_taken(photograph, tmp_path):
    photograph.save(tmp_path / "photo.png")
    from_file = find_faces(tmp_path / "photo.png").weights
    alpha = torch.ones(300, 256)
    assert torch.equal(find_faces(Picture(photograph.pixels, alpha=alpha)).weights, find_faces(photograph).weights)
    assert (from_file - find_faces(photograph).weights).abs().mean() < 0.01
    with pytest.raises(InputError, match="missing"):
        find_faces(tmp_path / "missing.png")


def test_a_picture_is_searched_once(photograph, monkeypatch):
    searched = Picture(photograph.samples)
    mask = find_faces(searched)
    monkeypatch.setattr(faces, "_detect", Mock(side_effect=AssertionError))
    assert find_faces(searched) is mask
    with pytest.raises(AssertionError):
        find_faces(Picture(photograph.samples))


def test_without_the_files_of_the_networks_a_sentence_says_what_to_install(photograph, monkeypatch):
    file = face_networks.PROPOSAL.file._replace(distribution="none-such")
    monkeypatch.setattr(faces, "PROPOSAL", face_networks.PROPOSAL._replace(file=file))
    with pytest.raises(WeightsError, match=r"^mtcnn.*lz4, a file of the distribution none-such, .*, or draw a mask\.$"):
        find_faces(Picture(photograph.samples))


def test_the_networks_judge_each_square_of_a_larger_image_as_that_square_alone(photograph):
    image = 2 * photograph.resized(40, 46).pixels[None] - 1
    moves, probabilities = face_networks.PROPOSAL.judge(image)
    assert probabilities.shape == (1, 18, 15)
    alone_moves, alone = face_networks.PROPOSAL.judge(image[:, :, 16:28, 14:26])
    torch.testing.assert_close(probabilities[0, 8, 7], alone[0, 0, 0])
    torch.testing.assert_close(moves[0, :, 8, 7], alone_moves[0, :, 0, 0])
