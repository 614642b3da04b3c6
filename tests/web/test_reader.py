import pytest

from impasto import Picture
from impasto.web.reader import answer


@pytest.mark.slow
def test_the_demo_gives_a_photograph_and_a_painting_that_can_be_opened(tmp_path, quick_painting):
    paths = answer({"demo": str(tmp_path)})
    assert [*paths] == ["photograph", "painting"]
    info = answer({"open": paths["painting"]})
    assert (info["width"], info["height"], info["settings"]) == (640, 512, None)
    assert max(Picture.open(tmp_path / "Landscape by the sea.thumbnail.jpg").pixels.shape) == 480
    assert Picture.open(tmp_path / "Landscape by the sea.view.jpg").width == 640


def test_a_picture_is_written_in_another_format_with_all_its_bits(tmp_path, picture):
    from dataclasses import replace

    replace(picture(), bits=16).save(tmp_path / "deep.png")
    assert answer({"convert": str(tmp_path / "deep.png"), "to": str(tmp_path / "deep.tif")}) == {}
    assert Picture.open(tmp_path / "deep.tif").bits == 16


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert answer({"open": str(tmp_path / "a.png")})["error"].endswith(".")
    assert answer({"convert": str(tmp_path / "none.png"), "to": str(tmp_path / "x.tif")})["error"].endswith(".")
