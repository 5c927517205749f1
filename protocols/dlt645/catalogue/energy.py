"""Families 00 energy and 01 maximum demand (DL/T 645-2007, Tables A.1 and A.2): one grid.

DI2 is the quantity, DI1 the rate (00 total, 01..3F, FF block of total and the rates that the meter has), DI0 the
settlement (00 now, 01..0C back, FF block of now and all twelve). Phases have no rates.

The combined quantities carry a sign, the phases' combined reactive ones too: they are combined by the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from protocols.dlt645.catalogue.part import (
    DEMAND,
    ENERGY,
    MINUTE_TIME,
    OCCURRED,
    PHASES,
    PHASES_ZH,
    SIGNED_DEMAND,
    SIGNED_ENERGY,
    part,
    single,
    whole,
)
from protocols.dlt645.formats import Number
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Unit

RATES: Final = 63
SETTLEMENTS: Final = 12
_BLOCK: Final = 0xFF

# DI2: name, Chinese name, OBIS C, unit of energy, unit of demand, signed
GRID: Final[dict[int, tuple[str, str, int, Unit, Unit, bool]]] = {
    0x00: ("active_{}_combined", "组合有功", 15, Unit.KWH, Unit.KW, True),
    0x01: ("active_{}_import", "正向有功", 1, Unit.KWH, Unit.KW, False),
    0x02: ("active_{}_export", "反向有功", 2, Unit.KWH, Unit.KW, False),
    0x03: ("reactive_{}_import", "组合无功1", 3, Unit.KVARH, Unit.KVAR, True),
    0x04: ("reactive_{}_export", "组合无功2", 4, Unit.KVARH, Unit.KVAR, True),
    0x05: ("reactive_{}_q1", "第一象限无功", 5, Unit.KVARH, Unit.KVAR, False),
    0x06: ("reactive_{}_q2", "第二象限无功", 6, Unit.KVARH, Unit.KVAR, False),
    0x07: ("reactive_{}_q3", "第三象限无功", 7, Unit.KVARH, Unit.KVAR, False),
    0x08: ("reactive_{}_q4", "第四象限无功", 8, Unit.KVARH, Unit.KVAR, False),
    0x09: ("apparent_{}_import", "正向视在", 9, Unit.KVAH, Unit.KVA, False),
    0x0A: ("apparent_{}_export", "反向视在", 10, Unit.KVAH, Unit.KVA, False),
}
PHASE_STEP: Final = 0x14
"""DI2 of phase A stands so far above the sum's, B twice, C three times as far."""

# DI2 80..86 (sum) and the same 14H, 28H, 3CH above (phases): name, Chinese for the sum and for a phase. No OBIS code
# says exactly this.
_SPECIAL: Final[dict[int, tuple[str, str, str]]] = {
    0x80: ("active_energy_associated", "关联总电能", "关联电能"),
    0x81: ("active_energy_import_fundamental", "正向有功基波总电能", "正向有功基波电能"),
    0x82: ("active_energy_export_fundamental", "反向有功基波总电能", "反向有功基波电能"),
    0x83: ("active_energy_import_harmonic", "正向有功谐波总电能", "正向有功谐波电能"),
    0x84: ("active_energy_export_harmonic", "反向有功谐波总电能", "反向有功谐波电能"),
    0x85: ("active_energy_copper_loss", "铜损有功总电能补偿量", "铜损补偿量电能"),
    0x86: ("active_energy_iron_loss", "铁损有功总电能补偿量", "铁损补偿量电能"),
}

# DI2 90, DI1, DI0 of the State Grid supplement for prepaid meters
_PREPAID: Final[dict[tuple[int, int], tuple[str, str, Unit]]] = {
    (1, 0): ("prepaid_energy_left", "剩余电量", Unit.KWH),
    (1, 1): ("prepaid_energy_overdrawn", "透支电量", Unit.KWH),
    (2, 0): ("prepaid_amount_left", "剩余金额", Unit.YUAN),
    (2, 1): ("prepaid_amount_overdrawn", "透支金额", Unit.YUAN),
}


class _Row(NamedTuple):
    """A quantity of the grid; `zh` has a place for the rate."""

    name: str
    zh: str
    total_zh: str
    unit: Unit
    form: Number
    obis_c: int | None


