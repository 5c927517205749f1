"""Variables and parameters of DL/T 645-1997 (Annex A): rows by the first three digits, then by the last one."""

from __future__ import annotations

from typing import Final

from protocols.dlt645.catalogue.part import PHASES, PHASES_ZH, part
from protocols.dlt645.formats import Bits, Digits, Entry, Format, Hex, Moment, Number
from protocols.dlt645.item import PartFormat
from protocols.model import Obis, Unit

Cell = tuple[str, str, Obis | None, Unit, Format]

_NN: Final = Number(1)
_NONE: Final = Unit.NONE
_TIME: Final = Moment("MMDDhhmm")
_SEASON: Final = Entry("MMDDNN")

DAY_TABLES: Final = range(1, 9)
"""C33x to C3Ax: ten periods each."""
_PERIODS: Final = 10
UNREADABLE: Final = frozenset({"C21"})
"""The row that holds the password: no block."""


def day_table(code: str, number: int) -> tuple[PartFormat, ...]:
    """The periods of day schedule `number`."""
    return tuple(
        part(
            f"{code[:3]}{n:X}",
            f"day_table_{number}_period_{n}",
            f"第{number}日时段表第{n}时段起始时间及费率号",
            Entry("hhmmNN"),
        )
        for n in range(1, _PERIODS + 1)
    )


def _phases(name: str, zh: str, obis_c: int | None, unit: Unit, form: Format, total: str | None) -> dict[int, Cell]:
    """The total, called `total` (None: there is none), and the three phases; OBIS C of the total, phases 20 apart."""
    return {
        phase: (
            name + PHASES[phase],
            PHASES_ZH[phase] + zh if phase else total or "",
            None if obis_c is None else Obis(1, 0, obis_c + 20 * phase, 7),
            unit,
            form,
        )
        for phase in range(0 if total else 1, 4)
    }


def _loss(name: str, zh: str, unit: Unit, form: Format) -> dict[int, Cell]:
    """Of the three phases together and of each (B3)."""
    whose = ("总", "A", "B", "C")
    return {
        phase: (f"phase_loss_{name}{PHASES[phase]}", zh.format(whose[phase]), None, unit, form) for phase in range(4)
    }


_POWER_LIMITS: Final[dict[int, Cell]] = {
    4: ("active_power_import_limit", "正向有功功率上限值", Obis(1, 0, 1, 35), Unit.KW, Number(2, 2)),
    5: ("active_power_export_limit", "反向有功功率上限值", Obis(1, 0, 2, 35), Unit.KW, Number(2, 2)),
}

