"""Photographs and paintings that make jobs: each with each, in pairs, or all paintings blended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from impasto.batch import naming, selection
from impasto.batch.selection import Photograph
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource

__all__ = ["Combination", "Pair", "Pairing", "open_styles"]

Pair = Literal["order", "name"]
"""How each photograph gets one painting: the painting at its place in the order, or the painting of its name."""

Pairing = Pair | Literal["product", "blend"]
"""The paintings of a photograph: each in its own picture (product), one (order, name), or all in one (blend)."""

_MASKS = ("keep", "focus", "initial")
"""The fields of a job that may be patterns with the name of the photograph."""

MASK_NAMES = ("name", "folder")
"""The names in braces that patterns of masks may have: the name of the photograph, and its folder below the folder that
was named."""


@dataclass(frozen=True)
class Combination:
    """The jobs of photographs and paintings, painting by painting, so that the targets of a painting are used again.

    Raises:
        InputError: a name in braces is unknown, or pairs do not match.

    """

    sources: Sequence[str]
    """The photographs: files, folders and globs."""
    styles: Sequence[StyleSource]
    """The paintings; the region of each may be a pattern."""
    folder: Path
    """The folder of the results; folders in which photographs are found are mirrored in it."""
    common: Job = field(default_factory=Job)
    """What all jobs have in common; its masks and first picture may be patterns, such as `masks/{name}.png`."""
    pattern: str = naming.DEFAULT_PATTERN
    """The pattern of the names of the results."""
    pairing: Pairing = "product"
    is_watched: bool = False
    """Whether photographs may still appear, so that there need not be one at first."""

    def __post_init__(self) -> None:
        naming.check_pattern(self.pattern, naming.PATTERN_NAMES)
        for mask in (*(getattr(self.common, name) for name in _MASKS), *(style.region for style in self.styles)):
            naming.check_pattern("" if mask is None else str(mask), MASK_NAMES)
        if self.is_watched and self.pairing in get_args(Pair):
            raise InputError("watch paints each new photograph with each painting; leave --pair out.")
        if self.pairing == "order" and len(self.photographs) != len(self.styles):
            raise InputError(
                f"{len(self.photographs)} photographs and {len(self.styles)} paintings are no pairs; give as many of "
                "the one as of the other, or leave --pair out for each with each."
            )

    @cached_property
    def photographs(self) -> Sequence[Photograph]:
        """The photographs that are there now."""
        return list(selection.select(self.sources, self.folder, may_be_empty=self.is_watched))

    def __len__(self) -> int:
        return len(self.photographs) * (len(self.styles) if self.pairing == "product" else 1)

    def __iter__(self) -> Iterator[Job]:
        return (self._job(photograph, styles) for photograph, styles in self._pairs())

    def watch(self) -> Iterator[Job | None]:
        """List the jobs, then those of photographs that appear, without end; None when there is nothing new."""
        yield from self
        for photograph in selection.watch(self.sources, self.folder, {each.path for each in self.photographs}):
            if photograph is None:
                yield None
            else:
                yield from (self._job(photograph, styles) for styles in self._sets)

    @property
    def _sets(self) -> Sequence[Sequence[StyleSource]]:
        """The paintings that are each blended in one picture."""
        return [self.styles] if self.pairing == "blend" else [[style] for style in self.styles]

    def _pairs(self) -> Iterator[tuple[Photograph, Sequence[StyleSource]]]:
        """List which photograph is painted in which styles."""
        if self.pairing in {"product", "blend"}:
            yield from ((photograph, styles) for styles in self._sets for photograph in self.photographs)
        elif self.pairing == "order":
            yield from ((photo, [style]) for photo, style in zip(self.photographs, self.styles, strict=True))
        else:
            by_name = {Path(str(style.picture)).stem: style for style in self.styles}
            yield from ((photograph, [_find_style(by_name, photograph)]) for photograph in self.photographs)

    def _job(self, photograph: Photograph, styles: Sequence[StyleSource]) -> Job:
        """Return the job of a photograph and its paintings."""
        path, folder = photograph
        values = {"name": path.stem, "folder": str(folder)}
        masks = {name: _fill(getattr(self.common, name), values) for name in _MASKS}
        filled_styles = tuple(style.replace(region=_fill(style.region, values)) for style in styles)
        job = self.common.replace(content=path, styles=filled_styles, **masks)
        name = naming.fill(self.pattern, {**naming.name_values(job), "folder": folder.name})
        return job.replace(output=naming.result_path(self.folder, folder, name))


def open_styles(texts: Sequence[str]) -> list[StyleSource]:
    """Read paintings as `impasto paint` takes them; one that is a folder or a glob stands for each picture in it.

    Raises:
        InputError: a painting does not exist, or an option of one is unknown.

    """
    styles: list[StyleSource] = []
    for text in texts:
        style = StyleSource.parse(text)
        styles += [style.replace(picture=photograph.path) for photograph in selection.select([style.picture])]
    return styles


def _find_style(styles: dict[str, StyleSource], photograph: Photograph) -> StyleSource:
    """Return the painting that has the name of a photograph."""
    if photograph.path.stem not in styles:
        raise InputError(
            f"no painting has the name of {photograph.path}; name one {photograph.path.stem}, or pair them by order."
        )
    return styles[photograph.path.stem]


def _fill(mask: str | Path | None, values: dict[str, str]) -> str | None:
    """Return a mask with values in place of names in braces."""
    return None if mask is None else naming.fill(str(mask), values)
