"""Films in the studio: uploaded, ordered, painted frame by frame, continued, shown and played."""

from pathlib import Path

import av
import pytest
import torch
from steps import READY, choose, expert, job_of, slide, until

import films
from impasto import Picture
from impasto.film.formats import format_of
from impasto.web.reader import answer

pytestmark = pytest.mark.slow

SETTINGS = {"size": 64, "first_size": 0, "iterations": 4, "tolerance": 0}
LONG = {**SETTINGS, "iterations": 2000}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A film of six frames with sound."""
    return films.write(tmp_path_factory.mktemp("films") / "walk.mp4", films.moving(6), sound=True)


def order(studio, clip, pictures, settings=SETTINGS, **more):
    content, style = (studio.upload(path)["id"] for path in (clip, pictures / "style.jpg"))
    fields = {"content": content, "styles": [{"picture": style}], "settings": settings, **more}
    answered = studio.client.post("/api/jobs", json=fields)
    assert answered.status_code == 201, answered.text
    return answered.json()["id"]


def folder_of(studio, identifier):
    return Path(studio.folder) / "jobs" / identifier


def test_a_film_is_painted_and_played_with_its_sound(studio, clip, pictures):
    identifier = order(studio, clip, pictures, film={"start": 0.1, "fps": 5})
    job = studio.wait(identifier, "done")
    assert (job["is_film"], job["title"], job["progress"]["stages"]) == (True, "walk in the style of style", 3)
    result = studio.client.get(job["result"])
    assert (result.headers["content-type"], result.headers["accept-ranges"]) == ("video/mp4", "bytes")
    assert "walk in the style of style.mp4" in result.headers["content-disposition"].replace("%20", " ")
    path = folder_of(studio, identifier) / "result.mp4"
    assert result.content == path.read_bytes()
    frames, _ = films.read(path)
    assert frames.shape == (3, 42, 64, 3)
    assert films.heard(path)[0]
    assert studio.client.get(f"/api/jobs/{identifier}/preview").content[:3] == b"\xff\xd8\xff"
    assert not list(folder_of(studio, identifier).glob("*.frames"))
    again = studio.client.patch(f"/api/jobs/{identifier}", json={"state": "waiting"})
    sentence = "state cannot be 'waiting' for a job that is done; order another film."
    assert (again.status_code, again.json()["error"]) == (400, sentence)


def test_a_part_of_a_film_can_be_asked_for_by_its_bytes(studio, clip, pictures):
    identifier = order(studio, clip, pictures, film={"end": 0.2})
    job = studio.wait(identifier, "done")
    part = studio.client.get(job["result"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_what_a_film_does_not_have_is_refused_in_a_sentence(studio, clip, pictures):
    identifier = order(studio, clip, pictures)
    studio.wait(identifier, "done")
    refusals = {
        ("GET", f"/api/jobs/{identifier}/result?format=png"): "format cannot be 'png'; this film is there as mp4 only.",
        ("GET", f"/api/jobs/{identifier}/forecast"): "a film has no larger picture that continues from it; order the "
        "film with a larger size.",
    }
    for (method, path), sentence in refusals.items():
        refused = studio.client.request(method, path)
        assert (refused.status_code, refused.json()["error"]) == (400, sentence)
    content = studio.job(identifier)["order"]["content"]
    for change, sentence in {
        "seconds": "seconds cannot be used in a film: it limits the time of one picture; leave it out.",
        "format": "format is for pictures, and cannot be used in a film; leave it out.",
        "film": "start cannot be -1; it takes seconds or a time such as 1:05, at least 0.",
    }.items():
        fields = {"seconds": {"runtime": {"seconds": 5}}, "format": {"format": "jpg"}, "film": {"film": {"start": -1}}}
        styles = studio.job(identifier)["order"]["styles"]
        refused = studio.client.post("/api/jobs", json={"content": content, "styles": styles, **fields[change]})
        assert (refused.status_code, refused.json()["error"]) == (400, sentence)


def test_a_film_is_no_painting_and_no_mask_and_a_picture_has_no_options_of_a_film(studio, clip, pictures):
    film, picture = (studio.upload(path)["id"] for path in (clip, pictures / "style.jpg"))
    for fields, message in (
        ({"content": picture, "styles": [{"picture": film}]}, "takes the id of an upload that is a picture"),
        ({"content": picture, "styles": [{"picture": picture}], "keep": film}, "takes the id of an upload that is"),
        ({"content": picture, "styles": [{"picture": picture}], "film": {"end": 1}}, "film is for a film"),
        ({"content": film}, "there is no painting for the style of the film"),
    ):
        refused = studio.client.post("/api/jobs", json=fields)
        assert refused.status_code == 400
        assert message in refused.json()["error"]


def test_a_film_changes_until_it_begins_and_is_then_painted_as_it_was_ordered(studio, clip, pictures):
    first = order(studio, clip, pictures, LONG)
    second = order(studio, clip, pictures, LONG, film={"end": 0.4})
    studio.wait(first, "painting", until=lambda job: job["progress"])
    changed = studio.client.patch(f"/api/jobs/{second}", json={"film": {"fps": 5, "end": None}, "settings": SETTINGS})
    assert changed.json()["order"]["film"] == {"fps": 5}
    assert not changed.json()["is_fixed"]
    assert studio.job(first)["is_fixed"]
    refused = studio.client.patch(f"/api/jobs/{first}", json={"settings": {"content_weight": 9}})
    sentence = "a film that has begun is painted to its end as it was ordered; order another film."
    assert (refused.status_code, refused.json()["error"]) == (400, sentence)
    assert studio.client.patch(f"/api/jobs/{first}", json={"name": "A walk"}).json()["title"] == "A walk"
    studio.client.patch(f"/api/jobs/{first}", json={"state": "stopped"})
    studio.wait(first, "stopped")
    assert studio.wait(second, "done")["progress"]["stages"] == 3


def test_a_film_that_was_stopped_is_saved_so_far_and_continues_also_after_a_killed_worker(own_studio, clip, pictures):
    identifier = order(own_studio, clip, pictures, {**SETTINGS, "iterations": 60})
    path = folder_of(own_studio, identifier) / "result.mp4"
    own_studio.wait(identifier, "painting", until=lambda job: (job["progress"] or {}).get("stage", 0) == 3)
    own_studio.client.patch(f"/api/jobs/{identifier}", json={"state": "stopped"})
    job = own_studio.wait(identifier, "stopped")
    assert len(films.read(path)[0]) in {2, 3}
    assert own_studio.client.get(job["result"]).content == path.read_bytes()
    own_studio.client.patch(f"/api/jobs/{identifier}", json={"state": "waiting"})
    own_studio.wait(identifier, "painting", until=lambda job: (job["progress"] or {}).get("stage", 0) >= 4)
    own_studio.worker().kill()
    own_studio.wait(identifier, "done")
    assert len(films.read(path)[0]) == 6
    assert "restarted" in own_studio.kinds(identifier)
    sentences = [event["sentence"] for event in own_studio.events(identifier) if event["event"] == "announced"]
    assert sum("Continuing after" in each for each in sentences) == 2
    assert not any(str(own_studio.folder) in each for each in sentences)


@pytest.mark.parametrize(("name", "start"), [("a.mp4", b"\0\0\0\x20ftypisom"), ("a.avi", b"RIFF\0\0\0\0AVI LIST")])
def test_a_damaged_film_is_refused_in_a_sentence_and_leaves_nothing(studio, tmp_path, name, start):
    refused = studio.client.post("/api/uploads", files={"file": (name, start + bytes(300))})
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("the file cannot be read as a film: ")
    assert not list((Path(studio.folder) / "uploads").glob("*.avi"))


def _avi(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for samples in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(samples, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_an_upload_tells_the_length_of_a_film_and_shows_its_first_frame(suffix, tmp_path):
    path, frames = tmp_path / f"film.{suffix}", films.moving(6, step=8)
    (_avi if suffix == "avi" else films.write)(path, frames)
    assert format_of(path.read_bytes()[:256]) == suffix
    info = answer({"open": str(path)})
    assert (info["width"], info["height"], info["film"]["fps"]) == (96, 64, 10)
    assert info["film"]["seconds"] == pytest.approx(0.6, abs=0.11)
    view = Picture.open(path.with_suffix(".view.jpg")).pixels
    first, second = (view - torch.from_numpy(each).permute(2, 0, 1) / 255 for each in frames[:2])
    assert first.abs().mean() < second.abs().mean() / 2


def test_a_film_that_waits_gives_way_to_a_photograph_and_back(browser, studio, clip, pictures):
    first = studio.order(pictures, LONG)
    studio.painting(first)
    page = browser.new_page()
    page.goto(studio.link)
    page.wait_for_selector(READY)
    page.click("#new")
    page.click("#photograph .remove")
    choose(page, "#photograph", clip)
    page.wait_for_selector("#option-end")
    page.fill("#option-end", "0.25")
    page.click("#go")
    until(page, "id => location.hash.slice(1) !== id", arg=first)
    identifier = job_of(page)
    for name, is_film in (("content.png", False), ("walk.mp4", True)):
        page.click("#photograph .remove")
        choose(page, "#photograph", clip if is_film else pictures / name)
        if not is_film:
            page.select_option("#format", "jpg")
        job = studio.wait(identifier, "waiting", until=lambda job: job["is_film"] == is_film)  # noqa: B023
        assert job["order"].get("film", {}) == ({"end": 0.25} if is_film else {})
    for each in (identifier, first):
        studio.client.patch(f"/api/jobs/{each}", json={"state": "stopped"})
        studio.wait(each, "stopped")
    page.close()


def test_the_editor_of_a_film_leaves_a_mask_to_the_faces_of_each_frame(browser, studio, clip):
    page = browser.new_page()
    page.goto(studio.link)
    page.wait_for_selector(READY)
    choose(page, "#photograph", clip)
    page.click("#photograph .chip:not(.used):text-is('Focus: faces')")
    page.wait_for_selector("#mask-note:has-text('found in each frame')")
    page.click("#mask-drop")
    page.click("#photograph .chip:not(.used):text-is('Focus')")
    page.wait_for_selector("#mask-note:has-text('stands still')")
    page.click("#mask-faces")
    page.wait_for_selector("#photograph .chip.used:text-is('Focus: faces')")
    page.click("#photograph .chip:not(.used):text-is('Stays')")
    page.click("#mask-faces")
    page.wait_for_selector("#photograph .chip.used:text-is('Stays: faces')")
    draft = page.evaluate("JSON.parse(localStorage.getItem('impasto-draft'))")
    assert (draft["keep"], draft["focus"]) == ("faces", "faces")
    page.close()


def test_the_page_paints_a_film_plays_it_and_keeps_what_is_changed_for_the_next_one(browser, studio, clip, pictures):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    errors = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(studio.link)
    page.wait_for_selector(READY)
    page.fill("#option-seconds", "5")
    choose(page, "#photograph", clip)
    page.wait_for_selector("#photograph .facts:has-text('10 frames a second')")
    assert not page.query_selector("#option-seconds, #option-strength, #format")
    choose(page, "#paintings", pictures / "style.jpg")
    page.wait_for_selector("#paintings img")
    for name, value in (("first_size", 0), ("iterations", 120), ("tolerance", 0)):
        expert(page, name, value)
    slide(page, "size", 7)
    page.fill("#option-end", "0.25")
    page.keyboard.press("Tab")
    page.click("#go")
    identifier = job_of(page)
    page.wait_for_selector("#status:has-text('frame 2 of 3')")
    slide(page, "content_weight", 6)
    page.wait_for_selector(".toast:has-text('for the next one')")
    page.click("#stop")
    page.wait_for_selector("#resume")
    page.wait_for_selector("#canvas video")
    page.click("#resume")
    studio.wait(identifier, "done")
    page.wait_for_selector("#canvas video[playsinline]")  # without it, a phone leaves the page to play
    until(page, "document.querySelector('#canvas video').readyState > 0")
    assert page.evaluate("document.querySelector('#canvas video').duration") == pytest.approx(0.3, abs=0.1)
    assert not page.query_selector("#larger, #print-button, #continue, .looks")
    written = studio.job(identifier)["order"]
    assert (written["film"], "content_weight" in written["settings"], "runtime" in written) == (
        {"end": 0.25},
        False,
        False,
    )
    page.click("#go")
    until(page, "id => location.hash.slice(1) !== id", arg=identifier)
    again = job_of(page)
    assert "content_weight" in studio.job(again)["order"]["settings"]
    studio.client.patch(f"/api/jobs/{again}", json={"state": "stopped"})
    studio.wait(again, "stopped", "done")
    page.close()
    assert errors == []
