"""Reading one meter's clock and how far it is off."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeVar

from headend.clock.offset import Offset, offset_of
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from protocols.dlt645.clock_reading import DATE, TIME, WHOLE, ShownClock, read_clock
from protocols.dlt645.model import Dlt645Model
from protocols.errors import BadAnswer, ModelError, Refused
from protocols.exchange import Exchange, once

T = TypeVar("T")

NO_CLOCK: Final = "no_clock"
"""It refuses to tell the time."""
NO_TIME: Final = "no_time"
"""What it shows is no time."""
_BITS: Final = 11
"""Of a byte on a serial line: 8E1."""
_DAY_S: Final = 86_400
_SLACK_S: Final = 2


@dataclass(frozen=True, slots=True)
class ClockSurvey:
    """`offset` is None where `fault` says why. `weekday`: the one that it shows, 0 for Sunday, where it is wrong."""

    meter_id: int
    at: datetime
    offset: Offset | None
    weekday: int | None = None
    fault: str | None = None


@dataclass(slots=True)
class _Glimpse:
    """When an answer was on its way: the meter looked at its clock in between."""

    earliest: datetime | None = None
    latest: datetime | None = None


def has_clock(meter: MeterPath) -> bool:
    """Whether we know how to ask: DL/T 645 meters; no model of a Modbus meter states a clock."""
    return isinstance(meter.model, Dlt645Model)


async def survey_clock(line: Line, meter: MeterPath, now: Callable[[], datetime]) -> ClockSurvey:
    """One question where the meter has date and time in one item, else two, three around midnight.

    Raises `NoAnswer`, `LinkError` and other `CommunicationError` that say nothing of the clock; `ModelError` for a
    meter without a clock that we know to ask.
    """
    model = meter.model
    if not isinstance(model, Dlt645Model):
        raise ModelError(f"no clock is known of model {model.head.name}")
    turn = _Turn(line, meter, now)
    whole = WHOLE[model.edition]
    try:
        if whole is not None:
            try:
                shown, glimpse = await turn.ask(whole)
            except Refused:
                pass
            else:
                return turn.found(shown, glimpse, shown.day, shown.time)
        day = await turn.ask(DATE[model.edition])
        clock, glimpse = await turn.ask(TIME[model.edition])
        if clock.time is not None and may_be_another_day(clock.time, _between(day[1], glimpse)):
            day = await turn.ask(DATE[model.edition])
        return turn.found(day[0], glimpse, day[0].day, clock.time)
    except Refused:
        return ClockSurvey(meter.id, now(), None, fault=NO_CLOCK)
    except BadAnswer:
        return ClockSurvey(meter.id, now(), None, fault=NO_TIME)


def may_be_another_day(shown: time, between: timedelta) -> bool:
    """Whether midnight can have come, by the meter's clock, in the time between its date and this time."""
    of_day = 3600 * shown.hour + 60 * shown.minute + shown.second
    return of_day <= between.total_seconds() + _SLACK_S


def _between(first: _Glimpse, second: _Glimpse) -> timedelta:
    assert first.earliest is not None
    assert second.latest is not None
    return second.latest - first.earliest


@dataclass(slots=True)
class _Turn:
    line: Line
    meter: MeterPath
    now: Callable[[], datetime]

    async def ask(self, code: str) -> tuple[ShownClock, _Glimpse]:
        """Not repeated by the driver: a repeated question would say less about when it was answered."""
        glimpse = _Glimpse()
        wire: Any = self.line.wire
        exchange = once(read_clock(self.meter.address, code, wire))
        return await self.line.run(self._timed(exchange, glimpse), self.meter.name), glimpse

    def found(self, of_day: ShownClock, glimpse: _Glimpse, day: date | None, clock: time | None) -> ClockSurvey:
        assert day is not None
        assert clock is not None
        assert glimpse.earliest is not None
        assert glimpse.latest is not None
        offset = offset_of(datetime.combine(day, clock), self.meter.zone, glimpse.earliest, glimpse.latest)
        return ClockSurvey(self.meter.id, offset.at, offset, of_day.wrong_weekday)

    def _timed(self, exchange: Exchange[Any, T], glimpse: _Glimpse) -> Generator[Any, Any, T]:
        """Notes when the question went out and when the answer was there, less what both take on the wire."""
        ask = next(exchange)
        try:
            while True:
                before = self.now()
                try:
                    answer = yield ask
                except Exception as error:  # noqa: BLE001 - the conversation's to see, whatever it is
                    ask = exchange.throw(error)
                    continue
                after = self.now()
                earliest, latest = before + self._on_wire(len(ask.data)), after - self._on_wire(len(answer.raw))
                glimpse.earliest, glimpse.latest = min(earliest, latest), max(earliest, latest)
                ask = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            exchange.close()

    def _on_wire(self, count: int) -> timedelta:
        rate = self.line.path.bits_per_second
        return timedelta(seconds=count * _BITS / rate if rate else 0.0)
