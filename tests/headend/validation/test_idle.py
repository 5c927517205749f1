"""Use where nobody should: vacant as somebody said, disconnected as the relay showed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from analytics.vee.validated import NAMES, Method, Source
from headend.validation.findings import findings
from protocols.events import EventSource, MeterEvent, kind
from protocols.quantities import BY_NAME, HOME
from storage.events import EventStore
from storage.topology_entries import Vacancy
from storage.vacancies import Vacancies
from storage.validated import Validated, Which
from tests.headend.load_control.district import command, seen_cut
from tests.headend.validation.site import DAY, IMPORT, Site, energies, midnight
from tests.storage.captures import capture

FIRST = date(2026, 3, 2)
UNTIL = date(2026, 3, 6)
STEPS = energies(4 * 96)
HOUR = timedelta(hours=1)


async def _site(conninfo: str, points: int = 1, missing: range = range(0), first: date = FIRST) -> Site:
    site = Site(conninfo, midnight(first))
    await site.build(points)
    for n in range(1, points + 1):
        await site.store(site.captures(f"m{n}", energies((UNTIL - first).days * 96), missing=missing))
    return site


async def _inactive(site: Site) -> dict[str, list[int]]:
    """By point: days of March that `inactive` tells, each an order."""
    name_of = {number: name for name, number in site.points.items()}
    found: dict[str, list[int]] = {}
    async with Validated(site.conninfo) as validated:
        for one in await findings(validated, Which(None, [IMPORT], 900, FIRST, UNTIL), ["inactive"], ("order",)):
            for n in range((one.end - one.start) // DAY):
                found.setdefault(name_of[one.point], []).append((one.start + n * DAY).astimezone(site.zone).day)
    return found


async def _event(site: Site, meter: str, code: str, at: datetime, end: datetime | None = None) -> None:
    async with EventStore(site.conninfo) as store:
        event = MeterEvent(site.ids[meter], kind(code), at, at, EventSource.RECORD, end)
        await store.write([event], {}, at)


async def test_vacant_days_are_whole_ones(database: str) -> None:
    site = await _site(database, 2)
    async with Vacancies(database) as vacancies:
        start = site.start + DAY / 2
        for point in ("p1", "p2"):
            number = await vacancies.add(Vacancy(point=point, start=start, actor="Li"))
        await vacancies.end("p1", site.start + 3 * DAY + HOUR, "Li", "moved in")
        await vacancies.withdraw("p2", number, "Li", "another flat")
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {"p1": [3, 4]}
    days = await site.days(FIRST, UNTIL)
    assert (days.source == Source.ACTUAL).all(), "the values hold"
    again = await site.vee(FIRST, UNTIL)
    assert (again.changed, again.same) == (0, 8)


async def test_what_is_said_later_is_told_by_the_next_run(plain_database: str) -> None:
    site = await _site(plain_database)
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {}
    async with Vacancies(plain_database) as vacancies:
        await vacancies.add(Vacancy(point="p1", start=site.start, end=site.start + DAY, actor="Li"))
    assert (await site.vee(FIRST, UNTIL)).changed == 1
    assert await _inactive(site) == {"p1": [2]}


@pytest.mark.parametrize("state", ["sent", "acknowledged", "rejected"])
async def test_a_trip_that_was_not_verified_tells_nothing(plain_database: str, state: str) -> None:
    site = await _site(plain_database)
    command(plain_database, "cut", "p1", "trip", state, at=site.start - DAY)
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {}


async def test_disconnected_from_a_verified_trip_to_whatever_may_have_closed_it(database: str) -> None:
    site = await _site(database, 4)
    seen_cut(database, "cut", ["p1", "p2", "p3", "p4"], at=site.start + 9 * HOUR)
    command(database, "back", "p2", "close", "verified", at=site.start + 2 * DAY + HOUR)
    command(database, "perhaps", "p3", "permit_close", "sent", at=site.start + 3 * DAY)
    command(database, "not-yet", "p4", "close", "released", at=site.start + 2 * DAY)
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {"p1": [3, 4, 5], "p2": [3], "p3": [3, 4], "p4": [3, 4, 5]}


async def test_the_meters_own_records_of_its_relay_count(plain_database: str) -> None:
    site = await _site(plain_database, 4)
    await _event(site, "m1", "trip", site.start - DAY)
    await _event(site, "m1", "close", site.start + DAY)
    await _event(site, "m2", "relay_open", site.start + DAY, site.start + 2 * DAY)
    await _event(site, "m3", "trip_commanded", site.start - DAY)
    seen_cut(plain_database, "cut", ["p4"], at=site.start)
    await _event(site, "m4", "close", site.start + 2 * DAY + HOUR)
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {"p1": [2], "p2": [3], "p4": [3]}


async def test_what_a_relay_showed_elsewhere_tells_nothing_here(plain_database: str) -> None:
    site = Site(plain_database, midnight(FIRST))
    await site.build(installed=site.start)
    await site.store(site.captures("m1", STEPS))
    seen_cut(plain_database, "cut", ["p1"], at=site.start - DAY)
    await site.vee(FIRST, UNTIL)
    assert await _inactive(site) == {}


async def test_a_gap_behind_an_open_relay_is_nothing_used(plain_database: str) -> None:
    site = await _site(plain_database, missing=range(96 + 40, 4 * 96 + 1))
    seen_cut(plain_database, "cut", ["p1"], at=site.start + HOUR)
    await site.vee(FIRST, UNTIL)
    days = await site.days(FIRST, UNTIL)
    assert (days.method[1, 40:] == Method.OUTAGE).all()
    assert not days.steps[2:].any()
    assert await _inactive(site) == {"p1": [3]}


async def test_days_without_anybody_are_no_like_days(plain_database: str) -> None:
    first = FIRST - 28 * DAY
    site = Site(plain_database, midnight(first))
    await site.build(2)
    steps = energies(28 * 96) + [1] * (3 * 96) + energies(96)
    gone = range(31 * 96 + 10, 32 * 96 + 1)
    for n in (1, 2):
        await site.store(site.captures(f"m{n}", steps, missing=gone))
    async with Vacancies(plain_database) as vacancies:
        for point in ("p1", "p2"):
            vacant = Vacancy(point=point, start=midnight(FIRST), end=midnight(FIRST) + 3 * DAY, actor="Li")
            await vacancies.add(vacant)
    await site.vee(first, FIRST + 3 * DAY, ["p1"])  # like days of p1 are validated ones, of p2 registers
    await site.vee(FIRST + 3 * DAY, FIRST + 4 * DAY)
    days = await site.days(FIRST + 3 * DAY, FIRST + 4 * DAY)
    assert (days.method[:, 12:] == Method.LIKE_DAY).all()
    assert (days.steps[:, 12:] >= 2000).all()


async def test_a_vacant_point_uses_nothing_without_being_told_as_zero(plain_database: str) -> None:
    first = FIRST - 8 * DAY
    site = Site(plain_database, midnight(first))
    await site.build(2)
    volts = BY_NAME["voltage_l1"]
    layout, position = HOME[volts.id]
    values = [*[None] * position, volts.steps(Decimal(220))]
    for meter, number in site.ids.items():
        noons = [capture(number, site.start + n * DAY + 12 * HOUR, layout.id, values) for n in range(8)]
        await site.store([*site.captures(meter, [0] * (8 * 96)), *noons])
    async with Vacancies(plain_database) as vacancies:
        await vacancies.add(Vacancy(point="p1", start=site.start - DAY, actor="Li"))
    await site.vee(first, FIRST)
    days = await site.days(first, FIRST)
    fails = (days.failed >> np.uint32(NAMES.index("zero")) & 1).any(axis=1)
    assert set(days.point[fails].tolist()) == {site.points["p2"]}
