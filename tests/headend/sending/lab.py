"""A utility in virtual time: simulated meters on two paths that lose, repeat and delay, two senders, a book, and what
is really so. Every frame that our side lets onto the wire is held against that, read from its bytes alone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from headend.collection.line import Line, LinePath
from headend.collection.survey import MeterPath
from headend.safety.command import FINAL, Command, CommandKey, State
from headend.safety.function import Function, ReasonCode
from headend.safety.ledger import Rows
from headend.safety.order import Approval, Order, Target, binding
from headend.safety.policy import Policy
from headend.safety.request import Request
from headend.safety.world import Clock, Entry, Holds, MeterClock, ProtectionList, Recalls, Stops, Weather, World
from headend.sending.book import Asked, Due, Told
from headend.sending.outlook import FRESH_S
from headend.sending.sender import Sender
from protocols import models
from protocols.dlt645.address import from_wire
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.control import CONTROL
from protocols.dlt645.services.control import Command as Word
from protocols.dlt645.services.password import CHANGE_PASSWORD, ChangePassword
from protocols.errors import CommunicationError, LinkClosed
from protocols.links.memory import MemoryLink, memory_pair
from protocols.timing import Timing
from protocols.traffic import Tap
from simulators.dlt645.setup import Setup
from simulators.dlt645.station import Dlt645Station
from storage.errors import DatabaseUnreachable
from tests.headend.safety.site import EVERY, POLICY, USERS, WORLD
from tests.headend.sending.vault import Vault
from tests.headend.virtual_time import Clock as WallClock
from tests.simulators.meters import meter as virtual

ZONE: Final = ZoneInfo("Asia/Shanghai")
TIMING: Final = Timing(response=0.5, latency=0.2, gap=0.1, pause=0.0, late=1.0, retries=1)
COUNT: Final = 8
STALE_S: Final = FRESH_S
PATIENCE: Final = timedelta(hours=2)
WORDS: Final[Mapping[Function, Word]] = {
    Function.TRIP: Word.TRIP, Function.CLOSE: Word.CLOSE, Function.PERMIT_CLOSE: Word.PERMIT_CLOSE,
    Function.ALARM: Word.ALARM, Function.PROTECT: Word.PROTECT, Function.UNPROTECT: Word.UNPROTECT,
}  # fmt: skip
_CUTS: Final = (Word.TRIP, Word.UNPROTECT)
_FREE: Final[Policy] = replace(
    POLICY,
    caps=tuple(replace(cap, commands=10**9, watts=None, permille=None) for cap in POLICY.caps[:1])
    + tuple(replace(cap, commands=10**9) for cap in POLICY.caps[-1:]),
    ramps={effect: replace(ramp, in_flight=10**9, watts_per_minute=10**12) for effect, ramp in POLICY.ramps.items()},
    reasons={code: replace(rule, functions=EVERY, windows=False) for code, rule in POLICY.reasons.items()},
)


@dataclass
class Span:
    """Something that holds from a moment on until it is ended."""

    since: datetime
    until: datetime | None = None

    def held_all_through(self, start: datetime, end: datetime) -> bool:
        return self.since <= start and (self.until is None or self.until > end)


@dataclass
class Held:
    """An order with what was really said of it."""

    due: Due
    is_approved: bool
    recalled: Span | None = None


@dataclass
class Lab:
    rng: random.Random
    now: WallClock = field(default_factory=WallClock)
    stations: list[Dlt645Station] = field(default_factory=list)
    meters: list[MeterPath] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    orders: dict[CommandKey, Held] = field(default_factory=dict)
    states: dict[CommandKey, Command] = field(default_factory=dict)
    protected: list[tuple[int, Span]] = field(default_factory=list)
    stopped: list[Span] = field(default_factory=list)
    doubtful: list[Span] = field(default_factory=list)
    sent: Counter[CommandKey] = field(default_factory=Counter)
    drafted: int = 0
    frames: int = 0
    changed: int = 0
    away: int = 0
    seen: dict[CommandKey, tuple[World, float]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    vault: Vault = field(default_factory=Vault)

    def build(self) -> None:
        model = models.load("dlt645_2007")
        for number in range(COUNT):
            meter = virtual(number, name=f"m{number}", address=f"{number + 1:012}")
            self.stations.append(Dlt645Station(meter, setup=Setup(key_pressed=True)))
            self.meters.append(MeterPath(number + 1, f"m{number}", f"{number + 1:012}", model, ZONE))
        for number in range(2):
            line = Line(LinePath(f"path{number}", f"lab{number}://bus", "dlt645"), TIMING, Tap(self.show))
            self.lines.append(line)
            self.senders.append(Sender(self, self, self.vault, self.now, timedelta(seconds=5)))

    # -- the line

    async def open(self, _url: str, _defaults: Mapping[str, str]) -> MemoryLink:
        near, far = memory_pair()
        self.tasks.append(asyncio.create_task(self._serve(far)))
        return near

    async def _serve(self, link: MemoryLink) -> None:
        reader = FrameReader()
        with suppress(LinkClosed):
            while True:
                for frame in reader.feed(await link.receive()):
                    if isinstance(frame, Frame) and self.rng.random() > 0.05:
                        await self._answer(link, frame)

    async def _answer(self, link: MemoryLink, frame: Frame) -> None:
        for station in self.stations:
            answer = station.answer(frame, self.now())
            chance = self.rng.random()
            if answer is None or chance < 0.05:
                continue
            if chance < 0.10:
                self.tasks.append(asyncio.create_task(self._late(link, answer)))
                continue
            await link.send(answer)
            if chance < 0.15:
                await link.send(answer)

    async def _late(self, link: MemoryLink, answer: bytes) -> None:
        await asyncio.sleep(self.rng.uniform(0.5, 3.0))
        with suppress(LinkClosed):
            await link.send(answer)

    # -- the tap: what our side lets onto the wire

    def show(self, direction: str, raw: bytes) -> None:
        if direction != ">":
            return
        for frame in FrameReader().feed(raw):
            if isinstance(frame, Frame) and frame.control == CONTROL:
                word, until = frame.data[8], frame.data[10:][::-1].hex()
                address = from_wire(frame.address)
                (key,) = [k for k, held in self.orders.items() if _is(held, address, word, until)]
                self._hold(key, address, word)
            elif isinstance(frame, Frame) and frame.control == CHANGE_PASSWORD:
                self._hold_password(from_wire(frame.address), ChangePassword.parse(frame.data))

    def _hold_password(self, address: str, request: ChangePassword) -> None:
        """What a meter is told is sealed before; what is only tried is kept."""
        rows = self.vault.of(f"m{int(address) - 1}")
        assert request.old in [held.access for _, held in rows]
        if request.old != request.new:
            (order,) = [order for order, held in rows if held.access == request.new and held.state == "next"]
            self._hold(CommandKey(order, f"m{int(address) - 1}"), address)
            self.changed += 1

    def _hold(self, key: CommandKey, address: str, word: int | None = None) -> None:
        """The promises, against what is true at this moment."""
        self.frames += 1
        now = self.now()
        held = self.orders[key]
        self.sent[key] += 1
        assert self.sent[key] == 1, f"{key} acts twice"
        assert held.is_approved, f"{key} is sent though nobody may have approved it"
        order = held.due.order
        assert order.expires is not None
        assert order.not_before is not None
        assert order.not_before <= now < order.expires
        assert self.states[key].state is State.SENT, "a frame goes out before that is written down"
        before = now - timedelta(seconds=STALE_S)
        assert not any(span.held_all_through(before, now) for span in self.stopped), "sent though all is stopped"
        assert not any(span.held_all_through(before, now) for span in self.doubtful), "sent by a clock in doubt"
        assert held.recalled is None or not held.recalled.held_all_through(before, now), "sent though it is recalled"
        if word in _CUTS:
            own = int(address) - 1
            cut = [n for n, span in self.protected if span.held_all_through(before, now)]
            assert own not in cut, f"{address} is protected and is sent {word}"

    # -- the book

    async def claim(self, due: Due, asked: Asked, claim: str, told: Told) -> bool:
        await self._reach()
        held = self.states[due.key]
        if held.state is not State.RELEASED:
            return False
        self.states[due.key] = held.claimed(claim)
        await self._reach()  # it may be written down and nobody hears of it
        return True

    async def hold(self, due: Due, asked: Asked, after: State, told: Told) -> bool:
        return await self.move(due.key, State.RELEASED, after, told)

    async def move(self, key: CommandKey, before: State, after: State, told: Told) -> bool:
        await self._reach()
        if self.states[key].state is not before:
            return False
        self.states[key] = self.states[key].to(after)
        if after is State.VERIFIED:
            self._shown(key)
        return True

    def _shown(self, key: CommandKey) -> None:
        """A command that is verified shows what was ordered, really."""
        order = self.orders[key].due.order
        relay = self.stations[int(order.by_meter[key.meter].address) - 1].memory(self.now()).relay
        if order.function is Function.CHANGE_PASSWORD:
            passwords = self.stations[int(order.by_meter[key.meter].address) - 1].memory(self.now()).passwords
            (current,) = [held for _, held in self.vault.of(key.meter) if held.state == "current"]
            assert current.access.secret == passwords._secrets[2], f"{key} is called verified and is not so"
        if order.function in (Function.TRIP, Function.CLOSE):
            assert relay.closed is (order.function is Function.CLOSE), f"{key} is called verified and is not so"

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise DatabaseUnreachable("away")

    # -- the outlook and the keys

    async def refresh(self, request: Request) -> None:
        await asyncio.sleep(0)
        self.seen[request.key] = self._world(request), asyncio.get_running_loop().time()

    def world(self, request: Request) -> World:
        world, at = self.seen.get(request.key, (World(), 0.0))
        gone = asyncio.get_running_loop().time() - at
        if world.now is None or gone >= STALE_S:
            return World()
        return replace(world, now=world.now + timedelta(seconds=gone))

    def forget(self, request: Request) -> None:
        self.seen.pop(request.key, None)

    def _world(self, request: Request) -> World:
        now = self.now()
        names = [f"m{number}" for number, span in self.protected if _holds(span, now)]
        held = self.orders[request.key]
        cancelled = held.recalled is not None and _holds(held.recalled, now)
        return World(
            now=now,
            clock=Clock(not any(_holds(span, now) for span in self.doubtful), "as it is"),
            policy=_FREE,
            users=USERS,
            registry={t.meter: t for t in request.order.targets},
            protection=ProtectionList(tuple(Entry("medical", meter=name) for name in names), now),
            stops=Stops(any(_holds(span, now) for span in self.stopped)),
            recalls=Recalls(frozenset({request.order.key} if cancelled else ())),
            holds=Holds({}, {}),
            commands={request.key: self.states[request.key]},
            ledger=Rows(()),
            customers={"north": 1000, "": 1000},
            zones={"north": ZONE},
            holidays=WORLD.holidays,
            weather={"north": Weather(False, now)},
            meter_clocks={t.meter: MeterClock.RIGHT for t in request.order.targets},
        )

    # -- what happens

    def order(self) -> None:
        """Released, as whoever writes into the book says; the core looks whether that can be."""
        rng, now = self.rng, self.now()
        number = self.drafted = self.drafted + 1
        meter = rng.choice(self.meters)
        function = rng.choice([*WORDS, Function.TRIP, Function.TRIP, Function.CLOSE, Function.CHANGE_PASSWORD])
        target = Target(meter.name, meter.address, "line", f"p-{meter.name}", "north", load_w=1000)
        # The second of its expiry names an order on the wire: none is as another.
        expires = (now + timedelta(seconds=rng.uniform(1, 3000))).replace(microsecond=0)
        while any(h.due.order.expires == expires for h in self.orders.values()):
            expires += timedelta(seconds=1)
        order = Order(
            f"o{number}", function, (target,), ReasonCode.DANGER, "ada", "", now - timedelta(minutes=1), expires
        )
        bound = binding(order, _FREE.version)
        good = Approval(rng.choice(["bo", "dee"]), bound, now - timedelta(minutes=1), now + timedelta(hours=1))
        bad = rng.choice(
            [
                (),
                (replace(good, by="ada"),),
                (replace(good, by="robot"),),
                (replace(good, bound="another order"),),
                (replace(good, expires=now - timedelta(seconds=1)),),
            ]
        )
        cuts = order.traits.approvals > 0
        approvals = (good,) if rng.random() < 0.8 else bad
        key = CommandKey(order.key, meter.name)
        self.states[key] = Command(key, order.digest, State.RELEASED)
        due = Due(key, order, approvals, "bo", State.RELEASED, 1, 2, now)
        self.orders[key] = Held(due, not cuts or approvals == (good,))

    def turn(self, what: list[Span]) -> None:
        """Begin it, or end what holds."""
        open_ = [span for span in what if span.until is None]
        if open_:
            open_[0].until = self.now()
        else:
            what.append(Span(self.now()))

    def protect(self) -> None:
        number = self.rng.randrange(COUNT)
        open_ = [span for n, span in self.protected if n == number and span.until is None]
        if open_:
            open_[0].until = self.now()
        else:
            self.protected.append((number, Span(self.now())))

    def recall(self) -> None:
        if self.orders:
            held = self.rng.choice(list(self.orders.values()))
            held.recalled = held.recalled or Span(self.now())

    def befall(self) -> None:
        now, memory = self.now(), self.rng.choice(self.stations).memory(self.now())
        memory.catch_up(now)
        what = self.rng.randrange(3)
        if what == 0:
            memory.stick(self.rng.random() < 0.5, now)
        elif what == 1:
            memory.press(now)
        elif memory.meter.era(now).powered:
            memory.lose_power(now, self.rng.uniform(1, 60))

    async def work(self) -> None:
        """Some sender is at some command, perhaps two at once, and may be killed anywhere."""
        keys = [key for key, held in self.states.items() if held.state not in FINAL]
        if not keys:
            return
        key = self.rng.choice(keys)
        places = [0, 1] if self.rng.random() < 0.1 else [self.rng.randrange(2)]
        tasks = [asyncio.create_task(self._work(key, place)) for place in places]
        if self.rng.random() < 0.2:
            await asyncio.sleep(self.rng.choice([0.0, 0.0, 0.001, 0.3, 1.0]))
            for _ in range(self.rng.randrange(12)):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
        for task in tasks:
            with suppress(CommunicationError, DatabaseUnreachable, asyncio.CancelledError):
                await task

    async def _work(self, key: CommandKey, place: int) -> None:
        held = self.states[key]
        sender, line = self.senders[place], self.lines[place]
        meter = self.meters[int(key.meter[1:])]
        due = replace(self.orders[key].due, state=held.state)
        if held.state is State.RELEASED:
            await sender.send(line, meter, due)
        elif held.state is State.SENT:
            if not any(held.claim in one.claims for one in self.senders):
                await self.move(key, State.SENT, State.UNKNOWN, Told("its sender died"))
        else:
            await sender.look(line, meter, due, due.since)

    def check(self) -> None:
        """What the book says goes with what was on the wire, and no password is lost."""
        for number, station in enumerate(self.stations):
            secret = station.memory(self.now()).passwords._secrets[2]
            kept = {held.access.secret for _, held in self.vault.of(f"m{number}")}
            assert secret in kept, f"nobody knows the password of m{number} any more"
        unsent = {State.RELEASED, State.EXPIRED, State.REJECTED, State.RECALLED, State.STOPPED, State.QUARANTINED}
        for key in self.sent:
            assert self.states[key].state not in unsent, f"{key} was sent, and the book says {self.states[key].state}"
        for key, held in self.states.items():
            if held.state is State.ACKNOWLEDGED:
                assert self.sent[key] == 1, f"{key} is acknowledged and was never sent"

    def clear_away(self) -> None:
        """Orders that are over, so that the walk stays quick. What was sent of them stays counted."""
        now = self.now()
        for key, held in list(self.orders.items()):
            expires = held.due.order.expires
            if expires is not None and now > expires + PATIENCE:
                del self.orders[key], self.states[key]
                self.sent.pop(key, None)
        self.protected = [(n, s) for n, s in self.protected if s.until is None or s.until > now - PATIENCE]
        self.stopped = [s for s in self.stopped if s.until is None or s.until > now - PATIENCE]
        self.doubtful = [s for s in self.doubtful if s.until is None or s.until > now - PATIENCE]
        self.tasks = [task for task in self.tasks if not task.done()]

    async def close(self) -> None:
        for sender in self.senders:
            await sender.close()
        for line in self.lines:
            await line.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _is(held: Held, address: str, word: int, until: str) -> bool:
    order = held.due.order
    assert order.expires is not None
    local = order.expires.astimezone(ZONE).strftime("%y%m%d%H%M%S")
    return held.due.target.address == address and WORDS.get(order.function) == word and local == until


def _holds(span: Span, now: datetime) -> bool:
    return span.since <= now and (span.until is None or now < span.until)
