"""The application: the routes of the page and of its API."""

import asyncio
import json
import random
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from impasto.errors import ImpastoError, InputError, WriteError
from impasto.files import reason
from impasto.web.entry import Entry
from impasto.web.form import described
from impasto.web.larger import forecast, larger
from impasto.web.order import FORMATS, Order
from impasto.web.store import FullError, MissingError, zipped
from impasto.web.studio import Studio

__all__ = ["create"]

PAGES = Path(__file__).parent / "pages"
"""The folder of the files that the browser gets."""

BEAT_SECONDS = 15.0
"""Seconds after which a stream without events sends a comment, so that a lost connection is noticed."""

STREAM_SECONDS = 0.25
"""Seconds from one look for new events to the next: many readers cost little. A change of the state is seen at once."""

MAX_SIDE = 1_000_000
"""The longest side of a larger picture that is forecast, in pixels."""

_BODY: dict[str, Any] = {"content": {"application/json": {"schema": Order.model_json_schema()}}}


def create(studio: Studio) -> FastAPI:
    """Return the application of a studio, which starts with it and closes with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await studio.start()
        yield
        await studio.close()

    app = FastAPI(title="impasto studio", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(ImpastoError, _sentence)
    app.add_exception_handler(HTTPException, _sentence)
    app.add_exception_handler(OSError, _disk_error)
    app.add_exception_handler(WriteError, _disk_error)
    app.add_exception_handler(ClientDisconnect, _nothing)
    app.add_exception_handler(Exception, _own_error)
    app.add_exception_handler(RequestValidationError, _sentence)
    app.include_router(_pages())
    app.include_router(_uploads(studio))
    app.include_router(_jobs(studio))
    app.include_router(_runs(studio))
    app.include_router(_files(studio))
    return app


async def _sentence(request: Request, error: Exception) -> Response:
    """Answer with one sentence."""
    if isinstance(error, HTTPException):
        route = f"{request.method[:20]} {request.url.path[:60]}"
        said = f"{error.detail[:1].lower()}{error.detail[1:].rstrip('.')}."
        missing = f"there is no {route}; /docs lists what there is."
        return JSONResponse({"error": missing if error.status_code in {404, 405} else said}, error.status_code)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]} is not accepted: {first['msg'].lower()}."}, 400)
    status = 404 if isinstance(error, MissingError) else 507 if isinstance(error, FullError) else 400
    return JSONResponse({"error": " ".join(str(error).split())}, status)


async def _disk_error(_: Request, error: Exception) -> Response:
    """Answer to a request for which the system refused to read or write a file."""
    cause = error.__cause__ or error
    why = reason(cause) if isinstance(cause, OSError) else str(cause).rstrip(".")
    return JSONResponse(
        {"error": f"the studio cannot use its folder: {why}; make room on the disk, and try again."}, 507
    )


async def _nothing(_: Request, __: Exception) -> Response:
    """Answer to a request that its sender gave up: nobody reads this."""
    return Response(status_code=400)


async def _own_error(_: Request, error: Exception) -> Response:
    """Answer to a request that met an error of the studio itself, which uvicorn then prints."""
    return JSONResponse({"error": f"the studio has an error: {type(error).__name__}; please report it."}, 500)


def _pages() -> APIRouter:
    """Return the routes of the page and its files; only files that are there when the server starts have one."""
    router = APIRouter(include_in_schema=False)
    files = {f"/{path.name}": path for path in PAGES.iterdir() if path.is_file()}

    def add(route: str, path: Path) -> None:
        @router.get(route)
        async def _() -> Response:
            return FileResponse(path, headers={"Cache-Control": "no-cache"})

    for route, path in {**files, "/": PAGES / "index.html", "/docs": PAGES / "docs.html"}.items():
        add(route, path)
    return router


def _uploads(studio: Studio) -> APIRouter:
    """Return the routes of uploaded pictures and of what a form needs."""
    router = APIRouter(prefix="/api")

    @router.get("/options")
    async def options() -> dict[str, Any]:
        """Return all options with their groups, help, defaults and bounds, the presets and the formats."""
        return described()

    @router.get("/demo")
    async def demo() -> dict[str, Any]:
        """Return the demo's photograph and painting as uploads; the painting is painted at the first call."""
        return await studio.uploads.demo()

    @router.post("/uploads", status_code=201, openapi_extra={"requestBody": _FILE})
    async def upload(request: Request) -> dict[str, Any]:
        """Take a picture, a film or a mask: multipart with a `file`. Its `id` stands for it in jobs."""
        async with request.form(max_files=1, max_fields=1) as form:
            found = [each for each in form.values() if isinstance(each, UploadFile)]
            if not found:
                raise InputError("there is no file in the form; send one as the field file.")
            return await _taken(studio, found[0])

    @router.get("/uploads/{identifier}")
    async def uploaded(identifier: str) -> Response:
        """Return the file of an upload."""
        return FileResponse(studio.store.upload(identifier), headers=_FOREVER)

    @router.get("/uploads/{identifier}/info")
    async def info(identifier: str) -> dict[str, Any]:
        """Return name and size of an upload, length and rate of a film, and the settings if impasto painted it."""
        return studio.store.info(identifier)

    @router.get("/uploads/{identifier}/{size}")
    async def small(identifier: str, size: Literal["thumbnail", "view"]) -> Response:
        """Return a JPEG of an upload, or of the first frame of a film, upright: of 480 or of 1600 pixels at most."""
        return FileResponse(studio.store.upload(identifier).with_suffix(f".{size}.jpg"), headers=_FOREVER)

    return router


