"""Single parameters of family 04: one row each.

DI2 DI1 DI0: name, Chinese name, OBIS code, unit, format, writable. OBIS codes stand only where one says exactly this
(IEC 62056-6-1 and the Blue Book's general and electricity codes; D 31 and 35 are the lower and upper thresholds).
"""

from __future__ import annotations

from typing import Final

from protocols.dlt645.formats import Bits, Digits, Format, Moment, Number, Text
from protocols.model import Obis, Unit

Row = tuple[str, str, Obis | None, Unit, Format, bool]

_NN: Final = Number(1)
_SWITCH: Final = Moment("YYMMDDhhmm")
_WORD: Final = Bits(1)
_DAY: Final = Moment("DDhh")
_POWER: Final = Number(3, 4)
_VOLTS: Final = Number(2, 1)
_AMOUNT: Final = Number(4, 2)
_NONE: Final = Unit.NONE

# DL/T 645-2007, Table A.5
_STANDARD: Final[dict[str, Row]] = {
    "000101": ("date", "日期及星期", Obis(1, 0, 0, 9, 2), _NONE, Moment("YYMMDDWW"), True),
    "000102": ("time", "时间", Obis(1, 0, 0, 9, 1), _NONE, Moment("hhmmss"), True),
    "000103": ("demand_period", "最大需量周期", Obis(1, 0, 0, 8, 0), Unit.MINUTE, _NN, True),
    "000104": ("demand_slide", "滑差时间", None, Unit.MINUTE, _NN, True),
    "000105": ("pulse_width", "校表脉冲宽度", None, Unit.MILLISECOND, Number(2), False),
    "000106": ("season_switch_time", "两套时区表切换时间", None, _NONE, _SWITCH, True),
    "000107": ("day_table_switch_time", "两套日时段表切换时间", None, _NONE, _SWITCH, True),
    "000201": ("season_count", "年时区数", None, _NONE, _NN, True),
    "000202": ("day_table_count", "日时段表数", None, _NONE, _NN, True),
    "000203": ("day_period_count", "日时段数", None, _NONE, _NN, True),
    "000204": ("rate_count", "费率数", None, _NONE, _NN, True),
    "000205": ("holiday_count", "公共假日数", None, _NONE, Number(2), True),
    "000206": ("harmonic_count", "谐波分析次数", None, _NONE, _NN, True),
    "000301": ("auto_screen_count", "自动循环显示屏数", None, _NONE, _NN, True),
    "000302": ("screen_time", "每屏显示时间", None, Unit.SECOND, _NN, True),
    "000303": ("energy_decimals_shown", "显示电能小数位数", None, _NONE, _NN, True),
    "000304": ("power_decimals_shown", "显示功率小数位数", None, _NONE, _NN, True),
    "000305": ("key_screen_count", "按键循环显示屏数", None, _NONE, _NN, True),
    "000401": ("communication_address", "通信地址", None, _NONE, Digits(6), True),
    "000402": ("meter_number", "表号", Obis(0, 0, 96, 1, 0), _NONE, Digits(6), True),
    "000403": ("asset_code", "资产管理编码", None, _NONE, Text(32), True),
    "000404": ("rated_voltage", "额定电压", Obis(1, 0, 0, 6, 0), _NONE, Text(6), False),
    "000405": ("rated_current", "额定电流/基本电流", Obis(1, 0, 0, 6, 1), _NONE, Text(6), False),
    "000406": ("maximum_current", "最大电流", Obis(1, 0, 0, 6, 3), _NONE, Text(6), False),
    "000407": ("active_class", "有功准确度等级", None, _NONE, Text(4), False),
    "000408": ("reactive_class", "无功准确度等级", None, _NONE, Text(4), False),
    "000409": ("active_constant", "电表有功常数", Obis(1, 0, 0, 3, 0), Unit.IMPULSES_KWH, Number(3), False),
    "00040A": ("reactive_constant", "电表无功常数", Obis(1, 0, 0, 3, 1), Unit.IMPULSES_KVARH, Number(3), False),
    "00040B": ("meter_type", "电表型号", None, _NONE, Text(10), False),
    "00040C": ("production_date", "生产日期", None, _NONE, Text(10), False),
    "00040D": ("protocol_version", "协议版本号", None, _NONE, Text(16), False),
    "000601": ("active_combination", "有功组合方式特征字", None, _NONE, _WORD, True),
    "000602": ("reactive_combination_1", "无功组合方式1特征字", None, _NONE, _WORD, True),
    "000603": ("reactive_combination_2", "无功组合方式2特征字", None, _NONE, _WORD, True),
    "000701": ("baud_infrared", "调制型红外光口通信速率特征字", None, _NONE, _WORD, True),
    "000702": ("baud_optical", "接触式红外光口通信速率特征字", None, _NONE, _WORD, True),
    "000703": ("baud_port_1", "通信口1通信速率特征字", None, _NONE, _WORD, True),
    "000704": ("baud_port_2", "通信口2通信速率特征字", None, _NONE, _WORD, True),
    "000705": ("baud_port_3", "通信口3通信速率特征字", None, _NONE, _WORD, True),
    "000801": ("weekend_word", "周休日特征字", None, _NONE, _WORD, True),
    "000802": ("weekend_day_table", "周休日采用的日时段表号", None, _NONE, _NN, True),
    "000901": ("load_record_mode", "负荷记录模式字", None, _NONE, _WORD, True),
    "000902": ("freeze_mode", "冻结数据模式字", None, _NONE, _WORD, True),
    "000A01": ("load_record_start", "负荷记录起始时间", None, _NONE, Moment("MMDDhhmm"), True),
    "000B01": ("settlement_day_1", "每月第1结算日", None, _NONE, _DAY, True),
    "000B02": ("settlement_day_2", "每月第2结算日", None, _NONE, _DAY, True),
    "000B03": ("settlement_day_3", "每月第3结算日", None, _NONE, _DAY, True),
    "000E01": ("active_power_import_limit", "正向有功功率上限值", Obis(1, 0, 1, 35), Unit.KW, _POWER, True),
    "000E02": ("active_power_export_limit", "反向有功功率上限值", Obis(1, 0, 2, 35), Unit.KW, _POWER, True),
    "000E03": ("voltage_upper_limit", "电压上限值", Obis(1, 0, 12, 35), Unit.VOLT, _VOLTS, True),
    "000E04": ("voltage_lower_limit", "电压下限值", Obis(1, 0, 12, 31), Unit.VOLT, _VOLTS, True),
    "800001": ("software_version", "厂家软件版本号", Obis(1, 0, 0, 2, 0), _NONE, Text(32), False),
    "800002": ("hardware_version", "厂家硬件版本号", None, _NONE, Text(32), False),
    "800003": ("maker_code", "厂家编号", None, _NONE, Text(32), False),
}  # fmt: skip

