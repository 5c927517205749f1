"""What a write does: parameters are kept, some of them act at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING, Final

from protocols.dlt645.item import Item
from protocols.dlt645.services.access import LOWEST_LEVEL, Access
from protocols.errors import BadAnswer, ModelError
from protocols.model import Value
from simulators.dlt645.refusal import (
    NO_DATA,
    OTHER,
    TOO_MANY_PERIODS,
    TOO_MANY_RATES,
    TOO_MANY_SEASONS,
    Refusal,
)

if TYPE_CHECKING:
    from simulators.dlt645.station import Dlt645Station

_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "season_count": (14, TOO_MANY_SEASONS),
    "day_period_count": (14, TOO_MANY_PERIODS),
    "rate_count": (63, TOO_MANY_RATES),
}
_CLOCK: Final = frozenset(("date", "time", "clock"))


def write(station: Dlt645Station, code: str, data: bytes, operator: str, now: datetime) -> None:
    """Put `data` into the item `code`. Raises `Refusal`."""
    item = station.contents.item(code)
    if item is None or not item.writable:
        raise Refusal(NO_DATA)
    values = _decoded(item, data)
    for value in values:
        limit, error = _LIMITS.get(value.part.name, (None, 0))
        if limit is not None and value.number is not None and value.number > limit:
            raise Refusal(error)
    memory = station.memory(now)
    names = {value.part.name for value in values}
    if not item.readable:
        _set_password(station, data, now)
        values = []
    elif names & _CLOCK:
        memory.set_clock(_moment(values, memory.dial.shown(now)), operator, now)
        values = []
    elif names == {"communication_address"}:
        if values[0].text is None:
            raise Refusal(OTHER)
        try:
            station.move(values[0].text)
        except ModelError:
            raise Refusal(OTHER) from None
        values = []
    memory.program(item, values, operator, now)


def _decoded(item: Item, data: bytes) -> list[Value]:
    try:
        return item.decode(data)
    except BadAnswer:
        raise Refusal(OTHER) from None


def _set_password(station: Dlt645Station, data: bytes, now: datetime) -> None:
    new = Access.parse(data)
    if new.level > LOWEST_LEVEL:
        raise Refusal(OTHER)
    station.memory(now).passwords.change(new)


def _moment(values: list[Value], shown: datetime) -> datetime:
    """The date, the time or both that were written, beside what the clock shows."""
    for value in values:
        if value.text is None:
            raise Refusal(OTHER)
        if value.part.name == "clock":
            shown = datetime.fromisoformat(value.text)
        elif value.part.name == "date":
            shown = datetime.combine(datetime.fromisoformat(value.text).date(), shown.time())
        else:
            shown = datetime.combine(shown.date(), time.fromisoformat(value.text))
    return shown
