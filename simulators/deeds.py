"""Who steals when, and what changes honestly: the scenario's tables brought to meters and moments."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from pathlib import Path
from typing import Final, Literal, NamedTuple

from simulators.customers import CHANGES, ChangeTable, Doing, TheftTable
from simulators.load import mixed
from simulators.meter import VirtualMeter
from simulators.upsets import moment_of
from simulators.wiring import SWAP, THEFTS

_FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
COLUMNS: Final = (
    "meter", "address", "area", "what", "kind", "from", "to", "hours", "share", "phase", "with",
)  # fmt: skip


class Customer(NamedTuple):
    """Who may be struck: `meter` where it is one on a bus, else `number` (from 0) of the fleet `place`."""

    name: str
    address: str
    place: str
    seed: int
    phases: int
    load: str = ""
    meter: VirtualMeter | None = None
    number: int = -1
    until: datetime | None = None
    """When it is taken down."""


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """One customer's, from `begin` to `end` (None: for good); `phase` counts from 0."""

    what: Literal["theft", "change"]
    table: Doing
    customer: Customer
    begin: datetime
    end: datetime | None
    area: str = ""
    partner: Customer | None = None

    @property
    def kind(self) -> str:
        return self.table.kind

    @property
    def phase(self) -> int:
        stated = self.table.phase if isinstance(self.table, TheftTable) else 0
        return (stated or 1 + mixed(self.customer.seed, 21) % 3) - 1

    @property
    def window(self) -> tuple[int, int] | None:
        return self.table.window if isinstance(self.table, TheftTable) else None

    def lasts(self) -> tuple[datetime, datetime]:
        return self.begin, self.end or _FOREVER

    def row(self) -> tuple[str, ...]:
        """As `COLUMNS` say."""
        one_phase = self.what == "theft" and THEFTS[self.kind].phases == (3,)
        return (
            self.customer.name, self.customer.address, self.area, self.what, self.kind, self.begin.isoformat(),
            self.end.isoformat() if self.end else "",
            self.table.hours if isinstance(self.table, TheftTable) else "",
            f"{self.table.per_mille / 1000:g}" if self.table.share is not None else "",
            str(self.phase + 1) if one_phase else "", self.partner.name if self.partner else "",
        )  # fmt: skip


class Step(NamedTuple):
    """A deed begins or stops for a while. `opened`: it is the first time."""

    moment: datetime
    deed: Deed
    on: bool
    opened: bool
    ends: datetime | None
    """When it stops, where it begins here."""


class DeedError(Exception):
    """`key` of the scenario, and what was expected."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")


def deeds_of(
    thefts: Sequence[TheftTable],
    changes: Sequence[ChangeTable],
    find: Callable[[str], Customer | None],
    among: Callable[[str], Sequence[Customer] | None],
    area_of: Callable[[Customer], str],
    start: datetime,
    seed: int,
) -> list[Deed]:
    """`find` a customer by name or address, `among` the members of an area, a bus or a fleet. Raises `DeedError`."""
    made: list[Deed] = []
    for what, tables in (("theft", thefts), ("change", changes)):
        for index, table in enumerate(tables):
            key = f"{what}[{index}]"
            begin = moment_of(table.start, start)
            end = None if table.end is None else moment_of(table.end, start)
            if end is not None and end <= begin:
                raise DeedError(f"{key}.to", f"{end.isoformat()}, expected after {begin.isoformat()}")
            partner = _partner(table, key, find)

            def deed(who: Customer, other: Customer | None, table: Doing = table, what: str = what,
                     begin: datetime = begin, end: datetime | None = end) -> Deed:  # fmt: skip
                named: Literal["theft", "change"] = "theft" if what == "theft" else "change"
                return Deed(named, table, who, begin, end, area_of(who), other)

            if table.meter:
                chosen = [_named(name, key, find) for name in table.meter]
            else:
                group = among(table.area)
                if group is None:
                    raise DeedError(f"{key}.area", f"no area, bus or fleet {table.area!r}")
                free = [one for one in group if not list(_objections(deed(one, None), made))]
                random.Random(f"{seed}/{key}").shuffle(free)
                if len(free) < table.meters:
                    raise DeedError(f"{key}.meters", f"{table.meters}, but {len(free)} of {table.area} are free for it")
                chosen = sorted(free[: table.meters], key=lambda one: one.name)
            for who in chosen:
                pairs = [(who, partner)] if partner is None else [(who, partner), (partner, who)]
                for one, other in pairs:
                    new = deed(one, other)
                    for objection in _objections(new, made):
                        raise DeedError(f"{key}.{'with' if one is partner else 'meter'}", objection)
                    made.append(new)
    return made


def _named(name: str, key: str, find: Callable[[str], Customer | None]) -> Customer:
    found = find(name)
    if found is None:
        raise DeedError(f"{key}.meter", f"no meter {name!r} that may do so")
    return found


def _partner(table: Doing, key: str, find: Callable[[str], Customer | None]) -> Customer | None:
    if not isinstance(table, TheftTable) or not table.other:
        return None
    found = find(table.other)
    if found is None or table.other in table.meter:
        raise DeedError(f"{key}.with", f"{table.other!r}, expected another meter")
    return found


def _objections(new: Deed, others: Iterable[Deed]) -> Iterator[str]:
    """Why that customer cannot do it."""
    name, (begin, end) = new.customer.name, new.lasts()
    for other in others:
        if other.customer.name != name or not (begin < other.lasts()[1] and other.lasts()[0] < end):
            continue
        if new.what == other.what or SWAP in (new.kind, other.kind):
            yield f"{name} is struck already, by {other.what} {other.kind} from {other.begin.isoformat()}"
    if new.customer.until is not None and end > new.customer.until:
        yield f"{name} is exchanged at {new.customer.until.isoformat()}, expected to before it"
    if new.customer.meter and new.what == "theft" and new.customer.phases not in THEFTS[new.kind].phases:
        yield f"{name} has {new.customer.phases} phase(s), {new.kind} is for meters of {THEFTS[new.kind].phases[0]}"
    known = THEFTS[new.kind].pushing if new.what == "theft" else CHANGES[new.kind].pushing
    if new.customer.meter is None and not known:
        yield f"{name} pushes, {new.kind} is for meters on buses"


def steps(deeds: Iterable[Deed], offset_s: int) -> Iterator[Step]:
    """What happens, in order; without end where something is for good and has hours."""
    return merge(*(_steps(deed, offset_s) for deed in deeds), key=lambda step: step.moment)


def _steps(deed: Deed, offset_s: int) -> Iterator[Step]:
    opened = True
    for begin, end in _spans(deed, offset_s):
        yield Step(begin, deed, True, opened, end)
        opened = False
        if end is not None:
            yield Step(end, deed, False, False, None)


def _spans(deed: Deed, offset_s: int) -> Iterator[tuple[datetime, datetime | None]]:
    if deed.window is None:
        yield deed.begin, deed.end
        return
    first, last = (timedelta(seconds=second) for second in deed.window)
    offset = timedelta(seconds=offset_s)
    local = (deed.begin + offset).replace(hour=0, minute=0, second=0, microsecond=0) - offset - _DAY
    while deed.end is None or local < deed.end:
        begin, end = local + first, local + last + (_DAY if last < first else timedelta(0))
        begin, end = max(begin, deed.begin), min(end, deed.end or _FOREVER)
        if begin < end:
            yield begin, end
        local += _DAY


def write_deeds(deeds: Iterable[Deed], path: Path) -> None:
    """Raises `OSError`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(deed.row() for deed in sorted(deeds, key=lambda deed: (deed.begin, deed.customer.name)))
