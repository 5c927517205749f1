"""The ledger counted by day, meter and place: it adds up with the ledger's own balance, wherever a meter has moved."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from protocols.quantities import BY_NAME
from storage.entries import NewPlan
from storage.ledger import Ledger, State
from storage.quality import Counted, Counts
from storage.writer import Miss, Writer
from tests.storage.captures import T0, capture
from tests.storage.test_reader import meters

ZONE = ZoneInfo("Asia/Shanghai")
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CURVE = NewPlan(
    name="curve", period_s=900, quantities=(BY_NAME["active_energy_import"], BY_NAME["voltage_l1"]),
    valid_from=T0 - 60 * DAY,
)  # fmt: skip


async def counted(conninfo: str, start: datetime, end: datetime) -> list[Counted]:
    async with Counts(conninfo) as counts:
        return [row async for rows in counts.by_meter(start, end, ZONE) for row in rows]


def total(rows: list[Counted], name: str) -> dict[str | None, int]:
    found: Counter[str | None] = Counter()
    for row in rows:
        found[getattr(row, name)] += row.slots
    return dict(found)


async def test_counts_add_up_with_the_ledger(database: str) -> None:
    one, other = await meters(database, 2, CURVE)
    async with Writer(database) as writer, Ledger(database) as ledger:
        await writer.write([capture(one, T0), capture(one, T0 + QUARTER), capture(other, T0, layout=2)])
        await writer.write_misses([
            Miss(one, 1, T0 + QUARTER, "no_answer", T0),
            Miss(other, 1, T0, "no_answer", T0, True),
            Miss(other, 1, T0 + QUARTER, "late", T0),
        ])  # fmt: skip
        rows = await counted(database, T0 - DAY, T0 + DAY)
        balance = await ledger.balance(T0 - DAY, T0 + DAY)
        days = await ledger.by_day(T0 - DAY, T0 + DAY, ZONE.key)
    assert total(rows, "state") == {state: count for state, count in balance.states.items() if count}
    assert {reason: count for reason, count in total(rows, "reason").items() if reason} == balance.reasons
    assert total(rows, "day") == {day: sum(states.values()) for day, states in days.items()}
    assert total(rows, "day") == {date(2026, 2, 28): 64, date(2026, 3, 1): 384, date(2026, 3, 2): 320}
    assert {(row.line, row.model, row.area, row.feeder) for row in rows} == {("line", "x", None, None)}
    states = Counter({(row.meter, row.state): row.slots for row in rows if row.day == date(2026, 3, 1)})
    assert (states["m1", State.RECOVERED], states["m2", State.UNRECOVERABLE]) == (1, 1)


async def test_a_slot_counts_where_the_meter_stood_then_and_once(database: str) -> None:
    await meters(database, 3, CURVE)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO feeder (name) VALUES ('F'), ('G')")
        connection.execute("INSERT INTO area (name) VALUES ('A'), ('B')")
        connection.execute("INSERT INTO usage_point (name) VALUES ('p1')")
        given = {"t": T0 - DAY, "q": T0 + QUARTER, "h": T0 + HOUR, "n": T0 + 3 * QUARTER}
        for statement in (
            # m1 stands at p1, in A until a quarter past, then in B; A changes its feeder at three quarters past, B has
            # one from the hour on.
            """INSERT INTO meter_installation (usage_point_id, meter_id, "from")
               SELECT p.id, m.id, %(t)s FROM usage_point p, meter m WHERE m.name = 'm1'""",
            """INSERT INTO area_point (usage_point_id, area_id, "from", "to")
               SELECT p.id, a.id, %(t)s, %(q)s FROM usage_point p, area a WHERE a.name = 'A'""",
            """INSERT INTO area_point (usage_point_id, area_id, "from")
               SELECT p.id, a.id, %(q)s FROM usage_point p, area a WHERE a.name = 'B'""",
            """INSERT INTO area_feeder (area_id, feeder_id, "from", "to")
               SELECT a.id, f.id, %(t)s, %(n)s FROM area a, feeder f WHERE a.name = 'A' AND f.name = 'F'""",
            """INSERT INTO area_feeder (area_id, feeder_id, "from")
               SELECT a.id, f.id, %(n)s FROM area a, feeder f WHERE a.name = 'A' AND f.name = 'G'""",
            """INSERT INTO area_feeder (area_id, feeder_id, "from")
               SELECT a.id, f.id, %(h)s FROM area a, feeder f WHERE a.name = 'B' AND f.name = 'G'""",
            # m1 measures A, too: where it stands counts. m2 measures A, and m3 the feeder G.
            """INSERT INTO total_meter (meter_id, area_id, "from")
               SELECT m.id, a.id, %(t)s FROM meter m, area a WHERE m.name IN ('m1', 'm2') AND a.name = 'A'""",
            """INSERT INTO total_meter (meter_id, feeder_id, "from", "to")
               SELECT m.id, f.id, %(t)s, %(h)s FROM meter m, feeder f WHERE m.name = 'm3' AND f.name = 'G'""",
        ):
            connection.execute(statement, given)
    rows = await counted(database, T0, T0 + 2 * HOUR)
    where: Counter[tuple[str, str | None, str | None]] = Counter()
    for row in rows:
        where[row.meter, row.area, row.feeder] += row.slots
    assert dict(where) == {
        ("m1", "A", "F"): 2, ("m1", "B", None): 6, ("m1", "B", "G"): 8,
        ("m2", "A", "F"): 6, ("m2", "A", "G"): 10,
        ("m3", None, "G"): 8, ("m3", None, None): 8,
    }  # fmt: skip


async def test_days_are_those_of_the_zone_also_when_clocks_change(plain_database: str) -> None:
    await meters(plain_database, 1, CURVE, created=datetime(2025, 1, 1, tzinfo=UTC))
    with psycopg.connect(plain_database) as connection:
        connection.execute("UPDATE plan SET valid_from = '2025-01-01'")
    berlin = ZoneInfo("Europe/Berlin")
    start, end = (datetime(2025, 10, day, tzinfo=berlin) for day in (25, 28))
    async with Counts(plain_database) as counts:
        rows = [row async for rows in counts.by_meter(start, end, berlin) for row in rows]
    assert total(rows, "day") == {date(2025, 10, 25): 192, date(2025, 10, 26): 200, date(2025, 10, 27): 192}
