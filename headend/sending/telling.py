"""Telling a meter the time by order: its clock is read, the rules of clocks are asked, the frame goes out on a full
second, and it is told once a day, whoever does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from headend.clock.keeping import keep_surveys, row_of
from headend.clock.known import in_ms, known_of
from headend.clock.moment import SECOND, nearest_second, next_second, on_wire, spelled
from headend.clock.offset import shown_at
from headend.clock.policy import ClockPolicy
from headend.clock.rules import Finding, Known, meter_rules, refusals
from headend.clock.survey import ClockSurvey, has_clock, survey_clock
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import State
from headend.safety.one_frame import without_parameters
from headend.safety.order import Order, Target
from headend.safety.telling import TellTime
from headend.safety.verification import Seen
from headend.safety.world import Clock, World
from headend.sending.acts import Act
from headend.sending.book import Due
from headend.sending.gate import Gate
from headend.sending.way import Found, Prepared
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.clock import set_time
from protocols.errors import NotPermitted
from protocols.modbus import ModbusModel
from protocols.modbus.writes import Safety
from storage.clocks import ClockStore, ToTell
from storage.errors import AlreadyThere, StorageError

_log = structlog.get_logger("clock")
WAY = "single"


def why_not(meter: MeterPath, order: Order, target: Target) -> str:
    """Why a meter cannot be told the time; empty where it can. 08H is alike in both editions. Raises `NotPermitted`,
    `ModelError`."""
    model = meter.model
    without_parameters(order)
    if isinstance(model, Dlt645Model):
        model.check_address(target.address)
        return ""
    points = model.writes.values() if isinstance(model, ModbusModel) else ()
    if any(point.safety is Safety.CLOCK for point in points):
        return f"model {model.head.name} does not say how its clock is read: nothing would tell that it was set"
    return f"model {model.head.name} declares no clock"


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """The way of telling the time. `clock`: whether this machine's is right."""

    store: ClockStore
    policy: ClockPolicy
    now: Callable[[], datetime]
    clock: Callable[[], Clock]

    async def begin(self, line: Line, meter: MeterPath, due: Due) -> Telling:
        """Look at its clock and keep what it shows."""
        survey = None
        if has_clock(meter):
            survey = await survey_clock(line, meter, self.now)
            await keep_surveys(self.store, [survey], self.policy)
        (known,) = await known_of(self.store, self.policy, [meter], self.now())
        return Telling(self, line, meter, known, survey, f"{due.order.requester} (order {due.order.key})")

    async def find(self, line: Line, meter: MeterPath, due: Due, turn: asyncio.Lock) -> Found:
        return Found((await self.begin(line, meter, due)).seen)

    async def settle(self, due: Due, after: State) -> None:
        """That it was told is written down around the frame."""


@dataclass(slots=True)
class Telling:
    """One order at one meter. `told`: the moment that the frame says."""

    keeper: Timekeeper
    line: Line
    meter: MeterPath
    known: Known
    survey: ClockSurvey | None
    actor: str
    told: datetime | None = field(default=None, init=False)

    @property
    def left(self) -> timedelta:
        """How far off its clock is to stay, in whole seconds: it is moved by a step."""
        offset = self.known.offset
        left = timedelta(0) if offset is None else self.keeper.policy.moved(offset.offset)
        return round(left / SECOND) * SECOND

    @property
    def seen(self) -> Seen:
        if self.survey is None or self.survey.offset is None:
            return Seen()
        row = row_of(self.survey)
        return Seen(
            off_ms=row.offset_ms, unsure_ms=row.uncertainty_ms, leave_ms=round(self.left.total_seconds() * 1000)
        )

    def against(self) -> tuple[str, ...]:
        """What the rules of clocks say at this moment."""
        host = self.keeper.clock()
        rules = meter_rules(self.known, self.keeper.policy, self.keeper.now(), stepwise=True)
        broken = refusals([Finding("host clock", host.trusted, host.why), *rules])
        return tuple(f"{one.rule}: {one.why}" for one in broken)

    def onto(self, world: World) -> World:
        return replace(world, time_rules={self.meter.name: self.against()})

    async def prepare(self, zone: ZoneInfo) -> Prepared:
        return self._act

    async def _act(self, gate: Gate) -> Act:
        wire = TellTime(self.keeper.now, on_wire(self.line), self.left)
        return Act(wire, self._exchange, answered=False, around=self._around)

    def _exchange(self) -> Generator[Any, Any, None]:
        """Its time is that of the moment at which it has the line."""
        wire: Any = self.line.wire
        heard = nearest_second(self.keeper.now() + on_wire(self.line))
        self.told = heard + self.left
        yield from set_time(spelled(heard, self.meter.zone, self.left), self.meter.address, wire.preamble)

    @asynccontextmanager
    async def _around(self, gate: Gate) -> AsyncIterator[None]:
        """Written down that it is told, before it is; given back where not one byte went out. Cut off in between it
        stands as told."""
        now, store = self.keeper.now, self.keeper.store
        row = ToTell(self.meter.id, shown_at(now(), self.meter.zone).date(), in_ms(self.known.offset))
        try:
            ids = await store.reserve([row], now(), WAY, self.line.path.name, self.actor)
        except AlreadyThere:
            raise NotPermitted("once a day: somebody else has just told it the time") from None
        try:
            heard = next_second(now() + on_wire(self.line))
            await asyncio.sleep(max(0.0, (heard - on_wire(self.line) - now()).total_seconds()))
            yield
        finally:
            try:
                if not gate.passed:
                    await store.held_back(ids, now())
                elif self.told is not None:
                    await store.sent(ids, self.told, now())
            except StorageError as error:
                _log.warning(
                    "that a meter was told the time is not written down", meter=self.meter.name, reason=str(error)
                )
