"""Family 05: what is frozen, how many are kept, and blocks closed by AA (DL/T 645-2007, Table A.6; supplement)."""

from __future__ import annotations

from typing import Final

import pytest

from protocols.dlt645.blocks import Blocks
from protocols.dlt645.catalogue import item
from protocols.errors import BadAnswer, ModelError
from protocols.model import Obis, Unit

# DI2: how many are kept, Chinese name
KINDS: Final = {
    0x00: (12, "定时冻结"), 0x01: (3, "瞬时冻结"), 0x02: (2, "两套时区表切换冻结"), 0x03: (2, "两套日时段表切换冻结"),
    0x05: (2, "两套费率电价切换冻结"), 0x06: (62, "日冻结"), 0x07: (2, "两套阶梯切换冻结"), 0xF0: (36, "月冻结"),
}  # fmt: skip
# DI1: bytes of one value or all, unit, whether a sign, OBIS C
ENERGIES: Final = {
    1: (Unit.KWH, False, 1), 2: (Unit.KWH, False, 2), 3: (Unit.KVARH, True, 3), 4: (Unit.KVARH, True, 4),
    5: (Unit.KVARH, False, 5), 6: (Unit.KVARH, False, 6), 7: (Unit.KVARH, False, 7), 8: (Unit.KVARH, False, 8),
}  # fmt: skip


@pytest.mark.parametrize("di2", KINDS)
def test_kinds_and_how_many_are_kept(di2: int) -> None:
    kept, zh = KINDS[di2]
    for back in (1, kept):
        assert item(f"05{di2:02X}00{back:02X}").name_zh == f"(上{back}次){zh}时间"
        assert item(f"05{di2:02X}FF{back:02X}").name_zh == f"(上{back}次){zh}数据块"
    for code in (f"05{di2:02X}0000", f"05{di2:02X}00{kept + 1:02X}", f"05{di2:02X}0B01", f"05{di2:02X}1101"):
        with pytest.raises(ModelError):
            item(code)


@pytest.mark.parametrize("di1", ENERGIES)
def test_frozen_energy_ends_after_the_rates_that_the_meter_has(di1: int) -> None:
    unit, signed, obis_c = ENERGIES[di1]
    found = item(f"0506{di1:02X}01")
    values = found.decode(bytes.fromhex("01000080" if signed else "01000000") * 5)
    assert [str(value) for value in values] == ["-0.01" if signed else "0.01"] * 5
    assert [value.part.obis for value in values] == [Obis(1, 0, obis_c, 8, rate) for rate in range(5)]
    assert {value.part.unit for value in values} == {unit}
    with pytest.raises(BadAnswer):
        found.decode(bytes(18))


def test_frozen_values_are_not_of_now() -> None:
    for code in ("05060101", "05000901", "05001001", "0501FF01", "05040101"):
        assert {part.quantity for part, _ in item(code).parts} == {None}


def test_time_and_energy_of_a_scheduled_freeze_are_not_the_same_identifier() -> None:
    """Table A.6 prints 05000001 for both."""
    assert item("05000001").longest == 5
    assert item("05000101").parts[0][0].name == "active_energy_import"


def test_frozen_demand_and_variables() -> None:
    assert len(item("05000901").decode(bytes(8 * 5))) == 10
    assert [form.length for _, form in item("05001001").parts] == [3] * 8
    assert [part.unit for part, _ in item("05001001").parts] == [Unit.KW] * 4 + [Unit.KVAR] * 4


def four_rates(code: str) -> bytes:
    found = item(code)
    assert isinstance(found.shape, Blocks)
    counts = [1] + [5] * 8 + [10] * 2 + [8]
    return found.encode([None] * sum(counts))


def test_block_of_a_freeze_is_closed_piece_by_piece() -> None:
    raw = four_rates("0501FF01")
    assert len(raw) == 5 + 8 * 20 + 2 * 40 + 24 + 12
    values = item("0501FF01").decode(raw)
    assert len(values) == 1 + 8 * 5 + 2 * 10 + 8
    assert [value.part.item for value in values][:3] == ["05010001", "05010101", "05010101"]
    assert item("0501FF01").decode(raw[:-1]) == values  # the last one is not always closed


def test_what_the_mode_word_leaves_out_is_an_empty_block() -> None:
    found = item("0500FF01")
    assert isinstance(found.shape, Blocks)
    blocks: list[list[int | str | None]] = [["2026-11-01T00:00"], [123, 45], *([] for _ in range(10))]
    raw = found.shape.encode_blocks(blocks)
    assert raw.hex() == "0000011126aa" + "23010000" + "45000000" + "aa" * 11
    assert [str(value) for value in found.decode(raw)] == ["2026-11-01T00:00", "1.23", "0.45"]


def test_wrong_blocks_are_bad_answers() -> None:
    raw = four_rates("0501FF01")
    for wrong in (b"", raw[:40], raw + b"\xaa", raw[:-2], raw[1:], b"\xaa" * 14, b"\xaa" * 10):
        with pytest.raises(BadAnswer):
            item("0501FF01").decode(wrong)


def test_hourly_freeze_comes_closed_or_plain() -> None:
    found = item("0504FFFE")
    time, imported, exported = (bytes.fromhex(text) for text in ("0010221126", "78563412", "01000000"))
    texts = ["2026-11-22T10:00", "123456.78", "0.01"]
    for raw in (
        time + imported + exported,
        time + b"\xaa" + imported + b"\xaa" + exported,
        time + b"\xaa" + imported + b"\xaa" + exported + b"\xaa",
    ):
        assert [str(value) for value in found.decode(raw)] == texts
    with pytest.raises(BadAnswer):
        found.decode(time + imported)
    assert item("05040118").name_zh == "(上24次)整点冻结正向有功总电能"
    for code in ("05040301", "050400FF", "05040000"):
        with pytest.raises(ModelError):
            item(code)
