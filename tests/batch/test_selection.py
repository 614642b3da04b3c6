import os
import time

import pytest

from impasto.batch import selection
from impasto.batch.selection import Photograph, select, watch
from impasto.errors import InputError


@pytest.fixture
def photos(tmp_path):
    """A folder with pictures, one below, a hidden one, a text, and a folder of results."""
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt", "inner/c.tif", "painted/old.png", ".cache/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_a_folder_stands_for_the_pictures_below_it_and_not_for_the_results(photos):
    photographs = [
        (each.path.relative_to(photos).as_posix(), str(each.folder)) for each in select([photos], photos / "painted")
    ]
    assert photographs == [("a.JPG", "."), ("b.png", "."), ("inner/c.tif", "inner")]


def test_a_glob_mirrors_the_folders_behind_its_fixed_beginning(photos):
    folders = {each.path.name: str(each.folder) for each in select([f"{photos}/**/*.*"], photos / "painted")}
    assert folders == {"a.JPG": ".", "b.png": ".", "c.tif": "inner"}


def test_a_file_is_taken_once_and_whatever_its_suffix(photos):
    assert list(select([photos / "notes.txt", photos / "b.png", f"{photos}/b*"])) == [
        Photograph(photos / "notes.txt"),
        Photograph(photos / "b.png"),
    ]


@pytest.mark.parametrize("word", ["missing.png", "no*thing.png", ".cache"])
def test_what_names_no_picture_is_refused(photos, word):
    with pytest.raises(InputError, match="there is no file|holds no picture"):
        list(select([photos / word if word != ".cache" else photos / ".cache/empty"]))


def test_a_watched_folder_gives_what_appears_once_it_is_complete(photos, monkeypatch):
    monkeypatch.setattr(selection, "RESCAN_SECONDS", 0)
    paths = {each.path for each in select([photos])}
    photographs = watch([photos], None, paths)
    assert next(photographs) is None
    (photos / "new.png").write_bytes(b"")
    assert next(photographs) is None, "it may still be written"
    old = time.time() - 2 * selection.SETTLED_SECONDS
    os.utime(photos / "new.png", (old, old))
    assert next(photographs) == Photograph(photos / "new.png")
    assert next(photographs) is None


def test_a_watched_folder_may_be_empty_at_first(tmp_path):
    assert list(select([tmp_path], may_be_empty=True)) == []
    with pytest.raises(InputError, match="there is no file or folder"):
        list(select([tmp_path / "none"], may_be_empty=True))
