import random
import socket
import sys
import time
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from impasto.errors import InputError
from impasto.web.app import create
from impasto.web.files import write_zip
from impasto.web.order import Order
from impasto.web.security import Guard
from impasto.web.server import serve
from impasto.web.store import Store
from impasto.web.studio import Studio

HERE = "127.0.0.1:8000"


@pytest.fixture
def client(tmp_path):
    """Make a client of a studio without a worker, in this process."""
    clients = []

    def make(quota=1e9, *, hosts=(HERE,), token="", max_bytes=1_000_000, reader=(sys.executable, "-c", "")):
        studio = Studio(Store(tmp_path / "studio", quota), devices=(), reader=reader)
        guard = Guard(create(studio), hosts=hosts, token=token, max_bytes=max_bytes)
        make.studio = studio
        made = TestClient(guard, base_url=f"http://{HERE}", follow_redirects=False, raise_server_exceptions=False)
        clients.append(made.__enter__())
        return made

    yield make
    for each in clients:
        each.__exit__(None, None, None)


def test_every_answer_has_the_headers_that_keep_other_sites_out(client):
    for path in ("/", "/main.js", "/api/jobs", "/nothing", "/docs"):
        headers = client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';"), path
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1:9999"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"http://{HERE}"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Content-Length": "x"}, 400),
        ({}, 200),
    ],
    ids=str,
)
def test_requests_of_other_sites_and_under_other_names_are_refused(client, headers, status):
    answer = client().get("/api/jobs", headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["error"].endswith(".")


def test_another_host_needs_the_token_which_the_link_turns_into_a_cookie(client):
    http = client(hosts=(), token="secret")
    assert http.get("/api/jobs").status_code == 401
    assert http.get("/api/jobs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert http.get("/api/jobs", headers={"Authorization": "Bearer secret"}).status_code == 200
    answer = http.get("/?token=secret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert http.get("/api/jobs").status_code == 200
    assert http.get("/?token=wrong", headers={"Cookie": ""}).status_code == 401


def test_a_redirect_after_the_token_stays_on_this_server(client):
    assert (
        client(hosts=(), token="secret").get("/%2fevil.example/?token=secret").headers["location"] == "/evil.example/"
    )


def test_a_redirect_after_the_token_takes_a_path_of_any_letters(client):
    answer = client(hosts=(), token="secret").get("/%E7%94%BB%0D%0ASet-Cookie:%20a=b?token=secret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/%E7%94%BB%0D%0ASet-Cookie:%20a=b")


def test_a_request_that_is_too_long_is_refused_with_and_without_a_length(client):
    http = client(max_bytes=1000)
    sentence = "the request has more than 0.001 MB, which is the most that this studio takes."
    assert http.post("/api/uploads", files={"file": b"x" * 2000}).json() == {"error": sentence}
    chunks = (b"x" * 100_000 for _ in range(20))
    answer = http.post("/api/jobs", content=chunks, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"][:30]) == (413, "the request has more than 1 MB")


def test_a_full_folder_is_said_in_a_sentence(client):
    http = client(quota=0)
    answer = http.post("/api/uploads", files={"file": ("a.png", b"\x89PNG\r\n\x1a\n")})
    assert answer.status_code == 507
    assert answer.json()["error"].startswith("the studio's folder has reached its quota of 0.0 GB; delete pictures")


def test_a_full_folder_gives_up_what_was_deleted(client, tmp_path):
    client()
    studio = client.studio
    entries = [studio.add(Order(styles=[{"picture": name}])) for name in (upload(tmp_path, 1), upload(tmp_path, 2))]
    (entries[0].folder / "large").write_bytes(b"x" * 10_000)
    studio.delete(entries[0].id)
    studio.store.quota, studio.store._measurement = 8_000, (8_000, 0.0)  # as if it had been measured long ago
    studio.check_space()
    assert not entries[0].folder.exists()
    assert entries[1].folder.exists()
    with pytest.raises(InputError, match="there is no job"):
        studio.restore(entries[0].id)


def upload(tmp_path, number):
    """Put a file among the uploads, as if it had been opened; return its id."""
    name = f"{number:024}.png"
    (tmp_path / "studio" / "uploads" / name).write_bytes(b"picture")
    return name


PATHS = [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/api/uploads/..%2fstudio.lock",
    "/api/uploads/%2e%2e%2fjobs", "/api/uploads/0%00.png", "/api/jobs/..%2f../result", "/api/jobs/%2e%2e/result",
    "/api/uploads/C:%5cwindows", "/api/uploads/" + "a" * 5000, "/pages/index.html", "/main.js%00", "/app.py",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_path_leads_out_of_the_folder(client, path):
    answer = client().get(path)
    assert answer.status_code in {400, 404}
    assert set(answer.json()) == {"error"}


def test_links_in_the_folder_are_not_followed(client, tmp_path):
    http, secret = client(), tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    name = "0" * 24 + ".png"
    (tmp_path / "studio" / "uploads" / name).symlink_to(secret)
    assert http.get(f"/api/uploads/{name}").status_code == 404
    assert b"secret" not in http.get("/api/zip").content


@pytest.mark.slow
def test_a_thousand_malformed_uploads_get_one_sentence_each_and_leave_nothing(client, tmp_path):
    http, chance = client(), random.Random(0)
    outside = {*tmp_path.rglob("*")}
    names = ["../../x.png", "/etc/passwd", "a\0b.png", "x" * 3000, "..", "", "CON", "ü.png", "a.svg"]
    for _ in range(1000):
        body = chance.randbytes(chance.choice((0, 1, 7, 400)))
        kind = chance.choice(("file", "raw", "form", "json"))
        if kind == "file":
            answer = http.post("/api/uploads", files={chance.choice(("file", "x")): (chance.choice(names), body)})
        elif kind == "raw":
            answer = http.post(
                "/api/uploads", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
            )
        elif kind == "form":
            answer = http.post("/api/jobs", files={"other": ("a.png", body)}, data={"job": body.decode("latin-1")})
        else:
            answer = http.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (kind, body, answer.text)
        assert set(answer.json()) == {"error"}
        assert "\n" not in answer.json()["error"]
    assert {*tmp_path.rglob("*")} == outside


@pytest.mark.parametrize(
    "body",
    [b'{"name": "\\ud800", %s}', b'{"self": 1, %s}', b'{"settings": {"self": 1}, %s}', b'{"preset": "\\ud800", %s}'],
)
def test_names_that_no_answer_can_hold_and_names_of_python_are_refused(client, tmp_path, body):
    http = client()
    order = body % f'"styles": [{{"picture": "{upload(tmp_path, 1)}"}}]'.encode()
    answer = http.post("/api/jobs", content=order)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert http.get("/api/jobs").json() == []


def test_what_is_not_there_is_said_in_a_sentence(client):
    http = client()
    message = "there is no GET /nothing; /docs lists what there is."
    assert (http.get("/nothing").json(), http.get("/nothing").status_code) == ({"error": message}, 404)
    assert http.put("/api/jobs").json()["error"].startswith("there is no PUT /api/jobs;")


def test_a_file_that_the_system_refuses_to_write_is_said_in_a_sentence(client, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    http, sentence = (
        client(),
        "the studio cannot use its folder: no space left on device; make room on the disk, and try again.",
    )
    monkeypatch.setattr("impasto.web.routes.write_zip", full)
    answer = http.get("/api/zip")
    assert (answer.status_code, answer.json()) == (507, {"error": sentence})
    assert not [*(tmp_path / "studio").glob(".*.zip")]


KINDS = [
    (b"%PDF-1.7", "the file is a PDF file, which impasto does not read; give a PNG"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "the file is a drawing (SVG), which impasto does not read;"),
    (
        b"hello",
        "the file is not a picture or film; give a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIC picture, or an MP4, MOV, "
        "WebM, MKV or AVI film.",
    ),
    (b"", "the file is not a picture or film;"),
]


@pytest.mark.parametrize(("data", "sentence"), KINDS)
def test_a_file_that_is_no_picture_is_called_what_it_is(client, data, sentence):
    answer = client().post("/api/uploads", files={"file": ("a.jpg", data)})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


def test_a_form_with_unknown_parts_is_refused(client):
    picture = ("a.png", b"\x89PNG\r\n\x1a\n")
    for files, data, sentence in (
        ({"job": ("job.json", b"{}")}, {}, "a form has no file 'job';"),
        ({"style": picture}, {"jobs": "{}"}, "a form has no text 'jobs'; give job, which is JSON."),
    ):
        assert client().post("/api/jobs", files=files, data=data).json()["error"].startswith(sentence)


def test_an_upload_that_is_broken_off_is_no_error_of_the_studio(own_studio, capfd):
    with socket.create_connection(("127.0.0.1", own_studio.port)) as connection:
        connection.sendall(
            f"PATCH /api/jobs/x HTTP/1.1\r\nHost: 127.0.0.1:{own_studio.port}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        time.sleep(0.3)
    assert own_studio.client.get("/api/jobs").json() == []
    assert "Traceback" not in capfd.readouterr().err


def test_a_studio_that_closes_ends_streams_without_an_error(own_studio, pictures, capfd):
    identifier = own_studio.order(pictures)
    own_studio.wait(identifier, "done")
    with own_studio.client.stream("GET", f"/api/jobs/{identifier}/events") as events:
        next(events.iter_lines())
        own_studio.process.terminate()
        own_studio.process.wait(60)
    own_studio.process.stdout.close()
    assert "Traceback" not in capfd.readouterr().err


def test_two_studios_of_one_machine_have_a_cookie_each(client):
    http = client(hosts=(), token="secret")
    assert "impasto-token-8000=secret;" in http.get("/?token=secret").headers["set-cookie"]


def test_the_space_is_measured_and_zip_files_are_made_while_files_come_and_go(tmp_path, monkeypatch):
    store = Store(tmp_path, 1e9)
    job = store.new_job()
    for name in ("picture.png", "gone.png", ".impasto-00000000.jpg"):
        (job / name).write_bytes(b"12345")
    listed = [*job.rglob("*")]
    (job / "gone.png").unlink()
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(listed))
    assert not store.is_full()
    write_zip(tmp_path / "all.zip", [job])
    assert [Path(name).name for name in zipfile.ZipFile(tmp_path / "all.zip").namelist()] == ["picture.png"]


def test_a_picture_that_ends_its_reader_is_refused_and_deleted(client, tmp_path):
    answer = client().post("/api/uploads", files={"file": ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50)})
    assert answer.json()["error"].startswith("the picture ended the program that reads it;")
    assert not list((tmp_path / "studio" / "uploads").iterdir())


def test_damaged_pictures_are_refused_by_the_reader_which_lives_on(studio, pictures, tmp_path, request):
    chance, good = random.Random(1), (pictures / "style.jpg").read_bytes()
    for number in range(request.config.getoption("fuzz") // 2):
        bad = bytearray(good[: chance.randrange(4, len(good))])
        for _ in range(20):
            bad[chance.randrange(3, len(bad))] = chance.randrange(256)
        answer = studio.client.post("/api/uploads", files={"file": (f"{number}.jpg", bytes(bad))})
        assert answer.status_code in {201, 400}
        assert answer.status_code == 201 or str(studio.folder) not in answer.json()["error"]
    assert studio.upload(pictures / "content.png")["width"] == 64


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(studio, tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    answer = studio.client.post("/api/uploads", files={"file": ("bomb.png", bomb)})
    assert answer.status_code == 400
    assert "60000 × 60000 pixels, more than 100 million" in answer.json()["error"]


@pytest.mark.parametrize(
    ("host", "port", "sentence"), [("127.0.0.1", 70_000, "there is no such port"), ("203.0.113.1", 0, "cannot assign")]
)
def test_an_address_that_cannot_be_used_is_said_in_a_sentence(tmp_path, host, port, sentence):
    with pytest.raises(InputError, match=sentence):
        serve(host, port, tmp_path, quota=1e9)


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="address already in use"):
        serve("127.0.0.1", taken.getsockname()[1], tmp_path, quota=1e9)


@pytest.mark.parametrize(("host", "has_token"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_only_the_loopback_needs_no_token(tmp_path, host, has_token):
    served = serve(host, 0, tmp_path, quota=1e9)
    served.listener.close()
    served.lock.release()
    assert ("?token=" in served.link) == has_token


def test_the_web_process_loads_no_torch():
    import subprocess

    script = "import sys, impasto.web.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_page_and_its_files_name_no_other_host():
    from impasto.web.app import PAGES

    for path in PAGES.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "") or "http" not in text, path
        assert "<style" not in text, path
        assert "style=" not in text, path
