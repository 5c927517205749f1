"""What else is known bears on the values: exchanges, transformers, roll-overs, outages, clocks, connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from analytics.vee.validated import NAMES, Method, Source
from protocols.model import Capture
from storage.clocks import ClockStore, SurveyRow
from storage.entries import Additions, NewMeter
from storage.exchange import NewExchange, Removal
from storage.outages import OutageRow, OutageStore
from storage.register_reads import NewRead, ReadKind, RegisterReads
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import Area, MultiplierChange, RegisterSource
from tests.headend.validation.site import DAY, IMPORT, LONG_AGO, QUARTER, Site, energies, kwh, midnight, recorded
from tests.storage.captures import capture

FIRST = date(2026, 3, 2)
UNTIL = date(2026, 3, 5)
STEPS = energies(3 * 96)


async def test_an_exchange_within_an_interval_loses_nothing(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build()
    at = 96 + 41
    await site.store(site.captures("m1", STEPS)[: at + 1])
    final, moment = 50_000_000 + sum(STEPS[:at]) + 700, site.start + at * QUARTER + timedelta(minutes=6)
    old = Removal(
        meter="m1", at=moment, final={IMPORT: kwh(final)}, source=RegisterSource.READ, actor="li", reason="worn out"
    )
    new = NewMeter(name="m9", address="9", model="dlt645_2007", line="line", created=LONG_AGO, multiplier=Decimal(10))
    async with Topology(database) as topology, Registry(database) as registry:
        await topology.exchange(NewExchange(old=old, new=new, initial={IMPORT: Decimal(3)}))
        number = (await registry.meter("m9")).id
    rest = [30_000 + (sum(STEPS[at:n]) - 700) // 10 for n in range(at + 1, len(STEPS) + 1)]
    await site.store([
        capture(number, site.start + (at + 1 + n) * QUARTER, values=(register,)) for n, register in enumerate(rest)
    ])  # fmt: skip
    assert (await site.vee(FIRST, UNTIL)).first == 3
    days = await site.days(FIRST, UNTIL)
    assert days.steps.reshape(-1).tolist() == STEPS
    assert (days.source == Source.ACTUAL).all()


async def test_transformers_that_change_and_a_register_that_rolls_over(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build()
    change = MultiplierChange(meter="m1", start=site.start + 96 * QUARTER, multiplier=Decimal(40), actor="li")
    async with Registry(plain_database) as registry:
        await registry.add(Additions(multipliers=(change,)))
    full = 10**6 * 10**4
    rolling = [
        replace(one, values=((one.values[0] or 0) + full - 50_000_000 - 400_000, *one.values[1:]))
        for one in site.captures("m1", STEPS)
    ]
    await site.store([replace(one, values=((one.values[0] or 0) % full, *one.values[1:])) for one in rolling])
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert days.steps[0].tolist() == STEPS[:96]
    assert days.steps[1:].reshape(-1).tolist() == [40 * each for each in STEPS[96:]]
    assert (days.source == Source.ACTUAL).all()


async def test_a_meter_that_came_later_is_expected_from_then_on(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build(installed=site.start + (96 + 10) * QUARTER)
    await site.store(site.captures("m1", STEPS)[96 + 10 :])
    assert (await site.vee(FIRST, UNTIL)).first == 2
    days = await site.days(FIRST, UNTIL)
    assert [day.day for day in days.day.tolist()] == [3, 4]
    assert not days.present[0, :10].any()
    assert (days.source[0, :10] == Source.NONE).all()
    assert not days.failed.any()
    assert days.steps[0, 10:].tolist() == STEPS[96 + 10 : 192]


async def test_nothing_was_used_while_there_was_no_supply(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build()
    async with Registry(plain_database) as registry:
        await registry.add(Additions(areas=(Area(name="a"),)))
    dark = range(96 + 20, 96 + 30)
    steps = [0 if n in dark else each for n, each in enumerate(STEPS)]
    await site.store(site.captures("m1", steps, missing=range(dark[0] + 1, dark[-1] + 1)))
    async with OutageStore(plain_database) as outages:
        start = site.start + dark[0] * QUARTER
        row = OutageRow(
            area="a", level="district", place="a", start=start, not_before=start, seen=start + DAY,
            restored=start + 10 * QUARTER, confidence=Decimal("0.95"), meters=("m1",), evidence={},
        )  # fmt: skip
        await outages.keep(["a"], [row], start)
        await outages.keep(["a"], [], start + 10 * QUARTER)
    await site.vee(FIRST, UNTIL)
    day = (await site.days(FIRST, UNTIL)).take(1)
    hole = slice(20, 30)
    assert day.steps[hole].tolist() == [0] * 10
    assert set(day.method[hole].tolist()) <= {Method.OUTAGE, Method.REGISTER}
    assert int(day.steps.sum()) == sum(steps[96:192])


async def test_a_clock_that_is_far_off_costs_what_it_dated(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build(2)
    await site.store(recorded(site.captures("m1", STEPS)))
    await site.store(site.captures("m2", STEPS))
    async with ClockStore(plain_database) as clocks:
        noon = site.start + DAY + DAY / 2
        await clocks.keep(
            [SurveyRow(meter_id=site.ids[name], at=noon, offset_ms=-400_000) for name in ("m1", "m2")], 5000
        )
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    own = days.take(np.flatnonzero(days.point == site.points["p1"]))
    assert (own.source[1] != Source.ACTUAL).all()
    assert (own.reason[1] == NAMES.index("clock_quarantine") + 1).all()
    assert own.raw[1].tolist() == STEPS[96:192], "raw is kept"
    assert (own.source[[0, 2]] == Source.ACTUAL).all()
    other = days.take(np.flatnonzero(days.point == site.points["p2"]))
    assert (other.source == Source.ACTUAL).all(), "we dated these"
    assert (other.failed[1] == 1 << NAMES.index("clock_sync")).all()


async def test_more_than_the_connection_carries_is_replaced(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build(rated_current_a=Decimal(20))
    steps = list(STEPS)
    steps[100] = 90_000  # 36 kW; three phases of 20 A are 13.2 kW
    await site.store(site.captures("m1", steps))
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert (days.source[1, 4], days.reason[1, 4]) == (Source.SUBSTITUTED, NAMES.index("limit") + 1)
    assert (days.raw[1, 4], days.method[1, 4]) == (90_000, Method.LINEAR)


async def test_like_days_are_those_that_were_validated_before_or_else_read(plain_database: str) -> None:
    first = FIRST - 28 * DAY
    site = Site(plain_database, midnight(first))
    await site.build(2)
    day = energies(96)
    gone = range(28 * 96 + 10, 29 * 96 + 1)
    for meter in ("m1", "m2"):
        await site.store(site.captures(meter, day * 29, missing=gone))
    await site.vee(first, FIRST, ["p1"])
    await site.vee(FIRST, FIRST + DAY)
    days = await site.days(FIRST, FIRST + DAY)
    assert (days.method[:, 12:] == Method.LIKE_DAY).all()
    assert days.steps.tolist() == [day, day]


def _shifted(captures: list[Capture], by: timedelta) -> list[Capture]:
    return [replace(one, time=one.time + by) for one in captures]


async def test_registers_read_near_a_boundary_count_as_the_boundarys(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build()
    sound = site.captures("m1", STEPS)
    late, far = timedelta(seconds=40), timedelta(seconds=70)
    await site.store([*_shifted(sound[:100], late), *_shifted(sound[100:110], far), *sound[110:]])
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert days.steps[0].tolist() == STEPS[:96]
    assert int(days.steps[1].sum()) == sum(STEPS[96:192])
    assert np.flatnonzero(days.source[1] != Source.ACTUAL).tolist() == list(range(3, 14))


async def test_intervals_are_held_against_what_persons_read(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build()
    await site.store(recorded(site.captures("m1", STEPS)))

    def read(cell: int, above: int, kind: ReadKind = ReadKind.HAND_HELD) -> NewRead:
        """Five minutes into an interval, by so many steps above the register before it."""
        value = kwh(50_000_000 + sum(STEPS[:cell]) + above)
        time = site.start + cell * QUARTER + timedelta(minutes=5)
        return NewRead(site.ids["m1"], "m1", IMPORT, time, value, kind, "Li", "asked")

    async with RegisterReads(database) as reads:
        await reads.add([read(30, 11), read(100, 7007), read(150, -203), read(200, 9999, ReadKind.ESTIMATED)])
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert np.argwhere(days.failed == 1 << NAMES.index("sum")).tolist() == [[1, 4], [1, 54]]
    assert (days.source == Source.ACTUAL).all(), "a person is told; the values hold"


async def test_registers_between_boundaries_lie_between_them(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build()
    between = [
        capture(site.ids["m1"], site.start + cell * QUARTER + timedelta(minutes=7), values=(50_000_000 + register,))
        for cell, register in ((10, sum(STEPS[:10]) + 3), (20, sum(STEPS[:21]) + 30_000))
    ]
    await site.store([*site.captures("m1", STEPS), *between])
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert np.argwhere(days.failed > 0).tolist() == [[0, 20]]
