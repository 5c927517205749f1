"""One row of the files about network and life: feeders, areas, stays, memberships, states, registers, exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from headend.registry.cells import Cells, WrongCell, choice, known, needed_moment, options, positive, span
from headend.registry.tables import Heading
from protocols.errors import ModelError
from protocols.quantities import quantity
from storage.entries import NewInstallation
from storage.topology_entries import (
    Area,
    AreaFeeder,
    AreaPoint,
    Edge,
    Exchanged,
    Feeder,
    MeterState,
    MultiplierChange,
    Phase,
    RegisterMark,
    RegisterSource,
    StateChange,
    TotalMeter,
    Vacancy,
)

Names = Mapping[str, set[str]]
"""What may be referred to, by kind: line, meter, point, feeder, area."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file: its columns, what a row becomes, and what no two rows may share."""

    attribute: str
    """Of `storage.entries.Additions`."""
    heading: Heading
    parse: Callable[[Cells, Names], Any]
    kind: str = ""
    """Under which others refer to the keys of its rows."""
    key: Callable[[Any], tuple[object, ...]] | None = None
    """Rows of one key are the same thing told twice."""
    subject: Callable[[Any], tuple[str, str]] | None = None
    """(column, name) of who stands at one place at a time."""


def _feeder(cells: Cells, names: Names) -> Feeder:
    return Feeder(name=cells["name"], address=cells.get("address") or None, options=options(cells))


def _area(cells: Cells, names: Names) -> Area:
    zone = cells.get("timezone") or None
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise WrongCell("timezone", f"{zone!r} is no time zone, expected a name such as Asia/Shanghai") from None
    return Area(name=cells["name"], timezone=zone, address=cells.get("address") or None, options=options(cells))


def _installation(cells: Cells, names: Names) -> NewInstallation:
    start, end = span(cells)
    point, meter = known(cells, "point", names["point"]), known(cells, "meter", names["meter"])
    return NewInstallation(point=point, meter=meter, start=start, end=end)


def _area_feeder(cells: Cells, names: Names) -> AreaFeeder:
    start, end = span(cells)
    area, feeder = known(cells, "area", names["area"]), known(cells, "feeder", names["feeder"])
    return AreaFeeder(area=area, feeder=feeder, start=start, end=end)


def _area_point(cells: Cells, names: Names) -> AreaPoint:
    start, end = span(cells)
    return AreaPoint(
        point=known(cells, "point", names["point"]), area=known(cells, "area", names["area"]), start=start, end=end,
        phase=choice(cells, "phase", Phase), branch=cells.get("branch") or None,
    )  # fmt: skip


def _total(cells: Cells, names: Names) -> TotalMeter:
    start, end = span(cells)
    area, feeder = cells.get("area") or None, cells.get("feeder") or None
    if (area is None) == (feeder is None):
        raise WrongCell("area", "a total meter measures an area or a feeder: fill one of the two columns")
    for kind in ("area", "feeder"):
        if cells.get(kind):
            known(cells, kind, names[kind])
    return TotalMeter(meter=known(cells, "meter", names["meter"]), area=area, feeder=feeder, start=start, end=end)


def _state(cells: Cells, names: Names) -> StateChange:
    state = choice(cells, "state", MeterState)
    assert state is not None  # the column is needed
    meter, start = known(cells, "meter", names["meter"]), needed_moment(cells, "from")
    return StateChange(meter=meter, state=state, start=start, **_who(cells))


def _multiplier(cells: Cells, names: Names) -> MultiplierChange:
    multiplier = positive(cells, "multiplier")
    assert multiplier is not None
    meter, start = known(cells, "meter", names["meter"]), needed_moment(cells, "from")
    return MultiplierChange(meter=meter, start=start, multiplier=multiplier, **_who(cells))


def _register(cells: Cells, names: Names) -> RegisterMark:
    try:
        what = quantity(cells["quantity"])
    except ModelError as error:
        raise WrongCell("quantity", str(error)) from None
    edge, source = choice(cells, "edge", Edge), choice(cells, "source", RegisterSource)
    assert edge is not None
    assert source is not None
    try:
        value = exact(cells["value"], what.decimals)
    except ValueError as error:
        raise WrongCell("value", str(error)) from None
    return RegisterMark(
        meter=known(cells, "meter", names["meter"]), time=needed_moment(cells, "time"), quantity=what, edge=edge,
        value=value, source=source, **_who(cells),
    )  # fmt: skip


def exact(text: str, decimals: int) -> Decimal:
    """A register as written, refused where it would have to be rounded. Raises `ValueError`."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not value.is_finite() or abs(value) >= _MOST:
        raise ValueError(f"{text!r}, expected a number below {_MOST}")
    if value != round(value, decimals):
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    return value


_MOST: Final = 10**12


def _exchange(cells: Cells, names: Names) -> Exchanged:
    old, new = known(cells, "old", names["meter"]), known(cells, "new", names["meter"])
    if old == new:
        raise WrongCell("new", f"{new!r} takes its own place")
    return Exchanged(old=old, new=new, at=needed_moment(cells, "at"), **_who(cells))


def _vacancy(cells: Cells, names: Names) -> Vacancy:
    start, end = span(cells)
    return Vacancy(point=known(cells, "point", names["point"]), start=start, end=end, **_who(cells))


def _who(cells: Cells) -> dict[str, str]:
    return {"actor": cells.get("actor", ""), "reason": cells.get("reason", "")}


_SPAN, _WHO = ("from",), ("actor", "reason")

NETWORK: Final[Mapping[str, Sheet]] = {
    "feeders.csv": Sheet("feeders", Heading(("name",), ("address", "options"), "name"), _feeder, kind="feeder"),
    "areas.csv": Sheet("areas", Heading(("name",), ("timezone", "address", "options"), "name"), _area, kind="area"),
}
"""What has a name."""

DATED: Final[Mapping[str, Sheet]] = {
    "states.csv": Sheet(
        "states", Heading(("meter", "from", "state"), _WHO), _state, key=lambda e: (e.meter, e.start, e.state)
    ),
    "installations.csv": Sheet(
        "installations",
        Heading(("point", "meter", "from"), ("to",)),
        _installation,
        subject=lambda e: ("meter", e.meter),
    ),
    "area_feeders.csv": Sheet(
        "area_feeders", Heading(("area", "feeder", "from"), ("to",)), _area_feeder, subject=lambda e: ("area", e.area)
    ),
    "area_points.csv": Sheet(
        "area_points",
        Heading(("point", "area", "from"), ("to", "phase", "branch")),
        _area_point,
        subject=lambda e: ("point", e.point),
    ),
    "totals.csv": Sheet(
        "totals", Heading(("meter", "from"), ("area", "feeder", "to")), _total, subject=lambda e: ("meter", e.meter)
    ),
    "multipliers.csv": Sheet(
        "multipliers", Heading(("meter", "from", "multiplier"), _WHO), _multiplier, key=lambda e: (e.meter, e.start)
    ),
    "registers.csv": Sheet(
        "registers",
        Heading(("meter", "time", "quantity", "edge", "value", "source"), _WHO),
        _register,
        key=lambda e: (e.meter, e.time, e.quantity.id, e.edge),
    ),
    "exchanges.csv": Sheet("exchanges", Heading(("old", "new", "at"), _WHO), _exchange, key=lambda e: (e.new,)),
    "vacancies.csv": Sheet(
        "vacancies",
        Heading(("point", "from", "actor"), ("to", "reason")),
        _vacancy,
        subject=lambda e: ("point", e.point),
    ),
}
"""What holds for a time, or from a moment on; all of it refers to names."""
