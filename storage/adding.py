"""Entries into the registry's tables: all or nothing, many at once, and a refusal names its entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from protocols.model import Quantity
from storage.connection import Row
from storage.entries import Additions, NewMeter
from storage.errors import AlreadyThere, NotFound, translated
from storage.statements import load
from storage.topology_entries import HOLDING, StateChange

SQL: Final = load("adding")

Connection = psycopg.AsyncConnection[Row]


class Ids(dict[tuple[str, str], int]):
    """(kind, name) to id of every name that the additions speak of, and the transaction's time."""

    now: datetime

    def of(self, kind: str, name: str, who: str) -> int:
        """Raises `NotFound`, saying who asked."""
        try:
            return self[kind, name]
        except KeyError:
            raise NotFound(f"{who}: no {kind} named {name!r}") from None


@dataclass(frozen=True, slots=True)
class _Sort:
    """One sort of entries: where they stand in `Additions`, and how one becomes a row."""

    attribute: str
    statement: str
    row: Callable[[Any, Ids], Row]
    kind: str = ""
    """Of what has a name."""
    stored: str = ""
    """The statement that gives the keys of what has none; `key` picks them out of a row."""
    key: Callable[[Row], Row] = lambda row: row[:2]


def _optional(ids: Ids, kind: str, name: str | None, who: str) -> int | None:
    return None if name is None else ids.of(kind, name, who)


_NAMED: Final = (
    _Sort("lines", "add_line", lambda e, _: (e.name, e.url, e.protocol, Jsonb(dict(e.options))), kind="line"),
    _Sort("feeders", "add_feeder", lambda e, _: (e.name, e.address, Jsonb(dict(e.options))), kind="feeder"),
    _Sort("areas", "add_area", lambda e, _: (e.name, e.timezone, e.address, Jsonb(dict(e.options))), kind="area"),
    _Sort(
        "meters",
        "add_meter",
        lambda e, ids: (
            e.name, e.address, e.model, ids.of("line", e.line, f"meter {e.name}"), e.multiplier,
            _array(e.quantities), "planned", e.created or ids.now,
        ),
        kind="meter",
    ),
    _Sort(
        "points",
        "add_usage_point",
        lambda e, _: (
            e.name, e.address, Jsonb(dict(e.options)), e.tariff, e.category, e.capacity_kw, e.rated_current_a,
        ),
        kind="usage point",
    ),
    _Sort(
        "plans", "add_plan", lambda e, _: (e.name, e.valid_from, *e.row), kind="plan"
    ),
)  # fmt: skip

_DATED: Final = (
    _Sort(
        "installations",
        "add_installation",
        lambda e, ids: (
            ids.of("usage point", e.point, f"installation of {e.meter}"),
            ids.of("meter", e.meter, f"installation at {e.point}"),
            e.start, e.end,
        ),
        stored="stored_installations",
        key=lambda row: row[1:3],
    ),
    _Sort(
        "area_feeders",
        "add_area_feeder",
        lambda e, ids: (
            ids.of("area", e.area, f"feeder {e.feeder}"), ids.of("feeder", e.feeder, f"area {e.area}"), e.start, e.end,
        ),
        stored="stored_area_feeders",
        key=lambda row: (row[0], row[2]),
    ),
    _Sort(
        "area_points",
        "add_area_point",
        lambda e, ids: (
            ids.of("usage point", e.point, f"area {e.area}"), ids.of("area", e.area, f"usage point {e.point}"),
            e.start, e.end, None if e.phase is None else str(e.phase), e.branch,
        ),
        stored="stored_area_points",
        key=lambda row: (row[0], row[2]),
    ),
    _Sort(
        "totals",
        "add_total",
        lambda e, ids: (
            ids.of("meter", e.meter, "total meter"), _optional(ids, "area", e.area, f"total meter {e.meter}"),
            _optional(ids, "feeder", e.feeder, f"total meter {e.meter}"), e.start, e.end,
        ),
        stored="stored_totals",
        key=lambda row: (row[0], row[3]),
    ),
    _Sort(
        "multipliers",
        "add_multiplier",
        lambda e, ids: (ids.of("meter", e.meter, "multiplier"), e.start, e.multiplier, e.actor, e.reason),
        stored="stored_multipliers",
    ),
    _Sort(
        "registers",
        "add_register",
        lambda e, ids: (
            ids.of("meter", e.meter, "register"), e.time, e.quantity.id, str(e.edge), e.quantity.steps(e.value),
            str(e.source), e.actor, e.reason,
        ),
        stored="stored_registers",
        key=lambda row: (row[0], row[2], row[1], row[3]),
    ),
    _Sort(
        "exchanges",
        "add_exchange",
        lambda e, ids: (
            ids.of("meter", e.old, "exchange"), ids.of("meter", e.new, "exchange"), e.at, e.actor, e.reason,
        ),
        stored="stored_exchanges",
        key=lambda row: row[1:2],
    ),
    _Sort(
        "vacancies",
        "add_vacancy",
        lambda e, ids: (ids.of("usage point", e.point, "vacancy"), e.start, e.end, e.actor, e.reason),
        stored="stored_vacancies",
    ),
)  # fmt: skip


