"""Paint photographs of many sizes in one worker, and print the memory that it holds after ten of them and at the end.

    python worker_memory.py FOLDER

Run it in a process of its own, in which nothing else takes memory.
"""

import sys
from pathlib import Path

import psutil

from impasto.batch.ray_workers import _painter
from impasto.machine import allocator


def main(folder: Path) -> None:
    """Paint 25 photographs of 25 sizes."""
    painter = _painter(folder / "hidden", "1")
    import torch

    from impasto import Job, Picture, StyleSource
    from tiny import tiny_weights

    weights = tiny_weights()
    painter._resources.weights = lambda _: weights
    style = folder / "style.png"
    Picture(torch.rand(3, 80, 96)).save(style)
    for number in range(1, 26):
        content, output = folder / f"{number}.png", folder / f"painted-{number}.png"
        Picture(torch.rand(3, 480 + 4 * number, 640)).save(content)
        settings = {"size": 96, "first_size": 0, "iterations": 2, "tolerance": 0}
        runtime = {"device": "cpu", "dtype": "float32", "winograd": "off", "threads": 1}
        job = Job(
            content=content, styles=(StyleSource(picture=style),), settings=settings, runtime=runtime, output=output
        )
        for _ in painter.paint(job):
            pass
        if number in {10, 25}:
            allocator.release()
            sys.stdout.write(f"{output.exists()} {painter.targets.bytes} {psutil.Process().memory_info().rss}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
