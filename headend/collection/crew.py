"""The pollers that run now, a line each: they come and go while the collector runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from headend.collection.keeping import PollerCounters
from headend.collection.line import LinePath
from headend.collection.poller import Poller
from headend.collection.survey import MeterPath
from protocols.traffic import Guard, LineCounters, ours

Hire: TypeAlias = Callable[[LinePath, Sequence[MeterPath], Guard], Poller]


class Crew:
    """Pollers by their line's name. `run` until `stop`; what is begun before `run` starts with it."""

    def __init__(self, hire: Hire) -> None:
        self.left = asyncio.Event()
        """Set whenever somebody has left: a line that waited for that may be begun again."""
        self._hire = hire
        self._pollers: dict[str, Poller] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._past = (PollerCounters(), LineCounters())

    @property
    def pollers(self) -> list[Poller]:
        return list(self._pollers.values())

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def working(self, name: str) -> Poller | None:
        """The line's poller, if it works and is not about to leave."""
        return None if name in self._leaving else self._pollers.get(name)

    def knows(self, name: str) -> bool:
        """Whether the line's poller is there, be it about to leave."""
        return name in self._pollers

    def begin(self, path: LinePath, meters: Sequence[MeterPath], guard: Guard = ours) -> None:
        """Poll a line; nothing once stopped. A line that is there already is a mistake of ours: `ValueError`."""
        if path.name in self._pollers:
            raise ValueError(f"line {path.name} is polled already")
        if self._stopping.is_set():
            return
        self._pollers[path.name] = self._hire(path, meters, guard)
        if self._group is not None:
            self._start(path.name)

    def retire(self, name: str, grace_s: float | None = None) -> asyncio.Task[None]:
        """Done when the slot under way is finished and the link closed; cut short after `grace_s` seconds."""
        self._pollers[name].retire()
        return self._see_off(name, grace_s)

    def cut(self, name: str) -> asyncio.Task[None]:
        """Done when the conversation under way has ended and the link is closed: for a line that is ours no more."""
        self._pollers[name].stop()
        return self._see_off(name, None)

    def stop(self) -> None:
        """Begin no further survey. May be called from a signal."""
        self._stopping.set()
        for poller in self._pollers.values():
            poller.stop()

    async def run(self) -> None:
        """Raises an `ExceptionGroup` of what went wrong in pollers."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for name in self._pollers:
                self._start(name)
            await self._stopping.wait()
        await asyncio.gather(*self._leaving.values())

    @property
    def totals(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The pollers' counters and the lines', of all that work and all that have left."""
        pollers = [self._past[0], *(p.counters for p in self._pollers.values())]
        for poller in self._pollers.values():
            poller.line.settle()
        lines = [self._past[1], *(p.line.counters for p in self._pollers.values())]
        done = _sum(lines)
        return _sum(pollers), {name: round(value, 3) for name, value in done.items()}

    def _start(self, name: str) -> None:
        assert self._group is not None
        task = self._group.create_task(self._pollers[name].run(), name=f"poller {name}")
        task.add_done_callback(lambda ended: self._ended(name, ended))
        self._tasks[name] = task

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        """By itself, since it found its line lost; what went wrong in it ends the group."""
        if not self._stopping.is_set() and not task.cancelled() and task.exception() is None:
            self._see_off(name, None)

    def _see_off(self, name: str, grace_s: float | None) -> asyncio.Task[None]:
        if name not in self._leaving:
            self._leaving[name] = asyncio.create_task(self._leave(name, grace_s), name=f"leaving {name}")
        return self._leaving[name]

    async def _leave(self, name: str, grace_s: float | None) -> None:
        task = self._tasks.get(name)
        if task is not None:
            await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            if not task.cancelled() and task.exception() is not None:
                return  # the group ends with it; its counters stay to be seen
        poller = self._pollers.pop(name)
        self._tasks.pop(name, None)
        del self._leaving[name]
        _add(self._past[0], poller.counters)
        _add(self._past[1], poller.line.counters)
        self.left.set()


def _add(total: Any, more: Any) -> None:
    for field in fields(total):
        setattr(total, field.name, getattr(total, field.name) + getattr(more, field.name))


def _sum(rows: Sequence[Any]) -> dict[str, Any]:
    return {field.name: sum(getattr(row, field.name) for row in rows) for field in fields(rows[0])}
