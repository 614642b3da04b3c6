"""Compare the presets' losses with what the peers say of the same images, none of which anyone has to resize.

    scripts/bench presets --images CONTENT STYLE START --peer 'PRESET: COMMAND {content} {style} {start} {size}'

COMMAND evaluates its objective once, at START, and the last decimal number that it prints is its loss. START is brought
to the size of CONTENT. PRESET@256 takes the images times 256 / 255, for a peer that has 256 gray levels from black to
white. Each option but the size may be given several times.
"""

import argparse
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from record import write

from impasto import Picture, Runtime, StyleTransfer
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.settings import preset


def compare(paths: list[str], size: int, peer: str) -> dict[str, Any]:
    """Return the loss of a peer and ours, at the same images."""
    name, command = peer.split(": ", 1)
    preset_name, _, white = name.partition("@")
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: str(Path(folder) / f"{kind}.png") for kind in ("content", "style", "start", "output")}
        for path, kind in zip(paths, files, strict=False):
            picture = Picture.open(path)
            scale = size / max(picture.width, picture.height)
            width, height = round(scale * picture.width), round(scale * picture.height)
            if kind == "start":
                content = Picture.open(files["content"])
                width, height = content.width, content.height
            picture.resized(width, height).in_profile(None).save(files[kind])
        arguments = [argument.format(**files, size=size) for argument in shlex.split(command)]
        output = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
        theirs = float(re.findall(r"\d+\.\d+(?:e[-+]?\d+)?", output)[-1])
        gain = float(white or 255) / 255
        content, style, start = (Picture.open(files[kind]).pixels * gain for kind in ("content", "style", "start"))
    transfer = StyleTransfer(preset(preset_name), Runtime(device="cpu", dtype="float32", winograd="off"))
    objective = Objective.build(transfer.settings, transfer.network, content, [Region([StyleImage(style)])])
    ours = float(objective.evaluate(start).loss)
    stems = dict(zip(("content", "style", "start"), (Path(path).stem for path in paths), strict=True))
    return {
        "preset": name,
        **stems,
        "size": size,
        "theirs": theirs,
        "ours": ours,
        "difference": abs(ours / theirs - 1),
    }


def rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a comparison for each peer and three images."""
    for peer, paths in product(options.peer, options.images):
        row = compare(paths, options.size, peer)
        print(row, flush=True)
        yield row


def main() -> None:
    """Compare the losses, and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs=3, metavar=("CONTENT", "STYLE", "START"), action="append", required=True)
    parser.add_argument("--peer", metavar="PRESET: COMMAND", action="append", required=True)
    parser.add_argument("--size", type=int, default=256, help="long side")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    write(options.output, "presets", {"rows": list(rows(options))})


if __name__ == "__main__":
    main()
