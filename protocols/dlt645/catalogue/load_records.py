"""Family 06 load records (DL/T 645-2007, Table A.7): DI2 the class (00 all), DI0 which records.

The request carries a number of records (00: from the earliest on, 02: the latest, one), and for 01 the time from which
on they are wanted.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from protocols.dlt645.blocks import Block
from protocols.dlt645.catalogue.energy import quantity
from protocols.dlt645.catalogue.instantaneous import all_phases, demands, frequency
from protocols.dlt645.catalogue.part import ENERGY, SIGNED_ENERGY, part
from protocols.dlt645.item import Item, PartFormat
from protocols.dlt645.load_record import CLASSES, TIME, LoadRecords
from protocols.model import Obis

_WHICH: Final = {
    0: ("earliest", "最早负荷记录块"),
    1: ("from_time", "给定时间负荷记录块"),
    2: ("latest", "最近一个负荷记录块"),
}


def load_records(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 06."""
    if di2 > CLASSES or di1 or di0 not in _WHICH:
        return None
    name, zh = _WHICH[di0]
    if di2:
        name, zh = f"class_{di2}_{name}", f"第{di2}类{zh}"
    blocks = _blocks(f"06{di2:02X}0000")
    wanted = (di2,) if di2 else tuple(range(1, CLASSES + 1))
    time = part(code, "time", "负荷记录存储时间", TIME)
    parts = (time, *((held._replace(item=code, quantity=None), f) for n in wanted for held, f in blocks[n - 1].parts))
    return Item(code, f"load_records_{name}", zh, parts, len(parts), shape=LoadRecords(time, blocks, wanted))


@cache
def _blocks(code: str) -> tuple[Block, ...]:
    """The six classes. A record knows its time, so its values are quantities."""
    classes = (
        [*all_phases(code, 1), *all_phases(code, 2), frequency(code)],
        [*all_phases(code, 3), *all_phases(code, 4)],
        all_phases(code, 6),
        [_energy(code, base) for base in (1, 2, 3, 4)],
        [_energy(code, base) for base in (5, 6, 7, 8)],
        demands(code),
    )
    return tuple(Block(tuple(parts), len(parts)) for parts in classes)


def _energy(code: str, base: int) -> PartFormat:
    name, zh, unit, signed, obis_c = quantity("energy", base)
    return part(code, name, zh + "总电能", SIGNED_ENERGY if signed else ENERGY, unit, Obis(1, 0, obis_c, 8))
