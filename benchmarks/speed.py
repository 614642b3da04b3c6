"""Measure speed: time to a peer's loss and to its file's, the rate of an evaluation, precision, and memory.

    scripts/bench speed --part rate --part memory
    scripts/bench speed --part precision --pair CONTENT STYLE --size 256 --iterations 100
    scripts/bench speed --part peers --pair CONTENT STYLE --size 512 --peer 'NAME: COMMAND'

A peer's COMMAND paints a content image in a style on the objective J of the author's notebook and prints a JSON line
with `seconds`, `evaluation` and `loss` now and then; {content}, {style}, {size} and {output} in it are filled in. Both
images are given to it at the size to paint, so that nothing is left to resize. Then impasto paints the same files in
the same sitting; its clock stops while pictures are put aside, and J of each, as an 8-bit file holds it, is computed in
float32 when the run has ended.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from record import Judge, environment, peak_bytes, reset_peak, resident_bytes, write

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.kernels.cpu.winograd import winograd_choices
from impasto.layers import up_to
from impasto.machine.device import resolve
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.memory import Budget
from impasto.planning.plan import Size
from impasto.recipes import demo
from impasto.settings import preset

NOTEBOOK = preset("gatys-notebook")
"""The objective of the comparison."""


def peers(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each pair, size and peer."""
    saved = _saved_rows(options)
    for size in options.size:
        for paths in options.pair:
            pair = " in ".join(Path(path).stem for path in paths)
            with tempfile.TemporaryDirectory() as folder:
                content, style = (save_resized(Path(path), size, Path(folder)) for path in paths)
                judge, ours = paint(content, style, size, options)
                for row in saved if options.again else []:
                    if (row["pair"], row["size"]) == (pair, size):
                        yield compare(ours, row["theirs"], row["peer's file"], peer=row["peer"], pair=pair, size=size)
                for peer in options.peer:
                    name, command = peer.split(":", 1)
                    output = Path(folder) / "peer.png"
                    theirs = run_peer(command.format(content=content, style=style, size=size, output=output))
                    yield compare(ours, theirs, judge(Picture.open(output)), peer=name, pair=pair, size=size)


def save_resized(path: Path, size: int, folder: Path) -> Path:
    """Save a picture with a long side of `size`, and return its file."""
    picture, file = Picture.open(path), folder / f"{path.stem}.png"
    picture.resized(*Size(picture.width, picture.height).with_long_side(size)).save(file)
    return file


def paint(content: Path, style: Path, size: int, options: argparse.Namespace) -> tuple[Judge, list[dict[str, float]]]:
    """Paint with impasto; return the judge of both and rows of seconds, evaluations and J of the file."""
    pictures = Picture.open(content), Picture.open(style)
    shorts = [min(picture.width, picture.height) for picture in pictures]
    settings = NOTEBOOK.replace(
        size=size,
        style_scale=shorts[1] / shorts[0],
        first_size=options.first_size,
        iterations=options.iterations,
        stage_ratio=options.stage_ratio,
    )
    transfer = StyleTransfer(settings, Runtime(dtype=options.dtype))
    run = transfer.start(*pictures)
    run.report_at = options.every
    seconds, previews = 0.0, []
    while True:
        start = time.perf_counter()
        progress = next(run, None)
        seconds += time.perf_counter() - start
        if progress is None:
            break
        if progress.stage == progress.stages and len(run.history) % options.every == 0:
            previews.append((seconds, progress.evaluation, run.preview()))
    judge = Judge(transfer, *pictures, device=transfer.machine.device.type)
    rows: list[dict[str, float]] = []
    for preview_seconds, evaluation, picture in previews:
        eight_bits = Picture((picture.pixels * 255).round() / 255)
        rows.append(
            {"seconds": round(preview_seconds, 3), "evaluation": evaluation, "file": round(judge(eight_bits), 1)}
        )
        print(rows[-1], flush=True)
    return judge, rows


def run_peer(command: str) -> list[dict[str, float]]:
    """Run a peer and return the rows that it printed: seconds, evaluation and loss."""
    print(command, flush=True)
    output = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [{key: line[key] for key in ("seconds", "evaluation", "loss")} for line in lines]


