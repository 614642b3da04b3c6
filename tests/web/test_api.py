import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from statistics import median

import pytest
import pyvips
import torch
from serving import LONG, QUICK

from impasto import Picture, Settings
from impasto.images import read_note
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.recipes import demo
from impasto.web import record
from impasto.web.order import Order
from tiny import tiny_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(studio, pictures):
    """A job that is done."""
    identifier = studio.order(pictures)
    studio.wait(identifier, "done")
    return identifier


def test_a_job_is_painted_and_its_picture_is_that_of_the_library(studio, pictures, done, tmp_path):
    answer = studio.client.get(f"/api/jobs/{done}/result")
    (tmp_path / "downloaded.png").write_bytes(answer.content)
    folder = Path(studio.folder) / "jobs" / done
    job = Order(**json.loads((folder / "job.json").read_text())).job(folder)
    for _ in Session(
        job.replace(output=tmp_path / "library.png", checkpoint=None), resources=Resources(lambda _: tiny_weights())
    ):
        pass
    pixels, own = (Picture.open(tmp_path / name).pixels for name in ("downloaded.png", "library.png"))
    assert torch.equal(pixels, own)
    assert read_note(tmp_path / "downloaded.png") == read_note(tmp_path / "library.png")
    assert "content in the style of style.png" in answer.headers["content-disposition"].replace("%20", " ")


def test_a_multipart_form_orders_a_picture_at_once(studio, pictures):
    files = [
        ("content", ("content.png", (pictures / "content.png").read_bytes())),
        ("style", ("style.jpg", (pictures / "style.jpg").read_bytes())),
    ]
    answer = studio.client.post(
        "/api/jobs", files=files, data={"job": json.dumps({"settings": QUICK, "format": "tif"})}
    )
    assert answer.status_code == 201, answer.text
    job = studio.wait(answer.json()["id"], "done")
    assert (job["title"], job["stages"][0]["width"]) == ("content in the style of style", 64)
    assert studio.client.get(job["result"]).content[:2] in {b"II", b"MM"}


def test_a_preview_is_a_jpeg_and_the_result_comes_in_every_format(studio, done):
    assert studio.client.get(f"/api/jobs/{done}/preview").content[:3] == b"\xff\xd8\xff"
    heads = {"jpg": b"\xff\xd8\xff", "webp": b"RIFF", "tif": b"II*\0", "png": b"\x89PNG"}
    for name, head in heads.items():
        assert studio.client.get(f"/api/jobs/{done}/result", params={"format": name}).content.startswith(head), name
    refused = studio.client.get(f"/api/jobs/{done}/result", params={"format": "../x"})
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "format cannot be '../x'; it takes png, jpg, webp, tif.",
    )


def test_events_stream_from_the_start_or_after_the_last_one_that_was_seen(studio, done):
    def ids(headers):
        found, kinds = [], []
        with studio.client.stream("GET", f"/api/jobs/{done}/events", headers=headers) as stream:
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    found.append(int(line[4:]))
                if line.startswith("data: "):
                    kinds.append(json.loads(line[6:]))
                    if kinds[-1].get("state") == "done":
                        return found, kinds
        raise AssertionError("the stream ended")

    count = len(studio.events(done))
    numbers, events = ids({})
    assert numbers == [*range(1, count + 1)]
    assert [event["evaluation"] for event in events if event["event"] == "progress"] == [1, 2, 3, 4]
    assert ids({"Last-Event-ID": str(count - 2)})[0] == [count - 1, count]


def test_a_change_in_mid_run_continues_from_the_canvas_and_survives_a_killed_worker(studio, pictures):
    identifier = studio.order(pictures, LONG, runtime={"checkpoint_every": 0.1})
    checkpoint = Path(studio.folder) / "jobs" / identifier / "run.checkpoint"
    studio.wait(identifier, "painting", until=lambda _: checkpoint.exists())
    changed = studio.client.patch(f"/api/jobs/{identifier}", json={"settings": {"content_weight": 50}})
    assert changed.json()["order"]["settings"]["content_weight"] == 50
    studio.wait(identifier, "painting", until=lambda _: "changed" in studio.kinds(identifier))
    at_change = time.time()
    studio.wait(identifier, "painting", until=lambda _: checkpoint.stat().st_mtime > at_change)
    studio.worker().kill()
    studio.wait(
        identifier,
        "painting",
        until=lambda _: "restarted" in studio.kinds(identifier) and studio.kinds(identifier)[-1] == "progress",
    )
    sentence = next(each["sentence"] for each in studio.events(identifier) if each["event"] == "restarted")
    assert sentence == "The worker was ended by signal 9. It was started again and continues."
    studio.client.patch(f"/api/jobs/{identifier}", json={"state": "stopped"})
    assert studio.wait(identifier, "stopped")["result"]
    note = json.loads(read_note(Path(studio.folder) / "jobs" / identifier / "result.png"))
    assert note["settings"]["content_weight"] == 50
    assert note["job"]["changes"][0]["after"] >= 1