# State Grid supplements (single-phase and three-phase smart meters), read in public implementations
_SUPPLEMENT: Final[dict[str, Row]] = {
    "00010C": ("clock", "日期时间", Obis(0, 0, 1, 0), _NONE, Moment("YYMMDDWWhhmmss"), True),
    "000108": ("price_switch_time", "两套费率电价切换时间", None, _NONE, _SWITCH, True),
    "000109": ("step_switch_time", "两套阶梯切换时间", None, _NONE, _SWITCH, True),
    "000207": ("step_count", "阶梯数", None, _NONE, _NN, True),
    "000306": ("current_transformer_ratio", "电流互感器变比", Obis(1, 0, 0, 4, 2), _NONE, Number(3), True),
    "000307": ("voltage_transformer_ratio", "电压互感器变比", Obis(1, 0, 0, 4, 3), _NONE, Number(3), True),
    "00040E": ("customer_number", "客户编码", None, _NONE, Digits(6), True),
    "000F01": ("alarm_energy_1", "报警电量1限值", None, Unit.KWH, _AMOUNT, True),
    "000F02": ("alarm_energy_2", "报警电量2限值", None, Unit.KWH, _AMOUNT, True),
    "000F03": ("hoarding_energy_limit", "囤积电量限值", None, Unit.KWH, _AMOUNT, True),
    "000F04": ("overdraft_energy_limit", "透支电量限值", None, Unit.KWH, _AMOUNT, True),
    "001001": ("alarm_amount_1", "报警金额1限值", None, Unit.YUAN, _AMOUNT, True),
    "001002": ("alarm_amount_2", "报警金额2限值", None, Unit.YUAN, _AMOUNT, True),
    "001003": ("overdraft_amount_limit", "透支金额限值", None, Unit.YUAN, _AMOUNT, True),
    "001004": ("hoarding_amount_limit", "囤积金额限值", None, Unit.YUAN, _AMOUNT, True),
    "001005": ("close_permit_amount", "合闸允许金额限值", None, Unit.YUAN, _AMOUNT, True),
    "001104": ("report_mode", "主动上报模式字", None, _NONE, Bits(8), True),
    "001201": ("hourly_freeze_start", "整点冻结起始时间", None, _NONE, _SWITCH, True),
    "001202": ("hourly_freeze_interval", "整点冻结时间间隔", None, Unit.MINUTE, _NN, True),
    "001203": ("daily_freeze_time", "日冻结时间", None, _NONE, Moment("hhmm"), True),
    "001401": ("trip_delay", "跳闸延时时间", None, Unit.MINUTE, Number(2), True),
    "001501": ("report_status", "主动上报状态字", None, _NONE, Bits(12), False),
}  # fmt: skip

