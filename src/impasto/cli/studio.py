"""The command `studio`: the page in the browser."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from platformdirs import user_data_path

from impasto.cli import display
from impasto.cli.flags import GROUPS
from impasto.cli.help import BASICS
from impasto.errors import InputError, import_of_extra
from impasto.settings import Runtime

__all__ = ["studio"]

QUOTA_GB = 20.0
"""The most gigabytes of the studio's folder, if no other number is given."""


def studio(
    *,
    host: Annotated[str, Parameter(group=GROUPS[BASICS])] = "127.0.0.1",
    port: Annotated[int, Parameter(group=GROUPS[BASICS])] = 8000,
    folder: Annotated[Path | None, Parameter(group=GROUPS[BASICS])] = None,
    browser: Annotated[bool, Parameter(group=GROUPS[BASICS])] = True,
    quota: Annotated[float, Parameter(group=GROUPS[BASICS])] = QUOTA_GB,
    devices: Annotated[str, Parameter(group=GROUPS[BASICS])] = "auto",
    batch: Annotated[Path | None, Parameter(group=GROUPS[BASICS])] = None,
) -> None:
    """Open the studio: a page in the browser that paints, with an HTTP API.

    Everything is saved in one folder, from which the studio continues when it is started again. Only this machine can
    open the page, unless another --host is given; then the printed link holds a token that opens it.

    Args:
        host: The address that the server listens on: 0.0.0.0 for all of this machine.
        port: The port; 0 means a free one.
        folder: The folder of the pictures. [default: impasto in the folder that the system has for data of users]
        browser: Open the page in the browser.
        quota: The most gigabytes of the folder.
        devices: The devices that paint, each with jobs of its own: cuda:0,cuda:1.
        batch: A folder that `impasto batch` has painted: the gallery shows its pictures.

    """
    if not quota > 0:
        raise InputError(f"quota cannot be {quota:g}; it takes a number of gigabytes, above 0.")
    with import_of_extra("web", "the studio needs {module}, of impasto's extra web"):
        from impasto.web import server  # noqa: PLC0415 (an extra)
    names = [Runtime(device=name).device for name in devices.split(",")]
    folder = folder or user_data_path("impasto", appauthor=False) / "studio"
    studio_server = server.serve(host, port, folder, quota=quota * 1e9, devices=names, batch=batch)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a browser that closes its tab is no error
    display.say(f"The studio is at {studio_server.link} and its pictures are in {folder}. Ctrl-C closes it.")
    if browser:
        server.open_browser(studio_server.link)
    with suppress(KeyboardInterrupt):  # which is how the studio is closed
        studio_server.run()
