"""What customers do, as a scenario states it: thefts, honest changes, and the areas whose total meters see it all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from simulators.wiring import SWAP, THEFTS

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAY_S: Final = 86_400


class ChangeKind(NamedTuple):
    """`share`: whether one must be stated. `pushing`: whether pushing meters know it."""

    share: bool = False
    pushing: bool = True


CHANGES: Final[Mapping[str, ChangeKind]] = {
    "vacancy": ChangeKind(),
    "tenant": ChangeKind(),
    "rooftop": ChangeKind(pushing=False),
    "efficiency": ChangeKind(share=True),
    "growth": ChangeKind(share=True),
}
"""Honest ones: nobody at home; others move in; cells on the roof; so much less is used, or so much more."""
VACANT: Final = 50
"""Thousandths that go on where nobody is at home."""


class Doing(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Of the meters that are named, or of `meters` drawn from an `area` (an area, a bus or a fleet); from a moment to a
    moment, each with its offset or in seconds after the start, negative: before it; without `to` for good. `share`: how
    much of what is used."""

    kind: str
    start: float | datetime = msgspec.field(name="from")
    end: float | datetime | None = msgspec.field(name="to", default=None)
    meter: list[str] = []
    area: str = ""
    meters: int = 0
    share: float | None = None

    @property
    def per_mille(self) -> int:
        return round((self.share or 0) * 1000)


class TheftTable(Doing, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`hours`: only then, by the day's standard time, ``"21:00-06:00"``. `phase`: 1 to 3, drawn where none is stated.
    `other`: the meter with which the one is swapped. `covers`: that a cover was lifted is noticed."""

    hours: str = ""
    phase: int = 0
    other: str = msgspec.field(name="with", default="")
    covers: bool = True

    @property
    def window(self) -> tuple[int, int] | None:
        """Seconds of the day: from, to."""
        return window_of(self.hours) if self.hours else None


class ChangeTable(Doing, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An honest one."""


class AreaTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Its `total` meter counts what all its members really use, divided by `ratio` (of its transformers), and what is
    lost: `loss_w` always, and `loss_share` of the load. `members` are meters or buses."""

    name: str
    total: str
    members: list[str]
    feeder: str = ""
    ratio: int = 1
    loss_w: int = 0
    loss_share: float = 0.0


def window_of(hours: str) -> tuple[int, int]:
    """Raises `ValueError`."""
    found = _HOURS.fullmatch(hours)
    if not found or hours[:5] == hours[6:]:
        raise ValueError(f"{hours!r}, expected hours such as 21:00-06:00")
    a, b, c, d = map(int, found.groups())
    return a * 3600 + b * 60, c * 3600 + d * 60


def inside(window: tuple[int, int], day_s: int) -> bool:
    """Whether that second of a day is in the window, which may reach over midnight."""
    begin, end = window
    return begin <= day_s < end if begin < end else day_s >= begin or day_s < end


def customer_problems(
    thefts: Sequence[TheftTable], changes: Sequence[ChangeTable], areas: Sequence[AreaTable]
) -> Iterator[tuple[str, str]]:
    """What types cannot say: key, and what was expected."""
    for index, theft in enumerate(thefts):
        for key, problem in (*_doing_problems(theft, THEFTS), *_theft_problems(theft)):
            yield f"theft[{index}].{key}", problem
    for index, change in enumerate(changes):
        for key, problem in _doing_problems(change, CHANGES):
            yield f"change[{index}].{key}", problem
    names: set[str] = set()
    for index, area in enumerate(areas):
        if not area.name or area.name in names:
            yield f"area[{index}].name", f"{area.name!r} stands twice" if area.name else "expected a name"
        names.add(area.name)
        if not area.members:
            yield f"area[{index}].members", "expected names of buses or meters"
        if area.ratio < 1 or area.loss_w < 0 or not 0 <= area.loss_share < 1:
            yield f"area[{index}].ratio", "ratio is at least 1, loss_w at least 0, loss_share from 0 to below 1"


def _doing_problems(doing: Doing, kinds: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    if doing.kind not in kinds:
        yield "kind", f"{doing.kind!r}, expected one of {', '.join(kinds)}"
        return
    for key, at in (("from", doing.start), ("to", doing.end)):
        if isinstance(at, datetime) and at.tzinfo is None:
            yield key, "expected a moment with its offset, or seconds after the start"
    if bool(doing.meter) == bool(doing.area) or bool(doing.area) != bool(doing.meters) or doing.meters < 0:
        yield "meter", "expected either meter (a list of names), or area and meters (how many of it)"
    if len(set(doing.meter)) < len(doing.meter):
        yield "meter", "one stands twice"
    wanted = getattr(kinds[doing.kind], "share", False)
    if not wanted and doing.share is not None:
        yield "share", f"{doing.kind} has none"
    elif wanted and (doing.share is None or not 1 <= doing.per_mille <= 1000):
        yield "share", f"{'none' if doing.share is None else f'{doing.share:g}'}, expected 0.001 to 1"


def _theft_problems(theft: TheftTable) -> Iterator[tuple[str, str]]:
    if theft.kind not in THEFTS:
        return
    try:
        _ = theft.window
    except ValueError as error:
        yield "hours", str(error)
    of_phase = THEFTS[theft.kind].phases == (3,)
    if not 0 <= theft.phase <= 3 or (theft.phase and not of_phase):
        yield "phase", f"{theft.phase}, expected 1 to 3{'' if of_phase else ' with a kind that strikes one phase'}"
    if (theft.kind == SWAP) != bool(theft.other):
        yield "with", "expected the other meter of a meter_swap, and with nothing else"
    if theft.kind == SWAP and (len(theft.meter) != 1 or theft.hours):
        yield "meter", "a meter_swap is of one meter, and has no hours"
