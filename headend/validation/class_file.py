"""Class profiles as a CSV file, such as a utility's standard load profiles: a row an interval, every one of a day.

    category,quantity,day_type,time,value

`time` is when the interval begins by the local clock, 00:00 first; `value` its energy at one usage point, in the
quantity's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Final, NamedTuple

from analytics.day_types import DayType
from headend.registry.cells import WrongCell, choice
from headend.registry.network_rows import exact
from headend.registry.tables import BadRow, Heading, read
from headend.validation.rows import SIGNED
from headend.validation.settings import Rules
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import BY_ID, quantity
from storage.class_profiles import ClassProfile

FILE: Final = Heading(("category", "quantity", "day_type", "time", "value"))


class _Of(NamedTuple):
    category: str
    quantity: int
    day_type: str


def read_profiles(path: Path, rules: Rules, bad: list[BadRow]) -> list[ClassProfile]:
    """Every bad row goes to `bad`. Raises `UsageFault` for a file that is no such table."""
    slots = 86_400 // rules.step_s
    told: dict[_Of, dict[int, int]] = {}

    def once(cells: Mapping[str, str]) -> _Of:
        what = _quantity(cells["quantity"], rules)
        day_type = choice(cells, "day_type", DayType)
        assert day_type is not None  # the column is needed
        of, slot = _Of(cells["category"], what.id, day_type), _slot(cells["time"], rules.step_s)
        if slot in told.setdefault(of, {}):
            raise WrongCell("time", f"{cells['time']!r} of {of.category}, {what.name}, {day_type} stands there already")
        told[of][slot] = _steps(cells["value"], what)
        return of

    last = {of: row for row, of in read(path, FILE, once, bad)}
    for of, by_slot in told.items():
        lacking = [slot for slot in range(slots) if slot not in by_slot]
        if lacking and not bad:  # else rows that are bad may be those
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            which = f"{of.category}, {BY_ID[of.quantity].name}, {of.day_type}"
            bad.append(BadRow(str(path), last[of], "time", f"{which} lacks {_clock(lacking[0], rules.step_s)}{more}"))
    if not told and not bad:
        bad.append(BadRow(str(path), 1, "row", "there are none"))
    return [
        ClassProfile(
            category=of.category, quantity=BY_ID[of.quantity], step_s=rules.step_s, day_type=of.day_type,
            steps=tuple(by_slot[slot] for slot in range(slots)),
        )
        for of, by_slot in told.items()
        if len(by_slot) == slots
    ]  # fmt: skip


def _quantity(text: str, rules: Rules) -> Quantity:
    try:
        found = quantity(text)
    except ModelError as error:
        raise WrongCell("quantity", str(error)) from None
    able = [each for each in rules.quantities if each.id not in SIGNED]
    if found not in able:
        raise WrongCell(
            "quantity", f"{text!r}, expected one of {', '.join(each.name for each in able)} (vee.quantities)"
        )
    return found


def _slot(text: str, step_s: int) -> int:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise WrongCell("time", f"{text!r}, expected a time of day such as 00:15") from None
    slot, rest = divmod(found.hour * 3600 + found.minute * 60 + found.second, step_s)
    if rest or found.microsecond or found.tzinfo is not None:
        raise WrongCell("time", f"{text!r} begins no interval of {step_s // 60} minutes (vee.step)")
    return slot


def _clock(slot: int, step_s: int) -> str:
    return f"{slot * step_s // 3600:02}:{slot * step_s % 3600 // 60:02}"


def _steps(text: str, what: Quantity) -> int:
    try:
        value = exact(text, what.decimals)
    except ValueError as error:
        raise WrongCell("value", str(error)) from None
    if value < 0:
        raise WrongCell("value", f"{text!r}, expected 0 or more")
    return what.steps(value)
