"""Daemons that share lines in one event loop; their pollers do nothing but speak, and the lines listen to who does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from headend.cluster.keeper import Keeper
from headend.cluster.presence import Presence
from headend.cluster.settings import Terms
from headend.collection.crew import Crew
from headend.collection.keeping import PollerCounters
from headend.collection.line import LinePath
from headend.collection.poller import Poller
from headend.collection.roster import Post, Roster
from headend.collection.survey import MeterPath
from protocols.errors import LeaseLost
from protocols.traffic import Guard, LineCounters
from tests.headend.cluster.memory_leases import Shared, Way

TERMS = Terms(ttl=15.0, renew=3.0, margin=3.0)
SPEAKS_S = 0.2


class Speaker:
    """In the place of a poller: asks its guard, then speaks. `slot_s`: how long it goes on when it is retired."""

    slot_s = 1.0

    def __init__(self, heard: list[tuple[float, str]], who: str, path: LinePath, meters: Any, guard: Guard) -> None:
        self.line = SimpleNamespace(path=path, counters=LineCounters(), is_open=True)
        self.meters = meters
        self.counters: Any = PollerCounters()
        self.failures: dict[str, int] = {}
        self._heard = heard
        self._who = who
        self._guard = guard
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    def retire(self) -> None:
        asyncio.get_running_loop().call_later(self.slot_s, self._stopping.set)

    def give(self, meters: Sequence[MeterPath]) -> None:
        self.meters = meters

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._guard()
            except LeaseLost:
                return
            self._heard.append((asyncio.get_running_loop().time(), self._who))
            await asyncio.sleep(SPEAKS_S)


class Here(Presence):
    """Lines of these names are bound; `at` has when the DTU of each said something last, if it is here."""

    def __init__(self, bound: set[str] | None = None) -> None:
        super().__init__()
        self.names = bound or set()
        self.at: dict[str, float] = {}
        self.hung_up: list[str] = []

    def bound(self, path: LinePath) -> bool:
        return path.name in self.names

    async def here(self, path: LinePath) -> bool:
        return path.name in self.at

    def last_heard(self, path: LinePath) -> float | None:
        return self.at.get(path.name)

    def hang_up(self, path: LinePath) -> None:
        self.hung_up.append(path.name)
        self.at.pop(path.name, None)


class OpenRoster(Roster):
    """Lines as the test states them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.posts = {}
        self.put(names)

    def put(self, names: Sequence[str]) -> None:
        self.posts = {n: Post(n, LinePath(name, f"x://{name}", "dlt645"), ()) for n, name in enumerate(names, start=1)}

    async def reload(self) -> bool:
        return True


class Plant:
    """`heard`: by line, when and who spoke."""

    def __init__(self, lines: int, bound: Sequence[str] = ()) -> None:
        self.shared = Shared()
        self.names = [f"line{number}" for number in range(1, lines + 1)] + list(bound)
        self.bound = set(bound)
        self.heard: dict[str, list[tuple[float, str]]] = {name: [] for name in self.names}
        self.daemons: dict[str, Daemon] = {}

    def start(self, name: str, terms: Terms = TERMS) -> Daemon:
        self.daemons[name] = Daemon(self, name, terms)
        return self.daemons[name]

    async def end(self) -> None:
        for daemon in self.daemons.values():
            await daemon.kill()

    def since(self, moment: float) -> dict[str, set[str]]:
        """By line, who has spoken from then on."""
        return {name: {who for when, who in heard if when >= moment} for name, heard in self.heard.items()}

    @property
    def spoken_over(self) -> list[str]:
        """Lines on which somebody spoke after another one had begun, within the margin of the change."""
        found = []
        for name, heard in self.heard.items():
            changes = [(a, b) for a, b in pairwise(heard) if a[1] != b[1]]
            returns = [
                1 for (_, who), (moment, _) in changes if any(w == who and moment < t < moment + 1.0 for t, w in heard)
            ]
            if returns:
                found.append(name)
        return found


class Daemon:
    """A keeper with its crew. `clock_lag` slows its clock's reading by so many seconds: it stood still."""

    def __init__(self, plant: Plant, name: str, terms: Terms) -> None:
        self.plant = plant
        self.way = Way(plant.shared)
        self.roster = OpenRoster(plant.names)
        self.here = Here(plant.bound)
        self.crew = Crew(
            lambda path, meters, guard: cast(Poller, Speaker(plant.heard[path.name], name, path, meters, guard))
        )
        self.keeper = Keeper(name, terms, self.roster, 30.0, self.way, self.here, asyncio.get_running_loop().time)
        self.working = asyncio.create_task(self.crew.run())
        self.keeping = asyncio.create_task(self.keeper.run(self.crew))

    @property
    def lines(self) -> set[str]:
        """What it polls now."""
        return {poller.line.path.name for poller in self.crew.pollers}

    async def kill(self) -> None:
        """No farewell: its pollers end with it."""
        for task in (self.keeping, self.working):
            task.cancel()
        await asyncio.gather(self.keeping, self.working, return_exceptions=True)

    async def stop(self) -> None:
        """SIGTERM."""
        self.crew.stop()
        await self.working
        self.keeping.cancel()
        await asyncio.gather(self.keeping, return_exceptions=True)
        await self.keeper.leave()
