"""Every option, defined once: flags, help, messages, tables, forms and a picture's metadata are made from it.

`Settings` says what the picture will be, `Runtime` how it is computed; both are frozen pydantic models. Nothing here
loads torch or opens files. It may import `impasto.layers` and `impasto.errors`.
"""

from impasto.settings.named_weights import DistanceWeights, LayerWeights
from impasto.settings.options import Option, Options
from impasto.settings.presets import PRESETS, Preset, preset
from impasto.settings.runtime import Runtime
from impasto.settings.settings import Settings

__all__ = ["PRESETS", "DistanceWeights", "LayerWeights", "Option", "Options", "Preset", "Runtime", "Settings", "preset"]
