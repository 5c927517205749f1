"""Identifiers of DL/T 645-1997, Annex A: two bytes.

    9xxx energy, Axxx demand, Bxxx its time   DI1L period and kind, DI0H quantity, DI0L rate (0 total, 1..E, F block)
    B2, B3, B6 variables; C0..C5 parameters   rows of `table1997`; DI0L F is a row as one block
    DI0H F and DI0L F                         all rows of DI1 as a set of blocks; 9FFF, AFFF: all of the family

A block is closed by AA, an empty one is AA alone. Load records (Dxxx) have no layout of the standard's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from protocols.dlt645.blocks import Block, Blocks
from protocols.dlt645.catalogue.part import DEMAND, ENERGY, OCCURRED, part, single
from protocols.dlt645.catalogue.table1997 import DAY_TABLES, ROWS, UNREADABLE, day_table
from protocols.dlt645.formats import Format, Moment
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Unit

RATES: Final = 14
_BLOCK: Final = 0xF
_TIME: Final = Moment("MMDDhhmm")

# DI1L by four: name, Chinese name, OBIS F
_PERIODS: Final = {0: ("", "", 255), 1: ("_settlement_1", "(上月)", 101), 2: ("_settlement_2", "(上上月)", 102)}
# DI0H of active (DI1L even) and reactive (odd): name, Chinese name, OBIS C
_ACTIVE: Final = {1: ("active_{}_import", "正向有功", 1), 2: ("active_{}_export", "反向有功", 2)}
_REACTIVE: Final = {
    1: ("reactive_{}_import", "正向无功", 3),
    2: ("reactive_{}_export", "反向无功", 4),
    3: ("reactive_{}_q1", "一象限无功", 5),
    4: ("reactive_{}_q4", "四象限无功", 8),
    5: ("reactive_{}_q2", "二象限无功", 6),
    6: ("reactive_{}_q3", "三象限无功", 7),
}
_DI1L: Final = (0, 1, 4, 5, 8, 9)
# Family: what it is called, Chinese for it, format, OBIS D
_FAMILIES: Final[dict[int, tuple[str, str, Format, int]]] = {
    0x9: ("energy", "电能", ENERGY, 8),
    0xA: ("demand", "最大需量", DEMAND, 6),
    0xB: ("demand", "最大需量发生时间", _TIME, OCCURRED),
}
_COMBINED: Final = "9000"
"""Not in the standard: captured from a meter that answers a combined active energy here."""
_SETS: Final = {"B3": ("phase_loss", "断相"), "B6": ("variables", "变量")}


def edition1997(code: str) -> Item | None:
    """The item of four hex digits; None where no rule describes it."""
    family, kind, row, place = (int(digit, 16) for digit in code)
    if code == _COMBINED:
        held = part(code, "active_energy_combined", "组合有功总电能", ENERGY, Unit.KWH, Obis(1, 0, 15, 8))
        return single(held)
    if family in _FAMILIES and (kind in _DI1L or (kind == _BLOCK and family != 0xB)):
        return _grid(code, family, kind, row, place)
    return _variable(code, row, place)


def _grid(code: str, family: int, kind: int, row: int, place: int) -> Item | None:
    word, zh, _, _ = _FAMILIES[family]
    if row == _BLOCK or kind == _BLOCK:
        if place != _BLOCK or row != _BLOCK:
            return None
        kinds = _DI1L if kind == _BLOCK else (kind,)
        blocks = [
            Block(tuple(_values(f"{family:X}{each:X}{line:X}F", range(RATES + 1))), 1)
            for each in kinds
            for line in _lines(each)
        ]
        which, which_zh = ("all", "全部") if kind == _BLOCK else _kind(kind)
        return _blocks(
            code, f"{which}_{word}_set{'_times' if family == 0xB else ''}", f"{which_zh}{zh}数据块集合", blocks
        )
    if row not in _lines(kind):
        return None
    if place != _BLOCK:
        return single(_values(code, range(place, place + 1))[0])
    parts = tuple(_values(code, range(RATES + 1)))
    label = f"{_PERIODS[kind // 4][1]}{_lines(kind)[row][1]}{zh}数据块"
    return _blocks(code, f"{parts[0][0].name}_rates", label, [Block(parts, 1)])


def _lines(kind: int) -> dict[int, tuple[str, str, int]]:
    return _REACTIVE if kind % 2 else _ACTIVE


def _kind(kind: int) -> tuple[str, str]:
    period, period_zh, _ = _PERIODS[kind // 4]
    return ("reactive" if kind % 2 else "active") + period, period_zh + ("无功" if kind % 2 else "有功")


def _values(code: str, rates: range) -> list[PartFormat]:
    """The values of one quantity and period for `rates`."""
    family, kind, row, _ = (int(digit, 16) for digit in code)
    word, word_zh, form, obis_d = _FAMILIES[family]
    period, period_zh, obis_f = _PERIODS[kind // 4]
    pattern, zh, obis_c = _lines(kind)[row]
    unit = Unit.NONE
    if family != 0xB:
        energy, power = (Unit.KVARH, Unit.KVAR) if kind % 2 else (Unit.KWH, Unit.KW)
        unit = energy if family == 0x9 else power
    tail = "_time" if family == 0xB else ""
    parts = []
    for rate in rates:
        name = pattern.format(word) + ("" if family == 0x9 else "_max") + (f"_t{rate}" if rate else "") + period
        label = period_zh + (f"费率{rate}{zh}" if rate else f"{zh}总") + word_zh
        obis = Obis(1, 0, obis_c, obis_d, rate, obis_f)
        parts.append(part(code, name + tail, label, form, unit, obis))
    return parts


def _variable(code: str, row: int, place: int) -> Item | None:
    """B2, B3, B6 and C0..C5."""
    if code[:2] in _SETS and row == place == _BLOCK:
        name, zh = _SETS[code[:2]]
        blocks = [_row_block(prefix) for prefix in sorted(ROWS) if prefix.startswith(code[:2])]
        return _blocks(code, name + "_set", zh + "数据块集合", blocks)
    writable = code[0] == "C"
    if place == _BLOCK:
        if code[:3] in UNREADABLE:
            return None
        if code[:2] == "C3" and row - 2 in DAY_TABLES:
            parts = day_table(code, row - 2)
            return _blocks(code, f"day_table_{row - 2}", f"第{row - 2}日时段表数据块", [Block(parts, len(parts))], True)
        if code[:3] not in ROWS:
            return None
        name, zh, _ = ROWS[code[:3]]
        return _blocks(code, name, zh + "数据块", [_row_block(code[:3])], writable)
    if code[:2] == "C3" and row - 2 in DAY_TABLES:
        parts = day_table(code, row - 2)
        return single(parts[place - 1], writable) if 1 <= place <= len(parts) else None
    if code[:3] not in ROWS or place not in ROWS[code[:3]][2]:
        return None
    name, zh, obis, unit, form = ROWS[code[:3]][2][place]
    found = single(part(code, name, zh, form, unit, obis), writable)
    return replace(found, readable=False) if code[:3] in UNREADABLE and name == "password" else found


def _row_block(prefix: str) -> Block:
    parts = tuple(
        part(f"{prefix}{place:X}", name, zh, form, unit, obis)
        for place, (name, zh, obis, unit, form) in ROWS[prefix][2].items()
    )
    return Block(parts, len(parts))


def _blocks(code: str, name: str, zh: str, blocks: list[Block], writable: bool = False) -> Item:
    shape = Blocks(tuple(blocks))
    return Item(code, name, zh, shape.parts, len(shape.parts), writable, shape=shape)
