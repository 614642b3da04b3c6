"""A sweep: one picture for every combination of several values of some options, laid out on a sheet.

It divides the texts of options into values, and decides which combinations there are, where each of them stands on the
sheet and what its file is called. It paints nothing, and loads torch only to lay out a sheet.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Self, TypeAlias

from impasto.errors import InputError
from impasto.recipes.panel import Blocks, Panel
from impasto.settings import Settings

if TYPE_CHECKING:
    from impasto.images import Picture

__all__ = ["MAX_PICTURES", "Combination", "Sweep"]

MAX_PICTURES = 100
"""The most pictures on a sheet; more of them would be too small to compare on a screen."""

_MAX_NAME_LENGTH = 200
"""The most characters in the name of a picture's file; file systems allow 255 bytes with the suffix."""

Combination: TypeAlias = tuple[str, ...]
"""One value of each option that has several, in the order of the options."""


@dataclass(frozen=True)
class Sweep:
    """The options that have several values, and all combinations of these values."""

    axes: Mapping[str, Sequence[str]]
    """The values of each option that has several, in the order of the options."""

    @classmethod
    def parse(cls, texts: Mapping[str, object]) -> Self:
        """Divide the texts of options into values, and select the options that have several.

        Args:
            texts: The values of options by name. A text may hold several values, divided by the option's separator;
                any other value is one value. Names that are not options of `Settings` are ignored.

        Returns:
            The sweep, of at least 2 and at most `MAX_PICTURES` pictures.

        Raises:
            InputError: no option has several values, one has the same value twice, or there are too many pictures.

        """
        axes = {
            option.name: [value.strip() for value in text.split(option.separator)]
            for option in Settings.options()
            if isinstance(text := texts.get(option.name), str) and option.separator in text
        }
        if not axes:
            raise InputError(
                "no option has several values; give one of them several, such as --style-weight 10,100,1000."
            )
        for name, values in axes.items():
            if len(set(values)) < len(values):
                raise InputError(f"{name} cannot be {texts[name]}; name each of its values once.")
        count = math.prod(map(len, axes.values()))
        if count > MAX_PICTURES:
            raise InputError(
                f"a sheet cannot have {count} pictures; give fewer values, for at most {MAX_PICTURES} pictures."
            )
        return cls(axes)

    @property
    def first(self) -> dict[str, str]:
        """The first value of each option that has several."""
        return {name: values[0] for name, values in self.axes.items()}

    def settings(self, base: Settings) -> dict[Combination, Settings]:
        """Return the settings of every combination.

        Args:
            base: The options that all pictures have in common.

        Raises:
            SettingsError: a value is not accepted.

        """
        combinations = product(*self.axes.values())
        return {values: base.replace(**dict(zip(self.axes, values, strict=True))) for values in combinations}

    def blocks(self, settings: Mapping[Combination, Settings]) -> Blocks:
        """Lay out one option in a row, two in rows and columns, and further ones in a block for each combination.

        Args:
            settings: The settings of every combination, as `Sweep.settings` returns them.

        Returns:
            The blocks, whose panels are still to be painted.

        """
        from impasto.reports.contact_sheets import Block  # noqa: PLC0415 (torch)

        names = list(self.axes)
        down, across, further = (names[:1], names[1], names[2:]) if len(names) > 1 else ([], names[0], [])
        blocks: list[Block[Panel | Picture]] = []
        for further_values in product(*(self.axes[name] for name in further)):
            cells = [
                [self._panel((*row, column, *further_values), settings) for column in self.axes[across]]
                for row in product(*(self.axes[name] for name in down))
            ]
            title = ", ".join(f"{name} {value}" for name, value in zip(further, further_values, strict=True))
            blocks.append(Block(cells, self._labels(across), self._labels(down[0]) if down else (), title))
        return blocks

    def _panel(self, values: Combination, settings: Mapping[Combination, Settings]) -> Panel:
        """Return the panel of a combination, named after the combination."""
        name = "--".join(f"{option}-{value}" for option, value in zip(self.axes, values, strict=True))
        return Panel(re.sub(r"[^\w.,-]+", "-", name)[:_MAX_NAME_LENGTH], settings[values])

    def _labels(self, name: str) -> list[str]:
        """Return the labels of an option's values, of which the first names the option."""
        first, *others = self.axes[name]
        return [f"{name} {first}", *others]
