"""Films to paint on the tiny network."""

import pytest

from films import moving, write
from impasto import Picture, Runtime, Settings
from impasto.film.film import Film
from impasto.jobs.job import Job, StyleSource


@pytest.fixture
def clip(tmp_path, picture):
    """A film of 4 frames with sound, and a painting beside it."""
    picture(72, 60, seed=1).save(tmp_path / "style.png")
    return write(tmp_path / "clip.mp4", moving(4), sound=True)


@pytest.fixture
def film(clip, tiny_network):
    """Make a film on the tiny network."""

    def make(output="out.mp4", settings=None, overwrite=False, **changes):
        job = Job(
            content=clip,
            styles=(StyleSource(picture=clip.with_name("style.png")),),
            settings=Settings(**{"size": 64, "first_size": 0, "iterations": 5, "tolerance": 0, **(settings or {})}),
            runtime=Runtime(device="cpu", dtype="float32", winograd="off", threads=1),
            output=clip.with_name(output),
            overwrite=overwrite,
        )
        return Film(job=job, **{"frame_iterations": 3, **changes})

    return make


@pytest.fixture
def frames_of():
    """Return the bytes of the painted frames of a film that are in its folder, by name."""

    def listed(film):
        folder = film.output.with_name(f"{film.output.name}.frames")
        return {path.name: Picture.open(path).samples.numpy().tobytes() for path in sorted(folder.glob("*.png"))}

    return listed
