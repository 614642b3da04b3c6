"""What is refused before a file is written, and what a failure leaves behind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from checks import SUFFIXES, assert_one_sentence, smooth

from impasto.errors import InputError, WriteError
from impasto.images import Picture, check_suffix, writing


@pytest.mark.parametrize(("name", "words"), [("a.bmp", r"ends in \.bmp"), ("a", "no suffix"), (".png", "no suffix")])
def test_an_unknown_suffix_is_refused_before_any_work(tmp_path: Path, name: str, words: str) -> None:
    for refuse in (check_suffix, smooth().save):
        with pytest.raises(InputError, match=words) as caught:
            refuse(tmp_path / name)
        assert_one_sentence(caught.value, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_known_suffix_is_accepted_in_any_case() -> None:
    for suffix in (".png", ".JPG", ".jpeg", ".Webp", ".tif", ".tiff"):
        assert check_suffix(f"a{suffix}") == Path(f"a{suffix}")


def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    long = Picture(torch.zeros(3, 1, 16_384))
    with pytest.raises(InputError, match="at most 16383") as caught:
        long.save(tmp_path / "a.webp")
    assert_one_sentence(caught.value, tmp_path / "a.webp")
    long.save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="at most 65500"):
        check_suffix("a.jpg", longest_side=65_501)
    assert check_suffix("a.png", longest_side=65_501) == Path("a.png")


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        smooth().save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "precious"
    smooth().save(tmp_path / "a.png", overwrite=True)
    assert Picture.open(tmp_path / "a.png").width == 64


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, suffix: str, full_disk: Any) -> None:
    picture = Picture(torch.rand(3, 64, 64))
    with full_disk(1024), pytest.raises(WriteError) as caught:
        picture.save(tmp_path / f"a{suffix}")
    assert_one_sentence(caught.value, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_the_encoder_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(writing._FORMATS, ".webp", writing._WEBP._replace(longest_side=20_000))
    with pytest.raises(WriteError, match="WebP refused 17000 × 1 pixels"):
        Picture(torch.zeros(3, 1, 17_000)).save(tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []
