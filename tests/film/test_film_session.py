import json
from itertools import pairwise

import av
import numpy as np
import pytest

from films import heard, moving, read, smooth, write
from impasto import InputError, Picture, WriteError
from impasto.film import encoding
from impasto.film.film import Film
from impasto.film.motion import Motion
from impasto.film.session import FilmSession
from impasto.film.video import Video
from impasto.jobs.events import Announced, Ended, Evaluated, Painted, Planned, PreviewReady, Remarked
from impasto.jobs.job import StyleSource
from impasto.recipes import demo
from impasto.transfer.style_transfer import StyleTransfer


def paint(film, stop_after=None):
    """Carry a film out, and cancel it after some events; return its events."""
    session, events = FilmSession(film), []
    for event in session:
        events.append(event)
        if stop_after is not None and sum(isinstance(each, stop_after[0]) for each in events) == stop_after[1]:
            session.cancel()
    return events


def sentences(events, kind):
    return [event.sentence for event in events if isinstance(event, kind)]


def test_a_film_is_painted_frame_by_frame_with_its_times_and_sound(film, clip):
    a_film = film()
    events = paint(a_film)
    frames, times = read(a_film.output)
    assert frames.shape == (4, 42, 64, 3), "a row is lost where the height is odd"
    assert times == read(clip)[1]
    assert heard(a_film.output) == heard(clip)
    announced, cost = sentences(events, Announced)
    assert announced == "Painting 4 frames of clip.mp4 in the style of style.png."
    assert cost.startswith("This takes about ")
    assert [event.number for event in events if isinstance(event, Painted)] == [1, 2, 3, 4]
    assert sentences(events, Ended) == ["4 frames, 64 × 43"]
    assert sum(isinstance(event, Evaluated) for event in events) == 5 + 3 * 3
    [planned] = [event for event in events if isinstance(event, Planned)]
    assert planned.seconds > 0
    assert not a_film.output.with_name("out.mp4.frames").exists()
    note = encoding.read_note(a_film.output)
    assert (note["film"]["steadiness"], note["settings"]["size"]) == (0.7, 64)
    assert note["job"]["content"] == str(clip)


def test_the_memory_of_a_film_counts_what_the_motion_remembers(film, monkeypatch):
    planned = []
    for motion_bytes in (0, 1e6):
        monkeypatch.setattr("impasto.film.session.MOTION_BYTES", motion_bytes)
        events = paint(film(f"{motion_bytes}.mp4"), stop_after=(Planned, 1))
        planned += [event.plan for event in events if isinstance(event, Planned)]
    assert planned[1].bytes - planned[1].needed > 1e6 * 64 * 43
    assert planned[0].bytes - planned[0].needed < 1e6 * 64 * 43


def test_progress_counts_frames_and_grows_to_the_end(film):
    progress = [event.progress for event in paint(film()) if isinstance(event, Evaluated)]
    assert [(each.stage, each.evaluation) for each in progress[3:7]] == [(1, 4), (1, 5), (2, 1), (2, 2)]
    assert all(one.fraction < other.fraction for one, other in pairwise(progress))
    assert progress[-1].fraction == pytest.approx(1)
    assert progress[-1].seconds_left == pytest.approx(0)


def test_previews_show_the_frame_that_is_painted_and_no_more_often_than_is_asked_for(film):
    session = FilmSession(film(), preview_seconds=0)
    with pytest.raises(InputError, match="there is no preview yet"):
        session.preview()
    kinds, previews = [], []
    for event in session:
        kinds.append(event.kind)
        if isinstance(event, PreviewReady):
            previews.append(session.preview())
    assert kinds.count("preview") == kinds.count("progress") + 4, "one before the first evaluation of each frame"
    assert {(each.width, each.height) for each in previews} == {(64, 43)}
    assert not previews[0].pixels.equal(previews[-1].pixels)
    events = FilmSession(film("seldom.mp4"), preview_seconds=1e6)
    assert sum(isinstance(event, PreviewReady) for event in events) == 1


def test_strokes_move_with_the_film(film, clip):
    write(clip, moving(4, step=3))  # 2 pixels a frame at the size of the painting

    def change(steadiness):
        a_film = film(steadiness=steadiness, settings={"init": "noise"}, frame_iterations=15, overwrite=True)
        paint(a_film)
        frames = read(a_film.output)[0].astype(float)
        return np.mean([np.abs(other[:, 4:-8] - one[:, 6:-6]) for one, other in pairwise(frames)])

    assert change(0.9) < 0.7 * change(0.0)


def write_person(path, lefts):
    """Write a film of a gray wall; a person stands so many pixels from its left side, or is not there (None)."""
    person = Picture.open(demo.photograph()).resized(86, 100).pixels
    frames = np.full((len(lefts), 100, 160, 3), 100, np.uint8)
    for frame, left in zip(frames, lefts, strict=True):
        if left is not None:
            frame[:, left : left + 86] = (person.permute(1, 2, 0).numpy() * 255).round()
    write(path, frames)


def face_difference(output, clip, lefts):
    """Return the mean difference of each painted frame from the film, in gray levels, in a face and around it."""
    painted, original = read(output)[0].astype(float), read(clip)[0]
    differences = [np.abs(one - other).mean(-1) for one, other in zip(painted, original, strict=True)]
    inside = [each[28:42, left + 38 : left + 50].mean() for each, left in zip(differences, lefts, strict=True)]
    return inside, [each[75:].mean() for each in differences]


def test_faces_are_found_in_each_frame_and_kept_where_they_are(film, clip):
    lefts = (0, 30, 60)
    write_person(clip, lefts)
    a_film = film(settings={"size": 160, "init": "noise"})
    paint(Film(job=a_film.job.replace(keep="faces"), frame_iterations=3))
    for inside, outside in zip(*face_difference(a_film.output, clip, lefts), strict=True):
        assert inside < 8 < outside


def test_the_faces_in_a_film_are_in_focus_unless_its_job_says_otherwise(film, clip, monkeypatch):
    write_person(clip, (None, None, 30, 30))
    focuses, original = [], StyleTransfer.start
    monkeypatch.setattr(
        StyleTransfer, "start", lambda *given, **named: focuses.append(named["focus"]) or original(*given, **named)
    )

    def announced(**changes):
        """Return what is announced of a film, whose settings or job have changes."""
        focuses.clear()
        a_film = film(settings={"size": 160, "iterations": 1}, overwrite=True)
        return sentences(paint(Film(job=a_film.job.replace(**changes), frame_iterations=1)), Announced)

    sentence = "Faces were found in clip.mp4 and stay like the person; a focus weight of 1 leaves them to the painting."
    assert sentence in announced()
    assert [float(mask.weights.max()) for mask in focuses[1:]] == [0.5] * 4, "two of the four frames around each"
    assert sentence not in announced(focus=None)
    assert focuses == [None] * 5


def test_a_film_without_faces_is_painted_and_a_sentence_says_so(film):
    events = paint(Film(job=film().job.replace(focus="faces"), frame_iterations=3))
    assert sentences(events, Remarked) == [
        "no face was found in the first frame of clip.mp4, so the mask focus does not count."
    ]
    assert sentences(events, Ended) == ["4 frames, 64 × 43"]


@pytest.mark.parametrize("has_other_style", [False, True])
def test_a_style_of_faces_does_not_paint_frames_without_faces(film, clip, has_other_style):
    write_person(clip, (None, 30, 30, None))
    a_film = film(settings={"size": 160, "iterations": 10, "content_weight": 0.01})
    [style] = a_film.job.styles
    styles = (style.replace(region="faces"), *([style.replace(scale=0.5)] if has_other_style else []))
    events = paint(Film(job=a_film.job.replace(styles=styles, focus=None), frame_iterations=10, steadiness=0))
    assert sentences(events, Remarked) == [
        "no face was found in the first frame of clip.mp4, so styles whose region is faces do not paint there."
    ]
    assert sentences(events, Ended) == ["4 frames, 160 × 100"]
    painted, original = read(a_film.output)[0].astype(float), read(clip)[0]
    changes = [np.abs(one - other).mean() for one, other in zip(painted, original, strict=True)]
    assert [change > 5 for change in changes] == [has_other_style, True, True, has_other_style], changes


