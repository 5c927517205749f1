"""The identifiers of DL/T 645-2007, Annex A, as rules: what DI3 DI2 DI1 DI0 mean is worked out when it is asked for.

    00 energy        DI2 quantity, DI1 rate (00 total, 01..3F, FF block), DI0 settlement (00 now, 01..0C, FF all)
    01 demand        the same grid; each value with its time of occurrence
    02 instantaneous DI2 quantity, DI1 phase (FF block), DI0 order of the harmonic
    04 parameters    a table

An identifier that no rule describes raises `ModelError`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from protocols.dlt645.formats import Bits, Digits, Format, Moment, Number, Text
from protocols.dlt645.item import Item
from protocols.errors import ModelError
from protocols.model import Obis, Part, Unit
from protocols.quantities import BY_OBIS

RATES: Final = 63
SETTLEMENTS: Final = 12
_BLOCK: Final = 0xFF
_PHASES: Final = ("", "_l1", "_l2", "_l3")
_PHASES_ZH: Final = ("总", "A相", "B相", "C相")

# DI2 of families 00 and 01: name, Chinese name, OBIS C, unit of energy, unit of demand, signed
_GRID: Final[dict[int, tuple[str, str, int, Unit, Unit, bool]]] = {
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
# Energies of one phase stand at 14H (A), 28H (B), 3CH (C) above the sum; they have no rates.
_PHASE_STEP: Final = 0x14
# DI2 80..86 (sum) and 94..9A, A8..AE, BC..C2 (phases): no OBIS code says exactly this.
_SPECIAL: Final[dict[int, tuple[str, str]]] = {
    0x80: ("active_energy_associated", "关联"),
    0x81: ("active_energy_import_fundamental", "正向有功基波"),
    0x82: ("active_energy_export_fundamental", "反向有功基波"),
    0x83: ("active_energy_import_harmonic", "正向有功谐波"),
    0x84: ("active_energy_export_harmonic", "反向有功谐波"),
    0x85: ("active_energy_copper_loss", "铜损有功补偿"),
    0x86: ("active_energy_iron_loss", "铁损有功补偿"),
}

# DI2 of family 02: name, Chinese name, OBIS C of total/L1/L2/L3 (None: there is none), unit, format, first DI1
_U: Final = Number(2, 1)
_INSTANT: Final[dict[int, tuple[str, str, tuple[int | None, ...], Unit, Number, int]]] = {
    0x01: ("voltage", "电压", (None, 32, 52, 72), Unit.VOLT, _U, 1),
    0x02: ("current", "电流", (None, 31, 51, 71), Unit.AMPERE, Number(3, 3, signed=True), 1),
    0x03: ("active_power", "瞬时有功功率", (16, 36, 56, 76), Unit.KW, Number(3, 4, signed=True), 0),
    0x04: ("reactive_power", "瞬时无功功率", (131, 151, 171, 191), Unit.KVAR, Number(3, 4, signed=True), 0),
    0x05: ("apparent_power", "瞬时视在功率", (9, 29, 49, 69), Unit.KVA, Number(3, 4), 0),
    0x06: ("power_factor", "功率因数", (13, 33, 53, 73), Unit.NONE, Number(2, 3, signed=True), 0),
    0x07: ("phase_angle", "相角", (None, None, None, None), Unit.DEGREE, Number(2, 1), 1),
    0x08: ("voltage_distortion", "电压波形失真度", (None, None, None, None), Unit.PERCENT, Number(2, 2), 1),
    0x09: ("current_distortion", "电流波形失真度", (None, None, None, None), Unit.PERCENT, Number(2, 2), 1),
}
# 0280 00 xx
_SINGLE: Final[dict[int, tuple[str, str, str | None, Unit, Number]]] = {
    0x01: ("current_neutral", "零线电流", "1-0:91.7.0", Unit.AMPERE, Number(3, 3, signed=True)),
    0x02: ("frequency", "电网频率", "1-0:14.7.0", Unit.HERTZ, Number(2, 2)),
    0x03: ("active_power_minute", "一分钟有功总平均功率", None, Unit.KW, Number(3, 4, signed=True)),
    0x04: ("active_demand", "当前有功需量", "1-0:15.4.0", Unit.KW, Number(3, 4, signed=True)),
    0x05: ("reactive_demand", "当前无功需量", "1-0:131.4.0", Unit.KVAR, Number(3, 4, signed=True)),
    0x06: ("apparent_demand", "当前视在需量", "1-0:9.4.0", Unit.KVA, Number(3, 4)),
    0x07: ("temperature", "表内温度", "0-0:96.9.0", Unit.CELSIUS, Number(2, 1, signed=True)),
    0x08: ("battery_voltage_clock", "时钟电池电压", "0-0:96.6.3", Unit.VOLT, Number(2, 2)),
    0x09: ("battery_voltage_reading", "停电抄表电池电压", "0-1:96.6.3", Unit.VOLT, Number(2, 2)),
    0x0A: ("battery_time", "内部电池工作时间", "0-0:96.6.0", Unit.MINUTE, Number(4)),
}

# Whole identifiers of family 04: name, Chinese name, OBIS, unit, format, writable
_PARAMETERS: Final[dict[str, tuple[str, str, str | None, Unit, Format, bool]]] = {
    "04000101": ("date", "日期及星期", "1-0:0.9.2", Unit.NONE, Moment("YYMMDDWW"), True),
    "04000102": ("time", "时间", "1-0:0.9.1", Unit.NONE, Moment("hhmmss"), True),
    "0400010C": ("clock", "日期时间", "0-0:1.0.0", Unit.NONE, Moment("YYMMDDWWhhmmss"), True),
    "04000103": ("demand_period", "最大需量周期", "1-0:0.8.0", Unit.MINUTE, Number(1), True),
    "04000104": ("demand_slide", "滑差时间", None, Unit.MINUTE, Number(1), True),
    "04000201": ("season_count", "年时区数", None, Unit.NONE, Number(1), True),
    "04000202": ("day_table_count", "日时段表数", None, Unit.NONE, Number(1), True),
    "04000203": ("day_period_count", "日时段数", None, Unit.NONE, Number(1), True),
    "04000204": ("rate_count", "费率数", None, Unit.NONE, Number(1), True),
    "04000401": ("communication_address", "通信地址", None, Unit.NONE, Digits(6), True),
    "04000402": ("meter_number", "表号", "0-0:96.1.0", Unit.NONE, Digits(6), True),
    "04000403": ("asset_code", "资产管理编码", None, Unit.NONE, Text(32), True),
    "04000404": ("rated_voltage", "额定电压", None, Unit.NONE, Text(6), False),
    "04000405": ("rated_current", "额定电流/基本电流", None, Unit.NONE, Text(6), False),
    "04000406": ("maximum_current", "最大电流", None, Unit.NONE, Text(6), False),
    "04000407": ("active_class", "有功准确度等级", None, Unit.NONE, Text(4), False),
    "04000408": ("reactive_class", "无功准确度等级", None, Unit.NONE, Text(4), False),
    "04000409": ("active_constant", "电表有功常数", None, Unit.NONE, Number(3), False),
    "0400040A": ("reactive_constant", "电表无功常数", None, Unit.NONE, Number(3), False),
    "0400040B": ("meter_type", "电表型号", None, Unit.NONE, Text(10), False),
    "0400040C": ("production_date", "生产日期", None, Unit.NONE, Text(10), False),
    "0400040D": ("protocol_version", "协议版本号", None, Unit.NONE, Text(16), False),
}  # fmt: skip
_STATUS_WORDS: Final = 7


@lru_cache(maxsize=4096)
def item(code: str) -> Item:
    """The item of a data identifier such as ``00010000``. Raises `ModelError`."""
    text = code.strip().upper()
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 4 or len(text) != 8:
        raise ModelError(f"not a data identifier: {code!r}, expected 8 hex digits such as 00010000")
    found = _FAMILIES[raw[0]](text, raw[1], raw[2], raw[3]) if raw[0] in _FAMILIES else None
    if found is None:
        raise ModelError(f"unknown item {text}: no rule of DL/T 645-2007 known here describes it")
    return found


def resized(base: Item, number: Number) -> Item:
    """`base` with another number format: meters exist whose digits differ from the standard's."""
    parts = []
    for part, form in base.parts:
        parts.append((part._replace(decimals=number.decimals), number) if isinstance(form, Number) else (part, form))
    return Item(base.code, base.name, base.name_zh, tuple(parts), base.least, base.writable)