def test_a_job_that_is_done_continues_from_its_picture_and_the_sequence_paints_the_same_again(
    studio, pictures, tmp_path
):
    identifier = studio.order(pictures)
    studio.wait(identifier, "done")
    renamed = studio.client.patch(f"/api/jobs/{identifier}", json={"name": "Another name"})
    assert renamed.json()["state"] == "done"
    answer = studio.client.patch(f"/api/jobs/{identifier}", json={"settings": {"content_weight": 50}})
    assert (answer.json()["state"], answer.json()["progress"]) == ("waiting", None)
    studio.wait(identifier, "done")
    folder = Path(studio.folder) / "jobs" / identifier
    note = json.loads(read_note(folder / "result.png"))
    assert note["settings"]["content_weight"] == 50
    assert (note["evaluations before"], note["evaluations"], note["job"]["changes"][0]["after"]) == (4, 4, 4)
    assert not (folder / "run.checkpoint").exists()
    job = record.read(folder / "run.json").replace(output=tmp_path / "again.png", checkpoint=None)
    for _ in Session(job, resources=Resources(load=lambda _: tiny_weights())):
        pass
    assert torch.equal(*(Picture.open(path).pixels for path in (folder / "result.png", tmp_path / "again.png")))


def test_a_worker_that_is_killed_after_the_first_evaluation_resumes_from_it(studio, pictures, done):
    studio.client.patch(f"/api/jobs/{done}", json={"settings": LONG, "runtime": {"checkpoint_every": 3600}})
    checkpoint = Path(studio.folder) / "jobs" / done / "run.checkpoint"
    studio.wait(done, "painting", until=lambda _: checkpoint.exists())
    studio.worker().kill()
    studio.wait(done, "painting", until=lambda _: "resumed" in studio.kinds(done))
    assert next(each["evaluations"] for each in studio.events(done) if each["event"] == "resumed") == 1
    studio.client.patch(f"/api/jobs/{done}", json={"state": "stopped"})
    studio.wait(done, "stopped")
    studio.client.patch(f"/api/jobs/{done}", json={"settings": QUICK, "state": "waiting"})
    studio.wait(done, "done")


def test_a_preview_comes_before_the_first_evaluation_and_after_it(studio, done):
    kinds = [kind for kind in studio.kinds(done) if kind in {"planned", "preview", "progress"}]
    assert kinds[:4] == ["planned", "preview", "progress", "preview"]


def test_a_paused_job_continues_from_its_checkpoint_with_what_was_changed_meanwhile(studio, pictures):
    identifier = studio.order(pictures, LONG)
    studio.painting(identifier)
    studio.client.patch(f"/api/jobs/{identifier}", json={"state": "paused"})
    studio.wait(identifier, "paused")
    studio.client.patch(f"/api/jobs/{identifier}", json={"settings": {"style_scale": 2}})
    studio.client.patch(f"/api/jobs/{identifier}", json={"state": "waiting"})
    studio.wait(
        identifier,
        "painting",
        until=lambda _: "resumed" in studio.kinds(identifier) and "changed" in studio.kinds(identifier),
    )
    studio.client.delete(f"/api/jobs/{identifier}")
    studio.wait(identifier, "stopped")


def test_the_queue_is_painted_in_the_order_that_is_asked_for_and_a_waiting_job_can_be_cancelled(studio, pictures):
    long = studio.order(pictures, LONG)
    studio.painting(long, 1)
    first, second, third = (studio.order(pictures) for _ in range(3))
    position = studio.job(first)["position"]
    assert studio.client.patch(f"/api/jobs/{second}", json={"position": position - 1}).status_code == 200
    assert studio.client.patch(f"/api/jobs/{third}", json={"state": "stopped"}).json()["state"] == "stopped"
    studio.client.patch(f"/api/jobs/{long}", json={"state": "stopped"})
    studio.wait(first, "done")
    log = {each: (Path(studio.folder) / "jobs" / each / "result.png").stat().st_mtime for each in (first, second)}
    assert log[second] < log[first]
    assert studio.job(third)["state"] == "stopped"