def test_a_film_that_was_interrupted_continues_to_the_same_frames(film, frames_of):
    whole, parts = film("whole.mp4", save_frames=True), film("parts.mp4", save_frames=True)
    paint(whole)
    events = paint(parts, stop_after=(Evaluated, 7))
    assert isinstance(events[-1], Ended)
    assert events[-1].stopped == "unfinished"
    assert (
        f"Interrupted after 1 of 4 frames; they are {parts.output}; start the same command again" in events[-1].sentence
    )
    assert len(read(parts.output)[0]) == 1
    assert max(heard(parts.output)[0]) < 0.2 < max(heard(whole.output)[0])
    assert len(frames_of(parts)) == 2, "one of them is a picture so far"
    events = paint(parts)
    assert f"Continuing after 1 frame, from {parts.output}.frames." in sentences(events, Announced)
    assert sum(isinstance(event, Evaluated) for event in events) == 1 + 3 + 3
    assert frames_of(parts) == frames_of(whole)
    assert np.array_equal(read(parts.output)[0], read(whole.output)[0])


def test_a_film_that_continues_follows_only_the_last_painted_frames(film, monkeypatch):
    a_film = film()
    paint(a_film, stop_after=(Painted, 3))
    monkeypatch.setattr("impasto.film.session.REMEMBERED_FRAMES", 1)
    starts, follow = [], Motion.follow
    monkeypatch.setattr(Motion, "follow", lambda *frames: starts.append(follow(*frames)) or starts[-1])
    assert paint(a_film)[-1].stopped == "finished"
    assert len(starts) == 1, "the fourth frame follows the third"


def test_a_film_whose_frames_are_all_painted_follows_none_of_them(film, monkeypatch):
    a_film = film(save_frames=True)
    paint(a_film)
    painted = a_film.output.read_bytes()
    a_film.output.unlink()
    monkeypatch.setattr(Motion, "follow", lambda *_: pytest.fail("nothing is left to paint"))
    assert paint(a_film)[-1].stopped == "finished"
    assert a_film.output.read_bytes() == painted


def test_a_film_that_was_stopped_before_its_first_frame_leaves_no_file(film):
    a_film = film()
    events = paint(a_film, stop_after=(Planned, 1))
    assert "Interrupted before the first frame was painted" in events[-1].sentence
    assert not a_film.output.exists()
    assert paint(a_film)[-1].stopped == "finished"


def test_leaving_the_loop_loses_no_frame(film, frames_of):
    a_film = film()
    session = FilmSession(a_film)
    for event in session:
        if isinstance(event, Painted) and event.number == 2:
            break
    session.close()
    assert not a_film.output.exists()
    assert len(frames_of(a_film)) == 2
    assert f"Continuing after 2 frames, from {a_film.output}.frames." in sentences(paint(a_film), Announced)


def test_frames_of_other_options_are_set_aside(film, frames_of):
    paint(film(), stop_after=(Painted, 2))
    before = frames_of(film())
    other = film(settings={"content_weight": 50}, overwrite=True)
    events = paint(other)
    assert not any("Continuing" in each for each in sentences(events, Announced)), "they are those of another film"
    [remark] = sentences(events, Remarked)
    assert remark == f"this is a new film, and the frames of the other one are now in {other.output}.frames.old."
    aside = sorted(other.output.with_name("out.mp4.frames.old").glob("*.png"))
    assert {path.name: Picture.open(path).samples.numpy().tobytes() for path in aside} == before
    assert all(
        film().fingerprint() != film(**change).fingerprint()
        for change in (
            {"fps": 5},
            {"start": 0.1},
            {"end": 0.2},
            {"steadiness": 0.5},
            {"frame_iterations": 4},
            {"settings": {"seed": 1}},
        )
    )
    assert film().fingerprint() == film("other.mp4", save_frames=True).fingerprint()