def _part(code: str, name: str, name_zh: str, obis: str | None, unit: Unit, form: Format) -> tuple[Part, Format]:
    parsed = Obis.parse(obis) if obis else None
    return Part(code, name, name_zh, parsed, unit, form.decimals, BY_OBIS.get(parsed) if parsed else None), form


def _one(code: str, name: str, name_zh: str, parts: list[tuple[Part, Format]], least: int | None = None) -> Item:
    return Item(code, name, name_zh, tuple(parts), len(parts) if least is None else least)


def _grid(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Families 00 and 01: the grid of rates and settlements."""
    demand = code.startswith("01")
    word, suffix, group_d = ("demand", "_max", 6) if demand else ("energy", "", 8)
    phase, base = divmod(di2, _PHASE_STEP) if di2 < 0x50 else (0, di2)
    phased = 0 < phase <= 3 and 1 <= base <= 0x0A
    if phased or (phase == 0 and base in _GRID):
        pattern, zh, group_c, energy_unit, demand_unit, signed = _GRID[base]
        name, unit = pattern.format(word) + _PHASES[phase] + suffix, demand_unit if demand else energy_unit
        zh = (_PHASES_ZH[phase] if phase else "") + zh
        obis_c: int | None = group_c + 20 * phase
        if phased and di1:
            return None
    elif not demand and (special := _special(di2)):
        name, zh, phase = special
        unit, signed, obis_c = Unit.KWH, False, None
        if di1:
            return None
    else:
        return None
    if demand and base == 0:
        return None  # there is no demand of the combined active energy
    value = Number(3, 4, signed) if demand else Number(4, 2, signed)
    rates = range(RATES + 1) if di1 == _BLOCK else range(di1, di1 + 1)
    settlements = range(SETTLEMENTS + 1) if di0 == _BLOCK else range(di0, di0 + 1)
    if rates[-1] > RATES or settlements[-1] > SETTLEMENTS or (len(rates) > 1 and len(settlements) > 1):
        return None
    parts = []
    for settlement in settlements:
        for rate in rates:
            tail = (f"_t{rate}" if rate else "") + (f"_settlement_{settlement}" if settlement else "")
            label = zh + (f"费率{rate}" if rate else "总" if not phase else "") + ("最大需量" if demand else "电能")
            label = (f"(上{settlement}结算日)" if settlement else "") + label
            period = 255 if settlement == 0 else 100 + settlement
            obis = None if obis_c is None else f"1-0:{obis_c}.{group_d}.{rate}*{period}"
            parts.append(_part(code, name + tail, label, obis, unit, value))
            if demand:
                parts.append(
                    _part(code, f"{name}{tail}_time", label + "发生时间", None, Unit.NONE, Moment("YYMMDDhhmm"))
                )
    return _one(code, name, parts[0][0].name_zh, parts, (2 if demand else 1) if len(rates) > 1 else None)


def _special(di2: int) -> tuple[str, str, int] | None:
    phase, base = divmod(di2 - 0x80, _PHASE_STEP)
    found = _SPECIAL.get(0x80 + base)
    if di2 < 0x80 or phase > 3 or found is None:
        return None
    return found[0] + _PHASES[phase], (_PHASES_ZH[phase] if phase else "") + found[1], phase


def _instant(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """Family 02."""
    if di2 == 0x80 and di1 == 0 and di0 in _SINGLE:
        name, zh, obis, unit, form = _SINGLE[di0]
        return _one(code, name, zh, [_part(code, name, zh, obis, unit, form)])
    if di2 in (0x0A, 0x0B):
        return _harmonic(code, di2, di1, di0)
    if di2 not in _INSTANT or di0:
        return None
    name, zh, groups, unit, form, first = _INSTANT[di2]
    if di1 != _BLOCK and not first <= di1 <= 3:
        return None
    parts = []
    for phase in range(first, 4) if di1 == _BLOCK else (di1,):
        group = groups[phase]
        obis = None if group is None else f"1-0:{group}.7.0"
        parts.append(_part(code, name + _PHASES[phase], _PHASES_ZH[phase] + zh, obis, unit, form))
    return _one(code, name, parts[0][0].name_zh if len(parts) == 1 else zh + "数据块", parts)


def _harmonic(code: str, di2: int, di1: int, di0: int) -> Item | None:
    """02 0A (voltage) and 02 0B (current): DI1 phase, DI0 order 01..15H."""
    orders = range(1, 22) if di0 == _BLOCK else range(di0, di0 + 1)
    if not 1 <= di1 <= 3 or orders[0] < 1 or orders[-1] > 21:
        return None
    name, zh = ("voltage_harmonic", "电压") if di2 == 0x0A else ("current_harmonic", "电流")
    parts = [
        _part(
            code, f"{name}_{n}{_PHASES[di1]}", f"{_PHASES_ZH[di1]}{zh}{n}次谐波含量", None, Unit.PERCENT, Number(2, 2)
        )
        for n in orders
    ]
    return _one(code, name, f"{_PHASES_ZH[di1]}{zh}谐波含量", parts)


def _parameter(code: str, _di2: int, di1: int, di0: int) -> Item | None:
    """Family 04."""
    if code.startswith("040005") and (1 <= di0 <= _STATUS_WORDS or di0 == _BLOCK):
        words = range(1, _STATUS_WORDS + 1) if di0 == _BLOCK else range(di0, di0 + 1)
        parts = [
            _part(code, f"status_word_{n}", f"电表运行状态字{n}", f"0-0:96.5.{n}", Unit.NONE, Bits(2)) for n in words
        ]
        return _one(code, "status_words", "电表运行状态字", parts)
    row = _PARAMETERS.get(code)
    if row is None:
        return None
    name, zh, obis, unit, form, writable = row
    return Item(code, name, zh, (_part(code, name, zh, obis, unit, form),), 1, writable)


_FAMILIES: Final = {0x00: _grid, 0x01: _grid, 0x02: _instant, 0x04: _parameter}
