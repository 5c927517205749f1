"""Reads of registers as a CSV file: what a terminal or the filled-in list of missing reads brings back.

    meter,point,quantity,time,value,by[,kind][,reason][,force]

A row names a meter or a usage point; time is ISO 8601 with offset. A row without value was not read: it is counted and
left out. The other columns of the not-read list may stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from headend.billing.hand_reads import Told
from headend.registry.cells import WrongCell, needed_moment
from headend.registry.tables import BadRow, Heading, read
from protocols.errors import ModelError
from protocols.quantities import quantity
from storage.register_reads import ReadKind

TOLD: Final = ("boundary", "address", "area", "meter_address", "line", "last_time", "last_value", "misses")
"""Columns of the not-read list that tell where to go; they are not read."""
FILE: Final = Heading(("quantity",), ("time", "value", "meter", "point", "by", "kind", "reason", "force", *TOLD))


_MOST: Final = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Sheet:
    """Good rows with their numbers, and how many had no value."""

    rows: tuple[tuple[int, Told], ...]
    empty: int


def read_sheet(path: Path, by: str, kind: ReadKind, bad: list[BadRow]) -> Sheet:
    """`by` and `kind` where a row says none. Raises `UsageFault` for a file that is no such table."""
    rows = list(read(path, FILE, lambda cells: _told(cells, by, kind), bad))
    told = tuple((number, each) for number, each in rows if each is not None)
    return Sheet(told, len(rows) - len(told))


def _told(cells: Mapping[str, str], by: str, kind: ReadKind) -> Told | None:
    for key in ("time", "value"):
        if key not in cells:
            raise WrongCell(key, "the file has no such column")
    if not cells["value"]:
        return None
    meter, point = cells.get("meter", ""), cells.get("point", "")
    if not meter and not point:
        raise WrongCell("meter", "is empty, and point too")
    try:
        what = quantity(cells["quantity"])
    except ModelError as error:
        raise WrongCell("quantity", str(error)) from None
    if cells.get("force", "") not in ("", "no", "yes"):
        raise WrongCell("force", f"{cells['force']!r}, expected yes or no")
    return Told(
        name=meter or point,
        of="meter" if meter else "point",
        quantity=what,
        time=needed_moment(cells, "time"),
        value=number(cells["value"]),
        kind=_kind(cells.get("kind", "")) or kind,
        actor=cells.get("by", "") or by,
        reason=cells.get("reason", ""),
        force=cells.get("force", "") == "yes",
    )


def number(text: str) -> Decimal:
    """Raises `WrongCell`."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) >= _MOST:
        raise WrongCell("value", f"{text!r} is no number, expected such as 1234.56")
    return found


def _kind(text: str) -> ReadKind | None:
    if text and text not in set(ReadKind):
        raise WrongCell("kind", f"{text!r}, expected one of {', '.join(ReadKind)}")
    return ReadKind(text) if text else None
