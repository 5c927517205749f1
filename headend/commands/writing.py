"""What came of a decision, written down with what it rested on: in the transaction of what it changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from headend.commands.record import record
from headend.safety.command import State
from headend.safety.decision import Decision
from headend.safety.request import Request
from headend.safety.world import World
from storage import commands
from storage.audit import append
from storage.commands import CommandRow, Connection, Move
from storage.rules import record_decision

TOLD: Final = 200
"""Reasons that stand in the audit's row; all of them follow from what is recorded."""


async def write_decision(
    connection: Connection, request: Request, version: int, world: World, decision: Decision, **more: Any
) -> None:
    """Last in its transaction: others that write the audit wait from here on."""
    kept = record(request, version, world)
    await record_decision(connection, kept.digest, kept.document)
    body = told_of(request, version, world, decision, kept.digest) | more
    await append(connection, request.by, request.step.value, request.order.key, meter=request.meter, body=body)


def told_of(request: Request, version: int, world: World, decision: Decision, inputs: str) -> dict[str, Any]:
    """What the audit's row says of a decision. `inputs`: the digest of what it rested on."""
    order = request.order
    return {
        "version": version,
        "digest": order.digest,
        "function": order.function,
        "reason": order.reason,
        "requester": order.requester,
        "meters": len(request.targets),
        "policy": "" if world.policy is None else world.policy.version,
        "bound": decision.bound,
        "verdict": decision.verdict,
        "reasons": [[r.rule, r.row, r.verdict, r.meter, r.why] for r in decision.reasons[:TOLD]],
        "against": len(decision.reasons),
        "inputs": inputs,
    }


async def move_all(
    connection: Connection,
    key: str,
    found: Mapping[str, CommandRow],
    before: Collection[State],
    after: State,
    *,
    by: str,
    at: datetime,
    why: str = "",
) -> int:
    """Those of `found` that are in one of the states; how many."""
    moves = [
        Move(key, row.meter, row.number, row.version, row.state) for row in found.values() if State(row.state) in before
    ]
    return await commands.move(connection, moves, after, by=by, at=at, why=why)
