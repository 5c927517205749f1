"""Family 04: lengths, formats, units and what may be written (DL/T 645-2007, Table A.5; supplement)."""

from __future__ import annotations

from typing import Final

import pytest

from protocols.dlt645.catalogue import item
from protocols.dlt645.formats import Bits, Digits, Entry, Format, Hex, Moment, Number, Text
from protocols.errors import BadAnswer, ModelError
from protocols.model import Obis, Unit

NONE = Unit.NONE
# Format, unit, writable
SINGLES: Final[dict[str, tuple[Format, Unit, bool]]] = {
    "04000101": (Moment("YYMMDDWW"), NONE, True),
    "04000104": (Number(1), Unit.MINUTE, True),
    "04000105": (Number(2), Unit.MILLISECOND, False),
    "04000106": (Moment("YYMMDDhhmm"), NONE, True),
    "04000205": (Number(2), NONE, True),
    "04000302": (Number(1), Unit.SECOND, True),
    "04000306": (Number(3), NONE, True),
    "04000401": (Digits(6), NONE, True),
    "04000403": (Text(32), NONE, True),
    "04000404": (Text(6), NONE, False),
    "04000409": (Number(3), Unit.IMPULSES_KWH, False),
    "0400040A": (Number(3), Unit.IMPULSES_KVARH, False),
    "04000501": (Bits(2), NONE, False),
    "04000601": (Bits(1), NONE, True),
    "04000705": (Bits(1), NONE, True),
    "04000802": (Number(1), NONE, True),
    "04000901": (Bits(1), NONE, True),
    "04000A01": (Moment("MMDDhhmm"), NONE, True),
    "04000A07": (Number(2), Unit.MINUTE, True),
    "04000B03": (Moment("DDhh"), NONE, True),
    "04000D0C": (Number(2, 3), NONE, True),
    "04000E01": (Number(3, 4), Unit.KW, True),
    "04000E04": (Number(2, 1), Unit.VOLT, True),
    "04001005": (Number(4, 2), Unit.YUAN, True),
    "04030001": (Entry("YYMMDDNN"), NONE, True),
    "040300FE": (Entry("YYMMDDNN"), NONE, True),
    "04040102": (Hex(4), NONE, True),
    "040402FE": (Hex(4), NONE, True),
    "0405013F": (Number(4, 4), Unit.YUAN_KWH, True),
    "04090501": (Number(2, 2), Unit.PERCENT, True),
    "04090602": (Number(1), Unit.SECOND, True),
    "04800003": (Text(32), NONE, False),
}


@pytest.mark.parametrize("code", SINGLES)
def test_single_parameter(code: str) -> None:
    form, unit, writable = SINGLES[code]
    found = item(code)
    assert [(each, part.unit) for part, each in found.parts] == [(form, unit)]
    assert (found.writable, found.readable) == (writable, True)


@pytest.mark.parametrize(
    ("code", "zh"),
    [
        ("04000101", "日期及星期"), ("04000403", "资产管理编码"), ("04000507", "电表运行状态字7"),
        ("04000602", "无功组合方式1特征字"), ("04000702", "接触式红外光口通信速率特征字"),
        ("04000A02", "第1类负荷记录间隔时间"), ("04000C0A", "9级密码"), ("04000D06", "B相电纳系数"),
        ("04010000", "第一套时区表数据"), ("04020008", "第二套第8日时段表数据"),
        ("04030002", "第2公共假日日期及日时段表号"), ("04040201", "按键循环显示第1屏显示数据项"),
        ("04001004", "囤积金额限值"), ("04800002", "厂家硬件版本号"),
    ],
)  # fmt: skip
def test_chinese_names(code: str, zh: str) -> None:
    assert item(code).name_zh == zh


@pytest.mark.parametrize(
    ("code", "obis"),
    [
        ("0400010C", Obis(0, 0, 1, 0)), ("04000402", Obis(0, 0, 96, 1)), ("04000103", Obis(1, 0, 0, 8)),
        ("04000409", Obis(1, 0, 0, 3)), ("04000E03", Obis(1, 0, 12, 35)), ("04000E04", Obis(1, 0, 12, 31)),
        ("04800001", Obis(1, 0, 0, 2)), ("04000503", Obis(0, 0, 96, 5, 3)), ("04000104", None), ("04000C01", None),
    ],
)  # fmt: skip
def test_obis_codes_where_one_says_exactly_this(code: str, obis: Obis | None) -> None:
    assert item(code).parts[0][0].obis == obis


@pytest.mark.parametrize("number", [1, 2])
def test_schedules_have_fourteen_lines_of_three_bytes(number: int) -> None:
    seasons, day = item(f"040{number}0000"), item(f"040{number}0008")
    assert [form for _, form in seasons.parts] == [Entry("MMDDNN")] * 14
    assert [form for _, form in day.parts] == [Entry("hhmmNN")] * 14
    assert seasons.longest == day.longest == 42
    assert seasons.writable
    assert day.writable
    raw = day.encode(["06:30 2", "22:00 4", *[None] * 12])
    assert raw[:6].hex() == "023006" + "040022"  # the number is sent first
    assert [str(value) for value in day.decode(raw)][:3] == ["06:30 2", "22:00 4", ""]
    with pytest.raises(BadAnswer):
        day.decode(raw[:-3])


def test_unused_settlement_day_is_nothing() -> None:
    found = item("04000B02")
    assert str(found.decode(bytes.fromhex("9999"))[0]) == ""
    assert found.encode(["9999"]) == bytes.fromhex("9999")
    assert str(found.decode(bytes.fromhex("0015"))[0]) == "15T00"


@pytest.mark.parametrize(
    "code",
    [
        "04000508", "04000A08", "04000C00", "04000C0B", "04000D0D", "04010009", "04030000", "040300FF", "04040100",
        "04040301", "04050140", "04050301", "04060401", "04A20101", "04600101", "0400F003", "04FFFFFF",
    ],
)  # fmt: skip
def test_what_no_rule_describes(code: str) -> None:
    with pytest.raises(ModelError):
        item(code)


def test_parameters_there_are() -> None:
    """Rows 04 00 xx and 04 80 00 of the standard: 54 singles, 8 status words, 6 intervals, 10 passwords, 12 losses."""
    standard = [*range(0x01, 0x0F), 0x80]
    extra = ["0400010C", "04000108", "04000109", "04000207", "04000306", "04000307", "0400040E"]
    found = []
    for di1 in standard:
        for di0 in range(0x100):
            code = f"0480{di1 - 0x80:02X}{di0:02X}" if di1 == 0x80 else f"0400{di1:02X}{di0:02X}"
            try:
                found.append(item(code).code)
            except ModelError:
                continue
    assert set(extra) <= set(found)
    assert len(found) - len(extra) == 54 + 8 + 6 + 10 + 12
