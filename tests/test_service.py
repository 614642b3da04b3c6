"""The web service of docs/service.md, on the tiny network: bytes in, previews, cancel, bytes out."""

import io
import json
import re
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import Picture
from impasto.errors import PictureError

PAGE = Path(__file__).parents[1] / "docs" / "service.md"


def client(weights, monkeypatch, iterations):
    testing = pytest.importorskip("fastapi.testclient")
    monkeypatch.setattr("impasto.transfer.style_transfer.load_weights", lambda _: weights)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {"__name__": "service"}
    code = code.replace("size=256, iterations=40", f"size=64, tolerance=0, iterations={iterations}")
    exec(compile(code, "service", "exec"), names)
    return testing.TestClient(names["app"])


def begin(service, picture):
    files = {"photo": picture(seed=1).jpeg(), "painting": picture(72, 60, seed=2).png()}
    return service.post("/paintings", files=files).json()["name"]


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_picture_is_painted_from_bytes_to_bytes(weights, monkeypatch, picture):
    service = client(weights, monkeypatch, iterations=20)
    name = begin(service, picture)
    answers = []

    def is_done():
        answers.append(service.get(f"/paintings/{name}"))
        return "%" not in answers[-1].headers["progress"]

    wait_until(is_done)
    assert answers[-1].headers["progress"] in {"finished", "converged"}
    assert answers[-1].headers["content-type"] == "image/png"
    assert {answer.headers["content-type"] for answer in answers[:-1]} == {"image/jpeg"}
    assert (Image.open(io.BytesIO(answers[0].content)).format, Image.open(io.BytesIO(answers[0].content)).size) == (
        "JPEG",
        (64, 48),
    )
    painted = Picture.open(answers[-1].content)
    assert painted.note is not None
    assert not np.array_equal(np.asarray(painted), np.asarray(picture(seed=1)))


def test_a_run_that_is_cancelled_leaves_the_picture_so_far(weights, monkeypatch, picture):
    service = client(weights, monkeypatch, iterations=100_000)
    name = begin(service, picture)
    assert "%" in service.get(f"/paintings/{name}").headers["progress"]
    assert service.delete(f"/paintings/{name}").status_code == 200
    wait_until(lambda: service.get(f"/paintings/{name}").headers["progress"] == "unfinished")
    assert Picture.open(service.get(f"/paintings/{name}").content).width == 64


def test_a_name_that_was_not_given_is_not_found(weights, monkeypatch):
    assert client(weights, monkeypatch, iterations=5).get("/paintings/other").status_code == 404


def test_what_is_no_picture_is_answered_in_the_sentence_of_the_library(weights, monkeypatch, picture):
    service = client(weights, monkeypatch, iterations=5)
    answer = service.post("/paintings", files={"photo": b"a text", "painting": picture().png()})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the open file given as a picture is not a picture that impasto reads")


def test_an_upload_itself_is_refused_in_a_sentence():
    fastapi = pytest.importorskip("fastapi")
    with pytest.raises(
        PictureError, match="is read asynchronously; give its .file, or the bytes that `await` returns."
    ):
        Picture.open(fastapi.UploadFile(io.BytesIO(b"text")))


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_of_the_page_order_look_and_cancel(weights, monkeypatch, picture, tmp_path):
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(client(weights, monkeypatch, 1000).app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        for number, name in enumerate(("photo.jpg", "painting.jpg")):
            picture(seed=number).save(tmp_path / name)

        def run(command, name=""):
            arguments = shlex.split(command.replace("localhost:8000", f"127.0.0.1:{port}").replace("NAME", name))
            return subprocess.run([*arguments, "-sf"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

        order, look, cancel = re.findall(r"^    (curl .*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
        name = json.loads(run(order))["name"]
        assert re.search(r"^progress: \d+%", run(look, name), flags=re.MULTILINE)
        assert Picture.open(tmp_path / "look.jpg").width == 64
        run(cancel, name)
        wait_until(lambda: "progress: unfinished" in run(look, name))
    finally:
        server.should_exit = True
        thread.join()
