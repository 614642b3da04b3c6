"""The masks of a job may be of the faces in its photograph."""

import pytest
import torch

from impasto import Picture, find_faces
from impasto.errors import InputError
from impasto.jobs.fingerprint import file_hashes
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.sources import open_job
from impasto.recipes import demo
from impasto.settings import Settings


@pytest.fixture(scope="module")
def photograph():
    return Picture.open(demo.photograph()).resized(256, 300)


@pytest.fixture(scope="module")
def landscape():
    return Picture(torch.full((3, 96, 128), 0.5))


def test_keep_focus_and_regions_may_be_the_faces_of_the_photograph_and_a_part_those_of_the_painting(photograph):
    styles = (StyleSource(picture=photograph.resized(200, 234), mask="faces", region="faces"),)
    job = Job(content=photograph, styles=styles, keep="faces", focus="faces")
    opened = open_job(job)
    faces, style = find_faces(photograph).weights, opened.inputs.styles[0]
    for mask in (opened.inputs.keep, opened.inputs.focus, style.region):
        assert torch.equal(mask.weights, faces)
    assert style.mask.weights.shape == (234, 200)
    assert not list(opened.remarks)
    assert job.inputs == []
    assert file_hashes(job) == {}


def test_faces_are_in_focus_unless_the_job_says_otherwise_and_a_sentence_says_so(photograph, tmp_path):
    photograph.save(tmp_path / "grace.png")
    job = Job(content=tmp_path / "grace.png", styles=(StyleSource(picture=photograph),))
    sentence = (
        "Faces were found in grace.png and stay like the person; a focus weight of 1 leaves them to the painting."
    )
    assert open_job(job).announcements == [sentence]
    assert not open_job(job.replace(settings=Settings(focus_weight=1.0))).announcements
    assert not open_job(job.replace(focus="faces")).announcements
    opened = open_job(job.replace(focus=None))
    assert opened.inputs.focus is None
    assert not opened.announcements
    Picture(torch.full((3, 300, 256), 0.5)).save(tmp_path / "mask.png")
    assert not open_job(job.replace(focus=str(tmp_path / "mask.png"))).announcements


def test_where_there_is_no_face_nothing_is_in_focus_and_a_sentence_says_so_of_what_should_stay(landscape, tmp_path):
    landscape.save(tmp_path / "sea.png")
    job = Job(content=tmp_path / "sea.png", styles=(StyleSource(picture=landscape),))
    opened = open_job(job)
    assert opened.inputs.focus is None
    assert not opened.announcements
    assert not list(opened.remarks)
    opened = open_job(job.replace(keep="faces", focus="faces"))
    assert (opened.inputs.keep, opened.inputs.focus) == (None, None)
    sentence = "no face was found in sea.png, so the mask {} does not count."
    assert list(opened.remarks) == [sentence.format("keep"), sentence.format("focus")]


@pytest.mark.parametrize("option", ["mask", "region"])
def test_a_style_that_belongs_to_faces_is_refused_where_there_is_none(landscape, tmp_path, option):
    landscape.save(tmp_path / "sea.png")
    style = StyleSource(picture=tmp_path / "sea.png", **{option: "faces"})
    for content, name in ((tmp_path / "sea.png", "sea.png"), (None, "sea.png" if option == "mask" else "the texture")):
        with pytest.raises(
            InputError, match=rf"^no face was found in {name}; draw a mask of the part that you mean\.$"
        ):
            open_job(Job(content=content, styles=(style,)))


def test_faces_are_found_in_what_a_print_shows_of_the_photograph(photograph):
    """A face at the edge, which the print crops off, is not in focus; without the crop it is."""
    wide = torch.full((3, 300, 900), 0.5)
    wide[:, :, :256] = photograph.pixels
    job = Job(content=Picture(wide), styles=(StyleSource(picture=photograph),), focus="faces", print_size="10x10cm")
    assert open_job(job).inputs.focus is not None
    filled = open_job(job.replace(fill=True))
    assert filled.inputs.focus is None
    centered = open_job(job.replace(fill=True, content=Picture(wide.roll(320, 2))))
    assert centered.inputs.focus.resized(300, 300).shape == (300, 300)
