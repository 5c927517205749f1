"""One line of the plant while it is worked: its link opened on demand and opened again when it went away."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from headend.collection.window import Window
from headend.dialect import dialect, framing_of, pause, wire
from protocols.driver import Driver, Guard, LineCounters, Permit, Tap, ours, refuse
from protocols.errors import LeaseLost, LinkClosed, LinkUnreachable
from protocols.exchange import Ask, Exchange
from protocols.links.open import open_link
from protocols.timing import Timing
from protocols.traffic import MeterCounters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LinePath:
    """Where a line is and what is spoken on it. `window`: conversations at once, above 1 on numbered lines alone."""

    name: str
    url: str
    protocol: str
    framing: str = ""
    echo: bool = False
    window: int = 1

    @property
    def bits_per_second(self) -> int:
        """The baud rate of a serial line, for its time budget; 0 where bytes take no time that we know."""
        if not self.url.startswith(("serial:", "faulty+serial:")):
            return 0
        stated = parse_qs(urlsplit(self.url).query).get("baudrate")
        return int(stated[0] if stated else dialect(self.protocol).link["baudrate"])

    @property
    def is_numbered(self) -> bool:
        """Whether every answer says which request it answers: Modbus TCP."""
        return framing_of(self.protocol, self.url, self.framing) == "tcp" and not self.echo

    @property
    def side_by_side(self) -> int:
        """How many conversations may run at the same time: one wherever answers could be confused."""
        return self.window if self.is_numbered else 1

    @property
    def pause(self) -> float:
        """Seconds of silence before a request, as the protocol wants it at this rate."""
        return pause(framing_of(self.protocol, self.url, self.framing), self.bits_per_second)


class Line:
    """Conversations on one line. `counters` and `meters` (by name) live as long as the line, over every link that it
    has had."""

    def __init__(self, path: LinePath, timing: Timing, tap: Tap | None = None, guard: Guard = ours) -> None:
        self.path = path
        self.counters = LineCounters()
        self.meters: dict[str, MeterCounters] = {}
        self.utilisation: float | None = None
        """The share of the last minutes in which somebody was asked; None until some time has gone by."""
        self._window = Window()
        self.opened = 0
        self.failures = 0
        self.wire = wire(path.protocol, path.url, path.framing)
        self._timing = timing
        self._tap = tap
        self._guard = guard
        self._permit: Permit = refuse
        self._driver: Driver[Any] | None = None
        self._opening = asyncio.Lock()
        self._not_before = 0.0
        self._reason = ""

    @property
    def is_ours(self) -> bool:
        """Whether we may speak on it now."""
        try:
            self._guard()
        except LeaseLost:
            return False
        return True

    @property
    def is_open(self) -> bool:
        return self._driver is not None

    def settle(self) -> None:
        """Bring `counters` and `utilisation` up to this moment; in the loop's thread."""
        if self._driver is not None:
            self._driver.settle()
        self.counters.wire_s = self._timing.on_wire(self.counters.sent_bytes + self.counters.received_bytes)
        self.utilisation = self._window.busy(time.monotonic(), self.counters.busy_s)

    async def run(self, exchange: Exchange[Any, T], meter: str | None = None) -> T:
        """Run one conversation; opens the link first if need be. What it costs is put down to `meter`, by name.

        Raises what the conversation raises, `LinkUnreachable` at once while a failed link's back-off lasts, and
        `LeaseLost`.
        """
        try:
            self._guard()
            driver = self._driver or await self._open()
        except BaseException:
            exchange.close()
            raise
        try:
            return await driver.run(exchange, None if meter is None else self._cost(meter))
        except LinkClosed as error:
            if driver is self._driver:  # the first of those side by side to hear of it closes for all
                self._back_off(str(error))
                await self.close()
            raise

    @contextmanager
    def permitting(self, permit: Permit) -> Iterator[None]:
        """Inside the block `permit` is asked about every frame that acts; outside of it none goes out."""
        if self._permit is not refuse:
            raise ValueError("one permit at a time")
        self._permit = permit
        try:
            yield
        finally:
            self._permit = refuse

    def _permitted(self, ask: Ask[Any]) -> None:
        self._permit(ask)

    def _cost(self, meter: str) -> MeterCounters:
        cost = self.meters.get(meter)
        if cost is None:
            cost = self.meters[meter] = MeterCounters()
        return cost

    async def close(self) -> None:
        self.settle()
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.link.close()

    async def _open(self) -> Driver[Any]:
        """Once, however many ask for it side by side."""
        async with self._opening:
            return self._driver or await self._open_now()

    async def _open_now(self) -> Driver[Any]:
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise LinkUnreachable(self._reason)
        try:
            link = await open_link(self.path.url, defaults=dialect(self.path.protocol).link)
        except LinkUnreachable as error:
            self._back_off(str(error))
            raise
        self.failures = 0
        self.opened += 1
        driver: Driver[Any] = Driver(
            link,
            self.wire.reader(),
            self._timing,
            echo=self.path.echo,
            tap=self._tap,
            counters=self.counters,
            permit=self._permitted,
            guard=self._guard,
            window=self.path.side_by_side if self.path.is_numbered else None,
        )
        self._driver = driver
        return driver

    def _back_off(self, reason: str) -> None:
        """Half a second, doubling to a minute, with a quarter of jitter so that many lines do not knock together."""
        self._reason = reason
        delay = min(60.0, 0.5 * 2**self.failures) * random.uniform(0.75, 1.25)
        self.failures += 1
        self._not_before = asyncio.get_running_loop().time() + delay
