"""The parts of `batch.py` about the memory of a worker that paints hundreds of pictures."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from batch_inputs import PROPORTIONS, Row, save_paintings, save_photographs
from record import resident_bytes

from impasto import Job, Settings, StyleSource, paint_many
from impasto.batch.local_workers import LocalWorkers
from impasto.batch.painter import Painter


def memory(options: argparse.Namespace) -> Iterator[Row]:
    """Paint photographs of one camera in one worker, and measure its memory."""
    yield from _measure(options, PROPORTIONS)


def mixture(options: argparse.Namespace) -> Iterator[Row]:
    """Paint photographs that each have proportions of their own in one worker, and measure its memory."""
    yield from _measure(options, ())


def _measure(options: argparse.Namespace, proportions: Sequence[float]) -> Iterator[Row]:
    """Yield the memory of a worker with the real network after some pictures, and how much of it are cached targets."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = save_photographs(folder / "photos", options.pictures, 256, proportions)
        styles = tuple(StyleSource(picture=path) for path in save_paintings(folder, 1, 256))
        settings = Settings(size=options.memory_size, iterations=2, tolerance=0)
        jobs = (
            Job(content=photo, styles=styles, settings=settings, output=folder / f"{photo.stem}.png")
            for photo in sorted(photos.iterdir())
        )
        painter, first = Painter(folder=folder / "hidden"), None
        for count, _ in enumerate(paint_many(jobs, workers=LocalWorkers(painter)), start=1):
            if count in {10, 50, 100, 200, options.pictures}:
                resident, targets = resident_bytes(), painter.targets.bytes
                first = first or (resident, resident - targets)
                yield {
                    "pictures": count,
                    "size": options.memory_size,
                    "proportions": len(proportions) or "each its own",
                    "MB": round(resident / 1e6, 1),
                    "against 10": round(resident / first[0], 4),
                    "MB of cached targets": round(targets / 1e6, 1),
                    "against 10 without targets": round((resident - targets) / first[1], 4),
                    "targets found": painter.targets.hits,
                    "targets measured": painter.targets.misses,
                }
