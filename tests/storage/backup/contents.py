"""A database with something in it, and every cell of a database to compare."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from protocols.quantities import BY_NAME
from storage.entries import Additions, Daemon, NewLine, NewMeter, NewPlan
from storage.registry import Registry
from storage.writer import Miss, Writer
from tests.storage.captures import GOOD, NA, T0, capture, slots

TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


async def fill(conninfo: str) -> None:
    """Registry, plans, captures of three days with holes and reasons, misses, a daemon, rollups."""
    async with Registry(conninfo) as registry:
        lines = tuple(NewLine(name=f"line {n}", url=f"tcp://h{n}:1", protocol="dlt645") for n in range(3))
        meters = tuple(
            NewMeter(name=f"电表 {n}", address=str(n), model="dlt645_2007", line=f"line {n % 3}") for n in range(9)
        )
        await registry.add(Additions(lines=lines, meters=meters))
        wanted = (BY_NAME["voltage_l1"], BY_NAME["active_power"])
        await registry.keep_plans([NewPlan(name="p", period_s=900, quantities=wanted, valid_from=T0)], T0)
        await registry.beat(Daemon(name="d", pid=1, host="h", started=T0, seen=T0, counters={"a": {"b": 1}}))
    async with Writer(conninfo) as writer:
        for day in (0, 1, 40):
            await writer.write(slots(9, 8, T0 + timedelta(days=day)))
        odd = capture(3, T0 + timedelta(days=2), 2, values=[None, 2**63 - 1, -(2**63)], quality=[NA, GOOD, GOOD])
        await writer.write([odd])
        await writer.write_misses([Miss(n, 1, T0, "no_answer", T0) for n in range(1, 5)])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DELETE FROM line WHERE name = 'none'")
        # A number that was given and not used stays given.
        connection.execute("SELECT nextval(pg_get_serial_sequence('line', 'id'))")
        if connection.execute("SELECT to_regclass('rollup_register')").fetchone() != (None,):
            connection.execute("SELECT rollup_partition('rollup_register_month', '2026-03-01 00:00+08')")
            connection.execute(
                "INSERT INTO rollup_register (start, meter_id, layout, level, captures, first_time, last_time, flags,"
                " first1, last1) VALUES ('2026-03-01 00:00+08', 1, 1, 3, 5, %(t)s, %(t)s, 3, 17, 18)",
                {"t": datetime(2026, 3, 1, tzinfo=UTC)},
            )


def contents(conninfo: str) -> dict[str, tuple[int, str]]:
    """Every table: how many rows, and a hash of all that is in them, the level's own check sums left out."""
    found = {}
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET timezone = 'UTC'")
        for (table,) in connection.execute(TABLES).fetchall():
            name = sql.Identifier(table)
            rows = connection.execute(sql.SQL("SELECT (to_jsonb(t) - 'checksum')::text FROM {} t").format(name))
            texts = sorted(text for (text,) in rows)
            found[table] = (len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest())
    return found


def next_numbers(conninfo: str) -> dict[str, int]:
    """What each sequence gives next; taken back."""
    with psycopg.connect(conninfo) as connection:
        names = connection.execute("SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'S'"
                                   " AND relnamespace = 'public'::regnamespace").fetchall()  # fmt: skip
        found = {}
        for (name,) in names:
            row = connection.execute("SELECT nextval(%s::regclass)", (name,)).fetchone()
            assert row
            found[name] = row[0]
    return found
