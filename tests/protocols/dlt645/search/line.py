"""A line of the simplest meters that can be looked for, of both editions, and two ways to talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.search import Found, Outcome, Search, Step
from protocols.dlt645.services.address import READ_ADDRESS
from protocols.dlt645.services.answer import accept, refuse
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import READ, Read
from protocols.dlt645.services.read_1997 import READ_1997, Read1997
from protocols.dlt645.services.request import parse_request
from protocols.driver import Driver
from protocols.errors import FrameError, LinkClosed, NoAnswer
from protocols.exchange import Exchange, Noise
from protocols.links.base import Link
from protocols.links.memory import memory_pair
from protocols.timing import Timing
from simulators.bus import Bus, BusLine
from tests.headend.virtual_time import START, Clock

T = TypeVar("T")
Meters = Iterable[tuple[Edition, str]]

TIMING: Final = Timing(response=0.5, latency=0.05, gap=0.1, pause=0.0, retries=1, late=1.0)


class Meter:
    """Answers as the book says. It has its energy, and what it is called; everything else it refuses.

    `own` is as on the wire. `shorts`: it takes shortened addresses; `echoes`: it answers under the address that was
    asked; `everywhere`: whatever address is asked it refuses, where a meter would be silent.
    """

    def __init__(
        self,
        edition: Edition,
        address: str,
        *,
        shorts: bool = True,
        echoes: bool = False,
        everywhere: bool = False,
        has: Sequence[str] = ("00010000", "04000401", "04000402", "9010", "C032"),
        answers: Sequence[int] = (READ, READ_ADDRESS, READ_1997),
    ) -> None:
        self.edition = edition
        self.own = addresses.to_wire(address)
        self.shorts, self.echoes, self.everywhere = shorts, echoes, everywhere
        self.has = has
        self.answers = answers

    def answer(self, frame: Frame) -> bytes | None:
        try:
            request = parse_request(frame)
        except FrameError:
            return None
        if request.edition != self.edition or request.function not in self.answers:
            return None
        under = frame.address if self.echoes else self.own
        if not self._is_meant(frame.address):
            return refuse(frame.address, request, 1) if self.everywhere else None
        if request.function == READ_ADDRESS:
            return accept(under, request, addresses.from_wire(self.own))
        assert isinstance(request, Read | Read1997)
        if request.item not in self.has:
            return refuse(under, request, 2)
        known = item(request.item, self.edition)
        number = addresses.from_wire(self.own).replace("A", "0")
        modulus = {"00010000": 10**8, "9010": 10**8, "02010100": 10**4}.get(request.item)
        return accept(under, request, known.encode([int(number) % modulus if modulus else number]))

    def _is_meant(self, asked: bytes) -> bool:
        if asked == b"\x99" * 6:
            return self.edition == "1997"
        if asked in (self.own, b"\xaa" * 6):
            return True
        return self.shorts and asked[0] != 0xAA and addresses.reaches(asked, self.own)


class Stations:
    """`asked` counts their questions, a question to each of them once."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self.meters = list(meters)
        self.asked: list[bytes] = []

    def reader(self) -> FrameReader:
        return FrameReader()

    def answers(self, frame: Frame, now: Any) -> list[bytes]:
        self.asked.append(frame.raw)
        return [answer for meter in self.meters if (answer := meter.answer(frame)) is not None]

    def tell(self, raw: bytes) -> dict[str, str]:
        return {"hex": raw.hex()}


def stations(meters: Meters) -> Stations:
    return Stations(Meter(edition, address) for edition, address in meters)


class Instant:
    """Conversations with a line in no time at all, without an event loop: for many lines one after the other.

    `babble` is what is heard besides whatever is asked.
    """

    def __init__(self, bus: Bus, tries: int = 2, babble: Callable[[], bytes] = bytes) -> None:
        self.line: BusLine = bus.line()
        self.now = START
        self.requests = 0
        self._tries = tries
        self._babble = babble

    def run(self, exchange: Exchange[Frame, T]) -> T:
        try:
            ask = next(exchange)
            while True:
                noise = 0
                for _ in range(self._tries if ask.repeatable else 1):
                    events = self._heard(ask.data)
                    noise += sum(len(event.raw) for event in events if isinstance(event, Noise))
                    answers = [event for event in events if isinstance(event, Frame) and ask.answers(event)]
                    if answers:
                        ask = exchange.send(answers[0])
                        break
                else:
                    ask = exchange.throw(NoAnswer("silence", noise))
        except StopIteration as done:
            value: T = done.value
            return value

    def _heard(self, data: bytes) -> list[Frame | Noise]:
        self.requests += 1
        self.now += timedelta(seconds=1)
        reader = FrameReader()
        chunks = [chunk for _, chunk in sorted(self.line.receive(data, self.now))]
        return [*(event for chunk in [self._babble(), *chunks] for event in reader.feed(chunk)), *reader.flush()]

    def search(self, search: Search) -> list[Step]:
        """To its end."""
        steps = []
        while search.pending:
            steps.append(self.run(search.step()))
        return steps


@asynccontextmanager
async def driven(bus: Bus, timing: Timing = TIMING) -> AsyncIterator[Driver[Frame]]:
    """A driver on a memory link, for tests in virtual time."""
    near, far = memory_pair()
    task = asyncio.create_task(serving(bus.line(), far))
    try:
        yield Driver(near, FrameReader(), timing)
    finally:
        await near.close()
        await task


async def serving(line: BusLine, link: Link) -> None:
    """The far end, until the link goes away."""
    loop, clock, sending = asyncio.get_running_loop(), Clock(), set[asyncio.Task[None]]()

    async def send(delay: float, data: bytes) -> None:
        await asyncio.sleep(delay)
        await link.send(data)

    try:
        while True:
            for delay, data in line.receive(await link.receive(), clock()):
                task = loop.create_task(send(delay, data))
                sending.add(task)
                task.add_done_callback(sending.discard)
    except LinkClosed:
        for task in sending:
            task.cancel()


async def searched(driver: Driver[Frame], search: Search) -> list[Step]:
    """To its end."""
    steps = []
    while search.pending:
        steps.append(await driver.run(search.step()))
    return steps


def named(found: Iterable[Found]) -> list[tuple[Edition, str]]:
    return sorted((one.edition, one.address) for one in found)


def several(steps: Iterable[Step]) -> list[str]:
    return [step.ending for step in steps if step.outcome is Outcome.SEVERAL]
