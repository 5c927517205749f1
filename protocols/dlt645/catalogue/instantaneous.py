"""Family 02 instantaneous values (DL/T 645-2007, Table A.3): DI2 quantity, DI1 phase (FF block), DI0 harmonic order."""

from __future__ import annotations

from typing import Final

from protocols.dlt645.catalogue.part import PHASES, PHASES_ZH, part, single, whole
from protocols.dlt645.formats import Number
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Unit

ORDERS: Final = 21
_BLOCK: Final = 0xFF
_DISTORTION: Final = 124
"""OBIS E of the total harmonic distortion."""

VOLTAGE: Final = Number(2, 1)
CURRENT: Final = Number(3, 3, signed=True)
POWER: Final = Number(3, 4, signed=True)
APPARENT: Final = Number(3, 4)
FACTOR: Final = Number(2, 3, signed=True)
_PERCENT: Final = Number(2, 2)

# DI2: name, Chinese name, OBIS C of the total (the phases stand 20 apart; None: there is no code), E, unit, format,
# whether there is a total
_ROWS: Final[dict[int, tuple[str, str, int | None, int, Unit, Number, bool]]] = {
    0x01: ("voltage", "电压", 12, 0, Unit.VOLT, VOLTAGE, False),
    0x02: ("current", "电流", 11, 0, Unit.AMPERE, CURRENT, False),
    0x03: ("active_power", "瞬时有功功率", 16, 0, Unit.KW, POWER, True),
    0x04: ("reactive_power", "瞬时无功功率", 131, 0, Unit.KVAR, POWER, True),
    0x05: ("apparent_power", "瞬时视在功率", 9, 0, Unit.KVA, APPARENT, True),
    0x06: ("power_factor", "功率因数", 13, 0, Unit.NONE, FACTOR, True),
    0x07: ("phase_angle", "相角", None, 0, Unit.DEGREE, Number(2, 1), False),
    0x08: ("voltage_distortion", "电压波形失真度", 12, _DISTORTION, Unit.PERCENT, _PERCENT, False),
    0x09: ("current_distortion", "电流波形失真度", 11, _DISTORTION, Unit.PERCENT, _PERCENT, False),
}
_HARMONICS: Final = {0x0A: ("voltage_harmonic", "电压"), 0x0B: ("current_harmonic", "电流")}

# DI0 of 02 80 00 xx
_SINGLES: Final[dict[int, tuple[str, str, Obis | None, Unit, Number]]] = {
    0x01: ("current_neutral", "零线电流", Obis(1, 0, 91, 7), Unit.AMPERE, CURRENT),
    0x02: ("frequency", "电网频率", Obis(1, 0, 14, 7), Unit.HERTZ, Number(2, 2)),
    0x03: ("active_power_minute", "一分钟有功总平均功率", None, Unit.KW, POWER),
    0x04: ("active_demand", "当前有功需量", Obis(1, 0, 15, 4), Unit.KW, POWER),
    0x05: ("reactive_demand", "当前无功需量", Obis(1, 0, 131, 4), Unit.KVAR, POWER),
    0x06: ("apparent_demand", "当前视在需量", Obis(1, 0, 9, 4), Unit.KVA, APPARENT),
    0x07: ("temperature", "表内温度", Obis(0, 0, 96, 9), Unit.CELSIUS, Number(2, 1, signed=True)),
    0x08: ("battery_voltage_clock", "时钟电池电压", Obis(0, 0, 96, 6, 3), Unit.VOLT, Number(2, 2)),
    0x09: ("battery_voltage_reading", "停电抄表电池电压", Obis(0, 1, 96, 6, 3), Unit.VOLT, Number(2, 2)),
    0x0A: ("battery_time", "内部电池工作时间", Obis(0, 0, 96, 6, 0), Unit.MINUTE, Number(4)),
}


def instantaneous(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 02."""
    if di2 == 0x80:
        if di1 or di0 not in _SINGLES:
            return None
        name, zh, obis, unit, form = _SINGLES[di0]
        return single(part(code, name, zh, form, unit, obis))
    if di2 in _HARMONICS:
        return _harmonics(code, di2, di1, di0)
    if di2 not in _ROWS or di0:
        return None
    if di1 == _BLOCK:
        name, zh = _ROWS[di2][:2]
        return whole(code, name + "_block", zh + "数据块", all_phases(code, di2))
    return single(one_phase(code, di2, di1)) if _first(di2) <= di1 <= 3 else None


def one_phase(code: str, di2: int, phase: int, present: bool = True) -> PartFormat:
    """The value of a phase (0: the total) as a part of item `code`."""
    name, zh, obis_c, obis_e, unit, form, _ = _ROWS[di2]
    obis = None if obis_c is None else Obis(1, 0, obis_c + 20 * phase, 7, obis_e)
    label = (PHASES_ZH[phase] if phase else "总") + zh
    return part(code, name + PHASES[phase], label, form, unit, obis, present)


def all_phases(code: str, di2: int, present: bool = True) -> list[PartFormat]:
    """The total, where there is one, and the three phases."""
    return [one_phase(code, di2, phase, present) for phase in range(_first(di2), 4)]


def frequency(code: str, present: bool = True) -> PartFormat:
    """The frequency as a part of item `code`."""
    return _named(code, 0x02, present)


def demands(code: str, present: bool = True) -> list[PartFormat]:
    """The present active and reactive demand as parts of item `code`."""
    return [_named(code, 0x04, present), _named(code, 0x05, present)]


def _named(code: str, di0: int, present: bool) -> PartFormat:
    name, zh, obis, unit, form = _SINGLES[di0]
    return part(code, name, zh, form, unit, obis, present)


def _first(di2: int) -> int:
    return 0 if _ROWS[di2][-1] else 1


def _harmonics(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """02 0A (voltage) and 02 0B (current): DI1 phase, DI0 order 01..15H, FF all."""
    orders = range(1, ORDERS + 1) if di0 == _BLOCK else range(di0, di0 + 1)
    if not 1 <= di1 <= 3 or orders[0] < 1 or orders[-1] > ORDERS:
        return None
    name, zh = _HARMONICS[di2]
    zh = PHASES_ZH[di1] + zh
    parts = [part(code, f"{name}_{n}{PHASES[di1]}", f"{zh}{n}次谐波含量", _PERCENT, Unit.PERCENT) for n in orders]
    if di0 == _BLOCK:
        return whole(code, f"{name}s{PHASES[di1]}", zh + "谐波含量数据块", parts)
    return single(parts[0])
