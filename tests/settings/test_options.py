"""Each option, turned: the plan, the picture or its file has to change."""

import pytest
import torch

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.images.masks import Mask
from impasto.transfer.styles import Style
from pictures import profile

BASE = {"size": 64, "first_size": 0, "iterations": 4, "tolerance": 0}

SETTINGS = {
    "size": {"size": 48},
    "init": {"init": "noise"},
    "strength": {"strength": 0.5},
    "seed": {"seed": 1, "init": "noise"},
    "color": {"color": "content-luminance"},
    "color_match": {"color_match": "chol", "color": "content-match"},
    "seamless": {"seamless": "both"},
    "mask_spread": {"mask_spread": "all"},
    "mask_grow": {"mask_grow": 1},
    "profile": {"profile": "srgb"},
    "bits": {"bits": "16"},
    "dpi": {"dpi": 300},
    "keep_position": {"keep_position": True},
    "content_weight": {"content_weight": 500.0},
    "focus_weight": {"focus_weight": 500.0},
    "style_weight": {"style_weight": 10.0},
    "content_layers": {"content_layers": "conv2_2"},
    "style_layers": {"style_layers": "conv3_1"},
    "style_loss": {"style_loss": "wasserstein"},
    "style_scale": {"style_scale": 0.5},
    "tv_weight": {"tv_weight": 1000.0},
    "tv_variation": {"tv_variation": "absolute", "tv_weight": 10.0},
    "range_weight": {"range_weight": 0.5, "learning_rate": 3.0},
    "pooling": {"pooling": "average"},
    "pooling_rescale": {"pooling_rescale": False, "pooling": "average"},
    "padding": {"padding": "zeros"},
    "normalize": {"normalize": True},
    "optimizer": {"optimizer": "adam"},
    "iterations": {"iterations": 3},
    "first_size": {"first_size": 48, "size": 96, "iterations": 2},
    "stages": {"stages": "64:3"},
    "stage_ratio": {"stage_ratio": 2.0, "first_size": 48, "size": 96, "iterations": 2},
    "middle_iterations": {"middle_iterations": 1, "first_size": 48, "size": 192, "iterations": 2},
    "tolerance": {"tolerance": 1.0, "iterations": 6},
    "min_change": {"min_change": 255.0, "iterations": 6},
    "history": {"history": 1, "iterations": 5},
    "learning_rate": {"learning_rate": 0.5},
    "preconditioner": {"preconditioner": 0.0},
}
"""By option: a value that differs from the default, and what it takes to matter."""

ELSEWHERE = {"weights", "quality"}
"""Which network is loaded, tested where weights are, and what stands for other options, tested with the settings."""


EXIF = {"ifd0-Artist": "someone", "ifd3-GPSLatitudeRef": "N"}


def painted(weights, changes, photograph, style):
    """Return the plan, the number of evaluations and the picture: a region and a focus in its left half."""
    mask = torch.zeros(80, 80)
    mask[:, :40] = 1
    transfer = StyleTransfer(
        Settings(**{**BASE, **changes}), Runtime(device="cpu", dtype="float32", winograd="off"), weights=weights
    )
    run = transfer.start(photograph, [Style(style, region=Mask(mask, "left")), Style(style)], focus=Mask(mask))
    for _ in run:
        pass
    picture = run.result().picture
    plan = [(stage.size, stage.styles, stage.evaluations, stage.layout.history) for stage in run.plan.stages]
    return plan, len(run.history), picture


@pytest.fixture(scope="module")
def contexts():
    """What is painted without the option in question, by the other settings and the photograph's profile."""
    return {}


@pytest.fixture(autouse=True)
def _small_first_stage_and_short_plateau(monkeypatch):
    monkeypatch.setattr("impasto.planning.plan._MIN_FIRST_SIDE", 48)
    monkeypatch.setattr("impasto.transfer.descent.PLATEAU_WINDOW", 2)
    monkeypatch.setattr("impasto.transfer.verdict.PLATEAU_WINDOW", 2)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_option_changes_what_it_says(weights, picture, contexts, name):
    changes, wide = SETTINGS[name], profile("p3") if name == "profile" else None
    context = {key: value for key, value in changes.items() if key != name}
    photograph = Picture(picture(80, 80).samples, profile=wide, exif=EXIF, bits=8, dpi=None)
    if (str(context), wide) not in contexts:
        contexts[str(context), wide] = painted(weights, context, photograph, picture(seed=1))
    changed = painted(weights, changes, photograph, picture(seed=1))
    plans, counts, pictures = zip(contexts[str(context), wide], changed, strict=True)
    facts = [(p.samples.shape, p.profile, p.bits, p.dpi, p.exif) for p in pictures]
    same = plans[0] == plans[1] and counts[0] == counts[1] and facts[0] == facts[1]
    assert not same or not torch.equal(pictures[0].samples, pictures[1].samples)


def test_every_option_is_turned():
    assert set(SETTINGS) | ELSEWHERE == set(Settings.model_fields)
