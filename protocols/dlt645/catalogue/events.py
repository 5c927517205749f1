"""Family 03 events (DL/T 645-2007, Table A.4), and trips and closings of the State Grid supplement (families 1D, 1E).

DI0 is 00 for the counts and 01..0A for the last ten records, the latest first. Records are longer than one frame may
be (demand clear 202 bytes, day schedules 682, holidays 1026): they come in follow-up frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from protocols.dlt645.catalogue.energy import quantity
from protocols.dlt645.catalogue.instantaneous import VOLTAGE, one_phase
from protocols.dlt645.catalogue.part import (
    COUNT,
    DEMAND,
    ENERGY,
    MINUTE_TIME,
    MINUTES,
    PHASES,
    PHASES_ZH,
    SECOND_TIME,
    SIGNED_ENERGY,
    part,
    single,
    whole,
)
from protocols.dlt645.catalogue.registers import REGISTERS
from protocols.dlt645.formats import Hex, Moment, Number
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Unit

RECORDS: Final = 10
MONTHS: Final = 12
_FOUR: Final = (1, 2, 3, 4)
"""Active import and export, combined reactive 1 and 2."""
_SIX: Final = (1, 2, 5, 6, 7, 8)
"""Active import and export, the four quadrants."""

Parts = list[PartFormat]


def start(code: str) -> PartFormat:
    return part(code, "start", "发生时刻", SECOND_TIME)


def end(code: str) -> PartFormat:
    return part(code, "end", "结束时刻", SECOND_TIME)


def energies(code: str, bases: Iterable[int], phase: int, name_tail: str, zh: str) -> Parts:
    """Energies of a phase (0: sum); `zh` has a place for the quantity."""
    parts = []
    for base in bases:
        name, quantity_zh, unit, signed, _ = quantity("energy", base, phase)
        label = zh.format(quantity_zh + ("电能" if phase else "总电能"))
        parts.append(part(code, name + name_tail, label, SIGNED_ENERGY if signed else ENERGY, unit))
    return parts


def _increments(code: str, phase: int) -> Parts:
    return energies(code, _FOUR, phase, "_increment", "{}增量")


def _at_start(code: str, phase: int) -> Parts:
    """Voltage, current, powers and power factor of a phase when it began."""
    parts = []
    for di2 in (1, 2, 3, 4, 6):
        held, form = one_phase(code, di2, phase, present=False)
        parts.append((held._replace(name=held.name + "_at_start", name_zh="发生时刻" + held.name_zh, obis=None), form))
    return parts


def _flow(code: str) -> Parts:
    """76 bytes: from, to, and what was counted meanwhile."""
    return [start(code), end(code), *(held for phase in range(4) for held in _increments(code, phase))]


def _current(code: str) -> Parts:
    """115 bytes: the same, and after each phase's energies what it was like when it began."""
    parts = [start(code), end(code), *_increments(code, 0)]
    for phase in (1, 2, 3):
        parts += [*_increments(code, phase), *_at_start(code, phase)]
    return parts


def _voltage(code: str) -> Parts:
    """131 bytes: the same, and the ampere-hours."""
    names = zip(PHASES, ("总", *PHASES_ZH[1:]), strict=True)
    hours = [part(code, f"charge{p}", f"{zh}安时数", ENERGY, Unit.AMPERE_HOUR) for p, zh in names]
    return [*_current(code), *hours]


def _imbalance(code: str) -> Parts:
    largest = part(code, "imbalance_max", "最大不平衡率", Number(2, 2), Unit.PERCENT)
    return [start(code), end(code), largest, *_flow(code)[2:]]


def _all_lost(code: str) -> Parts:
    held = part(code, "current", "电流值", Number(3, 3, signed=True), Unit.AMPERE)
    return [start(code), held, end(code)]


def _duration(code: str) -> Parts:
    return [start(code), end(code)]