# State Grid supplement: when an event begins (04 09 DI1 DI0)
_THRESHOLDS: Final[dict[str, Row]] = {
    "090101": ("voltage_loss_upper", "失压事件电压触发上限", None, Unit.VOLT, _VOLTS, True),
    "090102": ("voltage_loss_recovery", "失压事件电压恢复下限", None, Unit.VOLT, _VOLTS, True),
    "090103": ("voltage_loss_current", "失压事件电流触发下限", None, Unit.AMPERE, _POWER, True),
    "090104": ("voltage_loss_delay", "失压事件判定延时时间", None, Unit.SECOND, _NN, True),
    "090201": ("undervoltage_upper", "欠压事件电压触发上限", None, Unit.VOLT, _VOLTS, True),
    "090202": ("undervoltage_delay", "欠压事件判定延时时间", None, Unit.SECOND, _NN, True),
    "090301": ("overvoltage_lower", "过压事件电压触发下限", None, Unit.VOLT, _VOLTS, True),
    "090302": ("overvoltage_delay", "过压事件判定延时时间", None, Unit.SECOND, _NN, True),
    "090401": ("phase_loss_voltage", "断相事件电压触发上限", None, Unit.VOLT, _VOLTS, True),
    "090402": ("phase_loss_current", "断相事件电流触发上限", None, Unit.AMPERE, _POWER, True),
    "090403": ("phase_loss_delay", "断相事件判定延时时间", None, Unit.SECOND, _NN, True),
    "090501": ("voltage_imbalance_limit", "电压不平衡率限值", None, Unit.PERCENT, Number(2, 2), True),
    "090502": ("voltage_imbalance_delay", "电压不平衡率判定延时时间", None, Unit.SECOND, _NN, True),
    "090601": ("current_imbalance_limit", "电流不平衡率限值", None, Unit.PERCENT, Number(2, 2), True),
    "090602": ("current_imbalance_delay", "电流不平衡率判定延时时间", None, Unit.SECOND, _NN, True),
}  # fmt: skip

PARAMETERS: Final = _STANDARD | _SUPPLEMENT | _THRESHOLDS