def energy(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 00."""
    if di2 == 0x90:
        row = _PREPAID.get((di1, di0))
        return row and single(part(code, row[0], row[1], ENERGY, row[2]))
    if di2 < 0x80:
        return _on_grid(code, "energy", di2, di1, di0)
    phase, base = divmod(di2 - 0x80, PHASE_STEP)
    special = _SPECIAL.get(0x80 + base)
    if special is None or phase > 3 or di1:
        return None
    zh = PHASES_ZH[phase] + special[2 if phase else 1]
    return _item(code, _Row(special[0] + PHASES[phase], zh, "", Unit.KWH, ENERGY, None), di1, di0)


def demand(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 01; there is no demand of the combined active energy."""
    return _on_grid(code, "demand", di2, di1, di0) if di2 else None


def quantity(word: str, base: int, phase: int = 0) -> tuple[str, str, Unit, bool, int]:
    """Name, Chinese name, unit, sign and OBIS C of ``GRID[base]`` as `word` (energy or demand) of a phase (0: sum)."""
    pattern, zh, obis_c, energy_unit, demand_unit, signed = GRID[base]
    unit = energy_unit if word == "energy" else demand_unit
    return pattern.format(word) + PHASES[phase], PHASES_ZH[phase] + zh, unit, signed, obis_c + 20 * phase


def _on_grid(code: str, word: str, di2: int, di1: int, di0: int) -> Item | None:
    phase, base = divmod(di2, PHASE_STEP)
    if base not in GRID or phase > 3 or (phase and (di1 or not base)):
        return None
    name, zh, unit, signed, obis_c = quantity(word, base, phase)
    if word == "demand":
        form, name, zh = (SIGNED_DEMAND if signed else DEMAND), name + "_max", zh + "{}最大需量"
    else:
        form, zh = (SIGNED_ENERGY if signed else ENERGY), zh + "{}电能"
    return _item(code, _Row(name, zh, "" if phase else "总", unit, form, obis_c), di1, di0)


def _item(code: str, row: _Row, di1: int, di0: int) -> Item | None:
    if di1 == _BLOCK and di0 == _BLOCK:
        return None
    rates = range(RATES + 1) if di1 == _BLOCK else range(di1, di1 + 1)
    settlements = range(SETTLEMENTS + 1) if di0 == _BLOCK else range(di0, di0 + 1)
    if rates[-1] > RATES or settlements[-1] > SETTLEMENTS:
        return None
    parts = [held for settlement in settlements for rate in rates for held in _value(code, row, rate, settlement)]
    each = len(parts) // (len(rates) * len(settlements))
    zh = row.zh.format("" if di1 == _BLOCK else _rate_zh(row, di1)) + ("及发生时间" if each > 1 else "")
    if di1 == _BLOCK:
        zh = _settlement_zh(di0) + zh + "数据块"
        return Item(code, row.name + "_rates" + _settlement(di0), zh, tuple(parts), each)
    if di0 == _BLOCK:
        return whole(code, row.name + _rate(di1) + "_settlements", zh + " 当前+12结算日数据块", parts)
    return whole(code, row.name + _rate(di1) + _settlement(di0), _settlement_zh(di0) + zh, parts)


def _value(code: str, row: _Row, rate: int, settlement: int) -> Iterator[PartFormat]:
    """The number, and of a demand its time of occurrence too."""
    name = row.name + _rate(rate) + _settlement(settlement)
    zh = _settlement_zh(settlement) + row.zh.format(_rate_zh(row, rate))
    is_demand = row.form.length == DEMAND.length
    obis = None
    if row.obis_c is not None:
        obis = Obis(1, 0, row.obis_c, 6 if is_demand else 8, rate, 100 + settlement if settlement else 255)
    yield part(code, name, zh, row.form, row.unit, obis)
    if is_demand:
        occurred = None if obis is None else obis._replace(d=OCCURRED)
        yield part(code, name + "_time", zh + "发生时间", MINUTE_TIME, obis=occurred)


def _rate(rate: int) -> str:
    return f"_t{rate}" if rate else ""


def _rate_zh(row: _Row, rate: int) -> str:
    return f"费率{rate}" if rate else row.total_zh


def _settlement(settlement: int) -> str:
    return f"_settlement_{settlement}" if settlement else ""


def _settlement_zh(settlement: int) -> str:
    return f"(上{settlement}结算日)" if settlement else ""
