"""Measure a GPU: ceilings, evaluations, memory against the plan, kernels, command to file, a race, the GPU's tests.

    scripts/bench gpu
    scripts/bench gpu --pair CONTENT STYLE --peer 'NAME: COMMAND' --part rate --part race

A peer's COMMAND is as in `speed.py`. Everything takes at most 5 minutes on an H100; a short table comes last.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import torch
from record import environment, write
from speed import compare, paint, run_peer, save_resized
from torch.profiler import ProfilerActivity, profile

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.layers import up_to
from impasto.recipes import demo

SIZES = (512, 1024, 2048)
FLOPS_PER_PIXEL = 4 * sum(layer.macs for layer in up_to("conv5_1"))
"""Floating-point operations of the convolutions for a pixel, forward and backward."""


def milliseconds(run: Callable[[], object], repeats: int = 10) -> float:
    """Return the median milliseconds of a call on the GPU."""
    run()
    times: list[float] = []
    for _ in range(repeats):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop))
    return statistics.median(times)


def ceilings(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rates of the GPU's matrix products and copies, above which no evaluation is."""
    del options
    for dtype in (torch.bfloat16, torch.float32):
        torch.backends.cuda.matmul.allow_tf32 = True
        matrix = torch.randn(8192, 8192, device="cuda").to(dtype)
        rate = 2 * 8192**3 / milliseconds(lambda matrix=matrix: matrix @ matrix) / 1e9
        torch.backends.cuda.matmul.allow_tf32 = False
        yield {"8192³ product in": "tf32" if dtype == torch.float32 else "bfloat16", "TFLOP/s": round(rate)}
    block = torch.empty(1 << 31, dtype=torch.uint8, device="cuda")
    rate = 2 * block.numel() / milliseconds(block.clone) / 1e9
    yield {"copy, read and written": "TB/s", "TB/s": round(rate, 2)}


def _open_pair(options: argparse.Namespace) -> tuple[Picture, Picture]:
    if options.pair:
        return Picture.open(options.pair[0]), Picture.open(options.pair[1])
    return Picture.open(demo.photograph()), Picture(demo.painting())


def rate(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time of an evaluation and step of a run with a full history, and its memory against the plan."""
    content, style = _open_pair(options)
    for dtype, size in product(("bfloat16", "float32"), (256, *SIZES)):
        torch.cuda.empty_cache()
        settings = Settings(size=size, first_size=0, iterations=120, tolerance=0)
        transfer = StyleTransfer(settings, Runtime(device="cuda", dtype=dtype))
        baseline = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run = transfer.start(content.resized(size, size), style)
        list(run)
        seconds = [progress.seconds for progress in run.history]
        evaluation = (seconds[-1] - seconds[63]) / (len(seconds) - 64)
        row = {
            "size": size,
            "features": dtype,
            "ms": round(1e3 * evaluation, 3),
            "TFLOP/s of convolutions": round(FLOPS_PER_PIXEL * size**2 / evaluation / 1e12),
            "first report after, s": round(seconds[15 if size < 2048 else 3], 2),
            "history": f"{run.plan.stages[0].layout.history} in {run.plan.stages[0].layout.history_dtype}",
            "allocated at the peak, MB": round(torch.cuda.max_memory_allocated() / 1e6),
            "reserved at the peak, MB": round(torch.cuda.max_memory_reserved() / 1e6),
            "planned, MB": round(run.plan.bytes / 1e6),
            "before, MB": round(baseline / 1e6),
            "loss": run.history[-1].loss,
        }
        del run, transfer
        yield row


def kernels(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the kernels of an evaluation and step at 1024² in bfloat16, by time."""
    content, style = _open_pair(options)
    settings = Settings(size=1024, first_size=0, iterations=112, tolerance=0)
    run = StyleTransfer(settings, Runtime(device="cuda", dtype="bfloat16")).start(content.resized(1024, 1024), style)
    for progress in run:
        if progress.evaluation >= 80:
            break
    start = len(run.history)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        next(run)
        torch.cuda.synchronize()
    count = len(run.history) - start
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_device_time_total)
    total = sum(event.self_device_time_total for event in events) / count
    yield {"launches": round(sum(event.count for event in events) / count), "microseconds": round(total)}
    for event in events[:40]:
        launches, microseconds = event.count / count, event.self_device_time_total / count
        yield {"kernel": event.key[:90], "launches": round(launches, 1), "microseconds": round(microseconds, 1)}