def _jobs(studio: Studio) -> APIRouter:
    """Return the routes of jobs and of their queue."""
    router = APIRouter(prefix="/api/jobs")

    @router.get("", response_model=list[dict[str, Any]])
    async def jobs() -> Response:
        """List the jobs, the newest first."""
        return JSONResponse([entry.summary() for entry in studio.shown()])

    @router.post("", status_code=201, openapi_extra={"requestBody": _BODY})
    async def order(request: Request) -> dict[str, Any]:
        """Order a picture or film: JSON with ids of uploads, or multipart with `content`, `style`s and `job`."""
        if request.headers.get("content-type", "").startswith("multipart/"):
            return studio.add(await _of_form(studio, request)).summary()
        return studio.add(Order(**_object(await request.body()))).summary()

    @router.get("/{identifier}")
    async def job(identifier: str) -> dict[str, Any]:
        """Return one job: its state, its progress, and what was ordered."""
        return studio.entry(identifier).summary()

    @router.patch("/{identifier}", openapi_extra={"requestBody": _BODY})
    async def change(identifier: str, request: Request) -> dict[str, Any]:
        """Change a job: `state` (waiting, paused, stopped), `position`, or fields of the order, also in mid-run."""
        return studio.change(identifier, _object(await request.body())).summary()

    @router.delete("/{identifier}", status_code=204)
    async def delete(identifier: str) -> None:
        """Delete a job; it can be restored for a day."""
        studio.delete(identifier)

    @router.post("/{identifier}/restore")
    async def restore(identifier: str) -> dict[str, Any]:
        """Undo a deletion."""
        return studio.restore(identifier).summary()

    return router


def _runs(studio: Studio) -> APIRouter:
    """Return the routes of what a job does, and of larger pictures that continue from it."""
    router = APIRouter(prefix="/api/jobs")

    @router.get("/{identifier}/forecast")
    async def predict(
        identifier: str,
        size: Annotated[int, Query(ge=0, le=MAX_SIDE)] = 0,
        print_size: str = "",
        dpi: Annotated[float, Query(ge=0, le=4800)] = 0.0,
        *,
        fill: bool = False,
    ) -> dict[str, Any]:
        """Say what a larger picture of a job would take: pixels, and seconds at the pace of the job."""
        return forecast(studio.entry(identifier), studio.store, size, print_size, dpi, fill=fill)

    @router.post("/{identifier}/larger", status_code=201)
    async def enlarge(identifier: str, request: Request) -> dict[str, Any]:
        """Order a larger picture that continues from this one: `size`, or `print_size` with `dpi` and `fill`."""
        return studio.add(await larger(studio, studio.entry(identifier), _object(await request.body()))).summary()

    @router.get("/{identifier}/events")
    async def events(identifier: str, request: Request) -> Response:
        """Stream the events of a job, all from its start or those after `Last-Event-ID`."""
        last = request.headers.get("last-event-id", "0")
        after = int(last) if last.isascii() and last.isdigit() and len(last) < 12 else 0
        return StreamingResponse(
            _stream(studio.entry(identifier), after, lambda: studio.is_closing), media_type="text/event-stream"
        )

    return router


