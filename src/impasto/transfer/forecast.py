"""The seconds that a run will take, forecast by timing a few evaluations of a small square."""

import math
import time

import torch

from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Plan
from impasto.transfer.iteration import Point, iteration
from impasto.transfer.solver import Solver

__all__ = ["forecast"]

SQUARE_SIDE, GPU_SQUARE_SIDE = 256, 1024
"""Pixels of a side of the square, on a processor and on a GPU, which smaller ones would leave idle."""

TIMINGS = 6
"""Evaluations that are timed, of which the shortest counts."""


def forecast(solver: Solver, plan: Plan) -> float:
    """Return the seconds that a run will take.

    Args:
        solver: The solver of the run.
        plan: The plan of the run.

    Returns:
        Seconds.

    """
    machine, settings = solver.machine, solver.settings
    side = GPU_SQUARE_SIDE if machine.device.type == "cuda" else SQUARE_SIDE
    square = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    square = square.to(machine.device, machine.sums)
    regions = [Region([StyleImage(square.flip(2))])]
    extra_losses = solver.scene.inputs.losses
    objective = Objective.build(settings, solver.network, square, regions, extra_losses=extra_losses)
    optimizer = solver.optimizer(plan.stages[-1], 0)
    iterate = iteration(objective, optimizer, machine.device)
    point, times = Point(square, optimizer.init(square), square, square.new_full((), math.inf)), [math.inf]
    for _ in range(TIMINGS):
        start = time.perf_counter()
        point = iterate(point, 1).point
        times.append(time.perf_counter() - start)
    target_work = sum(stage.work for stage in plan.stages)  # two pictures forward, at each stage
    return min(times) / side**2 * (plan.work + target_work)
