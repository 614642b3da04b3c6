"""Named sets of changes to the default settings: looks of a picture, and papers, other programs and other commands."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from impasto.errors import SettingsError
from impasto.settings.settings import Settings

__all__ = ["LOOKS", "PRESETS", "PROGRAMS", "Preset", "preset"]


class Preset(NamedTuple):
    """A named set of changes to the default settings."""

    help: str
    """One sentence that describes the preset."""
    changes: Mapping[str, Any]
    """The values of the changed options, by name."""


_FINE_FORMS = {"conv3_2": 1.0, "conv4_2": 1.0}
"""Content layers that hold what makes a face a person's: conv4_2 alone holds its outline (docs/portraits.md)."""

_NOTEBOOK = {
    "content_weight": 1.0,
    "padding": "zeros",
    "first_size": 0,
    "iterations": 500,
    "history": 100,
    "tolerance": 0.0,
    "focus_weight": 1.0,
}

_NEURAL_STYLE = {
    **_NOTEBOOK,
    "init": "noise",
    "content_weight": 5.0,
    "style_weight": 100.0,
    "tv_weight": 1e-3,
    "tv_variation": "half-squares",
    "range_weight": 0.0,
    "iterations": 1000,
}

LOOKS: Mapping[str, Preset] = {
    "default": Preset(
        "The defaults: from coarse to fine, the notebook's objective with five times its content weight.", {}
    ),
    "portrait": Preset(
        "A person that stays like the photograph: more weight on the content, at a finer layer too.",
        {"content_weight": 100.0, "content_layers": _FINE_FORMS, "focus_weight": 1.0},
    ),
    "strong": Preset(
        "More of the painting: a tenth of the default content weight, and twice the evaluations.",
        {"content_weight": 0.5, "iterations": 200, "tolerance": 0.0},
    ),
    "gentle": Preset(
        "More of the photograph, in the painting's colors.", {"content_weight": 500.0, "focus_weight": 1.0}
    ),
    "bold-strokes": Preset(
        "Strokes twice as large; more weight on the content holds the forms.",
        {"style_scale": 2.0, "content_weight": 20.0},
    ),
    "fine-strokes": Preset(
        "Strokes half as large; more weight on the content, at a finer layer too, holds the forms.",
        {"style_scale": 0.5, "content_weight": 100.0, "content_layers": _FINE_FORMS, "focus_weight": 1.0},
    ),
    "poster": Preset(
        "Flat areas with sharp edges in the painting's colors, without strokes.",
        {
            "content_weight": 20.0,
            "style_layers": {"conv1_1": 1.0, "conv2_1": 1.0},
            "tv_weight": 3e6,
            "tv_variation": "mean-absolute",
        },
    ),
    "own-colors": Preset(
        "The photograph's own colors: only light and dark are painted.",
        {"color": "content-luminance", "content_weight": 20.0},
    ),
}
"""The presets by look, which docs/presets.md shows, by name."""

PROGRAMS: Mapping[str, Preset] = {
    "texture": Preset(
        "The options of `impasto texture`: no content, from noise; total variation smooths the grain of the noise, "
        "and opposite edges meet, since noise stays along edges that do not.",
        {"init": "noise", "content_weight": 0.0, "tv_weight": 2000.0, "seamless": "both"},
    ),
    "reconstruction": Preset(
        "The options of `impasto reconstruct`: no style, from noise.", {"init": "noise", "style_weight": 0.0}
    ),
    "gatys-notebook": Preset(
        "The author's own notebook (2016): one size, 500 evaluations from the content, without an early stop.",
        _NOTEBOOK,
    ),
    "neural-style": Preset("jcjohnson/neural-style at its defaults: 1000 evaluations from noise.", _NEURAL_STYLE),
    "neural-style-pt": Preset(
        "neural-style-pt at its defaults: the preset neural-style with the absolute total variation.",
        {**_NEURAL_STYLE, "tv_variation": "absolute"},
    ),
    "crowsonkb": Preset(
        "crowsonkb/style-transfer-pytorch: Wasserstein-2, more weight on fine strokes, Adam, torchvision's network.",
        {
            "content_weight": 0.015,
            "focus_weight": 1.0,
            "style_weight": 1.0,
            "style_layers": {f"conv{block}_1": 4.0 ** (5 - block) / 341 for block in range(1, 6)},
            "style_loss": {"wasserstein": 1.0},
            "tv_weight": 2 / 255**2,
            "tv_variation": "nine-point",
            "range_weight": 0.0,
            "weights": "torchvision",
            "padding": "replicate-first",
            "optimizer": "adam",
            "learning_rate": 5.1,
            "preconditioner": 0.0,
            "first_size": 128,
            "iterations": 1000,
            "stage_ratio": 0.5,
            "middle_iterations": 1000,
            "tolerance": 0.0,
        },
    ),
    "spst": Preset(
        "Scaling Painting Style Transfer (Galerne et al. 2024): means and deviations, with the notebook's Gram "
        "matrices, a third of the evaluations at each larger size.",
        {
            **_NOTEBOOK,
            "style_loss": {"gram": 1.0, "moments": 10.0},
            "first_size": 768,
            "iterations": 600,
            "stage_ratio": 1 / 3,
            "middle_iterations": 600,
        },
    ),
    "pastiche": Preset(
        "pastiche's objective: the notebook's, divided by 100.",
        {**_NOTEBOOK, "content_weight": 0.01, "style_weight": 10.0},
    ),
}
"""The presets of papers, other programs and other commands, by name."""

PRESETS: Mapping[str, Preset] = {**LOOKS, **PROGRAMS}
"""All presets by name."""


def preset(name: str) -> Settings:
    """Return the settings of a preset.

    Args:
        name: A name that `PRESETS` has, such as `portrait`.

    Returns:
        The settings.

    Raises:
        SettingsError: there is no preset of that name.

    """
    if name not in PRESETS:
        raise SettingsError(f"there is no preset {name}; the presets are {', '.join(PRESETS)}.")
    return Settings(**PRESETS[name].changes)
