"""Simulated meters on a line inside the process, reached by our own conversations through the driver with a permit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from protocols.dlt645.frame import Frame
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.order import Ordered, OrderT
from protocols.dlt645.services.read import read_item
from protocols.dlt645.services.read_1997 import read_item_1997
from protocols.dlt645.services.service import Request, perform
from protocols.driver import Driver, Tap
from protocols.exchange import Ask, Exchange
from protocols.links.base import Link
from protocols.links.memory import memory_pair
from protocols.model import Value
from protocols.timing import Timing
from simulators.bus import Bus, Manners
from simulators.dlt645 import Dlt645Station, Dlt645Stations, Hooks, Quirks, Setup
from simulators.meter import VirtualMeter
from simulators.serve import serve
from tests.simulators.meters import NOON, meter

T = TypeVar("T")

OWN: Final = "260000000016"
LATER: Final = "2099-12-31T23:59:59"
PATIENT: Final = Timing(response=10.0, latency=0.0, gap=0.01, pause=0.0, retries=0, late=0.0)


def allow(ask: Ask[Any]) -> None:
    """A permit for everything."""


def access(level: int = 4, password: str = "000000") -> Access:
    return Access(level, bytes.fromhex(password)[::-1])


def ordered(order: OrderT, level: int = 4, password: str = "000000") -> Ordered[OrderT]:
    return Ordered(order, access(level, password))


class Lab:
    """One line; `now` is the time that its meters are told."""

    def __init__(self, link: Link, stations: Dlt645Stations, meters: list[VirtualMeter]) -> None:
        self.driver: Driver[Frame] = Driver(link, FrameReader(), PATIENT, permit=allow, tap=Tap(self._show))
        self.stations = stations
        self.meter = meters[0]
        self.now = NOON
        self.changes: list[tuple[VirtualMeter, datetime]] = []
        self._on_its_way = 0
        self._all_heard = asyncio.Event()
        self._all_heard.set()

    @property
    def station(self) -> Dlt645Station:
        return self.stations.station(self.meter)

    def wait(self, **durations: float) -> None:
        self.now += timedelta(**durations)

    async def run(self, exchange: Exchange[Frame, T]) -> T:
        value = await self.driver.run(exchange)
        await self._all_heard.wait()  # what nobody answers has still to arrive
        return value

    def is_silent(self, exchange: Exchange[Frame, Any]) -> None:
        """The conversation's first request is not answered."""
        (asked,) = FrameReader().feed(next(exchange).data)
        assert isinstance(asked, Frame)
        assert self.stations.answers(asked, self.now) == []
        exchange.close()

    def clock(self) -> datetime:
        """The time, as the meters are told it when they have heard something."""
        self._on_its_way -= 1
        if not self._on_its_way:
            self._all_heard.set()
        return self.now

    def _show(self, direction: str, raw: bytes) -> None:
        if direction == ">":
            self._on_its_way += 1
            self._all_heard.clear()

    async def do(self, request: Request[T], to: str = "") -> T:
        return await self.run(perform(to or self.station.address, request))

    async def order(self, order: Any, level: int = 4, password: str = "000000") -> None:
        await self.do(ordered(order, level, password))

    async def control(self, command: Command | int, until: str = LATER, **more: Any) -> None:
        await self.order(Control(command, until, **more))

    async def read(self, code: str) -> dict[str, Any]:
        """Part name to number, text or None; of parts with the same name the last."""
        return {value.part.name: plain(value) for value in await self.values(code)}

    async def one(self, code: str) -> Any:
        (value,) = await self.values(code)
        return plain(value)

    async def values(self, code: str) -> list[Value]:
        return await self.run(self.reading(code))

    def reading(self, code: str) -> Exchange[Frame, list[Value]]:
        edition = "1997" if len(code) == 4 else "2007"
        read = read_item_1997 if edition == "1997" else read_item
        return read(self.station.address, standard_item(code, edition))

    def happen(self, kind: str, seconds: float | None = None) -> None:
        self.station.happen(kind, self.now, seconds)


def plain(value: Value) -> Decimal | str | None:
    return value.text if value.number is None else value.decimal


@asynccontextmanager
async def lab(
    quirks: Quirks | None = None, edition: str = "2007", meters: Iterable[VirtualMeter] = (), **setup: Any
) -> AsyncIterator[Lab]:
    """Its meter's programming key is pressed unless `setup` says otherwise."""
    model = f"dlt645_{edition}"
    held = list(meters) or [meter(1, model, load="works", word_3=8 * setup.get("key_pressed", True))]
    made: list[Lab] = []
    hooks = Hooks(changed=lambda one, at: made[0].changes.append((one, at)))
    stations = Dlt645Stations(held, Setup(quirks or Quirks(), **({"key_pressed": True} | setup)), hooks)
    near, far = memory_pair()
    line = Lab(near, stations, held)
    made.append(line)
    bus = Bus(stations, Manners(turnaround_s=0.0))
    serving = asyncio.create_task(serve(bus.line(), far, line.clock))
    try:
        yield line
    finally:
        await near.close()
        await asyncio.wait({serving})
        serving.exception()
