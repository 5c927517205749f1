"""What there is in a database: our tables, what they are made of, and what must stand before what."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

from storage.backup.manifest import Partition
from storage.connection import Row
from storage.migrate import Level
from storage.statements import load

SQL = load("backup")

Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True)
class Known:
    """A table. `time`: the column that it is partitioned by, natively or as a hypertable."""

    name: str
    columns: list[str]
    is_partitioned: bool
    time: str | None


async def rows(connection: Connection, name: str, arguments: tuple[Any, ...] = ()) -> list[Row]:
    """What a statement of ours gives."""
    return await (await connection.execute(SQL[name], arguments or None)).fetchall()


async def tables(connection: Connection, level: Level) -> dict[str, Known]:
    """By name, what refers to others behind them; `migration` is not among them."""
    found = {}
    for name, is_partitioned in await rows(connection, "tables"):
        if name == "migration":
            continue
        columns = [column for (column,) in await rows(connection, "columns", (name,))]
        time = await rows(connection, "partition_time", (name,)) if is_partitioned else []
        if level.hypertables and not is_partitioned:
            time = await rows(connection, "hypertable_time", (name,))
        found[name] = Known(name, columns, is_partitioned, time[0][0] if time else None)
    order: TopologicalSorter[str] = TopologicalSorter({name: set() for name in found})
    for name, first in await rows(connection, "references"):
        if name in found and first in found:
            order.add(name, first)
    return {name: found[name] for name in order.static_order()}


async def partitions(connection: Connection, table: Known) -> list[Partition]:
    """Parents first; none of a table that has none."""
    if not table.is_partitioned:
        return []
    return [Partition(*row) for row in await rows(connection, "partitions", (table.name,))]


async def holds_rows(connection: Connection, table: str) -> bool:
    cursor = await connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(table)))
    return cursor.rowcount > 0
