"""Parts and items from the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from protocols.dlt645.formats import Format, Moment, Number
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Part, Unit
from protocols.quantities import BY_OBIS

PHASES: Final = ("", "_l1", "_l2", "_l3")
PHASES_ZH: Final = ("", "A相", "B相", "C相")

ENERGY: Final = Number(4, 2)
SIGNED_ENERGY: Final = Number(4, 2, signed=True)
DEMAND: Final = Number(3, 4)
SIGNED_DEMAND: Final = Number(3, 4, signed=True)
COUNT: Final = Number(3)
MINUTES: Final = Number(3)
SECOND_TIME: Final = Moment("YYMMDDhhmmss")
MINUTE_TIME: Final = Moment("YYMMDDhhmm")
OCCURRED: Final = 134
"""OBIS D of when a maximum demand (D=6) occurred; see `protocols.quantities`."""


def part(
    code: str,
    name: str,
    name_zh: str,
    form: Format,
    unit: Unit = Unit.NONE,
    obis: Obis | None = None,
    present: bool = True,
) -> PartFormat:
    """`present`: the value is that of now, so what it measures is stored as a quantity, where there is one."""
    quantity = BY_OBIS.get(obis) if obis is not None and present else None
    return Part(code, name, name_zh, obis, unit, form.decimals, quantity), form


def whole(code: str, name: str, name_zh: str, parts: Iterable[PartFormat], writable: bool = False) -> Item:
    """An item that always has all its parts."""
    held = tuple(parts)
    return Item(code, name, name_zh, held, len(held), writable)


def single(held: PartFormat, writable: bool = False) -> Item:
    """An item of one part, called as the part is."""
    return Item(held[0].item, held[0].name, held[0].name_zh, (held,), 1, writable)
