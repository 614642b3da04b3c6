"""Measure how alike pictures are that are painted whole and in tiles, and what rounding does to a gradient.

    scripts/bench alike --part rounding --part pictures

Pictures are squares of matplotlib's sample photograph and the demo's paintings.
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from record import write_rows

from impasto import Mask, Picture, Runtime, Settings, Style, StyleTransfer
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.tiles import Tiling
from impasto.recipes import demo

_POOLINGS = ("max", "average")
_EXPONENTS = range(-3, -11, -1)
"""The deviations of the noise that is added to an image, as powers of ten."""


def _photograph(side: int) -> Picture:
    return Picture.open(demo.photograph()).resized(side, side)


def rounding(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield how far loss and gradient move, relative to themselves, with an image to which noise is added; float64."""
    image = _photograph(options.side).pixels.double()
    noise = torch.randn(image.shape, dtype=image.dtype, generator=torch.Generator().manual_seed(0))
    style = Picture(demo.painting(options.side)).pixels.double()
    for pooling in _POOLINGS:
        transfer = StyleTransfer(Settings(pooling=pooling), Runtime(device="cpu", dtype="float64"))
        regions = [Region([StyleImage(style)])]
        objective = Objective.build(transfer.settings, transfer.network, image, regions)
        clean = objective.evaluate(image)
        for exponent in _EXPONENTS:
            noisy = objective.evaluate(image + 10.0**exponent * noise)
            difference = (noisy.gradient - clean.gradient).norm() / clean.gradient.norm()
            yield {
                "side": options.side,
                "pooling": pooling,
                "noise": 10.0**exponent,
                "gradient": float(f"{difference:.3g}"),
                "loss": float(f"{abs(noisy.loss / clean.loss - 1):.3g}"),
            }


def pictures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, evaluation by evaluation, how alike two pictures are that are painted in different ways."""
    for styles, color in ((1, "style"), (3, "content-luminance")):
        for dtype in ("float64", "float32"):
            whole = _paint(options, styles, color, dtype, Tiling())
            ways = {
                "in tiles": _paint(options, styles, color, dtype, Tiling(options.tile)),
                "whole, without Winograd's algorithm": _paint(options, styles, color, dtype, Tiling(), winograd="off"),
            }
            for way, previews in ways.items():
                if dtype == "float32" or way == "in tiles":  # float64 has no other algorithm
                    yield {
                        "side": options.side,
                        "regions": styles,
                        "color": color,
                        "precision": dtype,
                        "whole, and": way if "whole" not in way else way.removeprefix("whole, "),
                        "pixels within a gray level, %": [
                            _percent_alike(a, b) for a, b in zip(whole, previews, strict=True)
                        ],
                        "mean difference": [_mean_difference(a, b) for a, b in zip(whole, previews, strict=True)],
                        "largest difference": float(f"{(whole[-1] - previews[-1]).abs().max():.2g}"),
                    }


def _paint(
    options: argparse.Namespace, count: int, color: str, dtype: str, tiling: Tiling, **runtime: str
) -> Sequence[torch.Tensor]:
    """Return the pictures of a run after each evaluation, in gray levels, each (3, H, W)."""
    settings = Settings(size=options.side, first_size=0, iterations=options.iterations, tolerance=0, color=color)
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype=dtype, **runtime))
    run = transfer.start(_photograph(options.side), _styles(count, options.side))
    (stage,) = run.plan.stages
    tiled = stage._replace(layout=stage.layout._replace(tiling=tiling))
    run._schedule.plan = run.plan._replace(stages=(tiled,))  # noqa: SLF001
    return [run.preview().pixels * 255 for _ in run]


@cache
def _styles(count: int, side: int) -> list[Style]:
    """Return paintings, each for a region of the picture such as a brush draws."""
    if count == 1:
        return [Style(Picture(demo.painting(side)))]
    y, x = torch.meshgrid(*[torch.linspace(0, 1, side)] * 2, indexing="ij")
    hill = y > 0.55 + 0.12 * torch.sin(7 * x)
    sun = (y - 0.3).square() + (x - 0.4).square() < 0.05
    areas = [hill, sun & ~hill, ~(hill | sun)]
    paintings = [Picture(demo.painting(side, seed)) for seed in range(count)]
    return [Style(painting, region=Mask(area.float())) for painting, area in zip(paintings, areas, strict=True)]


def _percent_alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the percentage of values of two pictures that differ by a gray level at most."""
    return round(float(((a - b).abs() <= 1).float().mean()) * 100, 2)


def _mean_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the mean difference of two pictures in gray levels."""
    return float(f"{(a - b).abs().mean():.2g}")


_PARTS = {part.__name__: part for part in (rounding, pictures)}


def main() -> None:
    """Run the parts asked for and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=_PARTS, action="append", default=[])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    write_rows(parser.parse_args(), _PARTS)


if __name__ == "__main__":
    main()
