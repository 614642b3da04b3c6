"""The mask of the faces in a film grows and fades over some frames."""

import pytest
import torch

from impasto import Picture, find_faces
from impasto.film.faces import NEIGHBORS, average_faces, with_neighbors
from impasto.recipes import demo


@pytest.fixture(scope="module")
def person():
    return Picture.open(demo.photograph()).resized(170, 200)


@pytest.fixture(scope="module")
def wall():
    return Picture(torch.full((3, 200, 170), 0.4))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_each_frame_comes_with_the_frames_around_it(wall, count):
    frames = [Picture(wall.samples) for _ in range(count)]
    yielded = list(with_neighbors(iter(frames)))
    assert [frame for frame, _ in yielded] == frames
    for number, (_, neighbors) in enumerate(yielded):
        assert neighbors == frames[max(0, number - NEIGHBORS) : number + NEIGHBORS + 1]


def test_frames_are_read_only_some_frames_ahead(wall):
    read = []

    def frames():
        for number in range(20):
            read.append(number)
            yield Picture(wall.samples)

    next(with_neighbors(frames()))
    assert len(read) == NEIGHBORS + 1


def test_a_face_that_comes_into_sight_comes_into_focus_over_some_frames(person, wall):
    frames = [Picture(each.samples) for each in [wall] * 10 + [person] * 10]
    means = [average_faces(neighbors) for _, neighbors in with_neighbors(frames)]
    assert means[: 10 - NEIGHBORS] == [None] * (10 - NEIGHBORS)
    brightest = [float(mask.weights.max()) for mask in means[10 - NEIGHBORS :]]
    span = 2 * NEIGHBORS + 1
    assert brightest == pytest.approx([min(1, count / span) for count in range(1, len(brightest) + 1)])
    torch.testing.assert_close(means[-1].weights, find_faces(person).weights)