def test_frames_that_cannot_be_set_aside_end_in_a_sentence(film, monkeypatch):
    paint(film(), stop_after=(Painted, 1))

    def refused(path, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.replace", refused)
    with pytest.raises(WriteError, match=r"the folder .*out\.mp4\.frames could not be renamed: permission denied\."):
        paint(film(steadiness=0.1, overwrite=True))


def test_an_empty_folder_is_used(film):
    film().output.with_name("out.mp4.frames").mkdir()
    assert sentences(paint(film()), Remarked) == []


def test_a_frame_that_follows_another_is_brought_to_size_once(film, clip, monkeypatch):
    frames = [*moving(2), *(255 - frame for frame in moving(2, seed=9))]
    write(clip, frames)
    contents, original = [], FilmSession._job
    monkeypatch.setattr(FilmSession, "_job", lambda self, *given: contents.append(given[1]) or original(self, *given))
    paint(film())
    assert [(content.width, content.height) for content in contents] == [
        (96, 64),
        (96, 64),
        (64, 43),
        (96, 64),
        (64, 43),
    ]


def test_a_frame_after_a_cut_starts_as_the_first_one_does(film, clip):
    frames = [*moving(2), *(255 - frame for frame in moving(2, seed=9))]
    write(clip, frames)
    events = paint(film())
    counts = [
        sum(each.progress.stage == number for each in events if isinstance(each, Evaluated)) for number in (1, 2, 3, 4)
    ]
    assert counts == [5, 3, 5, 3]


def test_a_part_of_a_film_begins_at_zero_and_has_its_part_of_the_sound(film, clip):
    write(clip, moving(20), sound=True)
    a_film = film(start=0.5, end=0.9, fps=5)
    paint(a_film)
    times = read(a_film.output)[1]
    assert times == pytest.approx([0, 0.2])
    at, packets = heard(a_film.output)
    all_packets = heard(clip)[1]
    assert set(packets) <= set(all_packets)
    assert -0.2 < min(at) < 0.15
    assert 0.2 < max(at) < 0.45
    assert all_packets.index(packets[0]) > 0


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".webm"])
def test_other_kinds_of_files(film, clip, suffix):
    a_film = film(f"out{suffix}")
    events = paint(a_film)
    times, before = read(a_film.output)[1], read(clip)[1]
    late = times[0] - before[0]
    assert times == pytest.approx([time + late for time in before], abs=2e-3)
    if suffix == ".webm":
        assert sentences(events, Remarked) == [
            "the sound, aac, does not fit into a .webm file and is left out; choose an .mkv file."
        ]
    else:
        assert heard(a_film.output)[1] == heard(clip)[1]
        assert heard(a_film.output)[0][0] - late == pytest.approx(heard(clip)[0][0], abs=2e-3), "in time with the film"
    assert encoding.read_note(a_film.output)["film"]["save_frames"] is False


def test_a_film_file_shows_the_painted_frames(film):
    a_film = film(save_frames=True)
    paint(a_film)
    painted = [Picture.open(path) for path in sorted(a_film.output.with_name("out.mp4.frames").glob("*.png"))]

    def coarse(samples):
        return samples.astype(float)[:40].reshape(10, 4, 16, 4, 3).mean((1, 3))  # the file has a color for 2 × 2 pixels

    for found, picture in zip(read(a_film.output)[0], painted, strict=True):
        difference = np.abs(coarse(found) - coarse((picture.pixels * 255).permute(1, 2, 0).numpy()))
        assert difference.mean() < 6
        assert np.abs(coarse(found) - coarse((painted[0].pixels * 255).flip(2).permute(1, 2, 0).numpy())).mean() > 12


def test_a_frame_whose_loss_is_not_finite_is_said(film, no_finite_loss):
    events = paint(film(settings={"iterations": 1}, end=0.2))
    assert all("the loss was not finite" in each for each in sentences(events, Remarked))
    assert len(sentences(events, Remarked)) == 2
    assert events[-1].stopped == "finished"


def test_pictures_and_sound_of_the_same_time_are_near_each_other_in_the_file(tmp_path, picture):
    frames = [smooth(32, 32)] * 75
    clip = write(tmp_path / "long.mp4", frames, rate=5, sound=True)  # longer than the 10 s that FFmpeg waits for sound
    picture(32, 32).save(tmp_path / "frame.png")
    encoding.encode(Video.open(clip), [tmp_path / "frame.png"] * 75, tmp_path / "out.mp4", note="{}", overwrite=False)
    latest = {"video": 0.0, "audio": 0.0}
    with av.open(str(tmp_path / "out.mp4")) as container:
        for packet in sorted((each for each in container.demux() if each.dts is not None), key=lambda each: each.pos):
            latest[packet.stream.type] = float(packet.dts * packet.time_base)
            assert abs(latest["video"] - latest["audio"]) < 2


