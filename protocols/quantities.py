"""The quantities that are stored, and the layouts they stand in: data, one row each.

Ids are for ever: they stand in the database. A quantity has one home layout, so the same value cannot be stored twice
under two names. To add a quantity, take the next free id in a new layout; never edit a row, never fill a layout up.

OBIS codes: IEC 62056-6-1 / 6-2 and the Blue Book's electricity groups (C 1/2 active import/export, 3/4 reactive,
5-8 quadrants, 9/10 apparent, 13 power factor, 14 frequency, 15 sum and 16 difference of active, 131 signed reactive;
+20/+40/+60 phases L1-L3). The signed "combined" energies of DL/T 645 (组合) are put at C=15, which is what the usual
combination word 05H (forward + reverse) means. When a maximum demand (D=6) occurred is an attribute of the same object
there, without a code of its own: it is put at D=134 (128 + 6, of the range that is left to makers).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from protocols.errors import ModelError
from protocols.model import POSITIONS, Kind, Layout, Obis, Quantity, Unit

_C, _I, _D, _N, _T = Kind.CUMULATIVE, Kind.INSTANTANEOUS, Kind.DEMAND, Kind.INDICATING, Kind.TIME

# layout id, layout name, then rows: quantity id, name, Chinese name, OBIS, unit, decimals, kind
_TABLE: Final[tuple[tuple[int, str, tuple[tuple[int, str, str, str, Unit, int, Kind], ...]], ...]] = (
    (1, "active_energy", (
        (1, "active_energy_import", "正向有功总电能", "1-0:1.8.0", Unit.KWH, 4, _C),
        (2, "active_energy_import_t1", "正向有功费率1电能", "1-0:1.8.1", Unit.KWH, 4, _C),
        (3, "active_energy_import_t2", "正向有功费率2电能", "1-0:1.8.2", Unit.KWH, 4, _C),
        (4, "active_energy_import_t3", "正向有功费率3电能", "1-0:1.8.3", Unit.KWH, 4, _C),
        (5, "active_energy_import_t4", "正向有功费率4电能", "1-0:1.8.4", Unit.KWH, 4, _C),
        (6, "active_energy_export", "反向有功总电能", "1-0:2.8.0", Unit.KWH, 4, _C),
        (7, "active_energy_combined", "组合有功总电能", "1-0:15.8.0", Unit.KWH, 4, _C),
    )),
    (2, "active_energy_export_rates", (
        (8, "active_energy_export_t1", "反向有功费率1电能", "1-0:2.8.1", Unit.KWH, 4, _C),
        (9, "active_energy_export_t2", "反向有功费率2电能", "1-0:2.8.2", Unit.KWH, 4, _C),
        (10, "active_energy_export_t3", "反向有功费率3电能", "1-0:2.8.3", Unit.KWH, 4, _C),
        (11, "active_energy_export_t4", "反向有功费率4电能", "1-0:2.8.4", Unit.KWH, 4, _C),
    )),
    (3, "reactive_energy", (
        (12, "reactive_energy_import", "组合无功1总电能", "1-0:3.8.0", Unit.KVARH, 4, _C),
        (13, "reactive_energy_export", "组合无功2总电能", "1-0:4.8.0", Unit.KVARH, 4, _C),
        (14, "reactive_energy_q1", "第一象限无功总电能", "1-0:5.8.0", Unit.KVARH, 4, _C),
        (15, "reactive_energy_q2", "第二象限无功总电能", "1-0:6.8.0", Unit.KVARH, 4, _C),
        (16, "reactive_energy_q3", "第三象限无功总电能", "1-0:7.8.0", Unit.KVARH, 4, _C),
        (17, "reactive_energy_q4", "第四象限无功总电能", "1-0:8.8.0", Unit.KVARH, 4, _C),
        (18, "apparent_energy_import", "正向视在总电能", "1-0:9.8.0", Unit.KVAH, 4, _C),
        (19, "apparent_energy_export", "反向视在总电能", "1-0:10.8.0", Unit.KVAH, 4, _C),
    )),
    (4, "voltage_current", (
        (20, "voltage_l1", "A相电压", "1-0:32.7.0", Unit.VOLT, 3, _I),
        (21, "voltage_l2", "B相电压", "1-0:52.7.0", Unit.VOLT, 3, _I),
        (22, "voltage_l3", "C相电压", "1-0:72.7.0", Unit.VOLT, 3, _I),
        (23, "current_l1", "A相电流", "1-0:31.7.0", Unit.AMPERE, 4, _I),
        (24, "current_l2", "B相电流", "1-0:51.7.0", Unit.AMPERE, 4, _I),
        (25, "current_l3", "C相电流", "1-0:71.7.0", Unit.AMPERE, 4, _I),
        (26, "current_neutral", "零线电流", "1-0:91.7.0", Unit.AMPERE, 4, _I),
        (27, "frequency", "电网频率", "1-0:14.7.0", Unit.HERTZ, 3, _I),
    )),
    (5, "power", (
        (28, "active_power", "总有功功率", "1-0:16.7.0", Unit.KW, 6, _I),
        (29, "active_power_l1", "A相有功功率", "1-0:36.7.0", Unit.KW, 6, _I),
        (30, "active_power_l2", "B相有功功率", "1-0:56.7.0", Unit.KW, 6, _I),
        (31, "active_power_l3", "C相有功功率", "1-0:76.7.0", Unit.KW, 6, _I),
        (32, "reactive_power", "总无功功率", "1-0:131.7.0", Unit.KVAR, 6, _I),
        (33, "reactive_power_l1", "A相无功功率", "1-0:151.7.0", Unit.KVAR, 6, _I),
        (34, "reactive_power_l2", "B相无功功率", "1-0:171.7.0", Unit.KVAR, 6, _I),
        (35, "reactive_power_l3", "C相无功功率", "1-0:191.7.0", Unit.KVAR, 6, _I),
    )),
    (6, "apparent_power", (
        (36, "apparent_power", "总视在功率", "1-0:9.7.0", Unit.KVA, 6, _I),
        (37, "apparent_power_l1", "A相视在功率", "1-0:29.7.0", Unit.KVA, 6, _I),
        (38, "apparent_power_l2", "B相视在功率", "1-0:49.7.0", Unit.KVA, 6, _I),
        (39, "apparent_power_l3", "C相视在功率", "1-0:69.7.0", Unit.KVA, 6, _I),
        (40, "power_factor", "总功率因数", "1-0:13.7.0", Unit.NONE, 4, _I),
        (41, "power_factor_l1", "A相功率因数", "1-0:33.7.0", Unit.NONE, 4, _I),
        (42, "power_factor_l2", "B相功率因数", "1-0:53.7.0", Unit.NONE, 4, _I),
        (43, "power_factor_l3", "C相功率因数", "1-0:73.7.0", Unit.NONE, 4, _I),
    )),
    (7, "demand", (
        (44, "active_demand_import_max", "正向有功总最大需量", "1-0:1.6.0", Unit.KW, 6, _D),
        (45, "active_demand_export_max", "反向有功总最大需量", "1-0:2.6.0", Unit.KW, 6, _D),
        (46, "reactive_demand_import_max", "组合无功1总最大需量", "1-0:3.6.0", Unit.KVAR, 6, _D),
        (47, "reactive_demand_export_max", "组合无功2总最大需量", "1-0:4.6.0", Unit.KVAR, 6, _D),
        (48, "active_demand", "当前有功需量", "1-0:15.4.0", Unit.KW, 6, _D),
        (49, "reactive_demand", "当前无功需量", "1-0:131.4.0", Unit.KVAR, 6, _D),
    )),
    (8, "status", (
        (50, "status_word_1", "电表运行状态字1", "0-0:96.5.1", Unit.NONE, 0, _N),
        (51, "status_word_2", "电表运行状态字2", "0-0:96.5.2", Unit.NONE, 0, _N),
        (52, "status_word_3", "电表运行状态字3", "0-0:96.5.3", Unit.NONE, 0, _N),
        (53, "status_word_4", "电表运行状态字4", "0-0:96.5.4", Unit.NONE, 0, _N),
        (54, "status_word_5", "电表运行状态字5", "0-0:96.5.5", Unit.NONE, 0, _N),
        (55, "status_word_6", "电表运行状态字6", "0-0:96.5.6", Unit.NONE, 0, _N),
        (56, "status_word_7", "电表运行状态字7", "0-0:96.5.7", Unit.NONE, 0, _N),
    )),
    (9, "demand_time", (
        (57, "active_demand_import_max_time", "正向有功总最大需量发生时间", "1-0:1.134.0", Unit.SINCE_1970, 0, _T),
        (58, "active_demand_export_max_time", "反向有功总最大需量发生时间", "1-0:2.134.0", Unit.SINCE_1970, 0, _T),
        (59, "reactive_demand_import_max_time", "组合无功1总最大需量发生时间", "1-0:3.134.0", Unit.SINCE_1970, 0, _T),
        (60, "reactive_demand_export_max_time", "组合无功2总最大需量发生时间", "1-0:4.134.0", Unit.SINCE_1970, 0, _T),
    )),
)  # fmt: skip


def _layouts() -> tuple[Layout, ...]:
    layouts = []
    for layout_id, name, rows in _TABLE:
        quantities = tuple(Quantity(i, n, zh, Obis.parse(obis), unit, d, k) for i, n, zh, obis, unit, d, k in rows)
        if len(quantities) > POSITIONS:
            raise ValueError(f"layout {name} has more than {POSITIONS} quantities")
        layouts.append(Layout(layout_id, name, quantities))
    return tuple(layouts)


LAYOUTS: Final = _layouts()
QUANTITIES: Final = tuple(quantity for layout in LAYOUTS for quantity in layout.quantities)

BY_ID: Final = {quantity.id: quantity for quantity in QUANTITIES}
BY_NAME: Final = {quantity.name: quantity for quantity in QUANTITIES}
BY_OBIS: Final = {quantity.obis: quantity for quantity in QUANTITIES}
HOME: Final = {q.id: (layout, position) for layout in LAYOUTS for position, q in enumerate(layout.quantities)}
"""Quantity id to its one home: the layout, and the position in it (from 0)."""


@cache
def quantity(text: str) -> Quantity:
    """The quantity that a person named, by name or by OBIS code. Raises `ModelError`."""
    if text in BY_NAME:
        return BY_NAME[text]
    try:
        found = BY_OBIS.get(Obis.parse(text))
    except ValueError:
        found = None
    if found is None:
        raise ModelError(f"unknown quantity {text!r}: expected a name such as active_energy_import or an OBIS code")
    return found
