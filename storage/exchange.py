"""A meter leaves, another takes its place: registers, stays, measuring and states in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from protocols.model import Quantity
from storage.adding import Connection, add_all, insert
from storage.entries import Additions, NewInstallation, NewLine, NewMeter
from storage.errors import NotFound, Rejected
from storage.statements import load
from storage.topology_entries import (
    Edge,
    Exchanged,
    MeterState,
    RegisterMark,
    RegisterSource,
    StateChange,
    TotalMeter,
)

SQL: Final = load("topology")

Registers = Mapping[Quantity, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is known when a meter leaves. Registers are the meter's own, before the multiplier."""

    meter: str
    at: datetime
    final: Registers = field(default_factory=dict)
    source: RegisterSource = RegisterSource.READ
    actor: str
    reason: str = ""
    force: bool = False
    """Take a final register below the last known one; `reason` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExchange:
    """`new` is a meter to be added, or the name of one that is planned or was removed elsewhere."""

    old: Removal
    new: NewMeter | str
    initial: Registers
    source: RegisterSource = RegisterSource.READ
    """Of the initial registers."""
    lines: tuple[NewLine, ...] = ()
    """The new meter's line, if that is new too."""


@dataclass(frozen=True, slots=True)
class ExchangeDone:
    old: str
    new: str
    at: datetime
    point: str | None
    """Where they stand; None: at no usage point."""
    measures: str | None
    """The area or feeder whose total meter it is."""
    later: int
    """Captures of the old meter after the exchange: they count for nobody."""


async def exchange(connection: Connection, new: NewExchange) -> ExchangeDone:
    """Inside a transaction. Raises `Rejected`, `NotFound`, `AlreadyThere`."""
    old = new.old
    if set(old.final) != set(new.initial):
        lacking = sorted(q.name for q in set(old.final) ^ set(new.initial))
        raise Rejected(f"{', '.join(lacking)}: an exchange states the final and the initial register of every quantity")
    if not old.final:
        raise Rejected("an exchange states at least one register")
    meters = await _locked(connection, [old.meter] + ([new.new] if isinstance(new.new, str) else []))
    old_id = meters[old.meter]
    stays = await (await connection.execute(SQL["stays_at"], {"meter": old_id})).fetchall()
    totals = await (await connection.execute(SQL["total_now"], {"meter": old_id})).fetchall()
    if not stays and not totals:
        raise Rejected(
            f"meter {old.meter!r} stands at no usage point and is no total meter: there is nothing to take over"
        )
    later = await remove(connection, old)
    name = new.new if isinstance(new.new, str) else new.new.name
    meter: tuple[NewMeter, ...] = ()
    if isinstance(new.new, NewMeter):
        meter = (replace(new.new, created=old.at, state=MeterState.ACTIVE),)
    else:
        change = StateChange(
            meter=name, state=MeterState.ACTIVE, start=old.at, actor=old.actor, reason=f"in place of {old.meter}"
        )
        row = (meters[name], change.start, str(change.state), change.actor, change.reason)
        await insert(connection, "add_meter_state", [(change, row)])
    area, feeder = totals[0] if totals else (None, None)
    await add_all(
        connection,
        Additions(
            lines=new.lines,
            meters=meter,
            installations=tuple(NewInstallation(point=point, meter=name, start=old.at) for point, _ in stays),
            totals=(TotalMeter(meter=name, area=area, feeder=feeder, start=old.at),) if totals else (),
            registers=_marks(name, old.at, new.initial, Edge.INITIAL, new.source, old),
            exchanges=(Exchanged(old=old.meter, new=name, at=old.at, actor=old.actor, reason=old.reason),),
        ),
    )
    return ExchangeDone(old.meter, name, old.at, stays[0][0] if stays else None, area or feeder, later)


async def remove(connection: Connection, removal: Removal) -> int:
    """Inside a transaction; how many captures are later than the removal. Raises `Rejected`, `NotFound`."""
    if removal.force and not removal.reason:
        raise Rejected("what is forced needs a reason")
    meter_id = (await _locked(connection, [removal.meter]))[removal.meter]
    await _check_final(connection, meter_id, removal)
    given = {"meter": meter_id, "at": removal.at}
    for statement in ("end_stay", "end_total"):
        await connection.execute(SQL[statement], given)
    change = StateChange(
        meter=removal.meter, state=MeterState.REMOVED, start=removal.at, actor=removal.actor, reason=removal.reason
    )
    row = (meter_id, change.start, str(change.state), change.actor, change.reason)
    await insert(connection, "add_meter_state", [(change, row)])
    marks = _marks(removal.meter, removal.at, removal.final, Edge.FINAL, removal.source, removal)
    await add_all(connection, Additions(registers=marks))
    ((later,),) = await (await connection.execute(SQL["readings_after"], given)).fetchall()
    return int(later)


async def _check_final(connection: Connection, meter_id: int, removal: Removal) -> None:
    """A cumulative register does not run backwards: what is final is not below what was known."""
    for quantity, value in removal.final.items():
        given = {"meter": meter_id, "at": removal.at, "quantity": quantity.id}
        known = await (await connection.execute(SQL["last_register"], given)).fetchall()
        for time, steps in known:
            if value < quantity.value(steps) and not removal.force:
                raise Rejected(
                    f"the final {quantity.name} of {removal.meter} is {value}, less than "
                    f"{quantity.text(steps)} known since {time.isoformat()}: force it, with the reason, if it is right"
                )


def _marks(
    meter: str, at: datetime, registers: Registers, edge: Edge, source: RegisterSource, who: Removal
) -> tuple[RegisterMark, ...]:
    return tuple(
        RegisterMark(
            meter=meter, time=at, quantity=quantity, edge=edge, value=value, source=source,
            actor=who.actor, reason=who.reason,
        )
        for quantity, value in registers.items()
    )  # fmt: skip


async def _locked(connection: Connection, names: list[str]) -> dict[str, int]:
    """Ids of the named meters, whom nobody else changes until we are done. Raises `NotFound`."""
    rows = await (await connection.execute(SQL["lock_meters"], {"names": names})).fetchall()
    found = {name: number for number, name, _ in rows}
    for name in names:
        if name not in found:
            raise NotFound(f"no meter named {name!r}")
    return found
