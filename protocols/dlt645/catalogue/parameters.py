"""Family 04 parameters (DL/T 645-2007, Table A.5), with those of the State Grid supplement.

Single parameters are rows of `parameter_table`; what is numbered (seasons, day schedules, holidays, screens, passwords,
loss coefficients, intervals, prices) is a rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from protocols.dlt645.catalogue.parameter_table import PARAMETERS
from protocols.dlt645.catalogue.part import PHASES, PHASES_ZH, part, single, whole
from protocols.dlt645.catalogue.registers import DAY_TABLES, HOLIDAYS, PERIODS, SEASONS
from protocols.dlt645.formats import Bits, Entry, Hex, Number
from protocols.dlt645.item import Item, PartFormat
from protocols.model import Obis, Unit

STATUS_WORDS: Final = 7
_BLOCK: Final = 0xFF
_SETS: Final = {1: "第一套", 2: "第二套"}
_SCREENS: Final = {1: ("auto", "自动循环"), 2: ("key", "按键循环")}
_LOSSES: Final = (
    ("conductance", "电导"), ("susceptance", "电纳"), ("resistance", "电阻"), ("reactance", "电抗"),
)  # fmt: skip
_TARIFF_SETS: Final = {1: ("current", "当前套"), 2: ("spare", "备用套")}


def parameters(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 04."""
    row = PARAMETERS.get(code[2:])
    if row is not None:
        name, zh, obis, unit, form, writable = row
        return single(part(code, name, zh, form, unit, obis), writable)
    if di2 == 0:
        return _numbered(code, di1, di0)
    if di2 in _SETS and di1 == 0:
        return _schedule(code, di2, di0)
    if di2 == 3 and di1 == 0 and 1 <= di0 <= HOLIDAYS:
        held = part(code, f"holiday_{di0}", f"第{di0}公共假日日期及日时段表号", Entry("YYMMDDNN"))
        return single(held, writable=True)
    if di2 == 4 and di1 in _SCREENS and 1 <= di0 <= 254:
        name, zh = _SCREENS[di1]
        return single(part(code, f"{name}_screen_{di0}", f"{zh}显示第{di0}屏显示数据项", Hex(4)), writable=True)
    if di2 in (5, 6):
        return _price(code, di2, di1, di0)
    return None


def _numbered(code: str, di1: int, di0: int) -> Item | None:
    if di1 == 0x05 and di0 == _BLOCK:
        words = [_status_word(f"{code[:6]}{n:02X}", n) for n in range(1, STATUS_WORDS + 1)]
        return whole(code, "status_words", "电表运行状态字数据块", words)
    if di1 == 0x05 and 1 <= di0 <= STATUS_WORDS:
        return single(_status_word(code, di0))
    if di1 == 0x0A and 2 <= di0 <= 7:
        kind = di0 - 1
        held = part(code, f"load_interval_{kind}", f"第{kind}类负荷记录间隔时间", Number(2), Unit.MINUTE)
        return single(held, writable=True)
    if di1 == 0x0C and 1 <= di0 <= 10:
        held = part(code, f"password_{di0 - 1}", f"{di0 - 1}级密码", Hex(4))
        return replace(single(held, writable=True), readable=False)
    if di1 == 0x0D and 1 <= di0 <= 12:
        phase, which = 1 + (di0 - 1) // 4, (di0 - 1) % 4
        name, zh = _LOSSES[which]
        held = part(code, f"loss_{name}{PHASES[phase]}", f"{PHASES_ZH[phase]}{zh}系数", Number(2, 3))
        return single(held, writable=True)
    return None


def _status_word(code: str, number: int) -> PartFormat:
    obis = Obis(0, 0, 96, 5, number)
    return part(code, f"status_word_{number}", f"电表运行状态字{number}", Bits(2), Unit.NONE, obis)


def _schedule(code: str, di2: int, di0: int) -> Item | None:
    """DI0 00 the seasons of a year, 01..08 the periods of a day."""
    zh = _SETS[di2]
    if di0 == 0:
        lines = [
            part(code, f"season_{n}", f"第{n}时区起始日期及日时段表号", Entry("MMDDNN")) for n in range(1, SEASONS + 1)
        ]
        return whole(code, f"seasons_set_{di2}", f"{zh}时区表数据", lines, writable=True)
    if di0 > DAY_TABLES:
        return None
    lines = [part(code, f"period_{n}", f"第{n}时段起始时间及费率号", Entry("hhmmNN")) for n in range(1, PERIODS + 1)]
    return whole(code, f"day_table_{di0}_set_{di2}", f"{zh}第{di0}日时段表数据", lines, writable=True)


def _price(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """State Grid supplement: prices of the rates (04 05), steps of energy and their prices (04 06)."""
    price = Number(4, 4)
    if di2 == 5:
        if di1 not in _TARIFF_SETS or not 1 <= di0 <= 63:
            return None
        name, zh = _TARIFF_SETS[di1]
        return single(part(code, f"price_t{di0}_{name}", f"{zh}费率{di0}电价", price, Unit.YUAN_KWH), writable=True)
    which, is_price = 1 + di1 // 2, di1 % 2
    if which not in _TARIFF_SETS or not 1 <= di0 <= 254:
        return None
    name, zh = _TARIFF_SETS[which]
    if is_price:
        held = part(code, f"price_step_{di0}_{name}", f"{zh}第{di0}阶梯电价", price, Unit.YUAN_KWH)
    else:
        held = part(code, f"step_{di0}_{name}", f"{zh}第{di0}阶梯值", Number(4, 2), Unit.KWH)
    return single(held, writable=True)