async def add_all(connection: Connection, new: Additions, *, keep_existing: bool = False) -> int:
    """Inside a transaction; how many entries were added. Raises `AlreadyThere`, `NotFound`, `Rejected`."""
    names = _names(new)
    ids = await _known(connection, names)
    added = 0
    fresh_meters: list[NewMeter] = []
    for sort in _NAMED:
        fresh = _fresh(sort.kind, getattr(new, sort.attribute), ids, keep_existing)
        if not fresh:
            continue
        await insert(connection, sort.statement, [(entry, sort.row(entry, ids)) for entry in fresh])
        added += len(fresh)
        if sort.attribute == "meters":
            fresh_meters = fresh
        ids = await _known(connection, names)
    added += await _states(connection, fresh_meters, new.states, ids, keep_existing)
    for sort in _DATED:
        entries: Sequence[Any] = getattr(new, sort.attribute)
        if not entries:
            continue
        rows = [(entry, sort.row(entry, ids)) for entry in entries]
        if keep_existing:
            stored = set(await (await connection.execute(SQL[sort.stored])).fetchall())
            rows = [(entry, row) for entry, row in rows if sort.key(row) not in stored]
        await insert(connection, sort.statement, rows)
        added += len(rows)
    return added


async def _states(
    connection: Connection,
    meters: Iterable[NewMeter],
    changes: Sequence[StateChange],
    ids: Ids,
    keep_existing: bool,
) -> int:
    """First states, then the changes in the order of time: who leaves an address goes before who takes it."""
    rows: list[tuple[Any, Row]] = [
        (change, (ids.of("meter", change.meter, "state"), change.start, str(change.state), change.actor, change.reason))
        for change in changes
    ]
    if keep_existing and rows:
        stored = set(await (await connection.execute(SQL["stored_states"])).fetchall())
        rows = [(change, row) for change, row in rows if row[:3] not in stored]
    count = len(rows)
    firsts: list[tuple[Any, Row]] = [
        (meter, (ids["meter", meter.name], meter.created or ids.now, str(meter.state), "", "")) for meter in meters
    ]
    rows = _in_time(firsts + rows)
    await insert(connection, "add_meter_state", rows)
    return count


def _in_time(rows: Sequence[tuple[Any, Row]]) -> list[tuple[Any, Row]]:
    """By time, each meter's own in the order given; at one moment who leaves an address goes before who takes it."""
    takes: dict[tuple[int, datetime], bool] = {}
    keyed = []
    for entry, row in rows:
        meter_id, start, state = row[:3]
        takes[meter_id, start] = takes.get((meter_id, start), False) or state in HOLDING
        keyed.append(((start, takes[meter_id, start]), (entry, row)))
    return [pair for _, pair in sorted(keyed, key=lambda each: each[0])]


def _fresh(kind: str, entries: Iterable[Any], ids: Ids, keep_existing: bool) -> list[Any]:
    """The entries that are not stored. Raises `AlreadyThere` unless existing ones are to be kept."""
    fresh = []
    for entry in entries:
        if (kind, entry.name) not in ids:
            fresh.append(entry)
        elif not keep_existing:
            raise AlreadyThere(f"{kind} {entry.name!r} is there already")
    return fresh


async def insert(connection: Connection, statement: str, rows: Sequence[tuple[Any, Row]]) -> None:
    """Entries with their rows, by COPY; what the database says against one of them is told with the entry."""
    if not rows:
        return
    try:
        async with connection.cursor() as cursor, cursor.copy(SQL[statement]) as copy:
            for _, row in rows:
                await copy.write_row(row)
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        refused = translated(error)
        line = _LINE.search(error.diag.context or "")
        if line:
            refused.add_note(f"in {rows[int(line[1]) - 1][0]}")
        raise refused from error


_LINE: Final = re.compile(r"^COPY \w+, line (\d+)", re.MULTILINE)


_NAMES: Final = {
    "line": (("lines", "name"), ("meters", "line")),
    "meter": (
        ("meters", "name"), ("installations", "meter"), ("totals", "meter"), ("states", "meter"),
        ("multipliers", "meter"), ("registers", "meter"), ("exchanges", "old", "new"),
    ),
    "point": (("points", "name"), ("installations", "point"), ("area_points", "point"), ("vacancies", "point")),
    "feeder": (("feeders", "name"), ("area_feeders", "feeder"), ("totals", "feeder")),
    "area": (("areas", "name"), ("area_feeders", "area"), ("area_points", "area"), ("totals", "area")),
    "plan": (("plans", "name"),),
}  # fmt: skip
"""Who is named where: an attribute of `Additions`, then those of its entries."""


def _names(new: Additions) -> dict[str, list[str]]:
    """Every name that the additions speak of, by kind."""
    return {
        kind: list({
            name
            for attribute, *fields in places
            for entry in getattr(new, attribute)
            for field in fields
            if (name := getattr(entry, field)) is not None
        })
        for kind, places in _NAMES.items()
    }  # fmt: skip


async def _known(connection: Connection, names: dict[str, list[str]]) -> Ids:
    rows = await connection.execute(SQL["known_names"], names)
    ids = Ids({(kind, name): number for kind, number, name in await rows.fetchall()})
    ((ids.now,),) = await (await connection.execute(SQL["transaction_time"])).fetchall()
    return ids


def _array(quantities: Sequence[Quantity] | None) -> str | None:
    """Their ids as PostgreSQL spells an array; COPY takes it as it is."""
    return None if quantities is None else "{" + ",".join([str(quantity.id) for quantity in quantities]) + "}"
