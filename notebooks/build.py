"""Convert the notebook's source, a script in jupytext's percent format, and execute it.

    python notebooks/build.py          # writes the .ipynb with its outputs
    python notebooks/build.py --check  # tells whether the cells of the .ipynb are those of the source

`scripts/notebook` opens the result.
"""

import argparse
import base64
import io
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

SOURCE = Path(__file__).with_name("style_transfer_with_vgg19.py")
NOTEBOOK = SOURCE.with_suffix(".ipynb")
TIMEOUT_SECONDS = 1200
"""Seconds that a cell may take; the whole notebook takes four minutes on two cores."""


JPEG_QUALITY = 88
"""The quality of the pictures in the committed notebook, chosen by eye: lines and numbers stay sharp."""


def cells(notebook: Any) -> list[tuple[str, str]]:
    """Return the kind and the text of each cell."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def shrink(output: Any) -> None:
    """Replace the PNG of an output by a JPEG, if that is smaller."""
    data = output.get("data", {})
    if "image/png" in data:
        file = io.BytesIO()
        Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB").save(
            file, "JPEG", quality=JPEG_QUALITY, optimize=True
        )
        encoded = base64.b64encode(file.getvalue()).decode()
        if len(encoded) < len(data["image/png"]):
            del data["image/png"]
            data["image/jpeg"] = encoded


def build() -> None:
    """Execute the source and write the notebook."""
    notebook = jupytext.read(SOURCE)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext draws new ones each time
    client = NotebookClient(notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": SOURCE.parent}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times of day
        for output in cell.get("outputs", []):
            shrink(output)
    nbformat.write(notebook, NOTEBOOK)


def check() -> int:
    """Return 1 and say so, if the notebook was made from another source."""
    if cells(jupytext.read(SOURCE)) == cells(nbformat.read(NOTEBOOK, as_version=4)):
        return 0
    sys.stderr.write(f"{NOTEBOOK.name} is not made from {SOURCE.name}; run python notebooks/build.py.\n")
    return 1


def main() -> int:
    """Build or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the notebook with its source")
    if parser.parse_args().check:
        return check()
    build()
    return 0


if __name__ == "__main__":
    sys.exit(main())
