"""An order for many meters on its way: held back, let go on, how far it is, what became of each meter."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from headend.commands.ending import UNSENT
from headend.commands.errors import Conflict, Forbidden, Unknown
from headend.commands.told import FateTold, ProgressTold, StepTold, TroubleTold
from headend.commands.users import user_of
from headend.safety.command import FINAL, State
from headend.safety.function import Function
from headend.safety.world import Oversight, Step, User
from storage import commands
from storage.audit import append
from storage.commands import Connection, OrderRow
from storage.people import Person, persons
from storage.statements import load

SQL: Final = load("campaign")
WINDOW: Final = timedelta(minutes=5)
"""By what came to its end in it the rate is told."""
TROUBLES: Final = (State.FAILED, State.CONTRADICTED, State.UNVERIFIABLE, State.UNKNOWN, State.REJECTED, State.EXPIRED)
_UNTOLD: Final = frozenset({Function.FREEZE, Function.PROTECT, Function.UNPROTECT})
"""Nothing at the meter tells of these: unverifiable is as good as it gets."""
_GROUPS: Final = 20
_METERS: Final = 5


async def pause(connection: Connection, person: Person, key: str, why: str, now: datetime) -> None:
    """What is not claimed when this is committed is not sent. By whoever has to do with the order.

    Raises `Unknown`, `Forbidden`, and `Conflict` where nothing is left to be sent. Already paused: nothing changes.
    """
    order, user, areas = await _order(connection, person, key)
    function = Function(order.function)
    may = user is not None and (
        Oversight.STOP in user.oversight or any(user.may(step, function, area) for step in Step for area in areas)
    )
    if not may and person.name != order.requester:
        raise Forbidden(f"{person.name} has nothing to do with {key}")
    if not await commands.open_commands(connection, UNSENT, key=key):
        raise Conflict(f"nothing of {key} is left to be sent")
    if await is_paused(connection, key):
        return
    await _rows(connection, "pause", key=key, why=why, by=person.name, at=now)
    await append(connection, person.name, "pause", key, body={"why": why, "digest": order.digest})


async def go_on(connection: Connection, person: Person, key: str, why: str, now: datetime) -> None:
    """By who may release it everywhere in it: it is as good as that. Raises `Unknown`, `Forbidden`, `Conflict`."""
    order, user, areas = await _order(connection, person, key)
    if user is None or not all(user.may(Step.RELEASE, Function(order.function), area) for area in areas):
        raise Forbidden(f"{person.name} may not release {order.function} everywhere in {key}")
    if not await is_paused(connection, key):
        raise Conflict(f"{key} is not paused")
    await connection.execute(SQL["end_pauses"], {"key": key, "why": why, "by": person.name, "at": now})
    await append(connection, person.name, "continue", key, body={"why": why, "digest": order.digest})


async def is_paused(connection: Connection, key: str) -> bool:
    return bool((await _rows(connection, "is_paused", key=key))[0][0])


async def progress(connection: Connection, key: str, now: datetime) -> ProgressTold:
    """Raises `Unknown`."""
    order = await _row(connection, key)
    counts: dict[str, int] = dict(
        await commands.rows(connection, commands.SQL["summary"], key=key, version=order.version)
    )
    ends = [state.value for state in FINAL]
    began, settled = (await _rows(connection, "pace", key=key, since=now - WINDOW, ends=ends))[0]
    is_untold = Function(order.function) in _UNTOLD
    troubles = [s.value for s in TROUBLES if not (is_untold and s is State.UNVERIFIABLE)]
    found = await _rows(connection, "troubles", key=key, version=order.version, states=troubles, most=_METERS)
    paused = await is_paused(connection, key)
    under_way = sum(count for state, count in counts.items() if State(state) not in FINAL)
    span = WINDOW if began is None else min(WINDOW, max(now - began, timedelta(seconds=1)))
    left = under_way / settled * span if settled and under_way and not paused else None
    return ProgressTold(
        id=key,
        states=counts,
        meters=sum(counts.values()),
        done=sum(counts.values()) - under_way,
        paused=paused,
        began=began,
        per_minute=round(settled * 60 / span.total_seconds(), 1),
        ends=None if left is None else now + left,
        expires=order.expires,
        troubles=tuple(TroubleTold(state, why, count, tuple(meters)) for state, why, count, meters in found[:_GROUPS]),
        more_troubles=sum(row[2] for row in found[_GROUPS:]),
    )


async def fates(connection: Connection, key: str, after: str, limit: int) -> list[FateTold]:
    """By meter, those behind `after`. Raises `Unknown`."""
    order = await _row(connection, key)
    page = await _rows(connection, "page", key=key, version=order.version, after=after, limit=limit)
    meters = [meter for meter, _, _ in page]
    steps = _grouped(await _rows(connection, "steps", key=key, meters=meters), lambda row: [StepTold(*row)])
    frames = _grouped(
        await _rows(connection, "frames", key=key, meters=meters),
        lambda row: [" ".join(frame) for frame in json.loads(row[0])["frames"]],
    )
    return [
        FateTold(
            meter=meter, label=label, area=area, state=steps[meter][-1].state,
            why=next((step.why for step in reversed(steps[meter]) if step.why), ""),
            steps=tuple(steps[meter]), frames=tuple(frames.get(meter, ())),
        )
        for meter, label, area in page
    ]  # fmt: skip


def _grouped(rows: list[Any], read: Callable[[Any], list[Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for meter, *cells in rows:
        found.setdefault(meter, []).extend(read(cells))
    return found


async def _order(connection: Connection, person: Person, key: str) -> tuple[OrderRow, User | None, set[str]]:
    """With what he may do now, and where it reaches."""
    order = await _row(connection, key)
    user = user_of((await persons(connection, [person.name]))[person.name])
    return order, user, {t.area for t in await commands.targets_of(connection, key, order.version)}


async def _row(connection: Connection, key: str) -> OrderRow:
    order = await commands.order_of(connection, key)
    if order is None:
        raise Unknown(f"no order {key!r}")
    return order


async def _rows(connection: Connection, statement: str, **given: Any) -> list[Any]:
    return await commands.rows(connection, SQL[statement], **given)
