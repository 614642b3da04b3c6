"""Make what the parts of `batch.py` paint, photographs, paintings and a tiny network, and run the command on it."""

import argparse
import json
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from impasto import Picture
from impasto.layers import CONVOLUTIONS
from impasto.recipes import demo

Row = dict[str, Any]

IMPASTO = [sys.executable, "-m", "impasto"]

PROPORTIONS = (3 / 2, 2 / 3)
"""Width to height of the photographs of one camera, of which half were turned."""


def save_photographs(folder: Path, count: int, side: int, proportions: Sequence[float] = PROPORTIONS) -> Path:
    """Save crops of the demo's photograph, and return their folder.

    Args:
        folder: The folder, which is made.
        count: The number of photographs.
        side: Their long side.
        proportions: Width to height of each, in turn; empty: each photograph has its own.

    """
    pixels, generator = Picture.open(demo.photograph()).pixels, random.Random(0)
    folder.mkdir()
    for number in range(count):
        height, width = (generator.randint(pixels.shape[axis] * 2 // 3, pixels.shape[axis]) for axis in (1, 2))
        ratio, short = width / height, min(height, width)
        if proportions:
            ratio = proportions[number % len(proportions)]
            height, width = round(short / max(1, ratio)), round(short * min(1, ratio))
        top, left = generator.randint(0, pixels.shape[1] - height), generator.randint(0, pixels.shape[2] - width)
        crop = Picture(pixels[:, top : top + height, left : left + width].contiguous())
        crop.resized(round(side * min(1, ratio)), round(side / max(1, ratio))).save(folder / f"photo-{number:03}.jpg")
    return folder


def save_paintings(folder: Path, count: int, side: int) -> list[Path]:
    """Save the demo's painting, turned in several ways; return the files, four at most."""
    image = demo.painting(side)
    variants = [image, image.flip(2), image.transpose(1, 2).contiguous(), image.flip(0)]
    paths = [folder / f"painting-{number}.png" for number in range(count)]
    for path, variant in zip(paths, variants, strict=False):
        Picture(variant.contiguous()).save(path)
    return paths


def save_inputs(options: argparse.Namespace, folder: Path) -> tuple[Path, list[Path]]:
    """Save as many photographs and paintings as the options say; return the photographs' folder and the paintings."""
    photos = save_photographs(folder / "photos", options.photographs, 2 * options.size)
    return photos, save_paintings(folder, options.paintings, 2 * options.size)


def painting_options(options: argparse.Namespace) -> list[Any]:
    """Return the options of impasto with which the inputs are painted."""
    return ["--size", options.size, *shlex.split(options.flags)]


def save_tiny_network(folder: Path) -> Path:
    """Save a VGG-19 of a sixteenth of the channels, with random weights, and return its file."""
    generator, inputs, tensors = torch.Generator().manual_seed(0), 3, dict[str, torch.Tensor]()
    for layer in CONVOLUTIONS:
        channels = layer.channels // 16
        deviation = (2 / (9 * inputs)) ** 0.5
        tensors[f"{layer.name}.weight"] = torch.randn(channels, inputs, 3, 3, generator=generator) * deviation
        tensors[f"{layer.name}.bias"] = torch.randn(channels, generator=generator)
        inputs = channels
    save_file(tensors, folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


def batch_arguments(photos: Path | Sequence[Path], paintings: Sequence[Path], output: Path) -> list[object]:
    """Return the arguments of a batch of photographs, or of a folder of them."""
    files = [photos] if isinstance(photos, Path) else photos
    styles = [argument for painting in paintings for argument in ("--style", painting)]
    return ["batch", *files, *styles, "-o", output, "--quiet"]


def run_impasto(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run impasto."""
    return subprocess.run([*IMPASTO, *map(str, arguments)], capture_output=True, text=True, check=False)


def measure_seconds(*arguments: object) -> float:
    """Return the seconds of a command that has to succeed."""
    start = time.perf_counter()
    process = run_impasto(*arguments)
    if process.returncode:
        raise SystemExit(f"{shlex.join(map(str, arguments))}: {process.stderr}")
    return time.perf_counter() - start


def read_results(folder: Path) -> list[Row]:
    """Return the records of the jobs of a batch."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
