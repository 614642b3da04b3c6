"""What people do on the page, step by step: the tests and the pictures of the docs share it."""

import time

from serving import SECONDS

PICTURE = "#canvas img[alt='The picture']"
READY = "html[data-ready]"


def until(page, script, arg=None):
    """Wait until a script is true; Playwright's own way needs eval, which the page's policy forbids."""
    end = time.monotonic() + SECONDS
    while not page.evaluate(script, arg):
        assert time.monotonic() < end, script
        time.sleep(0.05)


def choose(page, place, *files):
    with page.expect_file_chooser() as chooser:
        page.click(f"{place} button.drop")
    chooser.value.set_files([*files])


def fill(page, pictures):
    """Give the page a photograph and a painting."""
    choose(page, "#photograph", pictures / "content.png")
    page.wait_for_selector("#photograph img")
    choose(page, "#paintings", pictures / "style.jpg")
    page.wait_for_selector("#paintings img")


def expert(page, name, value):
    """Set an option of a folded group."""
    page.eval_on_selector(f"#option-{name}", "each => { each.closest('details').open = true; }")
    page.fill(f"#option-{name}", str(value))
    page.keyboard.press("Tab")


def slide(page, name, value):
    """Move the slider of an option, which shows logarithms to base 2."""
    page.eval_on_selector(
        f"#option-{name}", f"each => {{ each.value = {value}; each.dispatchEvent(new Event('change')); }}"
    )


def job_of(page):
    until(page, "location.hash.length > 1")
    return page.evaluate("location.hash.slice(1)")


def draw(page, *strokes):
    """Draw strokes on the canvas of the masks: from x, y to x, y, as fractions of its sides."""
    box = page.locator("#masks canvas").bounding_box()
    for x, y, to_x, to_y in strokes:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + to_x * box["width"], box["y"] + to_y * box["height"], steps=4)
        page.mouse.up()


def paint(page, shoot, seconds=SECONDS):
    """Paint to the end, with a picture of the page on the way, and return the previews."""
    page.click("#go")
    page.wait_for_selector("#pause")
    frames, seen, is_shot, end = [], "", False, time.monotonic() + seconds
    while not page.query_selector("#download"):
        assert time.monotonic() < end
        shown = page.query_selector(PICTURE)
        source = shown.get_attribute("src") if shown else ""
        if source and source != seen:
            seen = source
            frames.append(page.request.get(page.url.partition("#")[0].rstrip("/") + source).body())
        if not is_shot and float(page.get_attribute("#progress", "value") or 0) > 0.4:
            is_shot = True
            shoot(page, "painting")
        time.sleep(0.1)
    return frames
