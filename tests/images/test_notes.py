"""Notes that travel in files, and the packets of other programs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from checks import SUFFIXES, smooth

from impasto.errors import PictureError
from impasto.images import Picture, read_note, xmp
from pictures import noise, vips

NOTES = [
    "plain",
    "",
    "  \"double\" and 'single' quotes, <tags/>, &amp; & ]]> <!DOCTYPE x>  ",
    "Übermalung 梵高 🎨\nsecond line\ttab\rcarriage return\r\n",
    json.dumps({f"option {index}": ["conv4_2", index / 7, None] for index in range(120)}),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("note", NOTES)
def test_a_note_survives_in_every_format(tmp_path: Path, note: str, suffix: str) -> None:
    assert len(NOTES[-1]) > 5000
    Picture(torch.zeros(3, 8, 9), note=note).save(tmp_path / f"a{suffix}")
    assert Picture.open(tmp_path / f"a{suffix}").note == note
    assert read_note(str(tmp_path / f"a{suffix}")) == note


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_longest_note_survives_and_a_longer_one_is_refused(tmp_path: Path, suffix: str) -> None:
    empty = len(xmp.packet(""))
    note = "".join(map(chr, np.random.default_rng(0).integers(65, 91, xmp.MAX_PACKET_BYTES - empty)))
    Picture(torch.zeros(3, 8, 9), note=note).save(tmp_path / f"a{suffix}")
    assert read_note(tmp_path / f"a{suffix}") == note
    with pytest.raises(PictureError, match="room for 60000"):
        Picture(torch.zeros(3, 8, 9), note=note + "x")


@pytest.mark.parametrize("note", ["\0", "bell \a", "half a pair \ud800", "\uffff"])
def test_a_note_that_xml_cannot_hold_is_refused(note: str) -> None:
    with pytest.raises(PictureError, match="no way to write"):
        Picture(torch.zeros(3, 8, 9), note=note)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_without_a_note_has_none(tmp_path: Path, suffix: str) -> None:
    smooth().save(tmp_path / f"a{suffix}")
    assert Picture.open(tmp_path / f"a{suffix}").note is None


OURS = xmp.packet("mine").decode()


@pytest.mark.parametrize(
    ("packet", "note"),
    [
        (OURS.replace("urn:impasto:1.0:", "http://ns.adobe.com/photoshop/1.0/"), None),
        (OURS.replace("impasto:note", "impasto:other"), None),
        (OURS[:-60], None),
        ("no XML at all", None),
        ("", None),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), None),
        ("<!DOCTYPE x [<!ENTITY a 'boo'>]>" + OURS.replace("mine", "&a;"), None),
        ("\ufeff" + OURS + " \n" * 500 + "\0", "mine"),  # padded, as programs do that edit in place
        (re.sub("><impasto:note>mine</impasto:note></rdf:Description>", " impasto:note='mine'/>", OURS), "mine"),
    ],
)
def test_only_our_own_note_is_read(tmp_path: Path, packet: str, note: str | None) -> None:
    vips(noise(), "srgb", xmp=packet.encode()).tiffsave(str(tmp_path / "a.tif"), keep="xmp")
    assert Picture.open(tmp_path / "a.tif").note == note


def test_a_note_is_read_without_the_pixels(tmp_path: Path) -> None:
    Picture(torch.rand(3, 200, 200), note="mine").save(tmp_path / "a.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:9000])
    assert read_note(tmp_path / "cut.jpg") == "mine"
    with pytest.raises(PictureError, match="cut short"):
        Picture.open(tmp_path / "cut.jpg")
