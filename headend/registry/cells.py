"""One cell of the registry's files: a time, a number, a choice, free options. What is wrong is a `WrongCell`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

E = TypeVar("E", bound=StrEnum)

Cells = Mapping[str, str]


class WrongCell(Exception):
    """A cell is wrong."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


def moment(cells: Cells, key: str) -> datetime | None:
    """ISO 8601 with offset; None where the cell is empty."""
    cell = cells.get(key, "")
    if not cell:
        return None
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        raise WrongCell(key, f"{cell!r} is no time, expected ISO 8601 with offset") from None
    if found.tzinfo is None:
        raise WrongCell(key, f"{cell!r} has no offset, expected such as 2026-11-22T00:00:00+08:00")
    if not 1970 <= found.year < 9999:
        raise WrongCell(key, f"{cell!r}, expected a year from 1970 on")
    return found


def needed_moment(cells: Cells, key: str) -> datetime:
    """The same where there must be one."""
    found = moment(cells, key)
    if found is None:
        raise WrongCell(key, "is empty")
    return found


def span(cells: Cells) -> tuple[datetime, datetime | None]:
    """`from` and `to`; no `to`: it goes on."""
    start, end = needed_moment(cells, "from"), moment(cells, "to")
    if end is not None and end <= start:
        raise WrongCell("to", f"{cells['to']!r} is not after from, {cells['from']!r}")
    return start, end


_MOST: Final = 10**9


def positive(cells: Cells, key: str) -> Decimal | None:
    """A number above 0; None where the cell is empty."""
    cell = cells.get(key, "")
    if not cell:
        return None
    try:
        found = Decimal(cell)
    except InvalidOperation:
        raise WrongCell(key, f"{cell!r} is no number") from None
    if not found.is_finite() or not 0 < found <= _MOST or found.adjusted() < -9:
        raise WrongCell(key, f"{cell!r}, expected a number above 0 and up to {_MOST}")
    return found


def choice(cells: Cells, key: str, kind: type[E]) -> E | None:
    """A member of `kind`; None where the cell is empty."""
    cell = cells.get(key, "")
    if not cell:
        return None
    try:
        return kind(cell)
    except ValueError:
        raise WrongCell(key, f"{cell!r}, expected one of {', '.join(kind)}") from None


def options(cells: Cells) -> dict[str, Any]:
    """A JSON object; an empty cell is an empty one."""
    cell = cells.get("options", "")
    if not cell:
        return {}
    try:
        found = json.loads(cell)
    except json.JSONDecodeError as error:
        raise WrongCell("options", f"{cell!r} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise WrongCell("options", f"{cell!r}, expected a JSON object")
    return found


def known(cells: Cells, key: str, names: Collection[str]) -> str:
    """A name that is there."""
    if cells[key] not in names:
        raise WrongCell(key, f"{cells[key]!r} is not known")
    return cells[key]
