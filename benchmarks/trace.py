"""Reproduce the published trace of the author's notebook, and compare saved files with the losses of their runs.

    .venv/bin/python benchmarks/trace.py --images FOLDER

FOLDER holds tubingen.jpg (Neckarfront, 1024 × 768), starry_night_google.jpg (1280 × 1014) and shipwreck.jpg, the
example inputs of jcjohnson/neural-style. The first part runs the preset gatys-notebook at short side 512 and computes J
of the picture so far in float32 at the evaluations of the published trace. The second paints four pairs at the
defaults, saves each as an 8-bit PNG, reads it back, and compares its J with that of the run's end.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from record import Judge, write

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.recipes import demo
from impasto.settings import preset

PUBLISHED = {50: 1.389e6, 100: 7.08e5, 150: 5.38e5, 200: 4.69e5, 250: 4.34e5, 300: 4.12e5, 400: 3.84e5, 500: 3.685e5}
"""Loss by evaluation, as printed in the author's notebook."""


def trace(images: Path, runtime: Runtime) -> list[dict[str, Any]]:
    """Return a row for each evaluation of the published trace."""
    content, style = Picture.open(images / "tubingen.jpg"), Picture.open(images / "starry_night_google.jpg")
    transfer = StyleTransfer(preset("gatys-notebook").replace(size=683), runtime)
    judge, rows = Judge(transfer, content, style), []
    run = transfer.start(content, style)
    for progress in run:
        if progress.evaluation not in PUBLISHED:
            continue
        loss = judge(run.preview())
        row = {
            "evaluation": progress.evaluation,
            "published": PUBLISHED[progress.evaluation],
            "float32": round(loss, 1),
            "ratio": round(loss / PUBLISHED[progress.evaluation], 4),
            "run": round(progress.loss, 1),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def saved(images: Path, runtime: Runtime, pictures: Path) -> list[dict[str, Any]]:
    """Paint four pairs at the defaults into the folder `pictures`; return a row for each."""
    photograph, painting = Picture.open(demo.photograph()), Picture(demo.painting())
    tubingen, night, wreck = (
        Picture.open(images / name) for name in ("tubingen.jpg", "starry_night_google.jpg", "shipwreck.jpg")
    )
    pairs = {
        "tubingen.jpg, starry_night_google.jpg": (tubingen, night),
        "tubingen.jpg, shipwreck.jpg": (tubingen, wreck),
        "grace_hopper.jpg, starry_night_google.jpg": (photograph, night),
        "grace_hopper.jpg, the demo's painting": (photograph, painting),
    }
    transfer, rows = StyleTransfer(Settings(), runtime), []
    for number, (name, (content, style)) in enumerate(pairs.items(), start=1):
        run = transfer.start(content, style)
        last = list(run)[-1]
        best = min((p for p in run.history if p.stage == last.stage), key=lambda p: p.loss)
        path = pictures / f"pair-{number}.png"
        run.save(path, overwrite=True)
        loss = Judge(transfer, content, style)(Picture.open(path))
        run_loss = best.terms["content"] + best.terms["style"]
        row = {
            "pair": name,
            "run": round(run_loss, 1),
            "with range": round(best.loss, 1),
            "file": round(loss, 1),
            "ratio": round(loss / run_loss, 4),
            "seconds": round(last.seconds, 1),
            "stopped": run.stopped,
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    """Run the parts asked for and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--part", choices=["trace", "saved"], action="append")
    parser.add_argument("--pictures", type=Path, help="keep the painted pictures in this folder")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    runtime = Runtime(dtype=options.dtype)
    features = str(StyleTransfer(Settings(), runtime).machine.features)
    parts = options.part or ["trace", "saved"]
    if "trace" in parts:
        write(options.output, "trace", {"features": features, "rows": trace(options.images, runtime)})
    if "saved" in parts:
        with tempfile.TemporaryDirectory() as folder:
            rows = saved(options.images, runtime, options.pictures or Path(folder))
        write(options.output, "saved", {"features": features, "rows": rows})


if __name__ == "__main__":
    main()
