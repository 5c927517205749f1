"""Why each meter was or was not switched: every decision about an order taken once more, from what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headend.commands.gather import order_of
from headend.commands.policy_file import read
from headend.commands.record import opened, request_of, world_of
from headend.safety.decision import Decision, decide
from headend.safety.policy import Policy
from headend.safety.request import Request
from headend.safety.world import World
from storage import commands
from storage.audit import Audit, AuditRow
from storage.commands import Connection
from storage.connection import Session
from storage.rules import decision as recorded
from storage.statements import load

WORLD = load("world")
_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Again:
    """A decision of the audit's row `number`, taken once more. `differs`: how it is not as it was told; empty: it is
    the same."""

    number: int
    at: datetime
    by: str
    step: str
    meter: str
    decision: Decision | None
    differs: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a meter: (when, state, why, who)."""

    meter: str
    steps: tuple[tuple[datetime, str, str, str], ...]


async def replay(conninfo: str, key: str) -> tuple[list[Again], list[Fate]]:
    async with Audit(conninfo) as audit, Session(conninfo) as session, session.use() as connection:
        rows = [row for row in await audit.rows(subject=key, limit=_PAGE) if "inputs" in row.told]
        again = [await _again(connection, row) for row in rows]
        return again, await _fates(connection, key)


async def _again(connection: Connection, row: AuditRow) -> Again:
    told = row.told
    try:
        request, world = await _rebuilt(connection, row)
    except ValueError as error:
        return Again(row.number, row.at, row.by, row.action, row.meter, None, str(error))
    found = decide(request, world)
    mine = [[r.rule, r.row, r.verdict, r.meter, r.why] for r in found.reasons]
    was = told["reasons"]
    differs = ""
    if (mine[: len(was)], len(mine), found.verdict, found.bound) != (
        was,
        told["against"],
        told["verdict"],
        told["bound"],
    ):
        differs = f"it was {told['verdict']} for {told['against']} reasons, and is {found.verdict} for {len(mine)}"
    return Again(row.number, row.at, row.by, row.action, row.meter, found, differs)


async def _rebuilt(connection: Connection, row: AuditRow) -> tuple[Request, World]:
    """Raises `ValueError` where what was recorded is not there, or is something else."""
    digest = row.told["inputs"]
    document = await recorded(connection, digest)
    if document is None:
        raise ValueError("what was known then is not there")
    kept = opened(document, digest)
    key, version, _ = kept["order"]
    order = await order_of(connection, key, version)
    request = request_of(kept, None if order is None else order[0])
    return request, world_of(kept, await _policy(connection, kept["policy"]))


async def _policy(connection: Connection, version: str | None) -> Policy | None:
    if version is None:
        return None
    found: Sequence[tuple[str]] = await commands.rows(connection, WORLD["policy_of"], version=version)
    if not found:
        raise ValueError(f"policy {version[:12]} is not there")
    policy = read(found[0][0]).policy
    if policy.version != version:
        raise ValueError(f"policy {version[:12]} is something else now")
    return policy


async def _fates(connection: Connection, key: str) -> list[Fate]:
    found: dict[str, list[tuple[datetime, str, str, str]]] = {}
    for meter, at, state, why, by in await commands.rows(connection, commands.SQL["fates"], key=key):
        found.setdefault(meter, []).append((at, state, why, by))
    return [Fate(meter, tuple(steps)) for meter, steps in found.items()]