# DI2: name, Chinese name, whether each phase has its own (DI1 01..03), the record
_DISTURBANCES: Final[dict[int, tuple[str, str, bool, Callable[[str], Parts]]]] = {
    0x01: ("voltage_loss", "失压", True, _voltage),
    0x02: ("undervoltage", "欠压", True, _voltage),
    0x03: ("overvoltage", "过压", True, _voltage),
    0x04: ("phase_loss", "断相", True, _voltage),
    0x05: ("voltage_loss_all", "全失压", False, _all_lost),
    0x06: ("auxiliary_supply_loss", "辅助电源失电", False, _duration),
    0x07: ("voltage_reversal", "电压逆相序", False, _flow),
    0x08: ("current_reversal", "电流逆相序", False, _flow),
    0x09: ("voltage_imbalance", "电压不平衡", False, _imbalance),
    0x0A: ("current_imbalance", "电流不平衡", False, _imbalance),
    0x0B: ("current_loss", "失流", True, _current),
    0x0C: ("overcurrent", "过流", True, _current),
    0x0D: ("current_break", "断流", True, _current),
    0x0E: ("flow_reversal", "潮流反向", True, _flow),
    0x0F: ("overload", "过载", True, _flow),
}
# DI1 of 03 12: base of the grid
_LIMITED: Final = {1: 1, 2: 2, 3: 5, 4: 6, 5: 7, 6: 8}