def compare(ours: list[dict[str, float]], theirs: list[dict[str, float]], file: float, **names: Any) -> dict[str, Any]:
    """Return how many times sooner ours is at or below the peer's last loss, and below that of its file."""
    last = theirs[-1]

    def speedup(threshold: float) -> float | None:
        """Return how many times sooner ours is at or below a loss; None: never."""
        seconds = next((row["seconds"] for row in ours if row["file"] <= threshold), None)
        return None if seconds is None else round(last["seconds"] / seconds, 2)

    row = {
        **names,
        "commit": environment()["commit"],
        "peer's seconds": last["seconds"],
        "peer's loss": last["loss"],
        "peer's file": round(file, 1),
        "to its loss, times sooner": speedup(last["loss"]),
        "to its file, times sooner": speedup(file),
    }
    print(row, flush=True)
    return {**row, "ours": ours, "theirs": theirs}


def rate(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each size, GFLOP/s of an evaluation over those of a matrix product in its precision, timed in turn.

    The work of an evaluation is that of its convolutions as they are written, forward and back: Winograd's algorithm
    does the same with fewer multiplications.
    """
    features = resolve(Runtime(dtype=options.dtype)).features
    matrix = torch.randn(4096, 4096).to(features)
    work_a_pixel = sum(layer.macs for layer in up_to("conv5_1"))
    for size in options.size:
        for winograd in winograd_choices(torch.device("cpu"), features):
            runtime = Runtime(dtype=str(features).removeprefix("torch."), winograd=winograd)
            evaluate = _objective(StyleTransfer(Settings(size=size, first_size=0), runtime), size)
            runs = {
                "evaluation": (partial(evaluate, 1.0), 4 * work_a_pixel * size**2),
                "product": (lambda: matrix @ matrix, 2 * 4096**3),
            }
            rates: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(options.repeats + 1):
                for name, (run, work) in runs.items():
                    start = time.perf_counter()
                    run()
                    rates[name].append(work / (time.perf_counter() - start) / 1e9)
            evaluation, matrix_product = (values[1:] for values in rates.values())
            ratios = [a / b for a, b in zip(evaluation, matrix_product, strict=True)]
            row = {
                "size": size,
                "features": str(features),
                "winograd": winograd,
                "evaluation, GFLOP/s": [round(value) for value in evaluation],
                "4096³ product, GFLOP/s": [round(value) for value in matrix_product],
                "ratio, median": round(statistics.median(ratios), 3),
                "ratio, spread": [round(min(ratios), 3), round(max(ratios), 3)],
            }
            print(row, flush=True)
            yield row


def _objective(transfer: StyleTransfer, size: int) -> Callable[[float], object]:
    """Return an evaluation of an objective on a square image, the content times a factor."""
    pictures = Picture.open(demo.photograph()), Picture(demo.painting())
    pixels, style = (picture.resized(size, size).pixels for picture in pictures)
    objective = Objective.build(transfer.settings, transfer.network, pixels, [Region([StyleImage(style)])])
    return lambda factor: objective.evaluate(factor * pixels)


def precision(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each pair, J of the picture after equal evaluations with features in float32 and in bfloat16."""
    for size, paths in product(options.size, options.pair):
        pictures = [Picture.open(path) for path in paths]
        settings = NOTEBOOK.replace(size=size, iterations=options.iterations)
        losses: dict[str, float] = {}
        for dtype in ("float32", "bfloat16"):
            transfer = StyleTransfer(settings, Runtime(dtype=dtype))
            run = transfer.start(*pictures)
            list(run)
            losses[dtype] = Judge(transfer, *pictures)(run.result().picture)
        pair = " in ".join(Path(path).stem for path in paths)
        row = {"pair": pair, "size": size, "evaluations": options.iterations}
        row |= {f"J in {dtype}": round(loss) for dtype, loss in losses.items()}
        row["bfloat16 over float32"] = round(losses["bfloat16"] / losses["float32"], 4)
        print(row, flush=True)
        yield row


def memory(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each size, the peak of a process's memory beyond what it held before the run."""
    for size in options.size:
        for dtypes in product(("bfloat16", "float32"), repeat=2):
            command = [sys.executable, __file__, "--measure-memory", str(size), *dtypes]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            print(output.strip(), flush=True)
            yield json.loads(output)


def measure_memory(size: int, dtype: Any, history_dtype: Any) -> dict[str, Any]:
    """Paint a square with a history of 10, full, in this process, without memory to spare; Linux only."""
    settings = Settings(size=size, first_size=0, history=10, iterations=13, tolerance=0)
    content, style = Picture.open(demo.photograph()).resized(size, size), Picture(demo.painting())
    runtime = Runtime(dtype=dtype, history_dtype=history_dtype)
    plan = StyleTransfer(settings, runtime).plan(content, [style])
    limit = Budget(baseline=plan.baseline).with_available(1.05 * plan.needed).limit  # enough to need no tiles
    transfer = StyleTransfer(settings, runtime.replace(memory=f"{limit / 1e6:.0f}MB"))
    _objective(transfer, 64)(0.5)  # the kernels are made, which takes the same at any size
    reset_peak()
    baseline = resident_bytes()
    run = transfer.start(content, style)
    layout = run.plan.stages[0].layout
    if (layout.tiles, layout.history, run.plan.caching) != (1, 10, "none"):
        raise SystemExit(f"not the plan to be measured: {layout}")
    list(run)
    peak = peak_bytes()
    return {
        "size": size,
        "history": 10,
        "features": dtype,
        "history_dtype": history_dtype,
        "before, MB": round(baseline / 1e6),
        "peak, MB": round(peak / 1e6),
        "bytes a pixel": round((peak - baseline) / size**2),
        "predicted, MB": round(run.plan.bytes / 1e6),
    }


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw J against seconds, ours as files and the peers' as they print it, with their files as crosses."""
    panels = sorted({(row["size"], row["pair"]) for row in rows})
    figure = Figure(figsize=(5 * len(panels), 4.5), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel_rows = [row for row in rows if (row["size"], row["pair"]) == panel]
        ours = panel_rows[0]["ours"]
        axes.plot([r["seconds"] for r in ours], [r["file"] for r in ours], "k", label="impasto's file")
        for row in panel_rows:
            theirs = row["theirs"]
            line = axes.plot([r["seconds"] for r in theirs], [r["loss"] for r in theirs], label=f"{row['peer']}'s loss")
            end = row["peer's seconds"], row["peer's file"]
            axes.plot(*end, "x", color=line[0].get_color(), label=f"{row['peer']}'s file")
        axes.set(title=f"{panel[1]}, {panel[0]} px", xlabel="seconds", ylabel="J", xscale="log", yscale="log")
        axes.legend(fontsize=8)
    figure.savefig(path)


def _saved_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the rows of the part peers in the JSON."""
    if not options.output.exists():
        return []
    return json.loads(options.output.read_text(encoding="utf-8")).get("peers", {"rows": []})["rows"]


def _rows_of_others(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the saved rows of other peers, sizes and pairs, which stay; each says its commit."""
    names = {peer.split(":", 1)[0] for peer in options.peer}
    pairs = {" in ".join(Path(path).stem for path in paths) for paths in options.pair}

    def is_replaced(row: dict[str, Any]) -> bool:
        return row["size"] in options.size and row["pair"] in pairs and (options.again or row["peer"] in names)

    return [row for row in _saved_rows(options) if not is_replaced(row)]


def main() -> None:
    """Run the parts asked for and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["peers", "rate", "precision", "memory"], action="append", default=[])
    parser.add_argument("--pair", nargs=2, metavar=("CONTENT", "STYLE"), action="append", default=[])
    parser.add_argument("--size", type=int, action="append", help="long side; 512 if not given")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME: COMMAND")
    parser.add_argument("--again", action="store_true", help="paint ours anew beside what peers did on this machine")
    parser.add_argument("--iterations", type=int, default=40, help="of our first stage")
    parser.add_argument("--first-size", type=int, default=256)
    parser.add_argument("--stage-ratio", type=float, default=10.0)
    parser.add_argument("--every", type=int, default=5, help="evaluations from one file of ours to the next")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--measure-memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.size = options.size or [512]
    if options.measure_memory:
        size, *dtypes = options.measure_memory
        print(json.dumps(measure_memory(int(size), *dtypes)))
        return
    for part in options.part:
        rows = _rows_of_others(options) if part == "peers" else []
        for row in {"peers": peers, "rate": rate, "precision": precision, "memory": memory}[part](options):
            rows.append(row)
            write(options.output, part, {"rows": rows})
        if part == "peers":
            plot(rows, options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
