"""Plans on a processor or a GPU without a run, by what a network of the settings states."""

import torch

from impasto.machine import allocator
from impasto.network.vgg import VGG19
from impasto.planning import memory, plan
from impasto.planning.memory import Budget
from impasto.transfer.footprint import footprint
from tiny import tiny_weights

DTYPES = {2: torch.bfloat16, 4: torch.float32, 8: torch.float64}
WEIGHTS = tiny_weights()


def footprint_of(settings, feature=4, *, fused=False):
    """What a run takes; torch's device `meta` stands for a GPU."""
    network = VGG19(WEIGHTS, settings.pooling, settings.pooling_rescale, settings.padding)
    return footprint(settings, network.to(torch.device("meta" if fused else "cpu"), DTYPES[feature]))


def budget_of(*values, fused=False, **fields):
    """A budget with the overheads of a device."""
    return Budget(*values, overheads=allocator.overheads(torch.device("cuda" if fused else "cpu")), **fields)


def cheapest_layout(settings, height, width, budget, evaluations, *, fused=False):
    stated = footprint_of(settings, budget.feature_bytes, fused=fused)
    return memory.cheapest_layout(settings, height, width, stated, budget, evaluations=evaluations)


def make_plan(settings, content, styles, budget=None, *, fused=False, **options):
    budget = budget or Budget()
    return plan.make_plan(
        settings, content, styles, footprint_of(settings, budget.feature_bytes, fused=fused), budget, **options
    )
