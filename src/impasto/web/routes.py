"""The routes of the API: a form, uploads, jobs, what a job does, and its files."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile

from impasto.errors import InputError
from impasto.web.bodies import form_order, json_object, store_file
from impasto.web.entry import Entry
from impasto.web.files import write_zip
from impasto.web.form import describe_options
from impasto.web.larger import forecast, larger
from impasto.web.order import FORMATS, Order
from impasto.web.studio import Studio

__all__ = ["router"]

BEAT_SECONDS = 15.0
"""Seconds after which a stream without events sends a comment, so that a lost connection is noticed."""

STREAM_SECONDS = 0.25
"""Seconds from one look for new events to the next: many readers cost little. A change of the state is seen at once."""

MAX_SIDE = 1_000_000
"""The longest side of a larger picture that is forecast, in pixels."""

_BODY: dict[str, Any] = {"content": {"application/json": {"schema": Order.model_json_schema()}}}
"""The description of a request that holds an order, or fields of one."""

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""The headers of a file whose name is the hash of its bytes."""

_FILE: dict[str, Any] = {
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
        }
    }
}
"""The description of a request that holds a file."""

router = APIRouter(prefix="/api")


async def _studio(request: Request) -> Studio:
    return request.app.state.studio


_Studio = Annotated[Studio, Depends(_studio)]
"""The studio of the application, as FastAPI gives it to a route."""


@router.get("/options")
async def options() -> dict[str, Any]:
    """Return all options with their groups, help, defaults and bounds, the presets and the formats."""
    return describe_options()


@router.get("/demo")
async def demo(studio: _Studio) -> dict[str, Any]:
    """Return the demo's photograph and painting as uploads; the painting is painted at the first call."""
    return await studio.uploads.demo()


@router.post("/uploads", status_code=201, openapi_extra={"requestBody": _FILE})
async def upload(studio: _Studio, request: Request) -> dict[str, Any]:
    """Take a picture, a film or a mask: multipart with a `file`. Its `id` stands for it in jobs."""
    async with request.form(max_files=1, max_fields=1) as form:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if not files:
            raise InputError("there is no file in the form; send one as the field file.")
        return await store_file(studio, files[0])


@router.get("/uploads/{identifier}")
async def uploaded(studio: _Studio, identifier: str) -> Response:
    """Return the file of an upload."""
    return FileResponse(studio.store.upload(identifier), headers=_FOREVER)


@router.get("/uploads/{identifier}/info")
async def info(studio: _Studio, identifier: str) -> dict[str, Any]:
    """Return name and size of an upload, length and rate of a film, and the settings if impasto painted it."""
    return studio.store.info(identifier)


@router.post("/uploads/{identifier}/faces", status_code=201)
async def faces(studio: _Studio, identifier: str) -> dict[str, Any]:
    """Add a mask of the faces in an upload, or in the first frame of a film, as an upload of its own."""
    studio.check_space()
    return await studio.uploads.add_faces(identifier)


@router.get("/uploads/{identifier}/{size}")
async def small(studio: _Studio, identifier: str, size: Literal["thumbnail", "view"]) -> Response:
    """Return a JPEG of an upload, or of the first frame of a film, upright: of 480 or of 1600 pixels at most."""
    return FileResponse(studio.store.upload(identifier).with_suffix(f".{size}.jpg"), headers=_FOREVER)


@router.get("/jobs", response_model=list[dict[str, Any]])
async def jobs(studio: _Studio) -> Response:
    """List the jobs, the newest first."""
    return JSONResponse([entry.summary() for entry in studio.visible_entries()])


