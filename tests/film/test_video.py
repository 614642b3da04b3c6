import wave

import av
import numpy as np
import pytest

from films import moving, smooth, write
from impasto.errors import PictureError
from impasto.film import container
from impasto.film.decoding import Decoder
from impasto.film.video import Video


def levels(picture):
    return (picture.pixels * 255).round().byte().permute(1, 2, 0).numpy().astype(int)


def test_frames_are_read_in_order_with_their_times(tmp_path):
    frames = moving(5)
    video = Video.open(write(tmp_path / "a.mp4", frames))
    assert [float((time - video.times[0]) * video.time_base) for time in video.times] == [0, 0.1, 0.2, 0.3, 0.4]
    assert (video.width, video.height, video.is_whole, video.remarks) == (96, 64, True, ())
    for found, frame in zip(video, frames, strict=True):
        assert np.abs(levels(found) - frame).mean() < 4


def test_a_part_and_a_lower_rate_are_chosen_by_time(tmp_path):
    path = write(tmp_path / "a.mp4", moving(20))

    def seconds(**chosen):
        video = Video.open(path, **chosen)
        assert len(list(video)) == len(video.times)
        return [round(float(time * video.time_base), 3) for time in video.times]

    assert seconds(start=0.5, end=0.8) == [0.5, 0.6, 0.7]
    assert seconds(fps=4) == [0, 0.3, 0.5, 0.8, 1.0, 1.3, 1.5, 1.8]
    assert seconds(start=0.5, fps=5) == [0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9]
    assert len(seconds(fps=100)) == 20
    assert Video.open(path, start=0.5).is_whole is Video.open(path, end=0.5).is_whole is False


def test_no_frame_is_read_after_the_end(tmp_path, monkeypatch):
    path, seen = write(tmp_path / "a.mp4", moving(40)), []
    monkeypatch.setattr(Decoder, "_time", lambda _, frame: seen.append(frame.pts) or frame.pts)
    assert len(Video.open(path, end=0.5).times) == 5
    assert len(seen) == 6


def test_frames_of_unequal_length_keep_their_times(tmp_path):
    video = Video.open(write(tmp_path / "a.mkv", moving(4), times=[0, 40, 400, 420]))
    assert [round(float(time * video.time_base), 3) for time in video.times] == [0, 0.04, 0.4, 0.42]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_film_that_players_turn_is_upright(tmp_path, turned):
    frame = smooth(48, 64)
    [picture, *_] = Video.open(path := write(tmp_path / "a.mp4", [frame] * 2, turned=turned))
    upright = np.rot90(frame, turned // 90)
    assert np.abs(levels(picture) - upright).mean() < 4
    turned_film = Video.open(path)
    assert (turned_film.height, turned_film.width) == upright.shape[:2]


@pytest.mark.parametrize(
    ("side", "colors"),
    [((64, 48), {}), ((1280, 32), {"colorspace": 1}), ((64, 48), {"colorspace": 1}), ((1280, 32), {"colorspace": 5})],
    ids=["SD says nothing", "HD", "SD with the colors of HD", "HD with those of SD"],
)
def test_colors_are_those_of_the_film(tmp_path, side, colors):
    frame = np.zeros((side[1], side[0], 3), np.uint8) + np.uint8([200, 40, 90])
    [picture, *_] = Video.open(write(tmp_path / "a.mp4", [frame] * 2, **colors))
    assert np.abs(levels(picture) - frame).max() <= 4


def test_a_film_in_hd_that_says_nothing_has_the_colors_of_hd(tmp_path):
    frame = np.zeros((32, 1280, 3), np.uint8) + np.uint8([200, 40, 90])
    path = write(tmp_path / "a.mkv", [frame] * 2, codec="ffv1", colorspace=1)  # the words are lost in the next line
    with av.open(str(path)) as original, av.open(str(tmp_path / "b.avi"), "w") as container:
        stream = container.add_stream_from_template(original.streams.video[0])
        for packet in original.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with av.open(str(tmp_path / "b.avi")) as container:
        assert next(container.decode(video=0)).colorspace == 2, "the file says nothing"
    [picture, *_] = Video.open(tmp_path / "b.avi")
    assert np.abs(levels(picture) - frame).max() <= 4


def test_a_film_whose_frames_are_too_large_is_refused_before_one_is_read(tmp_path, monkeypatch):
    path = write(tmp_path / "large.mp4", moving(3))
    monkeypatch.setattr(container, "MAX_PIXELS", 96 * 64)
    assert container.beginning(path).picture.width == 96
    monkeypatch.setattr(container, "MAX_PIXELS", 96 * 64 - 1)
    for read in (Video.open, container.beginning):
        with pytest.raises(PictureError, match="has frames of 96 × 64 pixels, more than 0 million; scale the film"):
            read(path)


def test_what_is_left_out_is_said(tmp_path):
    [remark] = Video.open(write(tmp_path / "a.mp4", moving(2), color_trc=16, color_primaries=9, colorspace=9)).remarks
    assert "HDR (PQ)" in remark
    lines = {"x264-params": "interlaced=1"}
    [remark] = Video.open(write(tmp_path / "b.mkv", moving(2), options=lines)).remarks
    assert remark == "the film is interlaced, and its edges have combs where it moves; deinterlace it first."


def test_what_is_no_film_is_refused_in_a_sentence(tmp_path, picture):
    picture().save(tmp_path / "photo.png")
    (tmp_path / "text.mp4").write_text("not a film")
    (tmp_path / "empty.mp4").touch()
    whole = write(tmp_path / "whole.mp4", moving(12), sound=True).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    expected = {
        "missing.mp4": "there is no file .*missing.mp4; name a film",
        "photo.png": "holds no film, but one picture at most; paint it with impasto PHOTO PAINTING",
        "text.mp4": "cannot be read as a film: invalid data",
        "empty.mp4": "cannot be read as a film",
        "cut.mp4": "cannot be read as a film",
        "sound.wav": "holds no film, but sound or something else",
        ".": "cannot be read as a film",
    }
    for name, words in expected.items():
        with pytest.raises(PictureError, match=words):
            Video.open(tmp_path / name)
    with pytest.raises(PictureError, match=r"has no frame from 9 seconds on; it takes 1\.1 seconds"):
        Video.open(tmp_path / "whole.mp4", start=9)
