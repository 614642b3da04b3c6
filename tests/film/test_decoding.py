"""Films that are damaged, cut off or odd: what is read of them, and what is said."""

import re

import av
import pytest

from films import moving, smooth, write
from impasto.errors import PictureError
from impasto.film.container import beginning
from impasto.film.decoding import Decoder
from impasto.film.video import Video


def packets_of(path):
    """Return the bytes of the packets of a film."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def zeroed(path, numbers):
    """Replace packets of a film by zeros."""
    data, packets = path.read_bytes(), packets_of(path)
    for number in numbers:
        assert data.count(packets[number]) == 1
        data = data.replace(packets[number], bytes(len(packets[number])))
    path.write_bytes(data)
    return path


def without(path, numbers):
    """Write a film without some of its packets."""
    shorter = path.with_stem("shorter")
    with av.open(str(path)) as original, av.open(str(shorter), "w") as container:
        stream = container.add_stream_from_template(original.streams.video[0])
        for number, packet in enumerate(each for each in original.demux(video=0) if each.size):
            if number not in numbers:
                packet.stream = stream
                container.mux(packet)
    return shorter


def seconds(video):
    return [round(float(time * video.time_base), 2) for time in video.times]


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mp4"])
def test_a_frame_that_cannot_be_read_is_left_out_and_said(tmp_path, name):
    path = zeroed(write(tmp_path / name, moving(12), codec="libvpx-vp9"), [4, 7])
    video = Video.open(path)
    whole = [0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.9, 1.0, 1.1]
    assert seconds(video) == whole
    assert len(list(video)) == 10
    assert video.remarks == (
        "the film is damaged: about 2 frames could not be read; all that could be read is painted.",
    )
    assert Video.open(path, end=0.3).remarks == ()


def test_a_film_begins_with_the_first_frame_that_can_be_read(tmp_path):
    frames = moving(5, step=12)
    path = zeroed(write(tmp_path / "a.mkv", frames, codec="libvpx-vp9", options={"g": "1"}), [0])
    first = (beginning(path).picture.pixels * 255).permute(1, 2, 0).numpy()
    assert abs(first - frames[1]).mean() < abs(first - frames[0]).mean() / 2


def test_what_is_before_a_part_is_not_missing_in_it(tmp_path):
    path = write(tmp_path / "a.mp4", moving(60), codec="libvpx-vp9", options={"g": "9"})
    [remark] = Video.open(zeroed(path, [50]), start=4).remarks
    assert "damaged: about 1 frame could not be read; all" in remark
    assert Video.open(path, start=2.5, end=4).remarks == ()


def test_frames_that_could_be_read_in_part_are_counted(tmp_path):
    path = write(tmp_path / "a.mkv", moving(12))
    [*_, last] = packets_of(path)
    path.write_bytes(path.read_bytes().replace(last, last[:40] + bytes(len(last) - 40)))
    [remark] = Video.open(path).remarks
    assert re.search("the film is damaged: .*1 frame could (not be read|be read in part); all", remark)


def test_frames_that_the_container_lost_are_counted_by_their_times(tmp_path):
    path = write(tmp_path / "a.mkv", moving(40), codec="libvpx-vp9")
    [remark] = Video.open(without(path, range(20, 27))).remarks
    assert remark == "the film stands still for a while, or is damaged: by its times, 7 frames are missing."
    assert Video.open(without(path, [20, 30])).remarks == (), "a camera may leave some out"
    [remark] = Video.open(zeroed(without(path, [20, 30]), [10])).remarks
    assert "about 3 frames could not be read" in remark


def test_a_film_of_no_steady_rate_has_no_frames_missing(tmp_path):
    times = [0, 40, 70, 900, 1000, 1020, 1700, 1750, 1760, 2500]
    assert Video.open(write(tmp_path / "a.mkv", moving(10), times=times)).remarks == ()


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_a_file_that_was_cut_off_is_said(tmp_path, name):
    whole = write(tmp_path / name, moving(30), codec="libvpx-vp9" if name == "a.webm" else "ffv1")
    assert Video.open(whole).remarks == ()
    data = whole.read_bytes()
    whole.write_bytes(data[: data.index(packets_of(whole)[11])])
    [remark] = Video.open(whole).remarks
    assert re.fullmatch(r"the film was cut off: of its 3\.0 seconds it has 1\.[01]\.", remark)
    assert Video.open(whole, end=0.9).remarks == ()


def test_sound_that_is_longer_than_the_film_is_no_sign_of_damage(tmp_path):
    path = write(tmp_path / "a.mkv", moving(40, step=1), sound=True)
    with av.open(str(path)) as original, av.open(str(tmp_path / "b.mkv"), "w") as container:
        streams = [container.add_stream_from_template(each) for each in original.streams]
        for packet in original.demux():
            if packet.size and (packet.stream.type == "audio" or packet.pts * packet.time_base < 2):
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    video = Video.open(tmp_path / "b.mkv")
    assert (len(video.times), video.remarks) == (20, ())


def test_a_film_of_which_nothing_can_be_read_is_refused(tmp_path):
    path = zeroed(write(tmp_path / "a.mkv", moving(3), codec="libvpx-vp9"), [1, 2])
    with pytest.raises(PictureError, match=r"a\.mkv is damaged, and no film can be read from it; give a film"):
        Video.open(path)


def test_frames_out_of_order_are_left_out(tmp_path):
    one, other = (write(tmp_path / f"{name}.ts", moving(5, seed=name)).read_bytes() for name in (1, 2))
    (tmp_path / "both.ts").write_bytes(one + other)
    video = Video.open(tmp_path / "both.ts")
    assert len(list(video)) == len(video.times) == 5
    assert any("about 5 frames could not be read" in remark for remark in video.remarks)


def test_a_film_that_changes_its_size_is_refused_or_painted_in_parts(tmp_path):
    frames = [smooth(64, 96)] * 3, [smooth(96, 64)] * 3
    one, other = (write(tmp_path / f"{number}.h264", each).read_bytes() for number, each in enumerate(frames))
    path = tmp_path / "both.h264"
    path.write_bytes(one + other)
    message = r"both\.h264 has frames of 96 × 64 pixels, and from 0\.12 seconds on of 64 × 96; paint it in parts"
    with pytest.raises(PictureError, match=message):
        Video.open(path)
    first, second = Video.open(path, end=0.12), Video.open(path, start=0.12)
    assert [(each.width, each.height) for video in (first, second) for each in video] == [(96, 64)] * 3 + [(64, 96)] * 3
    assert ((first.width, first.height), (second.width, second.height)) == ((96, 64), (64, 96))


def test_a_film_that_changed_since_it_was_opened_ends_in_a_sentence(tmp_path):
    video = Video.open(write(tmp_path / "a.mkv", moving(6)))
    write(tmp_path / "a.mkv", moving(4))
    with pytest.raises(PictureError, match=r"a\.mkv was changed while it was read; start the same command again"):
        list(video)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov", "a.webm", "a.avi", "a.ts"])
@pytest.mark.parametrize("late", [-8, 0, 30])
def test_a_part_is_the_same_whether_what_comes_before_is_decoded_or_not(tmp_path, monkeypatch, name, late):
    times = [100 * (number + late) for number in range(60)]
    options = {"g": "9", "bf": "3", "x264-params": "open-gop=1"} if name[-4:] != "webm" else {"g": "9"}
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    path = write(tmp_path / name, moving(60), codec=codec, times=None if name == "a.avi" else times, options=options)
    decoded, original = [], Decoder._time
    monkeypatch.setattr(Decoder, "_time", lambda self, frame: decoded.append(frame) or original(self, frame))

    def read(start):
        video = Video.open(path, start=start)
        return video.times, video.remarks, [picture.samples.numpy().tobytes() for picture in video]

    starts = (0, 1.05, 2.5, 3.2, 4.0, 5.1)
    films = [read(start) for start in starts]
    few = len(decoded)
    decoded.clear()
    monkeypatch.setattr(Decoder, "skip", lambda *_: None)
    assert [read(start) for start in starts] == films
    assert (few < len(decoded)) is (name not in {"a.avi", "a.ts"})
