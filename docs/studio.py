"""Make the pictures of docs/studio.md: paint the demo's pictures in the studio, with the real network, in Chromium.

Run it as `python docs/studio.py`; it takes a few minutes. It writes docs/images/studio-*.jpg.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright

from impasto import Picture
from impasto.recipes import demo

IMAGES = Path(__file__).parent / "images"
DESKTOP = {"width": 1440, "height": 900}
STRIP_FRAMES, STRIP_HEIGHT, STRIP_GAP = 6, 300, 6
"""The frames of the strip of a run, their height and the gap between them in pixels."""

SKY = [
    (0.62, 0.12, 0.95, 0.12),
    (0.66, 0.24, 0.95, 0.24),
    (0.7, 0.36, 0.95, 0.36),
    (0.06, 0.1, 0.3, 0.1),
    (0.06, 0.3, 0.2, 0.3),
]
"""Strokes over the background of the photograph: from x, y to x, y, as fractions of its sides."""


def shoot(page: Page, name: str) -> None:
    """Save what a page shows."""
    time.sleep(0.6)
    page.screenshot(path=IMAGES / f"studio-{name}.jpg", type="jpeg", quality=82)


def fill(page: Page, folder: Path) -> None:
    """Give a page the photograph and the painting."""
    for place, name in (("#photograph", "portrait.jpg"), ("#paintings", "landscape.png")):
        with page.expect_file_chooser() as chooser:
            page.click(f"{place} button.drop")
        chooser.value.set_files(folder / name)
        page.wait_for_selector(f"{place} img")


def paint(page: Page) -> list[bytes]:
    """Paint, with a picture of the page on the way, and return the previews."""
    page.click("#go")
    frames: list[bytes] = []
    seen, is_shot = "", False
    while not page.query_selector("#download"):
        shown = page.query_selector("#canvas img[alt='The picture']")
        source = shown.get_attribute("src") if shown else ""
        if source and source != seen:
            seen = source
            frames.append(page.request.get(page.url.partition("#")[0].rstrip("/") + source).body())
        if not is_shot and float(page.get_attribute("#progress", "value") or 0) > 0.4:
            is_shot = True
            shoot(page, "painting")
        time.sleep(0.1)
    return frames


def strip(frames: list[bytes]) -> None:
    """Join frames of a run, more of its beginning than of its end, from left to right."""
    places = [round((len(frames) - 1) * (number / (STRIP_FRAMES - 1)) ** 2) for number in range(STRIP_FRAMES)]
    pictures = [Picture.of(frames[place]) for place in places]
    sized = [each.resized(round(STRIP_HEIGHT * each.width / each.height), STRIP_HEIGHT).pixels for each in pictures]
    gap = torch.ones(3, STRIP_HEIGHT, STRIP_GAP)
    joined = torch.cat([part for each in sized for part in (each, gap)][:-1], 2)
    Picture(joined).save(IMAGES / "studio-strip.jpg", overwrite=True, quality=85)


def masks(page: Page) -> None:
    """Paint a region, and show the editor."""
    page.click("#paintings .chip:has-text('Region')")
    page.wait_for_selector("#masks canvas")
    box = page.locator("#masks canvas").bounding_box()
    assert box is not None
    for x, y, to_x, to_y in SKY:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + to_x * box["width"], box["y"] + to_y * box["height"], steps=12)
        page.mouse.up()
    shoot(page, "masks")
    page.click("#mask-cancel")


def visit(link: str, folder: Path) -> None:
    """Make all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(600_000)
        page.goto(link)
        fill(page, folder)
        page.select_option("#preset", "portrait")
        strip(paint(page))
        page.click("#look-compare")
        shoot(page, "compare")
        masks(page)
        page.eval_on_selector("#option-size", "each => { each.value = 8; each.dispatchEvent(new Event('change')); }")
        for preset in ("own-colors", "bold-strokes", "poster"):
            page.select_option("#preset", preset)
            page.click("#go")
            page.wait_for_selector("#pause")
            page.wait_for_selector("#download")
        page.click("#show-gallery")
        page.wait_for_selector(".card img")
        shoot(page, "gallery")
        address = page.url
        dark = browser.new_page(viewport=DESKTOP, color_scheme="dark")
        dark.goto(address)
        dark.wait_for_selector("#download")
        shoot(dark, "dark")
        phone = browser.new_page(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2
        )
        phone.goto(address)
        phone.wait_for_selector("#download")
        shoot(phone, "phone")
        browser.close()


def main() -> None:
    """Start a studio in a folder that is deleted afterward."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(demo.photograph(), folder / "portrait.jpg")
        Picture(demo.painting(768)).save(folder / "landscape.png")
        words = ["studio", "--no-browser", "--port", "0", "--folder", str(folder / "studio")]
        studio = subprocess.Popen([sys.executable, "-m", "impasto", *words], stdout=subprocess.PIPE, text=True)
        try:
            assert studio.stdout is not None
            visit(studio.stdout.readline().split()[4], folder)
        finally:
            studio.terminate()
            studio.wait()


if __name__ == "__main__":
    main()
