"""Events 03 30: what people did to the meter, each with its record (DL/T 645-2007, Table A.4).

What was set is recorded as it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocols.dlt645.catalogue.energy import quantity
from protocols.dlt645.catalogue.part import DEMAND, ENERGY, MINUTE_TIME, SECOND_TIME, part
from protocols.dlt645.formats import Bits, Entry, Format, Hex, Moment, Number
from protocols.dlt645.item import PartFormat
from protocols.model import Obis

Parts = list[PartFormat]

SEASONS: Final = 14
PERIODS: Final = 14
DAY_TABLES: Final = 8
HOLIDAYS: Final = 254
_SIX: Final = (1, 2, 5, 6, 7, 8)


def _who(code: str) -> Parts:
    return [part(code, "time", "发生时刻", SECOND_TIME), part(code, "operator", "操作者代码", Hex(4))]


def _programming(code: str) -> Parts:
    return [*_who(code), *(part(code, f"item_{n}", f"编程的第{n}个数据标识码", Hex(4)) for n in range(1, 11))]


def _meter_clear(code: str) -> Parts:
    parts = _who(code)
    for phase in range(4):
        for base in _SIX:
            name, zh, unit, _, _ = quantity("energy", base, phase)
            label = f"电表清零前{zh}{'' if phase else '总'}电能"
            parts.append(part(code, name + "_before", label, ENERGY, unit))
    return parts


def _demand_clear(code: str) -> Parts:
    parts = _who(code)
    for phase in range(4):
        for base in _SIX:
            name, zh, unit, _, _ = quantity("demand", base, phase)
            label = f"需量清零前{zh}{'' if phase else '总'}最大需量"
            parts.append(part(code, name + "_max_before", label, DEMAND, unit))
            parts.append(part(code, name + "_max_before_time", label + "发生时间", MINUTE_TIME))
    return parts


def _event_clear(code: str) -> Parts:
    return [*_who(code), part(code, "item", "事件清零数据标识码", Hex(4))]


def _clock_set(code: str) -> Parts:
    return [
        part(code, "operator", "操作者代码", Hex(4)),
        part(code, "clock_before", "校时前时间", SECOND_TIME),
        part(code, "clock_after", "校时后时间", SECOND_TIME),
    ]


def _day_tables(code: str) -> Parts:
    return _who(code) + [
        part(code, f"set_{s}_table_{t}_period_{p}", f"编程前第{'一二'[s - 1]}套第{t}日时段表第{p}时段", Entry("hhmmNN"))
        for s in (1, 2)
        for t in range(1, DAY_TABLES + 1)
        for p in range(1, PERIODS + 1)
    ]


def _seasons(code: str) -> Parts:
    return _who(code) + [
        part(code, f"set_{s}_season_{n}", f"编程前第{'一二'[s - 1]}套第{n}时区", Entry("MMDDNN"))
        for s in (1, 2)
        for n in range(1, SEASONS + 1)
    ]


def _holidays(code: str) -> Parts:
    return _who(code) + [
        part(code, f"holiday_{n}", f"编程前第{n}公共假日", Entry("YYMMDDNN")) for n in range(1, HOLIDAYS + 1)
    ]


def _settlement_days(code: str) -> Parts:
    days = [part(code, f"settlement_day_{n}_before", f"编程前每月第{n}结算日", Moment("DDhh")) for n in (1, 2, 3)]
    return _who(code) + days


def _before(name: str, zh: str, form: Format) -> Callable[[str], Parts]:
    """One value as it was before."""
    return lambda code: [*_who(code), part(code, name + "_before", "编程前" + zh, form)]


def _opened(zh: str) -> Callable[[str], Parts]:
    def record(code: str) -> Parts:
        parts = [part(code, "start", "发生时刻", SECOND_TIME), part(code, "end", "结束时刻", SECOND_TIME)]
        for tail, word in (("_before", "前"), ("_after", "后")):
            for base in _SIX:
                name, quantity_zh, unit, _, _ = quantity("energy", base)
                parts.append(part(code, name + tail, f"{zh}{word}{quantity_zh}总电能", ENERGY, unit))
        return parts

    return record


# DI1: name, Chinese name, OBIS of the count, record
REGISTERS: Final[dict[int, tuple[str, str, Obis | None, Callable[[str], Parts]]]] = {
    0x00: ("programming", "编程", Obis(0, 0, 96, 2, 0), _programming),
    0x01: ("meter_clear", "电表清零", None, _meter_clear),
    0x02: ("demand_clear", "需量清零", None, _demand_clear),
    0x03: ("event_clear", "事件清零", None, _event_clear),
    0x04: ("clock_set", "校时", None, _clock_set),
    0x05: ("day_tables_set", "时段表编程", None, _day_tables),
    0x06: ("seasons_set", "时区表编程", None, _seasons),
    0x07: ("weekend_set", "周休日编程", None, _before("weekend_day_table", "周休日采用的日时段表号", Number(1))),
    0x08: ("holidays_set", "节假日编程", None, _holidays),
    0x09: (
        "active_combination_set", "有功组合方式编程", None,
        _before("active_combination", "有功组合方式特征字", Bits(1)),
    ),
    0x0A: (
        "reactive_combination_1_set", "无功组合方式1编程", None,
        _before("reactive_combination_1", "无功组合方式1特征字", Bits(1)),
    ),
    0x0B: (
        "reactive_combination_2_set", "无功组合方式2编程", None,
        _before("reactive_combination_2", "无功组合方式2特征字", Bits(1)),
    ),
    0x0C: ("settlement_days_set", "结算日编程", None, _settlement_days),
    0x0D: ("meter_cover_open", "开表盖", Obis(0, 0, 96, 20, 0), _opened("开表盖")),
    0x0E: ("terminal_cover_open", "开端钮盒", Obis(0, 0, 96, 20, 5), _opened("开端钮盒")),
}  # fmt: skip
