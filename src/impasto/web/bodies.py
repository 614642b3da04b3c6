"""What requests hold: JSON objects, files that become uploads, and forms with files that become orders."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any, cast

from fastapi import Request
from starlette.datastructures import UploadFile

from impasto.errors import InputError
from impasto.web.order import Order
from impasto.web.studio import Studio

__all__ = ["form_order", "json_object", "store_file"]


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request holds.

    Raises:
        InputError: it holds something else.

    """
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair could not be answered with
    except (ValueError, RecursionError):
        raise InputError("the request is not JSON.") from None
    if not isinstance(value, dict):
        raise InputError('the request is not a JSON object, such as {"state": "paused"}.')
    return cast("dict[str, Any]", value)


async def store_file(studio: Studio, file: UploadFile) -> dict[str, Any]:
    """Store a file of a form as an upload.

    Args:
        studio: The studio.
        file: The file.

    Returns:
        What is known of the upload, with its `id`.

    Raises:
        InputError: the file is not a picture or a film.
        FullError: the quota is reached.

    """
    studio.check_space()
    with studio.store.temporary() as temporary:
        with temporary.open("wb") as target:
            await asyncio.to_thread(shutil.copyfileobj, file.file, target)
        return await studio.uploads.add(temporary, Path(file.filename or "picture").name)


async def form_order(studio: Studio, request: Request) -> Order:
    """Return the order of a form with files, which become uploads.

    Args:
        studio: The studio.
        request: A multipart request with the files `content`, `style`, `keep` and `initial`, and the text `job`.

    Returns:
        The order; the fields of `job` replace those of the files.

    Raises:
        InputError: a file, a name or a value is not accepted.
        FullError: the quota is reached.

    """
    ids: dict[str, list[str]] = {}
    async with request.form(max_files=20, max_fields=20) as form:
        files = [(name, file) for name, file in form.multi_items() if isinstance(file, UploadFile)]
        texts = {name: text for name, text in form.multi_items() if isinstance(text, str)}
        if unknown := {name for name, _ in files} - {"content", "style", "keep", "initial"}:
            raise InputError(f"a form has no file {min(unknown)[:60]!r}; give content, style, keep or initial.")
        if unknown := texts.keys() - {"job"}:
            raise InputError(f"a form has no text {min(unknown)[:60]!r}; give job, which is JSON.")
        fields = json_object(texts.get("job", "{}").encode())
        for name, file in files:
            ids.setdefault(name, []).append((await store_file(studio, file))["id"])
    sources: dict[str, Any] = {name: identifiers[0] for name, identifiers in ids.items() if name != "style"}
    sources["styles"] = [{"picture": identifier} for identifier in ids.get("style", [])]
    return Order(**{**sources, **fields})