@router.post("/jobs", status_code=201, openapi_extra={"requestBody": _BODY})
async def order(studio: _Studio, request: Request) -> dict[str, Any]:
    """Order a picture or film: JSON with ids of uploads, or multipart with `content`, `style`s and `job`."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        return studio.add(await form_order(studio, request)).summary()
    return studio.add(Order(**json_object(await request.body()))).summary()


@router.get("/jobs/{identifier}")
async def job(studio: _Studio, identifier: str) -> dict[str, Any]:
    """Return one job: its state, its progress, and what was ordered."""
    return studio.entry(identifier).summary()


@router.patch("/jobs/{identifier}", openapi_extra={"requestBody": _BODY})
async def change(studio: _Studio, identifier: str, request: Request) -> dict[str, Any]:
    """Change a job: `state` (waiting, paused, stopped), `position`, or fields of the order, also in mid-run."""
    return studio.change(identifier, json_object(await request.body())).summary()


@router.delete("/jobs/{identifier}", status_code=204)
async def delete(studio: _Studio, identifier: str) -> None:
    """Delete a job; it can be restored for a day."""
    studio.delete(identifier)


@router.post("/jobs/{identifier}/restore")
async def restore(studio: _Studio, identifier: str) -> dict[str, Any]:
    """Undo a deletion."""
    return studio.restore(identifier).summary()


@router.get("/jobs/{identifier}/forecast")
async def predict(
    studio: _Studio,
    identifier: str,
    size: Annotated[int, Query(ge=0, le=MAX_SIDE)] = 0,
    print_size: str = "",
    dpi: Annotated[float, Query(ge=0, le=4800)] = 0.0,
    *,
    fill: bool = False,
) -> dict[str, Any]:
    """Say what a larger picture of a job would take: pixels, and seconds at the pace of the job."""
    return forecast(studio.entry(identifier), studio.store, size, print_size, dpi, fill=fill)


@router.post("/jobs/{identifier}/larger", status_code=201)
async def enlarge(studio: _Studio, identifier: str, request: Request) -> dict[str, Any]:
    """Order a larger picture that continues from this one: `size`, or `print_size` with `dpi` and `fill`."""
    return studio.add(await larger(studio, studio.entry(identifier), json_object(await request.body()))).summary()


@router.get("/jobs/{identifier}/events")
async def events(studio: _Studio, identifier: str, request: Request) -> Response:
    """Stream the events of a job, all from its start or those after `Last-Event-ID`."""
    last_id = request.headers.get("last-event-id", "0")
    count = int(last_id) if last_id.isascii() and last_id.isdigit() and len(last_id) < 12 else 0
    events = _stream(studio, studio.entry(identifier), count)
    return StreamingResponse(events, media_type="text/event-stream")


@router.get("/jobs/{identifier}/preview")
async def preview(studio: _Studio, identifier: str) -> Response:
    """Return the picture so far, as a JPEG of the size of a screen."""
    path = studio.entry(identifier).file("preview.jpg")
    return Response(path.read_bytes(), media_type="image/jpeg")  # whole: the next one replaces it at any moment


@router.get("/jobs/{identifier}/result")
async def result(studio: _Studio, identifier: str, format: str = "") -> Response:  # noqa: A002
    """Return the picture at its full size, or the film; a picture also in another format: png, jpg, webp or tif."""
    entry = studio.entry(identifier)
    path = await _convert(studio, entry, format)
    return FileResponse(path, filename=f"{entry.title or 'impasto'}{path.suffix}")


@router.get("/jobs/{identifier}/zip")
async def archive(studio: _Studio, identifier: str) -> Response:
    """Return the files of a job as a zip file."""
    return await _zip(studio, [studio.entry(identifier).folder], identifier)


@router.get("/zip")
async def everything(studio: _Studio) -> Response:
    """Return the files of all jobs as a zip file."""
    return await _zip(studio, [entry.folder for entry in studio.visible_entries()], "impasto")


async def _stream(studio: Studio, entry: Entry, count: int) -> AsyncIterator[str]:
    """Yield the events of a log after the first `count`, and new ones as they come, until the server closes."""
    count = count if count <= len(entry.lines) else 0
    beat = 0.0
    while not studio.is_closing:
        lines = entry.lines[count:]
        if lines or time.monotonic() > beat:
            numbered = zip(range(count + 1, count + len(lines) + 1), lines, strict=True)
            yield "".join(f"id: {number}\ndata: {line.decode()}\n\n" for number, line in numbered) or ": \n\n"
            count, beat = count + len(lines), time.monotonic() + BEAT_SECONDS
        await entry.wait(STREAM_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 (readers take turns)


async def _convert(studio: Studio, entry: Entry, format_: str) -> Path:
    """Return the file of a result in a format, which the first call writes; an empty format means the result itself."""
    path = entry.file(entry.order.result)
    if format_ in {"", path.suffix[1:]}:
        return path
    if entry.order.is_film:
        raise InputError(f"format cannot be {format_[:20]!r}; this film is there as {path.suffix[1:]} only.")
    if format_ not in FORMATS:
        raise InputError(f"format cannot be {format_[:20]!r}; it takes {', '.join(FORMATS)}.")
    target = entry.folder / f"converted.{format_}"
    if not target.is_file() or target.stat().st_mtime < path.stat().st_mtime:
        await studio.uploads.ask({"convert": str(path), "to": str(target)})
    return target


async def _zip(studio: Studio, folders: Iterable[Path], name: str) -> Response:
    """Return the files of jobs as one file, which is deleted when it is sent."""
    target = studio.store.root / f".{secrets.token_hex(8)}.zip"
    try:
        await asyncio.to_thread(write_zip, target, folders)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return FileResponse(target, filename=f"{name}.zip", background=BackgroundTask(target.unlink))