def test_a_deleted_job_is_gone_and_can_be_restored(studio, pictures, done):
    def listed():
        return [job["id"] for job in studio.client.get("/api/jobs").json()]

    assert studio.client.delete(f"/api/jobs/{done}").status_code == 204
    assert done not in listed()
    assert studio.client.post(f"/api/jobs/{done}/restore").json()["id"] == done
    assert done in listed()


def test_a_zip_holds_the_picture_the_inputs_and_the_order(studio, done):
    with zipfile.ZipFile(io.BytesIO(studio.client.get(f"/api/jobs/{done}/zip").content)) as archive:
        names = {Path(name).name for name in archive.namelist()}
        assert archive.testzip() is None
    assert {"result.png", "job.json", "preview.jpg"} <= names
    assert sum(name.endswith((".png", ".jpg")) for name in names) >= 4


def test_a_larger_picture_continues_from_the_one_that_is_done(studio, done):
    forecast = studio.client.get(f"/api/jobs/{done}/forecast", params={"print_size": "2x3in", "dpi": 50}).json()
    assert (forecast["width"], forecast["height"]) == (133, 100)
    assert forecast["sentence"].startswith("The print is 2.7 × 2 in at 50 pixels per inch")
    assert forecast["seconds"] > 0
    predicted = studio.client.get(f"/api/jobs/{done}/forecast", params={"size": 320}).json()
    answer = studio.client.post(f"/api/jobs/{done}/larger", json={"size": 320})
    larger = answer.json()["id"]
    job = studio.wait(larger, "painting", until=lambda job: job["stages"])
    assert job["stages"] == [{"width": 320, "height": 240, "evaluations": 50}]
    studio.client.delete(f"/api/jobs/{larger}")
    planned = next(each for each in studio.events(larger) if each["event"] == "planned")
    assert predicted["bytes"] == pytest.approx(planned["bytes"], rel=0.05)
    assert forecast["bytes"] < predicted["bytes"]
    studio.wait(larger, "stopped", "done")
    refused = studio.client.get(f"/api/jobs/{done}/forecast", params={"print_size": "huge"})
    assert refused.json()["error"].startswith("print cannot be huge;")


@pytest.mark.parametrize(
    "asked",
    [{"size": 10**21}, {"size": -5}, {"print_size": "30x40cm", "dpi": "nan"}, {"print_size": f"{10**400}x4cm"}],
    ids=lambda each: str(each)[:30],
)
def test_a_forecast_of_what_no_machine_paints_is_refused(studio, done, asked):
    answer = studio.client.get(f"/api/jobs/{done}/forecast", params=asked)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_a_picture_is_called_by_its_latest_name(studio, pictures, tmp_path):
    for name in ("first.png", "second.png"):
        (tmp_path / name).write_bytes((pictures / "content.png").read_bytes())
        info = studio.upload(tmp_path / name)
    assert studio.client.get(f"/api/uploads/{info['id']}/info").json()["name"] == "second.png"
    studio.upload(pictures / "content.png")


def test_a_mask_of_faces_becomes_an_upload(studio, pictures):
    photograph = studio.upload(demo.photograph())["id"]
    answer = studio.client.post(f"/api/uploads/{photograph}/faces")
    assert (answer.status_code, answer.json()["name"]) == (201, "faces.png")
    mask = Picture.of(studio.client.get(f"/api/uploads/{answer.json()['id']}").content)
    assert (float(mask.pixels.min()), float(mask.pixels.max())) == (0, 1)
    without = studio.client.post(f"/api/uploads/{studio.upload(pictures / 'content.png')['id']}/faces")
    sentence = "no face was found in the picture; paint over what you mean."
    assert (without.status_code, without.json()["error"]) == (400, sentence)
    assert studio.client.post(f"/api/uploads/{'0' * 24}.png/faces").status_code == 404
    assert not list((Path(studio.folder) / "uploads").glob(".*"))


def test_a_gif_is_taken_and_what_is_said_of_it_names_no_folder(studio, tmp_path):
    frames = pyvips.Image.xyz(64, 96)[1].bandjoin([0, 0]).cast("uchar").copy(interpretation="srgb").copy()
    frames.set_type(pyvips.GValue.gint_type, "page-height", 48)
    frames.write_to_file(str(tmp_path / "a.gif"))
    info = studio.upload(tmp_path / "a.gif")
    assert info["id"].endswith(".gif")
    assert info["remarks"] == ["the picture has 2 frames or pages; the first is taken."]


