"""The queue of jobs and the workers that paint them, one process for each device.

A worker that dies is started again, and its job continues from the checkpoint. The log of the job tells what happened.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from impasto.jobs.deaths import Deaths
from impasto.settings.choices import Ending
from impasto.web.child import Child
from impasto.web.entry import Entry, State

__all__ = ["Queue"]

END_SECONDS = 30.0
"""Seconds that a worker that paints has to save a checkpoint when the studio closes."""


class Queue:
    """The jobs that wait, and the workers that paint them in the order of their positions.

    Args:
        entries: The jobs; the queue looks at all of them each time that a worker is free.
        workers: The commands that start the workers, one for each device.
        log: The file that gets what the workers write on standard error.

    """

    def __init__(self, entries: dict[str, Entry], workers: Iterable[Sequence[str]], log: Path) -> None:
        self._entries = entries
        self._workers = [Child(command, log) for command in workers]
        self._painting: dict[str, Child] = {}
        self._requested_states: dict[str, State] = {}
        """The states that were asked for while a job is painted."""
        self._deaths = Deaths()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closing = False

    def start(self) -> None:
        """Start the workers; each paints the jobs that wait."""
        self._tasks = [asyncio.create_task(self._work(child)) for child in self._workers]

    async def close(self) -> None:
        """Let the workers that paint save checkpoints, and end all; their jobs wait for the next start."""
        self._is_closing = True
        for identifier in self._painting:
            self._requested_states.setdefault(identifier, "waiting")
        painting = self._painting.values()
        await asyncio.gather(*(child.end(END_SECONDS if child in painting else 0.0) for child in self._workers))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_painting(self, entry: Entry) -> bool:
        """Return whether a worker has the job at the moment."""
        return entry.id in self._painting

    def wake(self) -> None:
        """Let free workers look for jobs that wait."""
        self._wake.set()

    def change(self, entry: Entry) -> None:
        """Let the worker of a job continue with what is ordered now; of a job that is not painted, do nothing."""
        if entry.id in self._painting:
            self._painting[entry.id].send({"do": "change", "order": entry.order.json_fields})

    def ask(self, entry: Entry, state: State) -> None:
        """Bring a job to another state, at once or when its worker has obeyed.

        Args:
            entry: The job.
            state: waiting, paused or stopped; a job that waits again is the first of the queue.

        """
        if entry.id in self._painting:
            self._requested_states[entry.id] = state
            self._painting[entry.id].send({"do": "end"})
            return
        if state == "waiting" and entry.state != "waiting":
            waiting = [each.position for each in self._entries.values() if each.state == "waiting"]
            entry.position = min([*waiting, entry.position]) - 1
        entry.move_to(state)
        self.wake()

    async def _work(self, child: Child) -> None:
        """Paint the jobs of the queue with one worker."""
        while not self._is_closing:
            await child.start()
            waiting = [each for each in self._entries.values() if each.state == "waiting" and not each.deleted]
            if not waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            entry = min(waiting, key=lambda each: each.position)
            self._painting[entry.id] = child
            try:
                await self._carry_out(child, entry)
            finally:
                del self._painting[entry.id]

    async def _carry_out(self, child: Child, entry: Entry) -> None:
        """Let a worker paint a job, and write down what it says until it ends."""
        entry.move_to("painting")
        child.send({"do": "paint", "folder": str(entry.folder), "order": entry.order.json_fields})
        while (message := await child.receive()) is not None:
            if "event" in message:
                event = message["event"]
                if "sentence" in event:
                    event["sentence"] = _with_names(event["sentence"], entry)
                entry.log(event)
            if "ended" in message:
                self._end(entry, message["ended"]["state"], message["ended"]["sentence"])
                return
        await self._report_death(child, entry)

    def _end(self, entry: Entry, ending: Ending, sentence: str) -> None:
        """Write down how a run ended."""
        requested = self._requested_states.pop(entry.id, "stopped")
        if ending == "stopped":
            entry.move_to(requested)
        else:
            entry.move_to(ending, _with_names(sentence, entry))

    async def _report_death(self, child: Child, entry: Entry) -> None:
        """Write down that a worker died; its job waits to continue, or failed if no worker survives it."""
        code = await child.end(1)
        state = self._requested_states.pop(entry.id, "waiting")
        cause = f"was ended by signal {-code}" if code is not None and code < 0 else f"was ended with code {code}"
        if self._deaths.are_too_many(entry.id, (entry.progress or {}).get("fraction", 0.0)):
            entry.move_to("failed", self._deaths.sentence(entry.id, cause))
            return
        entry.log({"event": "restarted", "sentence": f"The worker {cause}. It was started again and continues."})
        entry.move_to(state)


def _with_names(sentence: str, entry: Entry) -> str:
    """Return a sentence that names pictures as people do, and no folder of this machine."""
    sentence = re.sub(rf"{re.escape(str(entry.folder))}[/\\]|inputs[/\\]", "", sentence)
    for identifier, name in entry.names.items():
        sentence = sentence.replace(identifier, name)
    return sentence
