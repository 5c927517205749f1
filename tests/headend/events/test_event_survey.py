"""Events of simulated meters of both editions, read through a line as the daemon would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headend.collection.line import Line, LinePath
from headend.collection.survey import MeterPath
from headend.events.survey import EventSurvey, survey_events
from protocols import models
from protocols.dlt645.events.state import EventState
from protocols.errors import NoAnswer
from protocols.events import EventSource, MeterEvent
from protocols.timing import Timing
from simulators.fleet import Fleet
from tests.simulators.meters import NOON
from tests.simulators.reading import bus, scenario

SHANGHAI = ZoneInfo("Asia/Shanghai")
QUICK = Timing(response=0.2, latency=0.0, gap=0.1, pause=0.0, late=0.2, retries=0)


class Site:
    """One simulated meter behind a TCP port, and what is remembered of it."""

    def __init__(self, fleet: Fleet, line: Line, edition: str) -> None:
        self.fleet = fleet
        self.line = line
        (self.simulated,) = fleet.meters
        self.meter = MeterPath(7, "m7", self.simulated.address, models.load(f"dlt645_{edition}"))
        self.state = EventState()
        self.now = NOON

    def clock(self) -> datetime:
        return self.now

    def wait(self, **durations: float) -> None:
        self.now += timedelta(**durations)

    def happen(self, kind: str, seconds: float | None = None) -> None:
        self.fleet.happen(self.simulated.name, kind, seconds)

    async def survey(self, **options: Any) -> EventSurvey:
        result = await survey_events(self.line, self.meter, self.state, self.clock, SHANGHAI, **options)
        self.state = EventState.from_json(result.state.to_json())  # as it comes back from where it is kept
        return result

    async def news(self, **options: Any) -> list[tuple[str, EventSource, bool]]:
        result = await self.survey(**options)
        assert result.errors == []
        return [(event.kind.code, event.source, event.is_open) for event in result.events]

    async def exchanges(self, act: Callable[[], Any]) -> int:
        """How many questions it took."""
        before = self.line.counters.requests
        await act()
        return self.line.counters.requests - before


@asynccontextmanager
async def site(edition: str = "2007", *more: str, carrier: str = "tcp://127.0.0.1:0") -> AsyncIterator[Site]:
    text = bus("dlt645", carrier, "meters = 1", f'edition = "{edition}"', *more)
    made: list[Site] = []
    async with Fleet(scenario(text), lambda: made[0].now if made else NOON) as fleet:
        line = Line(LinePath("line", fleet.buses[0].url, "dlt645"), QUICK)
        made.append(Site(fleet, line, edition))
        try:
            yield made[0]
        finally:
            await line.close()


def at(event: MeterEvent) -> str:
    return event.start.astimezone(SHANGHAI).isoformat()[:19]


@pytest.mark.parametrize("carrier", ["tcp://127.0.0.1:0", "pty"])
async def test_a_new_meter_without_a_past(carrier: str) -> None:
    async with site(carrier=carrier) as one:
        result = await one.survey()
        assert (result.events, result.errors, result.complete) == ([], [], True)
        assert one.state.meter_number == one.simulated.address
        assert all(mark.count == 0 for mark in one.state.marks.values() if mark.refused is None)


async def test_events_come_once_and_the_end_of_one_later() -> None:
    async with site() as one:
        await one.survey()
        one.wait(minutes=5)
        one.happen("cover_open", 30)
        one.happen("overvoltage_l2", 600)
        one.wait(minutes=1)
        first = await one.survey()
        assert {(event.kind.code, event.source.name, event.is_open) for event in first.events} == {
            ("meter_cover_open", "RECORD", False), ("overvoltage_l2", "RECORD", True),
            ("overvoltage_l2", "STATUS_WORD", True),
        }  # fmt: skip
        record = next(e for e in first.events if e.source is EventSource.RECORD and e.is_open)
        assert (at(record), record.start.tzinfo) == ("2026-11-22T12:35:07", UTC)
        assert record.values["voltage_l2_at_start"] is not None
        assert await one.news() == []
        one.wait(minutes=30)
        second = await one.survey()
        ended = {event.source: event for event in second.events}
        assert ended[EventSource.RECORD].start == record.start
        assert ended[EventSource.RECORD].end == record.start + timedelta(minutes=10)
        assert ended[EventSource.RECORD].values["active_energy_import_increment"] is not None
        assert ended[EventSource.STATUS_WORD].end == one.now
        assert all(not event.is_open for event in second.events)
        assert await one.news() == []


async def test_a_meter_without_news_costs_one_question_a_counter() -> None:
    async with site() as one:
        one.happen("cover_open", 1)
        one.wait(minutes=1)
        await one.survey()
        asked = {event.counter for event in _logs(one)}
        assert await one.exchanges(one.survey) == 1 + 1 + len(asked)  # its number, its words, its counters


def _logs(one: Site) -> Any:
    from protocols.dlt645.events import LOGS

    return [log for log in LOGS["2007"] if one.state.marks[log.kind.code].refused is None]


async def test_what_a_meter_refuses_is_asked_once() -> None:
    async with site("1997") as one:
        one.happen("phase_loss_l3", 120)
        one.wait(minutes=10)
        events = {(e.kind.code, e.source.name): e for e in (await one.survey()).events}
        assert set(events) == {("phase_loss", "RECORD"), ("phase_loss_l3", "RECORD")}
        lost = events["phase_loss_l3", "RECORD"]
        assert (at(lost), lost.end) == ("2026-11-22T12:30:00", lost.start + timedelta(minutes=2))
        assert await one.news() == []


async def test_1997_an_end_before_the_start_is_that_of_the_time_before() -> None:
    async with site("1997") as one:
        one.happen("phase_loss_l1", 60)
        one.wait(minutes=20)
        await one.survey()
        one.happen("phase_loss_l1", 1200)
        one.wait(minutes=5)
        begun = (await one.survey()).events
        assert [e.kind.code for e in begun if e.source is EventSource.STATUS_WORD] == ["phase_loss_l1"]
        open_ones = [e for e in begun if e.source is EventSource.RECORD]
        assert [(e.kind.code, at(e), e.is_open) for e in open_ones] == [
            ("phase_loss", "2026-11-22T12:50:00", True), ("phase_loss_l1", "2026-11-22T12:50:00", True),
        ]  # fmt: skip
        one.wait(minutes=20)
        ended = [e for e in (await one.survey()).events if e.source is EventSource.RECORD]
        assert {e.end for e in ended} == {open_ones[0].start + timedelta(minutes=20)}


async def test_a_meter_of_unknown_kinds_is_learnt() -> None:
    async with site("2007", 'quirks = { unavailable = "empty" }') as one:
        first = await one.survey()
        assert first.errors == []


async def test_another_meter_at_the_address_begins_anew() -> None:
    async with site() as one:
        one.happen("cover_open", 1)
        one.wait(minutes=1)
        assert [code for code, *_ in await one.news()] == ["meter_cover_open"]
        one.fleet.station(one.simulated.name).memory(one.now).parameters["04000402", "meter_number"] = "000000004711"
        codes = [code for code, *_ in await one.news()]
        assert codes == ["meter_number_changed", "meter_cover_open"]
        assert one.state.meter_number == "000000004711"


async def test_cleared_events_are_told() -> None:
    async with site() as one:
        one.happen("terminal_cover_open", 1)
        one.wait(minutes=1)
        await one.survey()
        memory = one.fleet.station(one.simulated.name).memory(one.now)
        memory.clear_events("FFFFFFFF", "01020304", one.now)
        result = await one.survey()
        assert {event.kind.code for event in result.events} == {"event_clear", "event_counter_reset"}
        reset = next(event for event in result.events if event.kind.code == "event_counter_reset")
        assert reset.values == {"terminal_cover_open": "1 to 0"}


async def test_more_than_are_kept_is_a_gap() -> None:
    async with site() as one:
        await one.survey()
        for _ in range(13):
            one.wait(minutes=1)
            one.happen("cover_open", 5)
        one.wait(minutes=1)
        result = await one.survey()
        gap = next(event for event in result.events if event.kind.code == "event_gap")
        assert gap.values == {"meter_cover_open": "3"}
        assert sum(event.kind.code == "meter_cover_open" for event in result.events) == 10


async def test_a_silent_meter_ends_its_turn_and_loses_nothing() -> None:
    async with site() as one:
        await one.survey()
        one.happen("power_down", 120)
        before = one.state
        silent = await one.survey()
        assert (silent.events, silent.complete, silent.state) == ([], False, before)
        assert isinstance(silent.errors[0], NoAnswer)
        one.wait(minutes=5)
        (event,) = (await one.survey()).events
        assert (event.kind.code, event.end) == ("power_down", event.start + timedelta(minutes=2))


@pytest.mark.parametrize("logs_first", [0, 5])
async def test_a_turn_that_is_over_goes_on_where_it_was(logs_first: int) -> None:
    async with site() as one:
        one.happen("cover_open", 1)
        one.wait(minutes=1)
        deadline = one.now + timedelta(seconds=logs_first)
        real = one.clock

        def slow() -> datetime:
            one.now += timedelta(seconds=1)
            return real()

        one.clock = slow  # type: ignore[method-assign]
        codes: list[str] = []
        for _ in range(80):
            result = await one.survey(until=max(deadline, one.now + timedelta(seconds=logs_first + 3)))
            codes += [event.kind.code for event in result.events]
            if result.complete:
                break
        assert result.complete
        assert codes == ["meter_cover_open"]


async def test_only_some_kinds_are_asked_for() -> None:
    async with site() as one:
        one.happen("cover_open", 1)
        one.happen("overload_l1", 1)
        one.wait(minutes=1)
        assert await one.news(kinds={"overload_l1"}) == [("overload_l1", EventSource.RECORD, False)]


async def test_a_meter_of_another_protocol_gives_nothing() -> None:
    async with site() as one:
        one.meter = MeterPath(1, "m", "1", models.load("eastron_sdm630"))
        result = await one.survey()
        assert (result.events, result.errors, result.state) == ([], [], EventState())


@pytest.mark.parametrize("edition", ["2007", "1997"])
async def test_on_a_bad_line_nothing_is_lost_or_told_with_two_starts(edition: str) -> None:
    """Answers are dropped and damaged; what one turn did not get, a later one does."""
    async with site(edition, 'faults = "drop:0.08,noise:0.05,cut:0.04"') as one:
        told: dict[tuple[str, datetime], MeterEvent] = {}
        gaps = 0

        async def turn() -> EventSurvey:
            nonlocal gaps
            result = await one.survey(kinds={f"phase_loss_l{phase}" for phase in (1, 2, 3)})
            for event in result.events:
                if event.source is EventSource.RECORD:
                    told[event.kind.code, event.start] = event
                gaps += event.kind.code in ("event_gap", "event_counter_reset")
            return result

        for number in range(4):
            one.wait(minutes=2)
            one.happen(f"phase_loss_l{number % 3 + 1}", 60)
            one.wait(minutes=2)
            for _ in range(40):
                result = await turn()
                if result.complete and not result.errors:
                    break
            else:
                pytest.fail("never a whole turn")
        assert gaps == 0
        by_phase = [key for key in told if key[0].startswith("phase_loss_l")]
        assert len(by_phase) == 4
        assert all(told[key].end is not None for key in by_phase)