def _files(studio: Studio) -> APIRouter:
    """Return the routes of the pictures that were painted."""
    router = APIRouter(prefix="/api")

    @router.get("/jobs/{identifier}/preview")
    async def preview(identifier: str) -> Response:
        """Return the picture so far, as a JPEG of the size of a screen."""
        path = studio.entry(identifier).file("preview.jpg")
        return Response(
            path.read_bytes(), media_type="image/jpeg"
        )  # as a whole: the next one replaces it at any moment

    @router.get("/jobs/{identifier}/result")
    async def result(identifier: str, format: str = "") -> Response:  # noqa: A002
        """Return the picture at its full size, or the film; a picture also in another format: png, jpg, webp or tif."""
        entry = studio.entry(identifier)
        path = await _converted(studio, entry, format)
        return FileResponse(path, filename=f"{entry.title or 'impasto'}{path.suffix}")

    @router.get("/jobs/{identifier}/zip")
    async def archive(identifier: str) -> Response:
        """Return the files of a job as a zip file."""
        return await _zip(studio, [studio.entry(identifier).folder], identifier)

    @router.get("/zip")
    async def everything() -> Response:
        """Return the files of all jobs as a zip file."""
        return await _zip(studio, [entry.folder for entry in studio.shown()], "impasto")

    return router


_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""The headers of a file whose name is the hash of its bytes."""

_FILE: dict[str, Any] = {
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
        }
    }
}


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request holds."""
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair could not be answered with
    except (ValueError, RecursionError):
        raise InputError("the request is not JSON.") from None
    if not isinstance(found, dict):
        raise InputError('the request is not a JSON object, such as {"state": "paused"}.')
    return cast("dict[str, Any]", found)


async def _taken(studio: Studio, file: UploadFile) -> dict[str, Any]:
    """Store a file of a form as an upload."""
    studio.check_space()
    temporary = studio.store.uploads / f".{secrets.token_hex(8)}"
    try:
        with temporary.open("wb") as target:
            await asyncio.to_thread(shutil.copyfileobj, file.file, target)
        return await studio.uploads.opened(temporary, Path(file.filename or "picture").name)
    finally:
        temporary.unlink(missing_ok=True)


async def _of_form(studio: Studio, request: Request) -> Order:
    """Return the order of a form with files."""
    ids: dict[str, list[str]] = {}
    async with request.form(max_files=20, max_fields=20) as form:
        files = [(name, file) for name, file in form.multi_items() if isinstance(file, UploadFile)]
        texts = {name: text for name, text in form.multi_items() if isinstance(text, str)}
        if unknown := {name for name, _ in files} - {"content", "style", "keep", "initial"}:
            raise InputError(f"a form has no file {min(unknown)[:60]!r}; give content, style, keep or initial.")
        if unknown := texts.keys() - {"job"}:
            raise InputError(f"a form has no text {min(unknown)[:60]!r}; give job, which is JSON.")
        fields = _object(texts.get("job", "{}").encode())
        for name, file in files:
            ids.setdefault(name, []).append((await _taken(studio, file))["id"])
    given: dict[str, Any] = {name: each[0] for name, each in ids.items() if name != "style"}
    given["styles"] = [{"picture": each} for each in ids.get("style", [])]
    return Order(**{**given, **fields})


async def _stream(entry: Entry, after: int, is_closing: Callable[[], bool] = lambda: False) -> AsyncIterator[str]:
    """Yield the events of a log after the one with a number, and look for more again and again, or at another state."""
    count = after if after <= len(entry.lines) else 0
    beat = 0.0
    while not is_closing():
        lines = entry.lines[count:]
        if lines or time.monotonic() > beat:
            numbered = zip(range(count + 1, count + len(lines) + 1), lines, strict=True)
            yield "".join(f"id: {number}\ndata: {line.decode()}\n\n" for number, line in numbered) or ": \n\n"
            count, beat = count + len(lines), time.monotonic() + BEAT_SECONDS
        await entry.wait(STREAM_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (readers take turns)


async def _converted(studio: Studio, entry: Entry, format_: str) -> Path:
    """Return the result of a job in a format, in which a picture is written at the first call; empty: as it is."""
    path = entry.file(entry.order.result)
    if format_ in {"", path.suffix[1:]}:
        return path
    if entry.order.is_film:
        raise InputError(f"format cannot be {format_[:20]!r}; this film is there as {path.suffix[1:]} only.")
    if format_ not in FORMATS:
        raise InputError(f"format cannot be {format_[:20]!r}; it takes {', '.join(FORMATS)}.")
    target = entry.folder / f"converted.{format_}"
    if not target.is_file() or target.stat().st_mtime < path.stat().st_mtime:
        found = await studio.uploads.read({"convert": str(path), "to": str(target)})
        if "error" in found:
            raise InputError(found["error"])
    return target


async def _zip(studio: Studio, folders: Iterable[Path], name: str) -> Response:
    """Return the files of jobs as one file, which is deleted when it is sent."""
    target = studio.store.root / f".{secrets.token_hex(8)}.zip"
    try:
        await asyncio.to_thread(zipped, target, folders)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return FileResponse(target, filename=f"{name}.zip", background=BackgroundTask(target.unlink))
