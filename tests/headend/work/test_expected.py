"""What a plan means is the same for the pollers, in Python, and for the ledger, in PostgreSQL: any plan, any meters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headend.registry.known import stored_plan
from headend.work.plan import Kind, Plan, Selection
from headend.work.schedule import Daily, Every, Monthly, Schedule, between
from protocols.quantities import BY_NAME
from storage.statements import load

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Europe/Dublin", "UTC"]
DAY = timedelta(days=1)
MODELS, LINES, AREAS, TARIFFS = ("x", "y"), ("l1", "l2"), ("a1", "a2"), ("t1", "t2")
MINUTES = st.one_of(st.integers(0, 1439), st.sampled_from([0, 59, 60, 89, 90, 119, 120, 150, 180, 1439]))
COLUMNS = (
    "name, valid_from, kind, calendar, period_s, quantities, minute, days, zone, models, areas, tariffs, lines, meters,"
    " horizon_s"
)


def names(known: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    """All, some, or one that nobody has."""
    return st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from([*known, "nobody's"]), min_size=1))


METERS = tuple(f"m{n}" for n in range(1, 9))
SELECTIONS = st.builds(Selection, names(MODELS), names(AREAS), names(TARIFFS), names(LINES), names(METERS))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, str]:
    zone = draw(st.sampled_from(ZONES))
    where = ZoneInfo(zone)
    days = st.lists(st.integers(1, 28), min_size=1, max_size=4, unique=True).map(lambda some: tuple(sorted(some)))
    every = st.one_of(st.sampled_from([60, 900, 3600, 86400]), st.integers(600, 100_000)).map(Every)
    either: st.SearchStrategy[Schedule] = st.one_of(
        every,
        st.builds(Daily, MINUTES, st.just(where)),
        st.builds(Monthly, days, MINUTES, st.just(where)),
    )
    return draw(either), zone


@pytest.fixture
def registry(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """Eight meters, drawn; where each stands changes in the middle of 2024."""
    drawn = random.Random(5)
    with psycopg.connect(conninfo) as db:
        for line in LINES:
            db.execute("INSERT INTO line (name, url, protocol) VALUES (%s, 'tcp://x:1', 'dlt645')", (line,))
        for area in AREAS:
            db.execute("INSERT INTO area (name) VALUES (%s)", (area,))
        for n, name in enumerate(METERS):
            row = (name, str(n), drawn.choice(MODELS), drawn.choice(LINES), BEGIN)
            db.execute(
                """INSERT INTO meter (name, address, model, line_id, created)
                   SELECT %s, %s, %s, id, %s FROM line WHERE name = %s""",
                (*row[:3], row[4], row[3]),
            )
            if n < 6:
                db.execute("INSERT INTO usage_point (name, tariff) VALUES (%s, %s)", (name, (*TARIFFS, None)[n % 3]))
                db.execute(
                    """INSERT INTO meter_installation (meter_id, usage_point_id, "from")
                       SELECT m.id, u.id, %s FROM meter m JOIN usage_point u USING (name) WHERE name = %s""",
                    (BEGIN, name),
                )
            if n < 5:
                db.execute(
                    """INSERT INTO area_point (usage_point_id, area_id, "from", "to")
                       SELECT u.id, a.id, %s, %s FROM usage_point u CROSS JOIN area a
                       WHERE u.name = %s AND a.name = %s""",
                    (BEGIN, datetime(2024, 6, 1, tzinfo=UTC) if n % 2 else None, name, AREAS[n % 2]),
                )
            if n in (0, 7):
                db.execute(
                    """INSERT INTO total_meter (meter_id, area_id, "from")
                       SELECT m.id, a.id, %s FROM meter m CROSS JOIN area a WHERE m.name = %s AND a.name = 'a2'""",
                    (BEGIN, name),
                )
        db.commit()
        yield db


def test_slots_and_meters_of_any_plan(registry: psycopg.Connection[Any]) -> None:
    standing = registry.execute(
        "SELECT m.id, m.name, m.model, l.name FROM meter m JOIN line l ON l.id = m.line_id"
    ).fetchall()
    places = load("ledger")["places"]

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        schedule=schedules(),
        selection=SELECTIONS,
        hours=st.integers(0, 24 * 40),
        minutes=st.integers(0, 5 * 365 * 1440),
    )
    def check(schedule: tuple[Schedule, str], selection: Selection, hours: int, minutes: int) -> None:
        slots, zone = schedule
        start = datetime(2022, 1, 1, 0, 7, tzinfo=UTC) + timedelta(minutes=minutes)
        end = start + timedelta(hours=min(hours, 30) if slots.period < timedelta(hours=1) else hours)
        plan = Plan("p", slots, (BY_NAME["active_energy_import"],), Kind.REGISTERS, selection)
        stored = stored_plan(plan, zone, BEGIN)
        with registry.transaction(force_rollback=True):
            registry.execute(
                f"INSERT INTO plan ({COLUMNS}) VALUES (%s, %s{', %s' * 13})",
                (stored.name, stored.valid_from, *stored.row),
            )
            found = registry.execute("SELECT meter_id, time FROM expected(%s, %s, NULL)", (start, end)).fetchall()
            wanted = set()
            for slot in between(slots, start, end):
                stood = {i: (set(a), t) for i, a, t in registry.execute(places, {"at": slot}, prepare=True).fetchall()}
                wanted |= {
                    (meter_id, slot)
                    for meter_id, name, model, line in standing
                    if selection.holds(
                        model=model,
                        areas=stood.get(meter_id, (set(), None))[0],
                        tariff=stood.get(meter_id, (set(), None))[1],
                        line=line,
                        meter=name,
                    )
                }
        assert set(found) == wanted
        assert len(found) == len(wanted)

    check()
