"""The application: the routes of the page, those of the API, and the answers to requests that fail."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from impasto.errors import ImpastoError, WriteError
from impasto.files import reason
from impasto.web.routes import router
from impasto.web.store import FullError, MissingError
from impasto.web.studio import Studio

__all__ = ["create"]

PAGES = Path(__file__).parent / "pages"
"""The folder of the files that the browser gets."""


def create(studio: Studio) -> FastAPI:
    """Return the application of a studio, which starts with it and closes with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await studio.start()
        yield
        await studio.close()

    app = FastAPI(title="impasto studio", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.studio = studio
    app.add_exception_handler(ImpastoError, _sentence)
    app.add_exception_handler(HTTPException, _sentence)
    app.add_exception_handler(OSError, _disk_error)
    app.add_exception_handler(WriteError, _disk_error)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.add_exception_handler(Exception, _program_error)
    app.add_exception_handler(RequestValidationError, _sentence)
    app.include_router(_pages())
    app.include_router(router)
    return app


async def _sentence(request: Request, error: Exception) -> Response:
    """Answer with one sentence."""
    if isinstance(error, HTTPException):
        route = f"{request.method[:20]} {request.url.path[:60]}"
        missing = f"there is no {route}; /docs lists what there is."
        detail = f"{error.detail[:1].lower()}{error.detail[1:].rstrip('.')}."
        return JSONResponse({"error": missing if error.status_code in {404, 405} else detail}, error.status_code)
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        return JSONResponse({"error": f"{fault['loc'][-1]} is not accepted: {fault['msg'].lower()}."}, 400)
    status = 404 if isinstance(error, MissingError) else 507 if isinstance(error, FullError) else 400
    return JSONResponse({"error": " ".join(str(error).split())}, status)


async def _disk_error(_: Request, error: Exception) -> Response:
    """Answer a request for which the system refused to read or write a file."""
    cause = error.__cause__ or error
    why = reason(cause) if isinstance(cause, OSError) else str(cause).rstrip(".")
    return JSONResponse(
        {"error": f"the studio cannot use its folder: {why}; make room on the disk, and try again."}, 507
    )


async def _disconnected(_: Request, __: Exception) -> Response:
    """Answer a request that its sender gave up: nobody reads this."""
    return Response(status_code=400)


async def _program_error(_: Request, error: Exception) -> Response:
    """Answer a request that met an error of the studio itself, which uvicorn then prints."""
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
