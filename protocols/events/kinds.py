"""The catalogue of event kinds: data, one row each. A code is never used again for something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from protocols.errors import ModelError
from protocols.events.kind import Category, EventKind, Severity

_I, _N, _W, _C = Severity.INFO, Severity.NOTICE, Severity.WARNING, Severity.CRITICAL
_TAMPER, _QUALITY, _OUTAGE = Category.TAMPER, Category.POWER_QUALITY, Category.OUTAGE
_CLOCK, _SETTING, _LINK, _LOAD = Category.CLOCK, Category.SETTING, Category.COMMUNICATION, Category.LOAD

PHASES: Final = ("l1", "l2", "l3")

# code without the phase, name, Chinese name, severity, category: one kind a phase
_PHASED: Final = (
    ("voltage_loss", "voltage lost", "失压", _W, _TAMPER),
    ("undervoltage", "undervoltage", "欠压", _N, _QUALITY),
    ("overvoltage", "overvoltage", "过压", _W, _QUALITY),
    ("phase_loss", "phase lost", "断相", _W, _OUTAGE),
    ("current_loss", "current lost", "失流", _W, _TAMPER),
    ("overcurrent", "overcurrent", "过流", _W, _LOAD),
    ("current_break", "current broken", "断流", _W, _TAMPER),
    ("flow_reversal", "flow reversed", "潮流反向", _N, _TAMPER),
    ("overload", "overload", "过载", _W, _LOAD),
    ("active_power_reversal", "active power reversed", "有功功率反向", _N, _TAMPER),
    ("reactive_power_reversal", "reactive power reversed", "无功功率反向", _I, _LOAD),
)

_ROWS: Final[tuple[tuple[str, str, str, Severity, Category, int | None], ...]] = (
    # outages
    ("power_down", "power down", "掉电", _W, _OUTAGE, 1),
    ("last_gasp", "last gasp", "停电上报", _C, _OUTAGE, 1),
    ("power_restored", "power restored", "复电上报", _I, _OUTAGE, 2),
    ("voltage_loss_all", "voltage lost in all phases", "全失压", _C, _OUTAGE, None),
    ("phase_loss", "phase lost", "断相", _W, _OUTAGE, None),
    ("auxiliary_supply_loss", "auxiliary supply lost", "辅助电源失电", _N, _OUTAGE, None),
    ("auxiliary_supply", "runs on the auxiliary supply", "辅助电源供电", _N, _OUTAGE, None),
    ("battery_supply", "runs on its battery", "电池供电", _W, _OUTAGE, None),
    # quality of supply
    ("voltage_reversal", "voltage phase sequence reversed", "电压逆相序", _W, _TAMPER, None),
    ("current_reversal", "current phase sequence reversed", "电流逆相序", _W, _TAMPER, None),
    ("voltage_imbalance", "voltage imbalance", "电压不平衡", _N, _QUALITY, None),
    ("current_imbalance", "current imbalance", "电流不平衡", _N, _QUALITY, None),
    # load
    ("active_demand_import_over_limit", "active demand import over limit", "正向有功需量超限", _N, _LOAD, None),
    ("active_demand_export_over_limit", "active demand export over limit", "反向有功需量超限", _N, _LOAD, None),
    (
        "reactive_demand_q1_over_limit",
        "reactive demand over limit, quadrant 1",
        "第一象限无功需量超限",
        _I,
        _LOAD,
        None,
    ),
    (
        "reactive_demand_q2_over_limit",
        "reactive demand over limit, quadrant 2",
        "第二象限无功需量超限",
        _I,
        _LOAD,
        None,
    ),
    (
        "reactive_demand_q3_over_limit",
        "reactive demand over limit, quadrant 3",
        "第三象限无功需量超限",
        _I,
        _LOAD,
        None,
    ),
    (
        "reactive_demand_q4_over_limit",
        "reactive demand over limit, quadrant 4",
        "第四象限无功需量超限",
        _I,
        _LOAD,
        None,
    ),
    ("demand_over_limit", "demand over limit", "需量超限", _N, _LOAD, None),
    ("active_power_reversal", "active power reversed", "有功功率反向", _N, _TAMPER, None),
    ("reactive_power_reversal", "reactive power reversed", "无功功率反向", _I, _LOAD, None),
    ("trip", "tripped", "跳闸", _N, _LOAD, None),
    ("close", "closed", "合闸", _N, _LOAD, None),
    ("relay_open", "relay open", "继电器断开", _N, _LOAD, None),
    ("trip_commanded", "relay told to trip", "继电器命令状态为断", _I, _LOAD, None),
    ("trip_alarm", "alarm before a trip", "预跳闸报警", _N, _LOAD, None),
    # openings and what people set
    ("meter_cover_open", "meter cover opened", "开表盖", _C, _TAMPER, 44),
    ("terminal_cover_open", "terminal cover opened", "开端钮盒", _C, _TAMPER, 40),
    ("meter_clear", "meter cleared", "电表清零", _C, _TAMPER, None),
    ("event_clear", "events cleared", "事件清零", _W, _TAMPER, 255),
    ("demand_clear", "demand cleared", "需量清零", _N, _SETTING, None),
    ("programming", "programmed", "编程", _N, _SETTING, 47),
    ("programming_permitted", "programming permitted", "编程允许", _N, _SETTING, None),
    ("day_tables_set", "day schedules set", "时段表编程", _N, _SETTING, None),
    ("seasons_set", "seasons set", "时区表编程", _N, _SETTING, None),
    ("weekend_set", "weekend set", "周休日编程", _N, _SETTING, None),
    ("holidays_set", "holidays set", "节假日编程", _N, _SETTING, None),
    ("active_combination_set", "active combination set", "有功组合方式编程", _N, _SETTING, None),
    ("reactive_combination_1_set", "reactive combination 1 set", "无功组合方式1编程", _N, _SETTING, None),
    ("reactive_combination_2_set", "reactive combination 2 set", "无功组合方式2编程", _N, _SETTING, None),
    ("settlement_days_set", "settlement days set", "结算日编程", _N, _SETTING, None),
    # clock and batteries
    ("clock_set", "clock set", "校时", _I, _CLOCK, 5),
    ("clock_battery_low", "clock battery low", "时钟电池欠压", _W, _CLOCK, 8),
    ("reading_battery_low", "power-off reading battery low", "停电抄表电池欠压", _N, _CLOCK, None),
    # what we conclude
    ("event_gap", "events that no record is left of", "事件记录缺失", _N, _LINK, None),
    ("event_counter_reset", "event counter went back", "事件计数回退", _W, _TAMPER, None),
    ("meter_number_changed", "another meter at this address", "表号变更", _W, _TAMPER, None),
    ("own_trip", "tripped by itself", "自主跳闸", _N, _LOAD, None),
)


def _all() -> Iterator[EventKind]:
    for code, name, zh, severity, category in _PHASED:
        for number, phase in enumerate(PHASES):
            yield EventKind(f"{code}_{phase}", f"{name}, {phase.upper()}", f"{'ABC'[number]}相{zh}", severity, category)
    for row in _ROWS:
        yield EventKind(*row)


KINDS: Final[Mapping[str, EventKind]] = {kind.code: kind for kind in _all()}
"""By code, in the order of the catalogue."""


def kind(code: str) -> EventKind:
    """Raises `ModelError` for a code that is not in the catalogue."""
    try:
        return KINDS[code]
    except KeyError:
        raise ModelError(f"unknown kind of event {code!r} (see headend events catalogue)") from None