# First three digits: name and Chinese name of the row as a block, its cells by the last digit
ROWS: Final[dict[str, tuple[str, str, dict[int, Cell]]]] = {
    "B21": ("counters", "记录", {
        0: ("programming_time", "最近一次编程时间", None, _NONE, _TIME),
        1: ("demand_clear_time", "最近一次最大需量清零时间", None, _NONE, _TIME),
        2: ("programming_count", "编程次数", Obis(0, 0, 96, 2, 0), _NONE, Number(2)),
        3: ("demand_clear_count", "最大需量清零次数", None, _NONE, Number(2)),
        4: ("battery_time", "电池工作时间", Obis(0, 0, 96, 6, 0), Unit.MINUTE, Number(3)),
    }),
    "B31": ("phase_loss_counts", "断相次数", _loss("count", "{}断相次数", _NONE, Number(2))),
    "B32": ("phase_loss_times", "断相时间累计值", _loss("time", "{}断相时间累计值", Unit.MINUTE, Number(3))),
    "B33": ("phase_loss_starts", "断相起始时刻", _loss("start", "{}最近一次断相起始时刻", _NONE, _TIME)),
    "B34": ("phase_loss_ends", "断相结束时刻", _loss("end", "{}最近一次断相结束时刻", _NONE, _TIME)),
    "B61": ("voltage_block", "电压", _phases("voltage", "电压", 12, Unit.VOLT, Number(2), None)),
    "B62": ("current_block", "电流", _phases("current", "电流", 11, Unit.AMPERE, Number(2, 2), None)),
    "B63": ("active_power_block", "有功功率",
            _phases("active_power", "有功功率", 16, Unit.KW, Number(3, 4), "瞬时有功功率") | _POWER_LIMITS),
    "B64": ("reactive_power_block", "无功功率",
            _phases("reactive_power", "无功功率", 131, Unit.KVAR, Number(2, 2), "瞬时无功功率")),
    "B65": ("power_factor_block", "功率因数",
            _phases("power_factor", "功率因数", 13, _NONE, Number(2, 3), "总功率因数")),
    "C01": ("clock_block", "日期时间", {
        0: ("date", "日期及周次", Obis(1, 0, 0, 9, 2), _NONE, Moment("YYMMDDWW")),
        1: ("time", "时间", Obis(1, 0, 0, 9, 1), _NONE, Moment("hhmmss")),
    }),
    "C02": ("status_words", "状态字", {
        0: ("meter_status_word", "电表运行状态字", None, _NONE, Bits(1)),
        1: ("grid_status_word", "电网状态字", None, _NONE, Bits(1)),
        2: ("weekend_word", "周休日状态字", None, _NONE, Bits(1)),
    }),
    "C03": ("nameplate", "电表常数及号码", {
        0: ("active_constant", "电表常数(有功)", Obis(1, 0, 0, 3, 0), Unit.IMPULSES_KWH, Number(3)),
        1: ("reactive_constant", "电表常数(无功)", Obis(1, 0, 0, 3, 1), Unit.IMPULSES_KVARH, Number(3)),
        2: ("meter_number", "表号", Obis(0, 0, 96, 1, 0), _NONE, Digits(6)),
        3: ("user_number", "用户号", None, _NONE, Digits(6)),
        4: ("device_code", "设备码", None, _NONE, Digits(6)),
    }),
    "C11": ("settings", "参数", {
        1: ("demand_period", "最大需量周期", Obis(1, 0, 0, 8, 0), Unit.MINUTE, _NN),
        2: ("demand_slide", "滑差时间", None, Unit.MINUTE, _NN),
        3: ("scroll_time", "循显时间", None, Unit.SECOND, _NN),
        4: ("display_time", "停显时间", None, Unit.SECOND, _NN),
        5: ("energy_decimals_shown", "显示电能小数位数", None, _NONE, _NN),
        6: ("power_decimals_shown", "显示功率小数位数", None, _NONE, _NN),
        7: ("settlement_day", "自动抄表日期", None, _NONE, Moment("DDhh")),
        8: ("load_day", "负荷代表日", None, _NONE, _NN),
        9: ("active_energy_initial", "有功电能起始读数", None, Unit.KWH, Number(4, 1)),
        10: ("reactive_energy_initial", "无功电能起始读数", None, Unit.KVARH, Number(4, 1)),
    }),
    "C21": ("output", "输出", {
        1: ("pulse_width", "输出脉冲宽度", None, Unit.MILLISECOND, Number(2)),
        2: ("password", "密码权限及密码", None, _NONE, Hex(4)),
    }),
    "C31": ("schedule_counts", "时区时段数", {
        0: ("season_count", "年时区数", None, _NONE, _NN),
        1: ("day_table_count", "日时段表数", None, _NONE, _NN),
        2: ("day_period_count", "日时段数", None, _NONE, _NN),
        3: ("rate_count", "费率数", None, _NONE, _NN),
        4: ("holiday_count", "公共假日数", None, _NONE, _NN),
    }),
    "C32": ("seasons", "时区表", {
        n: (f"season_{n}", f"{n}时区起始日期及日时段表号", None, _NONE, _SEASON) for n in range(1, 15)
    }),
    "C41": ("holidays", "公共假日", {
        n: (f"holiday_{n}", f"第{n}公共假日日期及日时段表号", None, _NONE, _SEASON) for n in range(1, 14)
    } | {14: ("weekend_day_table", "周休日采用的日时段表号", None, _NONE, _NN)}),
    "C51": ("load_record_settings", "负荷记录参数", {
        0: ("load_record_start", "负荷记录起始时间", None, _NONE, _TIME),
        1: ("load_record_interval", "负荷记录间隔时间", None, Unit.MINUTE, Number(2)),
    }),
}  # fmt: skip
