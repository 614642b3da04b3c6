"""The pictures that are uploaded: a process of its own opens them, and makes what pages show of them."""

import asyncio
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from impasto.errors import InputError
from impasto.film.formats import FILM_FORMATS
from impasto.web.child import Child
from impasto.web.files import read_json, write_json
from impasto.web.store import Store

__all__ = ["Uploads"]

READER_SECONDS = 120.0
"""Seconds that a picture may take to be opened."""


class Uploads:
    """The uploaded pictures of a studio.

    Args:
        store: The folder of the studio.
        reader: The command that starts the process that opens pictures.

    """

    def __init__(self, store: Store, reader: Sequence[str]) -> None:
        self._store = store
        self._reader = Child(reader, store.root / "reader.log")
        self._reading = asyncio.Lock()

    async def close(self) -> None:
        """End the process that opens pictures; one that it is opening may still be finished."""
        await self._reader.end(1.0 if self._reading.locked() else 0.0)

    def names(self, identifiers: Iterable[str]) -> dict[str, str]:
        """Return the names that uploads have for people, by their identifiers."""
        return {each: Path(self._store.info(each).get("name", "")).stem for each in identifiers}

    async def add(self, source: Path, name: str) -> dict[str, Any]:
        """Add a file that was uploaded: move it into the folder, open it, and make its thumbnail.

        Args:
            source: The file.
            name: Its name for people.

        Returns:
            What is known of the picture, with its `id`.

        Raises:
            InputError: the file is not a picture, or cannot be read.

        """
        path = await asyncio.to_thread(self._store.receive, source)
        info_file = path.with_suffix(".json")
        if info_file.exists():
            info = read_json(info_file)
        else:
            try:
                info = await self.ask({"open": str(path)})
            except InputError as error:
                self._store.delete(path.name)
                raise InputError(_without_path(str(error), path)) from None
            info["remarks"] = [_without_path(remark, path) for remark in info.get("remarks", ())]
        info |= {"id": path.name, "name": name[:200]}
        write_json(info_file, info)  # the latest name is the one that people know
        path.touch()
        return info

    async def add_faces(self, identifier: str) -> dict[str, Any]:
        """Add a mask of the faces in an upload, as an upload of its own.

        Args:
            identifier: The upload.

        Returns:
            What is known of the mask, with its `id`.

        Raises:
            MissingError: there is no such upload.
            InputError: it shows no face.

        """
        path = self._store.upload(identifier)
        with self._store.temporary(".png") as target:
            await self.ask({"faces": str(path), "to": str(target)})
            return await self.add(target, "faces.png")

    async def add_copy(self, source: Path, name: str) -> str:
        """Add a copy of a file, as `add` does, and return its identifier.

        Raises:
            InputError: the file is not a picture, or cannot be read.
            OSError: the file cannot be copied.

        """
        with self._store.temporary() as copy:
            shutil.copyfile(source, copy)
            return (await self.add(copy, name))["id"]

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Ask the process that opens pictures; one that crashes or takes too long is ended, and the next gets its turn.

        Args:
            message: What `reader.answer` takes.

        Returns:
            Its answer.

        Raises:
            InputError: it has no answer, and says why.

        """
        async with self._reading:
            await self._reader.start()
            self._reader.send(message)
            try:
                answer = await asyncio.wait_for(self._reader.receive(), READER_SECONDS)
            except TimeoutError:
                answer = None
            if answer is None:
                await self._reader.end(0.1)
                raise InputError("the picture ended the program that reads it; save it again in another format.")
            if "error" in answer:
                raise InputError(answer["error"])
            return answer

    async def demo(self) -> dict[str, Any]:
        """Return the demo's photograph and painting, which the first call makes.

        Raises:
            InputError: they could not be made.

        """
        record = self._store.root / "demo.json"
        stored = read_json(record)
        if stored and all((self._store.uploads / str(identifier)).is_file() for identifier in stored.values()):
            return {name: self._store.info(identifier) for name, identifier in stored.items()}
        paths = await self.ask({"demo": str(self._store.root)})
        infos = {name: await self.add(Path(path), Path(path).name) for name, path in paths.items()}
        write_json(record, {name: info["id"] for name, info in infos.items()})
        return infos


def _without_path(sentence: str, path: Path) -> str:
    """Return a sentence on an upload that names no path of this machine."""
    noun = "the file" if path.suffix[1:] in FILM_FORMATS else "the picture"
    return sentence.replace(str(path), noun).replace(path.name, noun)
