"""The pictures of docs/studio.md and README.md. `pytest tests/web/test_pictures.py --pictures` paints them on the real
network, which takes minutes, into docs/images; otherwise the tiny network paints them for the test alone.
"""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from serving import SECONDS, Served, real_studio
from steps import READY, choose, draw, job_of, paint, slide, until

import films
from impasto import Picture
from impasto.recipes import demo

pytestmark = pytest.mark.slow

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
STRIP_FRAMES, STRIP_HEIGHT, STRIP_GAP = 6, 300, 6
"""The frames of the strip of a run, their height and the gap between them in pixels."""

FILM_FRAMES = 6

SKY = [
    (0.62, 0.12, 0.95, 0.12),
    (0.66, 0.24, 0.95, 0.24),
    (0.7, 0.36, 0.95, 0.36),
    (0.06, 0.1, 0.3, 0.1),
    (0.06, 0.3, 0.2, 0.3),
]
"""Strokes over the background of the photograph: from x, y to x, y, as fractions of its sides."""


class Album(NamedTuple):
    """Where the pictures come from and go to, and what is painted for them."""

    studio: Served
    photo: Path
    painting: Path
    images: Path
    seconds: tuple[str, str]
    """The time of the first picture and that of each other one; empty, it takes as long as it takes."""
    patience: float
    """The most seconds of a picture."""
    presets: tuple[str, ...]
    """The presets of more pictures for the gallery."""
    film_size: int
    """The long side of the film, as its logarithm to base 2."""
    motion: str
    """The motion of the page: reduce, or no-preference."""

    def shoot(self, page, name):
        """Save what a page shows."""
        if self.motion != "reduce":
            time.sleep(0.6)  # movements end
        page.screenshot(path=self.images / f"studio-{name}.jpg", type="jpeg", quality=82)


@pytest.fixture
def album(request, tmp_path):
    if not request.config.getoption("pictures"):
        pictures, studio = (request.getfixturevalue(name) for name in ("pictures", "studio"))
        photo, painting, seconds, presets = pictures / "content.png", pictures / "style.jpg", ("2", "1"), ("poster",)
        yield Album(studio, photo, painting, tmp_path, seconds, SECONDS, presets, 7, "reduce")
        return
    shutil.copy(demo.photograph(), tmp_path / "portrait.jpg")
    Picture(demo.painting(768)).save(tmp_path / "landscape.png")
    served = Served(tmp_path / "studio", real_studio)
    images = Path(__file__).parents[2] / "docs" / "images"
    presets = ("poster", "own-colors", "bold-strokes")
    photo, painting = tmp_path / "portrait.jpg", tmp_path / "landscape.png"
    yield Album(served, photo, painting, images, ("", ""), 1200, presets, 8, "no-preference")
    served.close()


def strip(frames):
    """Join frames of a run, more of its beginning than of its end, from left to right."""
    places = [round((len(frames) - 1) * (number / (STRIP_FRAMES - 1)) ** 2) for number in range(STRIP_FRAMES)]
    pictures = [Picture.of(frames[place]) for place in places]
    sized = [each.resized(round(STRIP_HEIGHT * each.width / each.height), STRIP_HEIGHT).pixels for each in pictures]
    gap = torch.ones(3, STRIP_HEIGHT, STRIP_GAP)
    return Picture(torch.cat([part for each in sized for part in (each, gap)][:-1], 2))


def take(page, seconds):
    """Say how long a picture may take."""
    page.fill("#option-seconds", seconds)
    page.keyboard.press("Tab")


def pan(photo, path):
    """Write a film of a camera that moves down over the upper part of a photograph."""
    levels = (Picture.open(photo).pixels * 255).byte().permute(1, 2, 0).numpy()  # (H, W, 3)
    height, width = (side - side % 2 for side in levels.shape[:2])
    step, shown = max(1, height // 50), 2 * (height // 3)
    frames = [levels[step * n : step * n + shown, :width].copy() for n in range(FILM_FRAMES)]
    return films.write(path, frames)


def test_a_picture_of_the_docs_shows_a_film_while_it_is_painted(browser, album, tmp_path):
    page = browser.new_page(viewport=DESKTOP, reduced_motion=album.motion)
    page.goto(album.studio.link)
    page.wait_for_selector(READY)
    choose(page, "#photograph", pan(album.photo, tmp_path / "hopper.mp4"))
    page.wait_for_selector("#photograph img")
    choose(page, "#paintings", album.painting)
    page.wait_for_selector("#paintings img")
    page.fill("#option-fps", "10")
    slide(page, "size", album.film_size)
    page.click("#go")
    page.wait_for_selector("#status:has-text('frame 2')", timeout=1000 * album.patience)
    album.shoot(page, "film")
    page.click("#stop")
    page.wait_for_selector("#canvas video", timeout=1000 * album.patience)
    page.close()
    shot = Picture.open(album.images / "studio-film.jpg")
    assert (shot.width, shot.height) == (DESKTOP["width"], DESKTOP["height"])


def test_the_pictures_of_the_docs_show_a_run_the_masks_the_gallery_the_dark_and_a_phone(browser, album):
    page = browser.new_page(viewport=DESKTOP, reduced_motion=album.motion)
    page.goto(album.studio.link)
    page.wait_for_selector(READY)
    choose(page, "#photograph", album.photo)
    choose(page, "#paintings", album.painting)
    page.wait_for_selector("#paintings img")
    page.select_option("#preset", "portrait")
    take(page, album.seconds[0])
    run = strip(paint(page, album.shoot, album.patience))
    run.save(album.images / "studio-strip.jpg", overwrite=True, quality=85)
    page.click("#look-compare")
    album.shoot(page, "compare")
    page.click("#paintings .chip:has-text('Region')")
    page.wait_for_selector("#masks canvas")
    draw(page, *SKY)
    album.shoot(page, "masks")
    page.click("#mask-cancel")
    slide(page, "size", 8)
    take(page, album.seconds[1])
    for preset in album.presets:
        page.select_option("#preset", preset)
        before = job_of(page)
        page.click("#go")
        until(page, "id => location.hash.slice(1) !== id", arg=before)
        page.wait_for_selector("#download", timeout=1000 * album.patience)
    address = page.url
    page.click("#show-gallery")
    page.wait_for_selector(".card img")
    album.shoot(page, "gallery")
    others = {"dark": {"viewport": DESKTOP, "color_scheme": "dark"}, "phone": PHONE}
    for name, options in others.items():
        other = browser.new_page(**options, reduced_motion=album.motion)
        other.goto(address)
        other.wait_for_selector("#download")
        album.shoot(other, name)
        other.close()
    page.close()
    shot = {path.stem: Picture.open(path) for path in album.images.glob("studio-*.jpg")}
    assert {"studio-" + name for name in ("painting", "compare", "masks", "gallery", "dark", "phone", "strip")} <= {
        *shot
    }
    assert (shot["studio-phone"].width, shot["studio-phone"].height) == (780, 1688)
    assert shot["studio-dark"].pixels.mean() < 0.5 < shot["studio-gallery"].pixels.mean()
    first, last = run.pixels[..., :STRIP_HEIGHT], run.pixels[..., -STRIP_HEIGHT:]
    assert (first - last).abs().mean() > 0.02
