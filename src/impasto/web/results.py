"""The results of `impasto batch` as jobs of the studio: its gallery shows them, and paints them again or larger."""

import hashlib
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from impasto.batch.result_log import LOG_NAME, latest
from impasto.errors import InputError
from impasto.jobs.job import Job
from impasto.web import record as job_record
from impasto.web.entry import Entry
from impasto.web.order import Format, Order
from impasto.web.store import Store
from impasto.web.uploads import Uploads

__all__ = ["import_result", "read_results"]

_FIELDS = ("content", "styles", "initial", "keep", "focus", "shape", "print_size", "fill")
"""The fields of a job that an order has, too."""

_FORMATS: dict[str, Format] = {".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".tif": "tif", ".tiff": "tif"}


def read_results(log: Path) -> list[Mapping[str, Any]]:
    """List the results of a log whose pictures are there.

    Args:
        log: The log, or the folder in which it is.

    Returns:
        The records of the results.

    Raises:
        InputError: there is no log.

    """
    path = log / LOG_NAME if log.is_dir() else log
    if not path.is_file():
        raise InputError(f"there are no results in {log}; give a folder that impasto batch has painted, or its log.")
    records = [record for record in latest(path) if record.get("state") in {"done", "skipped"}]
    return [record for record in records if _path(record, record["output"]).is_file()]


async def import_result(record: Mapping[str, Any], store: Store, uploads: Uploads) -> Entry | None:
    """Make a result a job of the studio, with copies of its files.

    Args:
        record: The record of the result in its log.
        store: The folder of the studio.
        uploads: The pictures of the studio.

    Returns:
        The job; None, if it is in the studio already.

    Raises:
        InputError: a file is no longer there, or the picture is one that the studio cannot order.

    """
    folder = store.jobs / _identifier(record)
    if folder.exists():
        return None
    result, job = _path(record, record["output"]), Job(**record["job"])
    identifiers = {str(path): await _upload_copy(_path(record, path), uploads) for path in job.all_inputs}
    order = _order(job, identifiers)
    (folder / "inputs").mkdir(parents=True)
    store.add_inputs(folder, order.uploads)
    shutil.copyfile(result, folder / f"result.{order.format}")
    job_record.write(order.job(folder), folder / "run.json")
    entry = Entry(folder, order)
    entry.names = uploads.names(order.uploads)
    with suppress(InputError):  # the job then has no preview
        await uploads.ask({"convert": str(result), "to": str(folder / "preview.jpg")})
        entry.log({"event": "preview"})
    entry.move_to("done", str(record.get("sentence", "")))
    return entry


def _order(job: Job, identifiers: Mapping[str, str]) -> Order:
    """Return the order of a job whose files are uploads."""
    fields = job.with_files(identifiers).model_dump(mode="json", include=set(_FIELDS), exclude_defaults=True)
    settings = job.settings.model_dump(mode="json", exclude_defaults=True)
    suffix = "" if job.output is None else job.output.suffix.lower()
    return Order(**fields, settings=settings, format=_FORMATS.get(suffix, "png"))


async def _upload_copy(path: Path, uploads: Uploads) -> str:
    """Copy a file into the studio's folder as if it had been uploaded, and return its identifier."""
    try:
        return await uploads.add_copy(path, path.name)
    except OSError as error:
        raise InputError(f"{path} is no longer there: {error.strerror}.") from error


def _identifier(record: Mapping[str, Any]) -> str:
    """Return the name of the folder of a result, which is the same each time."""
    date = time.strptime(str(record["time"])[:19], "%Y-%m-%dT%H:%M:%S")
    digest = hashlib.sha256(str(_path(record, record["output"])).encode()).hexdigest()
    return f"{time.strftime('%Y%m%d-%H%M%S', date)}-{digest[:6]}"


def _path(record: Mapping[str, Any], path: str | Path) -> Path:
    """Return a path of a record, which is relative to the folder in which the command was started."""
    return Path(str(record.get("folder", ""))) / path