def test_a_film_that_is_there_is_not_replaced(film, clip):
    (clip.parent / "out.mp4").write_bytes(clip.read_bytes())
    with pytest.raises(InputError, match=r"out\.mp4 exists already"):
        FilmSession(film())
    paint(film("begun.mp4"), stop_after=(Painted, 1))
    (clip.parent / "begun.mp4").write_bytes(clip.read_bytes())
    with pytest.raises(InputError, match=r"begun\.mp4 exists already"):
        FilmSession(film("begun.mp4"))
    with pytest.raises(InputError, match=r"clip\.mp4 cannot be written, since it is read"):
        FilmSession(film("clip.mp4", overwrite=True))


def test_a_folder_of_somebody_else_is_left_alone(film, clip):
    folder = clip.parent / "out.mp4.frames"
    folder.mkdir()
    (folder / "000001.png").write_text("mine")
    with pytest.raises(InputError, match=r"out\.mp4\.frames is there already and holds no frames of impasto"):
        FilmSession(film())
    (folder / "000001.png").rename(folder / "mine.png")
    (folder / "film.txt").write_text(film().fingerprint())
    (folder / "000001.png.checkpoint.old").touch()
    (folder / ".impasto-00000000-00000000-1-00000000.png").touch()
    assert paint(film())[-1].stopped == "finished"
    assert [path.name for path in folder.iterdir()] == ["mine.png"]


def test_what_means_nothing_in_a_film_is_refused(film, clip):
    job = film().job
    refused = {
        "plot is for one picture": {"job": job.replace(plot=clip.with_name("plot.png"))},
        "print_size is for one picture": {"job": job.replace(print_size="30x40cm")},
        "initial is for one picture": {"job": job.replace(initial=clip.with_name("style.png"))},
        "seconds cannot be used in a film: it limits the time of one picture": {
            "job": job.replace(runtime=job.runtime.replace(seconds=5))
        },
        "strength cannot be used in a film": {"settings": {"strength": 0.5}},
        "end cannot be 1 where start is 2": {"start": 2, "end": 1},
        r"out\.avi cannot be written as a film; its name must end in \.mp4, \.mov, \.mkv or \.webm": {
            "output": "out.avi"
        },
        "job cannot be .*; it takes a job with the film's path as its content, and with an output": {
            "job": job.replace(output=None)
        },
        "steadiness cannot be 1; it takes a number, at least 0 and at most 0.95": {"steadiness": 1},
        "start cannot be soon; it takes seconds or a time such as 1:05, at least 0": {"start": "soon"},
    }
    for words, changes in refused.items():
        with pytest.raises(InputError, match=words):
            FilmSession(Film(**changes) if "job" in changes else film(**changes))
    with pytest.raises(InputError, match="cannot carry out 'clip.mp4'; give a Film"):
        FilmSession("clip.mp4")


def test_a_frame_that_follows_another_has_one_stage_of_the_size_of_the_film(film):
    assert dict(film().following.stages) == {64: 3}
    assert dict(film(settings={"iterations": 100}, frame_iterations=0).following.stages) == {64: 30}
    assert dict(film(settings={"stages": {48: 2, 96: 1}}).following.stages) == {64: 3}
    assert film(steadiness=0.6).following.strength == pytest.approx(0.4)


def test_times_may_be_written_as_a_clock_shows_them(film):
    assert (film(start="1:05").start, film(end="1:02:03.5").end, film(start="7").start) == (65, 3723.5, 7)


def test_the_hash_of_a_film_depends_on_paintings_in_memory(film, picture):
    def painted_like(seed):
        job = film().job
        styles = (StyleSource(picture=picture(seed=seed)),)
        return Film(job=job.replace(styles=styles)).fingerprint()

    assert painted_like(1) == painted_like(1) != painted_like(2)


def test_a_film_that_is_deleted_while_it_is_painted_is_saved_without_sound(film, clip):
    a_film, events = film(), []
    for event in FilmSession(a_film):
        events.append(event)
        if isinstance(event, Painted) and event.number == 2:
            clip.unlink()
    assert len(read(a_film.output)[0]) == 4
    assert sentences(events, Remarked) == [f"{clip} is not there any more, so the painted film has no sound."]


def test_a_film_is_json(film):
    a_film = film(end=3)
    again = type(a_film).from_json(a_film.model_dump_json())
    assert again == a_film
    assert json.loads(a_film.model_dump_json())["end"] == 3