def test_a_picture_that_impasto_painted_brings_its_settings(studio, done, tmp_path):
    path = tmp_path / "again.png"
    path.write_bytes(studio.client.get(f"/api/jobs/{done}/result").content)
    assert Settings(**studio.upload(path)["settings"]) == Settings(**QUICK)


def test_the_options_have_the_groups_bounds_and_defaults_of_the_settings(studio):
    found = studio.client.get("/api/options").json()
    options = {each["name"]: each for each in found["settings"]}
    assert options["size"] | {"help": ""} == {
        "name": "size", "group": "Basics", "help": "", "accepts": "a whole number, at least 32", "default": 512,
        "kind": "integer", "choices": None, "min": 32, "max": None,
    }  # fmt: skip
    assert options["color"]["choices"] == ["style", "content-luminance", "content-match"]
    assert options["style_layers"]["kind"] == "object"
    assert "weights" not in options
    for name, each in options.items():
        assert getattr(Settings(), name) == each["default"], name


WRONG = [
    ({}, "there is nothing to paint; give a photograph, and a painting for its style."),
    ({"content": "../../etc/passwd"}, "content cannot be ../../etc/passwd; it takes the id of an upload."),
    ({"content": "0" * 24 + ".png"}, f"there is no picture '{'0' * 24}.png'; upload it first."),
    ({"losses": ["os:system"]}, "there is no option losses;"),
    ({"output": "/tmp/x.png"}, "there is no option output;"),
    ({"content": "A", "settings": {"weights": "/etc/passwd"}}, "content cannot be A;"),
    (
        {"styles": [{"picture": "0" * 24 + ".png"}], "settings": {"weights": "/etc/passwd"}},
        "weights cannot be /etc/passwd here;",
    ),
    (
        {"styles": [{"picture": "0" * 24 + ".png"}], "settings": {"size": 1}},
        "size cannot be 1; it takes a whole number",
    ),
    ({"styles": [{"picture": "0" * 24 + ".png", "weight": -1}]}, "a style's weight cannot be -1;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "preset": "x"}, "there is no preset x;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "keep": "/etc/x.png"}, "keep cannot be /etc/x.png;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "print_size": "3"}, "print cannot be 3;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "runtime": {"threads": -1}}, "threads cannot be -1;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "runtime": {"device": "gpu"}}, "device cannot be gpu;"),
    ({"styles": [{"picture": "0" * 24 + ".png"}], "shape": "wide"}, "shape cannot be wide; it takes width to height"),
]


@pytest.mark.parametrize(("order", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_an_order_that_cannot_be_painted_is_refused_in_one_sentence(studio, order, sentence):
    answer = studio.client.post("/api/jobs", json=order)
    assert answer.status_code in {400, 404}
    assert answer.json()["error"].startswith(sentence)


def test_a_state_that_cannot_be_reached_is_refused(studio, done):
    refused = studio.client.patch(f"/api/jobs/{done}", json={"state": "painting"})
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("state cannot be 'painting' for a job that is done;")
    assert studio.client.patch(f"/api/jobs/{done}", json={"position": "x"}).status_code == 400
    assert (
        studio.client.patch(f"/api/jobs/{done}", content=b"[]")
        .json()["error"]
        .startswith("the request is not a JSON object")
    )
    assert studio.client.get("/api/jobs/nothing").json() == {"error": "there is no job 'nothing'."}


def test_the_description_of_the_api_has_every_route_with_a_sentence(studio):
    paths = studio.client.get("/openapi.json").json()["paths"]
    assert len(paths) >= 14
    for path, methods in paths.items():
        for method, what in methods.items():
            assert what.get("description"), f"{method} {path}"
    page = studio.client.get("/docs").text
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.slow
def test_two_hundred_streams_leave_the_list_of_jobs_quick(studio, pictures, request):
    identifier = studio.order(pictures, LONG)
    studio.painting(identifier)
    command = [
        sys.executable,
        Path(__file__).with_name("listeners.py"),
        str(studio.port),
        f"/api/jobs/{identifier}/events",
    ]
    listeners = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert listeners.stdout.readline() == "200 listen\n"
    taken = []
    for _ in range(40):
        begun = time.perf_counter()
        assert studio.client.get("/api/jobs").status_code == 200
        taken.append(time.perf_counter() - begun)
        time.sleep(0.02)
    listeners.communicate()
    studio.client.patch(f"/api/jobs/{identifier}", json={"state": "stopped"})
    milliseconds = 1000 * median(taken)
    assert milliseconds < 50 * request.config.getoption("patience"), f"{milliseconds:.1f} ms"
