"""What a person says that a register showed: whose it is, and whether it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from analytics.billing.hand_reads import Limits, Neighbour, doubts
from headend.billing.settings import BillingTable
from protocols import models
from protocols.errors import ModelError
from protocols.model import Kind, Quantity
from storage.register_reads import Known, NewRead, ReadKind, RegisterReads, Standing


@dataclass(frozen=True, slots=True)
class Told:
    """One read as it is told. `name`: a meter or a usage point; `of` says which, empty: whichever has the name.
    `force`: take it although it is doubtful."""

    name: str
    quantity: Quantity
    time: datetime
    value: Decimal
    kind: ReadKind
    actor: str
    reason: str = ""
    of: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """`problems`: (key, what is wrong). `doubts` were overridden. Without problems there is a `read`."""

    read: NewRead | None
    problems: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()


async def checked(reads: RegisterReads, told: Sequence[Told], settings: BillingTable, now: datetime) -> list[Checked]:
    """Each in its place; together they have to be plausible, too."""
    homes = await _homes(reads, told)
    found = [_formal(each, home, now) for each, home in zip(told, homes, strict=True)]
    sound = {number: each.read for number, each in enumerate(found) if each.read is not None}
    around = await reads.around([(read.meter_id, read.quantity, read.time) for read in sound.values()])
    registers: dict[tuple[int, int], list[NewRead]] = {}
    for read in sound.values():
        registers.setdefault((read.meter_id, read.quantity.id), []).append(read)
    for (number, read), known in zip(sound.items(), around, strict=True):
        home = homes[number]
        assert isinstance(home, Standing)
        if read.quantity.kind is not Kind.CUMULATIVE:
            continue
        siblings = [other for other in registers[read.meter_id, read.quantity.id] if other is not read]
        said = doubts(read.value, read.time, *_neighbours(read, known, siblings), _limits(home, read, settings))
        if said and told[number].force:
            found[number] = replace(found[number], doubts=tuple(said))
        elif said:
            found[number] = Checked(None, tuple(("value", doubt) for doubt in said))
    return found


async def _homes(reads: RegisterReads, told: Sequence[Told]) -> list[Standing | tuple[str, str]]:
    """Where each was read; else the key and what is wrong with it."""
    meters, points = await reads.known({each.name for each in told})
    names, times = [each.name for each in told], [each.time for each in told]
    of_meter = await reads.standing("meter", names, times)
    of_point = await reads.standing("point", names, times)
    found: list[Standing | tuple[str, str]] = []
    for each, by_meter, by_point in zip(told, of_meter, of_point, strict=True):
        name = each.name
        if each.of != "point" and name in meters and name in points and by_meter[:1] != by_point[:1]:
            found.append(("name", f"{name!r} is a meter and another meter's usage point: say which"))
        elif each.of != "point" and name in meters:
            found.append(by_meter[0] if by_meter else ("time", f"meter {name!r} stood at no usage point then"))
        elif each.of == "meter" or name not in points:
            what = {"meter": "meter", "point": "usage point"}.get(each.of, "meter or usage point")
            found.append((each.of or "name", f"no {what} named {name!r}"))
        elif len(by_point) == 1 or len({each.meter_id for each in by_point}) == 1:
            found.append(by_point[0])
        elif by_point:
            names_there = ", ".join(sorted(s.meter for s in by_point))
            found.append(("point", f"several meters stood at {name!r} then ({names_there}): name one"))
        else:
            found.append(("time", f"no meter stood at usage point {name!r} then"))
    return found


def _formal(told: Told, home: Standing | tuple[str, str], now: datetime) -> Checked:
    problems = []
    if told.time > now:
        problems.append(("time", f"{told.time.isoformat()} is in the future"))
    if told.value < 0:
        problems.append(("value", f"{told.value} is below 0"))
    if told.quantity.kind not in (Kind.CUMULATIVE, Kind.DEMAND):
        problems.append(("quantity", f"{told.quantity.name} is no register: it is {told.quantity.kind}"))
    elif told.quantity.value(told.quantity.steps(told.value)) != told.value:
        problems.append(("value", f"{told.value} has more than {told.quantity.decimals} decimals"))
    if not told.actor:
        problems.append(("by", "is empty"))
    if not told.reason and (told.kind is ReadKind.ESTIMATED or told.force):
        problems.append(("reason", "is empty: what is estimated or forced says why"))
    if not isinstance(home, Standing):
        problems.append(home)
    if problems or not isinstance(home, Standing):
        return Checked(None, tuple(problems))
    return Checked(
        NewRead(home.meter_id, home.meter, told.quantity, told.time, told.value, told.kind, told.actor, told.reason)
    )


def _neighbours(
    read: NewRead, known: tuple[Known | None, Known | None], siblings: Sequence[NewRead]
) -> tuple[Neighbour | None, Neighbour | None]:
    """The nearest of what is stored and of what comes with it."""
    first = [Neighbour(k.time, k.value) for k in known[:1] if k is not None]
    last = [Neighbour(k.time, k.value) for k in known[1:] if k is not None]
    first += [Neighbour(s.time, s.value) for s in siblings if s.time <= read.time]
    last += [Neighbour(s.time, s.value) for s in siblings if s.time > read.time]
    return (
        max(first, key=lambda each: each.time) if first else None,
        min(last, key=lambda each: each.time) if last else None,
    )


def _limits(home: Standing, read: NewRead, settings: BillingTable) -> Limits:
    kw = settings.kw if home.capacity_kw is None else home.capacity_kw / home.multiplier
    try:
        digits = models.load(home.model).digits(read.quantity)
    except ModelError:  # a model that is not shipped any more tells no digits
        digits = None
    return Limits(kw, digits)
