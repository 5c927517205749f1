"""Every expected capture is in exactly one state, and the states add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from protocols.model import Quality, Source
from protocols.quantities import BY_NAME
from storage.entries import NewPlan
from storage.ledger import Ledger, State
from storage.writer import Miss, Writer
from tests.storage.captures import T0, capture
from tests.storage.test_reader import meters

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
IMPORT, EXPORT, VOLTAGE = (
    BY_NAME[name] for name in ("active_energy_import", "active_energy_export", "voltage_l1")
)  # fmt: skip
CURVE = NewPlan(name="curve", period_s=900, quantities=(IMPORT,), valid_from=T0 - 60 * DAY)


def lacking_all(meter_id: int, time: datetime, reason: str, *, final: bool = False, tried: datetime = T0) -> Miss:
    return Miss(meter_id, 1, time, reason, tried, final)


async def test_each_slot_has_one_state_and_they_add_up(database: str) -> None:
    one, other = await meters(database, 2, CURVE)
    async with Writer(database) as writer, Ledger(database) as ledger:
        await writer.write([
            capture(one, T0),
            replace(capture(one, T0 + QUARTER), source=Source.RECORD),
            capture(one, T0 + 2 * QUARTER, values=(None, 7)),  # a part that nobody asked for
            capture(one, T0 + 3 * QUARTER, values=(None,), quality=(Quality.NOT_AVAILABLE,)),
        ])  # fmt: skip
        await writer.write_misses([
            lacking_all(one, T0 + QUARTER, "no_answer"),
            lacking_all(one, T0 + 2 * QUARTER, "not_kept", final=True),
            lacking_all(other, T0, "late"),
        ])  # fmt: skip
        balance = await ledger.balance(T0, T0 + HOUR)
        of_one = await ledger.balance(T0, T0 + HOUR, [one])
        by_meter = await ledger.by_meter(T0, T0 + HOUR)
        days = await ledger.by_day(T0 - DAY, T0 + DAY, "Asia/Shanghai")
        slots = await ledger.slots(T0, T0 + HOUR)
    assert dict(balance.states) == {
        State.RECEIVED: 2, State.RECOVERED: 1, State.ESTIMATED: 0, State.UNRECOVERABLE: 1, State.OPEN: 4,
    }  # fmt: skip
    assert balance.expected == 8
    assert balance.reasons == {"not_kept": 1, "late": 1, "not_collected": 3}
    assert of_one.expected == 4
    assert by_meter[one] == of_one
    assert by_meter[other].states[State.OPEN] == 4
    assert sum(sum(states.values()) for states in days.values()) == 2 * 2 * 96
    assert [(s.meter_id, s.time, s.state, s.reason, s.tries) for s in slots] == [
        (other, T0 + 3 * QUARTER, State.OPEN, "not_collected", 0),
        (one, T0 + 2 * QUARTER, State.UNRECOVERABLE, "not_kept", 1),
        (other, T0 + 2 * QUARTER, State.OPEN, "not_collected", 0),
        (other, T0 + QUARTER, State.OPEN, "not_collected", 0),
        (other, T0, State.OPEN, "late", 1),
    ]


async def test_a_gap_is_worth_a_try_after_a_pause_that_grows(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1, CURVE)
    async with Writer(plain_database) as writer, Ledger(plain_database) as ledger:
        await writer.write_misses([lacking_all(meter, T0, "no_answer")])
        await writer.write_misses([lacking_all(meter, T0, "no_answer")])
        await writer.write_misses([lacking_all(meter, T0 + QUARTER, "no_answer")])

        async def found(minutes: int, untried: datetime = T0) -> list[datetime]:
            now = T0 + timedelta(minutes=minutes)
            return [
                s.time for s in await ledger.recoverable([meter], T0, T0 + HOUR, now, untried=untried) if s.lacking == 1
            ]

        assert await found(9) == []
        assert await found(11) == [T0 + QUARTER]
        assert await found(21) == [T0 + QUARTER, T0]
        assert await found(9, T0 + 3 * QUARTER) == [T0 + 2 * QUARTER]
        newest = await ledger.recoverable([meter], T0, T0 + HOUR, T0 + DAY, untried=T0 + DAY, limit=1)
    assert [(s.time, s.untried) for s in newest] == [(T0 + 3 * QUARTER, True)]


async def test_reopened_is_what_is_missing_and_was_tried(database: str) -> None:
    one, other = await meters(database, 2, CURVE)
    async with Writer(database) as writer, Ledger(database) as ledger:
        await writer.write([capture(one, T0 + QUARTER)])
        await writer.write_misses([
            lacking_all(one, T0, "not_kept", final=True),
            lacking_all(one, T0 + QUARTER, "no_answer"),  # recovered since
            lacking_all(one, T0 + HOUR, "not_kept", final=True),  # behind the span
            lacking_all(other, T0, "no_memory", final=True),
        ])  # fmt: skip
        assert await ledger.reopen(T0, T0 + HOUR, [one]) == 1
        after = await ledger.balance(T0, T0 + 2 * HOUR)
        at_once = await ledger.recoverable([one, other], T0, T0 + HOUR, T0, untried=T0 - DAY)
        assert await ledger.reopen(T0, T0 + HOUR) == 2
        assert (await ledger.balance(T0, T0 + HOUR)).states[State.UNRECOVERABLE] == 0
    assert (after.states[State.UNRECOVERABLE], after.states[State.RECOVERED]) == (2, 1)
    assert after.reasons["recollect"] == 1
    assert [(s.meter_id, s.time) for s in at_once] == [(one, T0)]


async def test_what_retention_has_dropped_is_expected_no_more(plain_database: str) -> None:
    await meters(plain_database, 1, CURVE)
    async with Ledger(plain_database) as ledger:
        before = (await ledger.balance(T0 - 2 * DAY, T0)).expected
        with psycopg.connect(plain_database) as connection:
            connection.execute(
                """INSERT INTO retained (kind, since) VALUES ('captures', %(t)s)
                   ON CONFLICT (kind) DO UPDATE SET since = excluded.since""",
                {"t": T0 - DAY},
            )
        after = (await ledger.balance(T0 - 2 * DAY, T0)).expected
    assert (before, after) == (192, 96)


async def test_two_plans_want_different_parts_of_one_capture(plain_database: str) -> None:
    midnight = NewPlan(
        name="midnight", period_s=None, minute=0, zone="Asia/Shanghai", quantities=(EXPORT,), valid_from=T0 - 60 * DAY,
        kind="records",
    )  # fmt: skip
    (meter,) = await meters(plain_database, 1, CURVE, midnight)
    at = datetime(2026, 2, 28, 16, tzinfo=UTC)
    async with Writer(plain_database) as writer, Ledger(plain_database) as ledger:
        await writer.write([capture(meter, at, values=(1,))])
        (slot,) = await ledger.slots(at, at + QUARTER)
        await writer.write([capture(meter, at, values=(None,) * 5 + (1,) + (1,))])
        whole = await ledger.balance(at, at + QUARTER)
    assert slot.state is State.OPEN
    assert whole.states[State.RECEIVED] == 1
    assert slot.lacking.bit_count() == 1


async def test_places_are_of_a_moment(plain_database: str) -> None:
    await meters(plain_database, 3)
    with psycopg.connect(plain_database) as connection:
        connection.execute("INSERT INTO area (name) VALUES ('A'), ('B')")
        connection.execute("INSERT INTO usage_point (name, tariff) VALUES ('p1', 'tou'), ('p2', NULL)")
        connection.execute(
            """INSERT INTO meter_installation (usage_point_id, meter_id, "from")
               SELECT p.id, m.id, %(t)s FROM usage_point p JOIN meter m ON substr(p.name, 2) = substr(m.name, 2)""",
            {"t": T0},
        )
        connection.execute(
            """INSERT INTO area_point (usage_point_id, area_id, "from")
               SELECT p.id, a.id, %(t)s FROM usage_point p JOIN area a ON a.name = 'A' WHERE p.name = 'p1'""",
            {"t": T0},
        )
        connection.execute(
            """INSERT INTO total_meter (meter_id, area_id, "from", "to")
               SELECT m.id, a.id, %(t)s, %(e)s FROM meter m JOIN area a ON a.name = 'B' WHERE m.name IN ('m1', 'm3')""",
            {"t": T0, "e": T0 + DAY},
        )
    async with Ledger(plain_database) as ledger:
        first, later, before = [await ledger.places(at) for at in (T0, T0 + DAY, T0 - DAY)]
    assert sorted(first.values(), key=str) == sorted(
        [(frozenset({"A", "B"}), "tou"), (frozenset(), None), (frozenset({"B"}), None)], key=str
    )
    assert set(later.values()) == {(frozenset({"A"}), "tou"), (frozenset(), None)}
    assert before == {}


async def test_what_its_horizon_has_passed_is_given_up_until_somebody_wants_it(database: str) -> None:
    midnight = NewPlan(
        name="midnight", period_s=None, minute=0, zone="Asia/Shanghai", quantities=(IMPORT,), valid_from=T0 - 60 * DAY,
        horizon=3 * DAY,
    )  # fmt: skip
    (meter,) = await meters(database, 1, replace(CURVE, horizon=DAY), midnight)
    at = datetime(2026, 2, 28, 16, tzinfo=UTC)  # midnight there: both plans want that slot
    later = at + 2 * DAY
    async with Writer(database) as writer, Ledger(database) as ledger:
        await writer.write([capture(meter, at + 3 * QUARTER)])
        await writer.write_misses([
            lacking_all(meter, at + QUARTER, "no_answer"),
            lacking_all(meter, at + 2 * QUARTER, "not_kept", final=True),
        ])  # fmt: skip

        async def told(now: datetime) -> list[tuple[State, str | None]]:
            slots = await ledger.slots(at, at + HOUR, [meter], tuple(State), now=now)
            return [(slot.state, slot.reason) for slot in reversed(slots)]

        async def worth_a_try(beyond: bool) -> list[datetime]:
            found = await ledger.recoverable([meter], at, at + HOUR, later, untried=later, beyond=beyond)
            return [slot.time for slot in reversed(found)]

        kept, there = (State.UNRECOVERABLE, "not_kept"), (State.RECEIVED, None)
        before = at + QUARTER + DAY - timedelta(seconds=1)
        assert await told(before) == [(State.OPEN, "not_collected"), (State.OPEN, "no_answer"), kept, there]
        given_up = (State.UNRECOVERABLE, "horizon")
        assert await told(later) == [(State.OPEN, "not_collected"), given_up, kept, there]
        assert await told(at + 3 * DAY) == [given_up, given_up, kept, there]
        assert await worth_a_try(beyond=False) == [at]
        assert await worth_a_try(beyond=True) == [at, at + QUARTER]
        assert await ledger.reopen(at, at + HOUR) == 2
        again = (State.OPEN, "recollect")
        assert await told(later) == [(State.OPEN, "not_collected"), again, again, there]
        assert await worth_a_try(beyond=False) == [at, at + QUARTER, at + 2 * QUARTER]
