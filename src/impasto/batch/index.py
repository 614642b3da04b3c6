"""A page of HTML with all results of a log: pictures, their settings, and what failed."""

import os
from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from impasto.batch.result_log import latest
from impasto.files import atomic_write
from impasto.settings import Settings
from impasto.settings.options import as_flags

__all__ = ["write"]

MAX_RESULTS = 20_000
"""Results that a page shows, at most: a browser opens that many."""

_HEAD = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>impasto: {title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; background: #fafafa; color: #222; }}
h1 {{ font-size: 1.3rem; font-weight: 600; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.2rem; }}
figure {{ margin: 0; }}
img {{ width: 100%; height: 15rem; object-fit: contain; background: #eee; }}
figcaption {{ overflow-wrap: anywhere; }}
small {{ color: #666; display: block; }}
.failed {{ color: #a00; }}
</style>
<h1>{title}</h1>
"""


def write(log: Path, page: Path) -> None:
    """Write the page of a log; an earlier page is replaced.

    Args:
        log: The log of results.
        page: The file of the page.

    Raises:
        WriteError: the file could not be written.

    """
    records = list(islice(latest(log), MAX_RESULTS))
    done = [record for record in records if record.get("state") in {"done", "skipped"}]
    failed = [record for record in records if record.get("state") == "failed"]
    title = f"{len(done)} pictures" + (f", {len(failed)} failed" if failed else "")
    with atomic_write(page, overwrite=True) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(_HEAD.format(title=title))
        file.writelines(_failures(failed))
        file.write("<main>\n")
        file.writelines(_figure(record, page.parent) for record in done)
        file.write("</main>\n")


def _failures(records: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each job that failed."""
    for record in records:
        name = record.get("output") or f"job {record.get('number')}"
        yield f'<p class="failed">{escape(str(name))}: {escape(str(record.get("sentence", "")))}</p>\n'


def _figure(record: Mapping[str, Any], folder: Path) -> str:
    """Return a picture with what it was painted from."""
    job, output = record.get("job", {}), Path(str(record.get("folder", "")), str(record["output"]))
    link = _link(output, folder)
    styles = " and ".join(Path(str(style.get("picture", ""))).name for style in job.get("styles", ()))
    source = " in the style of ".join(filter(None, (Path(str(job.get("content", ""))).name, styles)))
    flags = as_flags(dict(Settings(**job.get("settings", {})).model_dump(exclude_unset=True)))
    lines = (source, flags, str(record.get("sentence", "")))
    small = "".join(f"<small>{escape(line)}</small>" for line in lines if line)
    image = f'<a href="{link}"><img loading="lazy" src="{link}" alt="{escape(output.name)}"></a>'
    return f"<figure>{image}<figcaption>{escape(output.name)}{small}</figcaption></figure>\n"


def _link(output: Path, folder: Path) -> str:
    """Return the link from a page in a folder to a picture; on another drive of Windows its full address."""
    try:
        return quote(Path(os.path.relpath(output, folder)).as_posix())
    except ValueError:
        return output.absolute().as_uri()
