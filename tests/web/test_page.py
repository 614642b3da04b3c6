"""The page in headless Chromium, on the tiny network."""

import base64
import json
import re
import time
from pathlib import Path

import pytest
from serving import LONG, SECONDS
from steps import PICTURE, READY, choose, draw, expert, fill, job_of, slide, until

from impasto.images import read_note
from impasto.recipes import demo

pytestmark = pytest.mark.slow


@pytest.fixture
def open_page(browser, studio):
    """Open pages, and check at the end that they asked no other host for anything and wrote nothing on the console."""
    contexts, errors = [], []

    def forget(note="status of 400"):
        """Forget the browser's own notes on what a test did, such as requests that it wanted to be refused."""
        errors[:] = [each for each in errors if note not in each]

    def watch(page):
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: re.match(rf"{studio.link}|data:|blob:", request.url) or errors.append(request.url),
        )

    def make(width=1280, height=800, path="", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(1000 * SECONDS)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(studio.link + path)
        page.wait_for_selector(READY)
        return page

    make.forget = forget
    yield make
    for context in contexts:
        context.close()
    assert errors == []


def set_run(page, evaluations):
    """Let the form ask for a small picture of some evaluations."""
    for name, value in (("first_size", 0), ("iterations", evaluations), ("tolerance", 0)):
        expert(page, name, value)
    slide(page, "size", 7)


def changes(studio, identifier):
    return [each for each in studio.events(identifier) if each["event"] == "changed"]


@pytest.fixture
def long(studio):
    """Note the id of a long job and return it; the job is stopped at the end."""
    noted = []
    yield lambda identifier: noted.append(identifier) or identifier
    for identifier in noted:
        studio.client.patch(f"/api/jobs/{identifier}", json={"state": "stopped"})
        studio.wait(identifier, "stopped", "done")


@pytest.fixture
def painting(open_page, studio, pictures, long):
    """A page that shows a long job, which is painted, and the id of the job."""
    identifier = long(studio.order(pictures, LONG))
    studio.painting(identifier, 1)
    page = open_page()
    page.wait_for_selector(PICTURE)
    assert job_of(page) == identifier
    return page, identifier


def test_a_photograph_and_a_painting_become_a_picture_that_is_seen_at_once_and_downloaded_whole(
    open_page, studio, pictures, tmp_path, request
):
    page = open_page()
    fill(page, pictures)
    set_run(page, 8)
    begun = time.monotonic()
    page.click("#go")
    page.wait_for_selector(PICTURE)
    seconds = time.monotonic() - begun
    assert seconds < 5 * request.config.getoption("patience"), f"the first preview came after {seconds:.1f} s"
    identifier = job_of(page)
    studio.wait(identifier, "done")
    page.wait_for_selector("#download")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "picture.png")
    own = Path(studio.folder) / "jobs" / identifier / "result.png"
    assert (tmp_path / "picture.png").read_bytes() == own.read_bytes()
    for look in ("compare", "side", "actual", "picture"):
        page.click(f"#look-{look}")
        assert page.get_attribute(f"#look-{look}", "aria-pressed") == "true"
    page.click("#look-compare")
    page.focus(".handle")
    before = page.eval_on_selector(".edge", "each => each.style.left")
    page.keyboard.press("Home")
    assert page.eval_on_selector(".edge", "each => each.style.left") != before
    slide(page, "content_weight", 6)
    page.click("#continue")
    page.wait_for_selector("#continue", state="detached")
    studio.wait(identifier, "done")
    page.wait_for_selector("#continue")
    assert job_of(page) == identifier
    assert json.loads(read_note(own))["evaluations before"] == 8


def test_a_reload_and_another_tab_show_the_run_that_continues(painting, open_page, studio):
    page, identifier = painting
    page.reload()
    page.wait_for_selector(PICTURE)
    until(page, "document.getElementById('status').textContent.includes('evaluation')")
    assert page.input_value("#option-iterations") == "100000"
    other = open_page()
    assert job_of(other) == identifier
    other.wait_for_selector("#pause")
    other.click("#pause")
    page.wait_for_selector("#resume")
    assert studio.wait(identifier, "paused")
    page.click("#resume")
    page.wait_for_selector("#pause")


def test_a_weight_that_is_changed_in_mid_run_changes_the_run_and_can_be_set_back(open_page, studio, pictures, long):
    page = open_page()
    fill(page, pictures)
    set_run(page, 100_000)
    page.click("#go")
    page.wait_for_selector(PICTURE)
    identifier = long(job_of(page))
    slide(page, "content_weight", 6)
    page.wait_for_selector(".field.changed .reset")
    studio.wait(identifier, "painting", until=lambda job: job["order"]["settings"].get("content_weight") == 64)
    studio.wait(identifier, "painting", until=lambda _: changes(studio, identifier))
    page.wait_for_selector(".toast:has-text('The picture continues from its canvas')")
    page.click("[aria-label='Reset: Content against style']")
    studio.wait(identifier, "painting", until=lambda job: "content_weight" not in job["order"]["settings"])
    assert studio.job(identifier)["order"]["settings"]["iterations"] == 100_000