def command(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time from the command to the file: the first ever, whose kernels are compiled, and later ones."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "content.png", Path(folder) / "style.png"
        for file, picture in zip(files, _open_pair(options), strict=True):
            picture.save(file)
        variables = {**os.environ, "TRITON_CACHE_DIR": f"{folder}/triton"}
        for size in (SIZES[0], *SIZES):
            times: list[float] = []
            is_first = not Path(variables["TRITON_CACHE_DIR"]).exists()
            for _ in range(1 if is_first else 2):
                output = Path(options.keep or folder) / f"{size}.png"
                arguments = [*map(str, files), "--size", str(size), "--overwrite", "-o", str(output)]
                command = [sys.executable, "-m", "impasto", "paint", *arguments]
                start = time.perf_counter()
                process = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
                times.append(round(time.perf_counter() - start, 2))
                if process.returncode:
                    raise SystemExit(process.stderr[-2000:])
            yield {"size": size, "first ever": is_first, "seconds": times, "said": process.stdout.strip()[-90:]}


def large(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the memory of large pictures within a limit."""
    content, style = _open_pair(options)
    for size, limit in ((4096, "12GB"), (8192, "40GB")):
        torch.cuda.empty_cache()
        settings = Settings(size=size, first_size=0, iterations=4, tolerance=0)
        transfer = StyleTransfer(settings, Runtime(device="cuda", memory=limit))
        torch.cuda.reset_peak_memory_stats()
        run = transfer.start(content.resized(size, size), style)
        list(run)
        layout, seconds = run.plan.stages[0].layout, [progress.seconds for progress in run.history]
        yield {
            "size": size,
            "memory": limit,
            "tiles": layout.tiles,
            "history": layout.history,
            "ms": round(1e3 * (seconds[-1] - seconds[-2])),
            "reserved at the peak, MB": round(torch.cuda.max_memory_reserved() / 1e6),
            "allocated at the peak, MB": round(torch.cuda.max_memory_allocated() / 1e6),
            "planned, MB": round(run.plan.bytes / 1e6),
            "loss": run.history[-1].loss,
        }
        del run, transfer


def race(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield rows as `speed.peers` does: the time to a peer's last loss, and to the loss of its file."""
    paths = [Path(path) for path in options.pair]
    for size in (512, 1024) if options.pair and options.peer else ():
        with tempfile.TemporaryDirectory() as folder:
            content, style = (save_resized(path, size, Path(folder)) for path in paths)
            ratio = 2.5 if size > 512 else 6.0
            schedule = {"first_size": 256, "iterations": 40, "stage_ratio": ratio, "every": 8, "dtype": "auto"}
            judge, ours = paint(content, style, size, argparse.Namespace(**schedule))
            for peer in options.peer:
                name, command = peer.split(":", 1)
                output = Path(folder) / "peer.png"
                theirs = run_peer(command.format(content=content, style=style, size=size, output=output))
                pair = " in ".join(path.stem for path in paths)
                yield compare(ours, theirs, judge(Picture.open(output)), peer=name, pair=pair, size=size)


def tests(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the result of the tests that need a GPU."""
    del options
    folder = Path(__file__).parent.parent / "tests"
    names = [
        str(folder / name)
        for name in ("kernels/test_triton.py", "network/test_whole_image.py", "transfer/test_iteration.py")
    ]
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        check=False,
    )
    yield {"tests": process.stdout.strip().splitlines()[-1], "seconds": round(time.perf_counter() - start)}
    if process.returncode:
        print(process.stdout[-3000:])


PARTS = {
    "ceilings": ceilings,
    "rate": rate,
    "command": command,
    "race": race,
    "large": large,
    "kernels": kernels,
    "tests": tests,
}


def main() -> None:
    """Run the parts asked for, or all, put them into the JSON, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--pair", nargs=2, metavar=("CONTENT", "STYLE"), default=[], help="else the demo's pictures")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME: COMMAND")
    parser.add_argument("--keep", metavar="FOLDER", help="where to leave the pictures of the part command")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("there is no GPU that this PyTorch can use.")
    device = {
        "gpu": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }
    table: list[str] = []
    for part in options.part or PARTS:
        start, rows = time.perf_counter(), []
        for row in PARTS[part](options):
            rows.append(row)
            short = {name: value for name, value in row.items() if not isinstance(value, list) or len(value) < 5}
            table.append(f"{part}: {json.dumps(short, ensure_ascii=False)}")
            print(table[-1], flush=True)
        write(options.output, part, {**device, "rows": rows, "seconds": round(time.perf_counter() - start)})
    print("\n" + "\n".join(line for line in table if not line.startswith("kernels") or "launches" in line[:20]))
    print(environment()["commit"], device)


if __name__ == "__main__":
    main()