def events(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 03."""
    if di2 in _DISTURBANCES:
        return _disturbance(code, di2, di1, di0)
    if di2 == 0x10:
        return _voltage_quality(code, di1, di0) if di1 <= 3 and di0 <= MONTHS else None
    if di2 == 0x11:
        return _power_down(code, di0) if di1 == 0 and di0 <= RECORDS else None
    if di2 == 0x12:
        return _demand_limit(code, di1, di0)
    if di2 == 0x30:
        return _register(code, di1, di0)
    if di2 in (0x32, 0x33):
        return _purchase(code, di2, di1, di0) if 1 <= di0 <= RECORDS else None
    return None


def _last(number: int) -> str:
    return f"(上{number}次)"


def _disturbance(code: str, di2: int, di1: int, di0: int) -> Item | None:
    name, zh, phased, record = _DISTURBANCES[di2]
    if di1 == 0 and di0 == 0:
        parts = []
        for phase in (1, 2, 3) if phased else (0,):
            label = PHASES_ZH[phase] + zh
            parts.append(part(code, f"{name}{PHASES[phase]}_count", label + "总次数", COUNT))
            parts.append(part(code, f"{name}{PHASES[phase]}_time", label + "总累计时间", MINUTES, Unit.MINUTE))
        return whole(code, name + "_counts", ("A/B/C相" if phased else "") + zh + "总次数,总累计时间", parts)
    if not 1 <= di0 <= RECORDS or not (1 <= di1 <= 3 if phased else di1 == 0):
        return None
    return whole(code, f"{name}{PHASES[di1]}_record_{di0}", f"{_last(di0)}{PHASES_ZH[di1]}{zh}记录", record(code))


def _voltage_quality(code: str, phase: int, month: int) -> Item:
    """27 bytes; DI0 00 this month, 01..0C back."""
    percent, time = Number(3, 2), Moment("MMDDhhmm")
    parts = [
        part(code, "time_observed", "电压监测时间", MINUTES, Unit.MINUTE),
        part(code, "within_limits", "电压合格率", percent, Unit.PERCENT),
        part(code, "beyond_limits", "电压超限率", percent, Unit.PERCENT),
        part(code, "time_above", "电压超上限时间", MINUTES, Unit.MINUTE),
        part(code, "time_below", "电压超下限时间", MINUTES, Unit.MINUTE),
        part(code, "voltage_max", "最高电压", VOLTAGE, Unit.VOLT),
        part(code, "voltage_max_time", "最高电压出现时间", time),
        part(code, "voltage_min", "最低电压", VOLTAGE, Unit.VOLT),
        part(code, "voltage_min_time", "最低电压出现时间", time),
    ]
    when = f"(上{month}月)" if month else "(本月)"
    back = f"_month_{month}" if month else ""
    return whole(code, f"voltage_quality{PHASES[phase]}{back}", f"{when}{PHASES_ZH[phase]}电压合格率统计数据", parts)


def _power_down(code: str, di0: int) -> Item:
    if di0 == 0:
        return single(part(code, "power_down_count", "掉电总次数", COUNT, Unit.NONE, Obis(0, 0, 96, 7, 0)))
    return whole(code, f"power_down_record_{di0}", _last(di0) + "掉电记录", _duration(code))


def _demand_limit(code: str, di1: int, di0: int) -> Item | None:
    if di1 == 0 and di0 == 0:
        parts = []
        for base in _LIMITED.values():
            name, zh, *_ = quantity("demand", base)
            parts.append(part(code, f"{name}_over_limit_count", zh + "需量超限总次数", COUNT))
        return whole(code, "demand_over_limit_counts", "需量超限总次数(6类)", parts)
    if di1 not in _LIMITED or not 1 <= di0 <= RECORDS:
        return None
    name, zh, unit, _, _ = quantity("demand", _LIMITED[di1])
    parts = [
        start(code),
        end(code),
        part(code, name + "_max", zh + "最大需量", DEMAND, unit),
        part(code, name + "_max_time", zh + "最大需量发生时间", MINUTE_TIME),
    ]
    return whole(code, f"{name}_over_limit_record_{di0}", f"{_last(di0)}{zh}需量超限记录", parts)


def _register(code: str, di1: int, di0: int) -> Item | None:
    """03 30: what people did to the meter."""
    if di1 not in REGISTERS or di0 > RECORDS:
        return None
    name, zh, obis, record = REGISTERS[di1]
    if di0 == 0:
        return single(part(code, name + "_count", zh + "总次数", COUNT, Unit.NONE, obis))
    return whole(code, f"{name}_record_{di0}", f"{_last(di0)}{zh}记录", record(code))


# DI1 of 03 32 (energy bought) and 03 33 (amount bought), State Grid supplement: name, Chinese name, whether a value
_PURCHASE: Final[dict[int, tuple[str, str, Moment | Number]]] = {
    1: ("time", "购电日期", MINUTE_TIME),
    2: ("count", "购电后总购电次数", Number(2)),
    3: ("bought", "购{}", ENERGY),
    4: ("before", "购电前剩余{}", ENERGY),
    5: ("after", "购电后剩余{}", ENERGY),
    6: ("sum", "购电后累计购{}", ENERGY),
}


def _purchase(code: str, di2: int, di1: int, di0: int) -> Item | None:
    if di1 not in _PURCHASE:
        return None
    name, zh, form = _PURCHASE[di1]
    word, what, unit = ("energy", "电量", Unit.KWH) if di2 == 0x32 else ("amount", "金额", Unit.YUAN)
    label = _last(di0) + zh.format(what)
    return single(part(code, f"purchase_{word}_{name}_{di0}", label, form, unit if form is ENERGY else Unit.NONE))


def trips(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 1D, trips of the relay: DI1 01..08 the parts of a record, FF the record."""
    return _switching(code, di2, di1, di0, "trip", "跳闸")


def closings(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 1E, closings of the relay."""
    return _switching(code, di2, di1, di0, "close", "合闸")


def _switching(code: str, di2: int, di1: int, di0: int, name: str, zh: str) -> Item | None:
    if di2:
        return None
    if (di1, di0) == (0, 1):
        return single(part(code, name + "_count", zh + "总次数", COUNT))
    if not 1 <= di0 <= RECORDS:
        return None
    record = [
        part(code, "start", zh + "发生时刻", SECOND_TIME),
        part(code, "operator", "操作者代码", Hex(4)),
        *energies(code, _SIX, 0, "", zh + "时{}"),
    ]
    if di1 == 0xFF:
        return whole(code, f"{name}_record_{di0}", f"{_last(di0)}{zh}记录", record)
    if not 1 <= di1 <= len(record):
        return None
    held, form = record[di1 - 1]
    return single((held._replace(name=f"{name}_{held.name}_{di0}", name_zh=_last(di0) + held.name_zh), form))
