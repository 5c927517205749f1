"""What the bits of status, mode and rate words say, in English and Chinese.

DL/T 645-2007, status and feature words (04000501..07, 0600..0900), for bits 5 to 12 of status word 3 the State
Grid supplement; DL/T 645-1997, C020, C021 and C022.
"""

from __future__ import annotations

from typing import Final, NamedTuple

Words = tuple[str, str]
"""English and Chinese."""


class Field(NamedTuple):
    """What is said where the bits of `mask` read `value` (both not shifted)."""

    mask: int
    value: int
    words: Words


def _bits(*rows: tuple[int, str, str]) -> tuple[Field, ...]:
    """Rows of bit number, English, Chinese: said where the bit is set."""
    return tuple(Field(1 << bit, 1 << bit, (en, zh)) for bit, en, zh in rows)


_DIRECTIONS: Final = _bits(
    *((bit, f"active power of phase L{bit + 1} reversed", f"{'ABC'[bit]}相有功功率反向") for bit in range(3)),
    *((bit + 4, f"reactive power of phase L{bit + 1} reversed", f"{'ABC'[bit]}相无功功率反向") for bit in range(3)),
)
_STATUS_1: Final = _bits(
    (1, "demand by intervals", "需量积算方式为区间"),
    (2, "clock battery low", "时钟电池欠压"),
    (3, "power-off reading battery low", "停电抄表电池欠压"),
    (4, "active power reversed", "有功功率反向"),
    (5, "reactive power reversed", "无功功率反向"),
)
_STATUS_3: Final = (
    *_bits((0, "second set of day schedules in force", "当前运行第二套时段")),
    Field(0b110, 0b010, ("auxiliary supply", "辅助电源供电")),
    Field(0b110, 0b100, ("battery supply", "电池供电")),
    *_bits(
        (3, "programming permitted", "编程允许"),
        (4, "relay open", "继电器断开"),
        (5, "second set of seasons in force", "当前运行第二套时区"),
        (6, "relay command: trip", "继电器命令状态为断"),
        (7, "alarm before trip", "预跳闸报警"),
    ),
    Field(0b11 << 8, 0b01 << 8, ("prepaid by energy", "电量型预付费表")),
    Field(0b11 << 8, 0b10 << 8, ("prepaid by amount", "电费型预付费表")),
    *_bits((12, "supply kept", "保电")),
)


def _phase_faults(phase: int) -> tuple[Field, ...]:
    en, zh = f"L{phase}", f"{'ABC'[phase - 1]}相"
    rows = (
        ("voltage loss", "失压"), ("undervoltage", "欠压"), ("overvoltage", "过压"), ("current loss", "失流"),
        ("overcurrent", "过流"), ("overload", "过载"), ("flow reversed", "潮流反向"), ("phase loss", "断相"),
        ("current break", "断流"),
    )  # fmt: skip
    return _bits(*((bit, f"{en} {fault}", zh + fault_zh) for bit, (fault, fault_zh) in enumerate(rows)))


_STATUS_7: Final = _bits(
    (0, "voltage phase sequence reversed", "电压逆相序"),
    (1, "current phase sequence reversed", "电流逆相序"),
    (2, "voltage imbalance", "电压不平衡"),
    (3, "current imbalance", "电流不平衡"),
    (4, "auxiliary supply lost", "辅助电源失电"),
    (5, "power down", "掉电"),
    (6, "demand over limit", "需量超限"),
)
_DAYS: Final = (
    ("Sunday", "周日"), ("Monday", "周一"), ("Tuesday", "周二"), ("Wednesday", "周三"), ("Thursday", "周四"),
    ("Friday", "周五"), ("Saturday", "周六"),
)  # fmt: skip
_WEEKEND: Final = _bits(*((bit, f"{en} is a working day", f"{zh}工作") for bit, (en, zh) in enumerate(_DAYS)))
_LOAD_MODE: Final = _bits(
    (0, "voltage, current, frequency", "电压、电流、频率"),
    (1, "active and reactive power", "有、无功功率"),
    (2, "power factor", "功率因数"),
    (3, "active and reactive energy", "有、无功总电能"),
    (4, "reactive energy of the four quadrants", "四象限无功总电能"),
    (5, "present demand", "当前需量"),
)
_FREEZE_MODE: Final = _bits(
    (0, "active energy import", "正向有功电能"),
    (1, "active energy export", "反向有功电能"),
    (2, "combined reactive energy 1", "组合无功1电能"),
    (3, "combined reactive energy 2", "组合无功2电能"),
    (4, "reactive energy of the four quadrants", "四象限无功电能"),
    (5, "maximum active demand import", "正向有功最大需量及发生时间"),
    (6, "maximum active demand export", "反向有功最大需量及发生时间"),
    (7, "variables", "变量"),
)


def _combined(*terms: Words) -> tuple[Field, ...]:
    """Two bits a term: added, subtracted."""
    rows = []
    for number, (en, zh) in enumerate(terms):
        rows += [(2 * number, f"plus {en}", f"加{zh}"), (2 * number + 1, f"minus {en}", f"减{zh}")]
    return _bits(*rows)


_ACTIVE: Final = _combined(("active import", "正向有功"), ("active export", "反向有功"))
_REACTIVE: Final = _combined(*((f"quadrant {n}", f"{'一二三四'[n - 1]}象限") for n in (1, 2, 3, 4)))
_RATES: Final = _bits(
    *((bit, f"{rate} bit/s", f"{rate}bps") for bit, rate in enumerate((600, 1200, 2400, 4800, 9600, 19200), 1))
)
_METER_1997: Final = _bits(
    (0, "read by hand", "手动抄表"),
    (1, "demand by intervals", "最大需量积算方式为区间"),
    (2, "battery low", "电池欠压"),
    (4, "active power reversed", "有功功率反向"),
    (5, "reactive power reversed", "无功功率反向"),
)
_GRID_1997: Final = _bits(
    *((bit, f"L{bit + 1} outage", f"{'ABC'[bit]}相断电") for bit in range(3)),
    *((bit + 4, f"L{bit + 1} overvoltage", f"{'ABC'[bit]}相过压") for bit in range(3)),
)

FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "04000501": _STATUS_1,
    "04000502": _DIRECTIONS,
    "04000503": _STATUS_3,
    "04000504": _phase_faults(1),
    "04000505": _phase_faults(2),
    "04000506": _phase_faults(3),
    "04000507": _STATUS_7,
    "04000601": _ACTIVE,
    "04000602": _REACTIVE,
    "04000603": _REACTIVE,
    **{f"0400070{port}": _RATES for port in range(1, 6)},
    "04000801": _WEEKEND,
    "04000901": _LOAD_MODE,
    "04000902": _FREEZE_MODE,
    "C020": _METER_1997,
    "C021": _GRID_1997,
    "C022": _WEEKEND,
}
"""By identifier. In the block 040005FF each part names its own."""


def bit_words(code: str, number: int) -> list[Words]:
    """What the word `number` of item `code` says, in the order of the bits; nothing where `code` is no word."""
    return [field.words for field in FIELDS.get(code, ()) if number & field.mask == field.value]