def test_a_worker_that_is_killed_is_started_again_and_the_page_says_so(painting, studio):
    page, _ = painting
    studio.worker().kill()
    page.wait_for_selector(".toast:has-text('It was started again and continues')")


def test_a_mask_that_is_painted_with_the_brush_keeps_that_part_of_the_photograph(open_page, studio, pictures):
    page = open_page()
    fill(page, pictures)
    page.click("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    page.eval_on_selector("#mask-size", "each => { each.value = each.max; each.dispatchEvent(new Event('input')); }")
    draw(page, (0.2, 0.02, 0.2, 0.98))
    page.click("#mask-save")
    page.wait_for_selector("#photograph .chip.used")
    set_run(page, 8)
    page.click("#go")
    identifier = job_of(page)
    job = studio.wait(identifier, "done")
    from impasto import Picture

    width, height = (job["stages"][0][side] for side in ("width", "height"))
    photo = Picture.open(pictures / "content.png").resized(width, height).pixels
    painted = Picture.open(Path(studio.folder) / "jobs" / identifier / "result.png").pixels
    difference = (photo - painted).abs().mean(0)
    left, right = difference[:, : width // 8].mean(), difference[:, width // 2 :].mean()
    assert left < right / 2


def test_files_are_dropped_anywhere_and_pictures_are_pasted(open_page, pictures, tmp_path):
    page = open_page()
    (tmp_path / "text.png").write_text("no picture")

    def drag(kind, place, *files):
        """Let the page see what it sees when files are dragged over one of its places, or dropped there."""
        named = [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]
        page.dispatch_event(place, kind, {"dataTransfer": page.evaluate_handle(TRANSFER, named)})

    drag("dragover", "#photograph", pictures / "content.png")
    assert page.locator("#photograph.over").count() == 1
    drag("drop", "#photograph", pictures / "content.png", pictures / "style.jpg")
    page.wait_for_selector("#photograph:not(.over) img")
    page.wait_for_selector("#paintings img")
    drag("drop", "#paintings", pictures / "style.jpg")
    until(page, "document.querySelectorAll('#paintings img').length === 2")
    page.click("#photograph .remove")
    drag("drop", "#canvas", pictures / "content.png", pictures / "style.jpg")
    until(page, "document.querySelectorAll('#paintings img').length === 3")
    drag("drop", "#form", pictures / "style.jpg")
    until(page, "document.querySelectorAll('#paintings img').length === 4")
    drag("drop", "#canvas", tmp_path / "text.png")
    page.wait_for_selector("text=the file is not a picture")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("""async () => { const canvas = new OffscreenCanvas(64, 48);
        canvas.getContext('2d').fillRect(0, 0, 64, 48);
        await navigator.clipboard.write([new ClipboardItem({ 'image/png': await canvas.convertToBlob() })]); }""")
    page.keyboard.press("Control+v")
    until(page, "document.querySelectorAll('#paintings img').length === 5")
    page.click("#show-gallery")
    drag("drop", "body", pictures / "style.jpg")
    page.wait_for_selector("#paint:not([hidden])")
    until(page, "document.querySelectorAll('#paintings img').length === 6")
    page.click("#photograph .chip")
    page.wait_for_selector("#masks[open] canvas")
    page.keyboard.press("Control+v")
    drag("drop", "#masks", pictures / "style.jpg")
    page.keyboard.press("Escape")
    assert page.locator("#paintings img").count() == 6
    for browser, bytes_ in (("Chromium", "Promise.reject()"), ("Firefox", "Promise.resolve(new ArrayBuffer(0))")):
        page.evaluate(f"""() => {{ const read = () => ({{ arrayBuffer: () => {bytes_} }});
            const drop = new Event('drop', {{ bubbles: true, cancelable: true }}), dataTransfer = {{ files: [{{ name: 'folder of {browser}', slice: read }}] }};
            document.body.dispatchEvent(Object.assign(drop, {{ dataTransfer }})); }}""")
        page.wait_for_selector(f"text=folder of {browser} is empty or a folder; give a file.")
    open_page.forget()


def test_the_mask_editor_undoes_erases_fills_inverts_and_takes_the_keyboard_and_files(open_page, pictures, tmp_path):
    page = open_page()
    fill(page, pictures)
    page.click("#paintings .chip:has-text('Region')")
    page.wait_for_selector("#masks canvas")
    surface = page.locator("#masks canvas")

    def shade():
        return page.evaluate(SHADE)

    clean = shade()
    surface.focus()
    for key in ("ArrowRight", "]", " "):
        page.keyboard.press(key)
    painted = shade()
    assert painted != clean
    page.keyboard.press("Control+z")
    assert shade() == clean
    page.click("#mask-redo")
    assert shade() == painted
    surface.focus()
    page.keyboard.press("e")
    assert page.get_attribute("#tool-eraser", "aria-pressed") == "true"
    for _ in range(6):
        page.keyboard.press(" ")
    assert abs(shade() - clean) < abs(painted - clean) / 100
    page.click("#mask-all")
    whole = shade()
    page.click("#mask-invert")
    assert shade() == clean != whole
    page.click("#tool-fill")
    page.eval_on_selector("#mask-tolerance", "each => { each.value = 120; each.dispatchEvent(new Event('input')); }")
    surface.click()
    assert shade() != clean
    page.click("#mask-clear")
    page.click("#mask-save")
    page.wait_for_selector("text=The mask is empty")
    page.click("#mask-all")
    assert shade() == whole
    with page.expect_download() as download:
        page.click("#mask-download")
    download.value.save_as(tmp_path / "mask.png")
    page.click("#mask-clear")
    with page.expect_file_chooser() as chooser:
        page.click("#mask-upload")
    chooser.value.set_files(tmp_path / "mask.png")
    until(page, f"sum => ({SHADE})() === sum", arg=whole)
    page.click("#mask-zoomIn")
    assert "scale(" in page.eval_on_selector("#masks canvas", "each => each.style.transform")
    page.click("#mask-save")
    page.wait_for_selector("#paintings .chip.used")
    page.click("#paintings .chip:has-text('Part')")
    page.wait_for_selector("#masks[open] canvas")
    assert page.locator("#mask-reuse option").all_inner_texts()[1] == "Region of painting 1"
    page.keyboard.press("Escape")


def test_the_file_of_a_mask_is_there_until_safari_has_asked_whether_to_download_it(open_page, pictures):
    page = open_page()
    fill(page, pictures)
    page.click("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    page.evaluate("() => { URL.revokeObjectURL = () => { window.isRevoked = true; }; }")
    with page.expect_download():
        page.click("#mask-download")
    page.wait_for_timeout(1500)
    assert not page.evaluate("window.isRevoked")


def test_no_mask_is_drawn_where_the_browser_answers_with_random_pixels(open_page, pictures):
    page = open_page()
    fill(page, pictures)
    page.evaluate("""() => { const read = CanvasRenderingContext2D.prototype.getImageData;
        CanvasRenderingContext2D.prototype.getImageData = function (...box) { const pixels = read.apply(this, box);
            return { data: pixels.data.map(() => 256 * Math.random()) }; }; }""")
    page.click("#photograph .chip")
    page.wait_for_selector(".toast:has-text('a mask would be noise')")
    assert not page.locator("#masks").is_visible()


def test_a_brush_with_a_hard_edge_paints_and_erases(open_page, pictures):
    page = open_page()
    fill(page, pictures)
    page.click("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    page.eval_on_selector("#mask-soft", "each => { each.value = 0; each.dispatchEvent(new Event('input')); }")
    shades = [page.evaluate(SHADE)]
    for tool in ("brush", "eraser"):
        page.click(f"#tool-{tool}")
        page.locator("#masks canvas").click()
        shades.append(page.evaluate(SHADE))
    clean, painted, erased = shades
    assert painted != clean
    assert abs(erased - clean) < abs(painted - clean) / 4  # a trace of the edge stays


def test_faces_are_in_focus_until_another_mask_or_none_is_and_the_editor_shows_them(open_page, pictures):
    page = open_page()
    choose(page, "#photograph", demo.photograph())
    choose(page, "#paintings", pictures / "style.jpg")
    page.click("#photograph .chip:has-text('Focus: faces')")
    page.wait_for_selector("#masks canvas")
    found = page.evaluate(SHADE)
    page.click("#mask-clear")
    assert page.evaluate(SHADE) != found
    page.click("#mask-faces")
    until(page, f"sum => ({SHADE})() === sum", arg=found)
    page.click("#mask-save")
    page.click("#photograph .chip.used:has-text('Focus')")
    page.click("#mask-drop")
    page.wait_for_selector("#photograph .chip:not(.used):text-is('Focus')")
    assert page.evaluate("JSON.parse(localStorage.getItem('impasto-draft')).focus") is None
    page.click("#paintings .chip:has-text('Part')")
    page.wait_for_selector("#masks[open] canvas")
    page.click("#mask-faces")
    page.wait_for_selector(".toast:has-text('no face was found in the picture')")
    page.click("#mask-save")
    page.wait_for_selector("text=The mask is empty")
    open_page.forget()


def test_touch_paints_a_mask_on_a_phone_and_two_fingers_zoom_about_what_they_hold(open_page, pictures):
    page = open_page(390, 844, has_touch=True, is_mobile=True, device_scale_factor=2)
    fill(page, pictures)
    sizes = page.eval_on_selector_all(
        "input, select", "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 16  # Safari on a phone zooms into fields with smaller letters
    page.tap("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    x, y = middle(page)
    page.touchscreen.tap(x, y)
    painted, devices = page.evaluate(SHADE), page.context.new_cdp_session(page)
    before = page.locator("#masks canvas").bounding_box()
    still, moving = (x - 40, y), [(x + 40 + 20 * step, y) for step in range(5)]
    for name in ("tool-brush", "tool-fill"):
        page.click(f"#{name}")  # Chromium takes no tap so soon after fingers that tests have put down
        page.click("#mask-fit")
        touch(devices, "touchStart", still)
        touch(devices, "touchStart", still, moving[0])
        for at in moving[1:]:
            touch(devices, "touchMove", still, at)
        touch(devices, "touchEnd")
        after = page.locator("#masks canvas").bounding_box()
        assert page.evaluate(SHADE) == painted, "a pinch paints nothing"
        assert after["width"] == pytest.approx(2 * before["width"], rel=0.02)
        assert still[0] - after["x"] == pytest.approx(2 * (still[0] - before["x"]), abs=3)
        assert y - after["y"] == pytest.approx(2 * (y - before["y"]), abs=3)
    page.click("#mask-save")
    page.wait_for_selector("#photograph .chip.used")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_pen_paints_by_its_pressure_and_erases_with_its_other_end_and_a_palm_does_nothing(open_page, pictures):
    page = open_page(has_touch=True)
    fill(page, pictures)
    page.click("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    devices = page.context.new_cdp_session(page)
    x, y = middle(page)

    def pen(kind, at, force=0.0):
        event = {"type": kind, "x": at, "y": y, "pointerType": "pen", "force": force, "button": "left", "clickCount": 1}
        devices.send("Input.dispatchMouseEvent", {**event, "buttons": 0 if kind == "mouseReleased" else 1})

    def stroke(force):
        """Paint a stroke, take it back, and return how much it has covered."""
        before = page.evaluate(SHADE)
        pen("mousePressed", x - 40, force)
        for step in range(1, 5):
            pen("mouseMoved", x - 40 + 20 * step, force)
        pen("mouseReleased", x + 40)
        covered = abs(page.evaluate(SHADE) - before)
        page.click("#mask-undo")
        assert page.evaluate(SHADE) == before
        return covered

    light, heavy = stroke(0.1), stroke(0.9)
    assert 1.5 * light < heavy
    clean = page.evaluate(SHADE)
    pen("mousePressed", x, 0.5)
    painted = page.evaluate(SHADE)
    touch(devices, "touchStart", (x - 90, y - 60))
    touch(devices, "touchMove", (x + 90, y - 60))
    touch(devices, "touchEnd")
    assert page.evaluate(SHADE) == painted != clean
    pen("mouseReleased", x)
    erased = {"pointerId": 1, "pointerType": "pen", "pressure": 1, "button": 5, "buttons": 32, "bubbles": True}
    page.dispatch_event("#masks canvas", "pointerdown", {**erased, "clientX": x, "clientY": y})
    page.dispatch_event("#masks canvas", "pointermove", {**erased, "clientX": x + 2, "clientY": y, "button": -1})
    page.dispatch_event("#masks canvas", "pointerup", {**erased, "clientX": x + 2, "clientY": y, "buttons": 0})
    assert abs(page.evaluate(SHADE) - clean) < abs(painted - clean) / 10


def test_the_gallery_shows_opens_deletes_and_restores_pictures(open_page, studio, pictures):
    identifier = studio.order(pictures, name="A name of its own")
    studio.wait(identifier, "done")
    page = open_page()
    page.click("#show-gallery")
    card = page.locator(".card", has_text="A name of its own").first
    card.get_by_role("button", name="Delete").click()
    page.wait_for_selector("text=Deleted.")
    assert identifier not in {job["id"] for job in studio.client.get("/api/jobs").json()}
    page.click(".toast button")
    page.locator(".card", has_text="A name of its own").first.wait_for()
    page.locator(".card", has_text="A name of its own").first.get_by_role("button", name="Open").click()
    page.wait_for_selector("#download")
    assert job_of(page) == identifier
    page.click("#larger")
    page.fill("#long-side", "96")
    page.wait_for_selector("#print .said:has-text('96 × 72 pixels')")
    page.click("#print .primary")
    until(page, "id => location.hash.slice(1) !== id", arg=identifier)
    studio.wait(job_of(page), "done")
    page.wait_for_selector("#print-button")
    page.click("#print-button")
    page.wait_for_selector("#print .said:has-text('The print is')")
    page.fill("#paper", "nonsense")
    page.wait_for_selector("#print .said:has-text('print cannot be nonsense')")
    page.keyboard.press("Escape")
    open_page.forget()


def test_back_and_forward_go_through_the_jobs_and_the_gallery_that_were_seen(open_page, studio, pictures):
    first, second = (studio.order(pictures, name=name) for name in ("Larch", "Maple"))
    studio.wait(second, "done")
    page = open_page()

    def shows(job):
        until(page, "id => location.hash.slice(1) === id", arg=job)
        page.wait_for_selector("#download" if job else "#go")
        assert page.locator("#paint").is_visible()

    for name in ("Larch", "Maple"):
        page.click("#show-gallery")
        page.locator(".card", has_text=name).first.get_by_role("button", name="Open").click()
        shows(first if name == "Larch" else second)
    page.go_back()
    page.wait_for_selector("#gallery .card")
    assert not page.locator("#paint").is_visible()
    page.go_back()
    shows(first)
    page.go_back()
    page.go_back()
    shows("")
    page.go_forward()
    page.reload()
    page.wait_for_selector("#gallery .card")
    page.go_forward()
    shows(first)
    page.goto(studio.link + "#20260101-000000-abcdef")
    page.wait_for_selector(".toast:has-text('there is no job')")
    page.go_back()
    shows(first)
    open_page.forget("status of 404")


def test_the_queue_can_be_ordered_and_cancelled(open_page, studio, pictures):
    long = studio.order(pictures, LONG)
    first, second = (studio.order(pictures, name=name) for name in ("First", "Second"))
    page = open_page()
    page.click("#show-queue")
    page.click("[aria-label='Earlier: Second']")
    until(page, "[...document.querySelectorAll('.queue-item')][1].textContent.startsWith('Second')")
    for name in ("First", "Second"):
        page.click(f"[aria-label='Cancel: {name}']")
    until(page, "document.querySelectorAll('.queue-item').length === 1")
    assert {studio.job(each)["state"] for each in (first, second)} == {"stopped"}
    studio.client.patch(f"/api/jobs/{long}", json={"state": "stopped"})
    studio.wait(long, "stopped")


def test_the_time_stands_in_front_is_kept_to_and_cannot_change_while_it_counts(open_page, studio, pictures):
    page = open_page()
    front = page.eval_on_selector_all("#form > .field", "all => all.map(each => each.innerText.split('\\n')[0])")
    assert front[:5] == ["Size", "Content against style", "Stroke size", "Colors", "Time, in seconds"]
    assert page.get_attribute("#option-seconds", "placeholder") == "as long as it takes"
    fill(page, pictures)
    page.fill("#option-seconds", "2")
    page.keyboard.press("Tab")
    page.wait_for_selector(".field.changed:has(#option-seconds) .reset")
    page.click("#go")
    identifier = job_of(page)
    page.wait_for_selector("#option-seconds:disabled")
    job = studio.wait(identifier, "done")
    assert job["order"]["runtime"] == {"seconds": 2}
    assert json.loads(read_note(Path(studio.folder) / "jobs" / identifier / "result.png"))["settings"]["stages"]
    page.wait_for_selector("#continue")
    assert page.is_enabled("#option-seconds")
    page.fill("#option-seconds", "")
    page.keyboard.press("Tab")
    page.wait_for_selector(".field:not(.changed):has(#option-seconds)")


def test_a_picture_that_impasto_painted_gives_its_settings_to_the_form(open_page, studio, pictures, tmp_path):
    identifier = studio.order(pictures)
    studio.wait(identifier, "done")
    own = Path(studio.folder) / "jobs" / identifier / "result.png"
    assert json.loads(read_note(own))["settings"]["size"] == 64
    page = open_page()
    choose(page, "#photograph", own)
    page.click(".toast button")
    until(page, "document.querySelector('#option-iterations').value === '4'")
    assert page.inner_text("label[for=option-size] output") in {"64 px", "128 px"}


def test_everything_can_be_done_by_keyboard(open_page, pictures):
    page = open_page()
    fill(page, pictures)
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(45):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("""() => { const at = document.activeElement; const style = getComputedStyle(at);
            return at === document.body ? ["", true] : [at.id || at.className || at.name, at.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.opacity === '0')]; }""")
        )
    names = [name for name, _ in reached]
    for wanted in (
        "skip",
        "show-gallery",
        "show-queue",
        "chip",
        "go",
        "option-size",
        "option-color-style",
        "preset",
        "format",
    ):
        assert wanted in names, wanted
    assert [name for name, seen in reached if name and not seen] == []
    for tab, target in (("paint", "canvas"), ("gallery", "gallery")):
        page.click(f"#show-{tab}")
        page.focus("#skip")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == target
    assert page.evaluate("location.hash") == "#gallery"


def test_the_arrow_keys_move_sliders_and_choose_colors_and_the_focus_stays(open_page):
    page = open_page()
    page.focus("#option-size")
    for _ in range(12):  # a press is a hundredth of an octave, and sizes are multiples of 32
        page.keyboard.press("ArrowRight")
    assert page.inner_text("label[for=option-size] output") == "576 px"
    assert page.evaluate("document.activeElement.id") == "option-size"
    page.click("[aria-label='Reset: Size']")
    assert page.evaluate("document.activeElement.id") == "option-size"
    page.focus("input[value='style']")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "content-luminance"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "content-match"
    page.click("[aria-label='Reset: Colors']")
    assert page.evaluate("document.activeElement.value") == "style"


TRANSFER = """files => { const transfer = new DataTransfer();
    for (const [name, text] of files) {
        const type = name.endsWith('jpg') ? 'image/jpeg' : 'image/png';
        transfer.items.add(new File([Uint8Array.from(atob(text), each => each.charCodeAt(0))], name, { type }));
    }
    return transfer; }"""
"""What the browser hands on of files by name and base64."""


def middle(page):
    """The middle of the editor of masks, on the screen."""
    box = page.locator("#masks canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def touch(devices, kind, *fingers):
    """Put the fingers of a hand on the screen at some points, move or lift them."""
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
    devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


SHADE = """() => { const from = document.querySelector('#masks canvas'), to = new OffscreenCanvas(from.width, from.height);
    const context = to.getContext('2d', { willReadFrequently: true });
    context.drawImage(from, 0, 0);
    return context.getImageData(0, 0, to.width, to.height).data.reduce((sum, each) => sum + each, 0); }"""
"""The sum of all levels of what the editor of masks shows."""


def audit(page, *rules):
    """What axe-core finds wrong in what a page shows, by some of its rules or by all that it has on, and sizes of targets."""
    axe, base = (pytest.importorskip(f"axe_playwright_python.{name}") for name in ("sync_playwright", "base"))
    script = "" if page.evaluate("'axe' in window") else base.AXE_SCRIPT  # half a megabyte, once for each document
    chosen = {"runOnly": [*rules]} if rules else {"rules": {"target-size": {"enabled": True}}}
    found = axe.Axe(script).run(page, options={"resultTypes": ["violations"], "preload": False, **chosen}).response
    return [
        f"{each['id']}: {node['html']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def test_axe_finds_nothing_wrong_for_those_who_see_hear_or_move_less(open_page, studio, pictures):
    studio.wait(studio.order(pictures), "done")
    page = open_page(color_scheme="light", reduced_motion="reduce")

    def check():
        """Audit what the page shows, and its colors in the dark, too."""
        assert audit(page) == []
        page.emulate_media(color_scheme="dark")
        assert audit(page, "color-contrast") == []
        page.emulate_media(color_scheme="light")

    check()
    fill(page, pictures)
    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    check()
    page.click("#show-queue")
    check()
    page.keyboard.press("Escape")
    page.click("#photograph .chip")
    page.wait_for_selector("#masks canvas")
    check()
    page.click("#mask-cancel")
    page.click("#show-gallery")
    page.wait_for_selector(".card img")
    page.eval_on_selector_all(".card", "all => all.slice(4).forEach(each => each.remove())")  # other tests' pictures
    check()
    page.locator(".card .open").first.click()
    page.click("#larger")
    page.wait_for_selector("#print .said:has-text('pixels')")
    check()
    page.goto(studio.link + "docs")
    page.wait_for_selector(READY)
    check()


WIDTHS = (360, 390, 768)
"""Widths of screens in pixels: phones and a tablet."""


def test_nothing_is_wider_than_the_screen_in_any_font(open_page, pictures, tmp_path):
    page = open_page(WIDTHS[0], 800)
    long_name = tmp_path / f"{'A long name ' * 12}{'x' * 60}.png"
    long_name.write_bytes((pictures / "content.png").read_bytes())

    def check():
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    fill(page, pictures)
    choose(page, "#paintings", long_name)
    until(page, "document.querySelectorAll('#paintings img').length === 2")
    page.eval_on_selector_all("*", "all => all.forEach(each => { each.style.letterSpacing = '.12em'; })")  # WCAG 1.4.12
    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    check()
    page.click("#show-gallery")
    check()


def test_pages_that_show_the_same_job_follow_each_other(painting, open_page, studio):
    page, identifier = painting
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("#pause")
    slide(page, "content_weight", 6)
    until(other, "Math.round(document.getElementById('option-content_weight').value) === 6")
    slide(other, "style_scale", 1)
    settings = studio.wait(identifier, "painting", until=lambda job: job["order"]["settings"].get("style_scale") == 2)
    assert settings["order"]["settings"]["content_weight"] == 64
    until(page, "document.getElementById('option-style_scale').value === '1'")


def test_a_change_is_of_the_job_that_was_shown_when_it_was_made(painting, open_page, studio, pictures):
    page, identifier = painting
    other = studio.order(pictures, LONG)
    studio.client.patch(f"/api/jobs/{other}", json={"state": "paused"})
    slide(page, "content_weight", 6)
    page.evaluate("id => { location.hash = id; }", other)
    page.wait_for_selector("#resume")
    studio.wait(identifier, "painting", until=lambda job: job["order"]["settings"].get("content_weight") == 64)
    assert "content_weight" not in studio.job(other)["order"]["settings"]
    studio.client.patch(f"/api/jobs/{other}", json={"state": "stopped"})


def test_what_was_prepared_is_there_after_a_reload_and_after_a_look_at_another_picture(painting, pictures, tmp_path):
    page, _ = painting
    page.click("#new")
    (tmp_path / "prepared.png").write_bytes((pictures / "content.png").read_bytes())
    choose(page, "#paintings", tmp_path / "prepared.png")
    page.wait_for_selector("#paintings img[alt='prepared.png']")
    page.reload()
    page.wait_for_selector("#go")
    assert page.locator("#paintings img[alt='prepared.png']").count() == 1
    page.click("#show-gallery")
    page.locator(".card .open").first.click()
    page.click("text=Bring it back")
    page.wait_for_selector("#paintings img[alt='prepared.png']")
    page.wait_for_selector("#go")


def test_pictures_that_are_gone_leave_the_page(open_page, studio, pictures):
    page = open_page()
    fill(page, pictures)
    page.evaluate("""() => { const draft = JSON.parse(localStorage.getItem('impasto-draft'));
        draft.content.id = '0'.repeat(24) + '.png';
        draft.keep = draft.content.id;
        localStorage.setItem('impasto-draft', JSON.stringify(draft)); }""")
    page.reload()
    page.wait_for_selector("text=no longer in the studio")
    page.wait_for_selector("#photograph .drop")
    assert page.locator("#paintings img").count() == 1
    page.evaluate("localStorage.setItem('impasto-draft', 'no JSON')")
    page.reload()
    page.wait_for_selector("#paintings .drop")
    open_page.forget("status of 404")


def test_masks_survive_escape_and_a_photograph_of_another_shape(open_page, pictures):
    page = open_page()
    fill(page, pictures)
    page.click("#photograph .chip")
    page.wait_for_selector("#masks[open] canvas")
    page.click("#mask-save")
    assert page.evaluate("""() => { const box = document.querySelector('.toast').getBoundingClientRect();
        const hit = document.elementsFromPoint(box.x + 5, box.y + 5);
        return document.querySelector('#toasts').matches(':popover-open') && box.width > 0 && hit.length > 0; }""")
    draw(page, (0.3, 0.3, 0.7, 0.7))
    shade = page.evaluate(SHADE)
    page.keyboard.press("Escape")
    page.click("text=Bring it back")
    page.wait_for_selector("#masks[open] canvas")
    assert page.evaluate(SHADE) == shade
    page.click("#mask-save")
    page.wait_for_selector("#photograph .chip.used")
    page.click("#photograph .remove")
    choose(page, "#photograph", pictures / "style.jpg")
    page.wait_for_selector("#photograph .chip:not(.used)")
    page.click(".toast:has-text('another shape') >> text=Bring it back")
    page.wait_for_selector("#photograph .chip.used")


def test_what_is_pressed_after_a_number_was_typed_is_pressed_and_an_emptied_number_is_the_default(open_page):
    page = open_page()
    page.eval_on_selector_all("#form details", "all => all.forEach(each => { each.open = true; })")
    page.fill("#option-iterations", "7")
    page.hover("#option-normalize")
    page.mouse.down()
    page.mouse.up()
    until(page, "document.getElementById('option-normalize').checked")
    assert page.input_value("#option-iterations") == "7"
    expert(page, "iterations", "")
    until(page, "document.getElementById('option-iterations').value === '100'")


def test_the_gallery_follows_its_pictures_and_the_page_leaves_one_that_was_deleted(painting, studio):
    page, identifier = painting
    page.click("#show-gallery")
    card = page.locator(".card").first
    assert "painting" in card.inner_text()
    studio.client.patch(f"/api/jobs/{identifier}", json={"state": "paused"})
    until(page, "document.querySelector('.card .facts').textContent.startsWith('paused')")
    card.locator("button:has-text('Delete')").click()
    page.wait_for_selector(".toast:has-text('Deleted.')")
    page.click("#show-paint")
    page.wait_for_selector("#go")
    refused = studio.client.patch(f"/api/jobs/{identifier}", json={"state": "waiting"})
    assert (refused.status_code, "restore it first" in refused.text) == (404, True)
    studio.client.post(f"/api/jobs/{identifier}/restore")


def test_a_change_without_a_connection_is_sent_when_there_is_one_again(painting, open_page, studio):
    page, identifier = painting
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the page opens a stream
    page.wait_for_selector("#status.bad:has-text('No connection to the studio. Trying again')")
    slide(page, "content_weight", 6)
    page.wait_for_selector(".toast:has-text('No connection to the studio.')")
    page.context.set_offline(False)
    studio.wait(identifier, "painting", until=lambda job: job["order"]["settings"].get("content_weight") == 64)
    page.wait_for_selector("#status:not(.bad):has-text('evaluation')")
    open_page.forget("ERR_INTERNET_DISCONNECTED")


def test_a_stream_that_the_browser_has_given_up_is_opened_again(painting, open_page):
    page, _ = painting
    page.route("**/events", lambda route: route.fulfill(status=502))  # a proxy's answer; Firefox also gives up offline
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#status.bad:has-text('No connection to the studio. Trying again')")
    page.unroute("**/events")
    page.wait_for_selector("#status:not(.bad):has-text('evaluation')")
    open_page.forget("status of 502")


def test_a_preview_that_cannot_be_loaded_leaves_the_last_one(painting, open_page):
    page, _ = painting
    refused = []
    page.route("**/preview?*", lambda route: (refused.append(route), route.abort()))
    while len(refused) < 3:
        page.wait_for_timeout(100)
    assert page.eval_on_selector(PICTURE, "each => each.complete && each.naturalWidth > 0")
    page.unroute_all(behavior="ignoreErrors")
    open_page.forget("ERR_FAILED")


def test_a_page_that_is_not_seen_holds_no_connection(painting, studio):
    page, _ = painting
    streams = []
    page.on("request", lambda request: streams.append(request) if request.url.endswith("/events") else None)
    page.on("requestfailed", lambda request: streams.remove(request) if request in streams else None)
    look = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(look, False)
    until(page, "document.getElementById('status').textContent.includes('evaluation')")
    assert len(streams) == 1
    page.evaluate(look, True)
    page.wait_for_timeout(500)
    assert streams == []
    page.evaluate(look, False)
    page.wait_for_timeout(500)
    assert len(streams) == 1


def test_a_finger_moves_the_line_between_before_and_after_wherever_it_is(painting):
    page, _ = painting
    page.click("#look-compare")
    box = page.locator(".handle").bounding_box()
    for kind, fraction in (
        ("pointerdown", 0.25),
        ("pointermove", 0.75),
    ):  # Safari on a phone moves a slider by its thumb
        page.dispatch_event(".handle", kind, {"buttons": 1, "clientX": box["x"] + fraction * box["width"]})
        edge = page.locator(".edge").bounding_box()
        assert edge["x"] - box["x"] == pytest.approx(fraction * box["width"], abs=4)


OLDER = """() => { delete HTMLElement.prototype.showPopover; delete HTMLElement.prototype.hidePopover; delete Element.prototype.ariaLabel;
    const matches = Element.prototype.matches;
    Element.prototype.matches = function (selector) { if (selector === ':popover-open') throw new SyntaxError(); return matches.call(this, selector); }; }"""
"""Take from Chromium what Safari before 17 and Firefox before 125 do not have."""


def test_messages_and_the_queue_need_nothing_that_older_browsers_lack(open_page, studio, pictures):
    long = studio.order(pictures, LONG)
    first, second = (studio.order(pictures, name=name) for name in ("First", "Second"))
    page = open_page()
    page.evaluate(OLDER)
    page.evaluate("import('/dom.js').then(({ toast }) => { toast('A message'); })")
    assert page.locator(".toast").is_visible()
    page.click("#show-queue")
    page.focus("[aria-label='Cancel: First']")
    studio.client.patch(f"/api/jobs/{second}", json={"state": "stopped"})
    page.wait_for_selector("[aria-label='Cancel: Second']", state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Cancel: First"
    for each in (first, long):
        studio.client.patch(f"/api/jobs/{each}", json={"state": "stopped"})
        studio.wait(each, "stopped")


def test_a_message_is_as_high_as_its_text_in_every_browser(open_page):
    page = open_page()
    page.evaluate("import('/dom.js').then(({ toast }) => { toast('A message'); })")
    height = page.evaluate("document.getElementById('toasts').computedStyleMap().get('height').toString()")
    assert height == "auto", "WebKit stretches fit-content, which popovers have, to the height of the screen"


def test_a_sentence_of_the_server_is_shown_when_a_file_is_no_picture(open_page, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    page = open_page()
    choose(page, "#photograph", tmp_path / "text.png")
    page.wait_for_selector("text=the file is not a picture or film; give a PNG")
    open_page.forget()
