"""What holds for every item of every family."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlt645.catalogue import item
from protocols.dlt645.item import Item
from protocols.errors import BadAnswer, ModelError
from protocols.model import Quality
from tests.protocols.dlt645.catalogue.values import values

rows = st.sampled_from

_ENERGIES: Final = [*range(0x0B)]
_DISTURBANCES: Final = [*range(0x01, 0x10), 0x11]
_PARAMETERS: Final = """
    04000101 04000102 0400010C 04000205 04000403 04000501 040005FF 04000601 04000A01 04000B02 04000C04 04000D0C
    04000E01 04000F01 04001005 04001104 04001203 04010000 04020008 040300FE 04040101 0405013F 04060001 04060301
    04090601 04800001
"""
_VARIABLES_1997: Final = "B210 B214 B21F B310 B323 B34F B611 B61F B62F B630 B63F B640 B64F B65F"
_PARAMETERS_1997: Final = "C010 C011 C01F C020 C02F C032 C03F C119 C11F C212 C314 C32E C32F C331 C3AA C34F C41E"

families: Final = {
    "energy": st.builds("00{:02X}{:02X}{:02X}".format, rows(_ENERGIES), st.integers(0, 63), st.integers(0, 12)),
    "energy blocks": st.builds("00{:02X}FF{:02X}".format, rows(_ENERGIES), st.integers(0, 12))
    | st.builds("00{:02X}{:02X}FF".format, rows(_ENERGIES), st.integers(0, 63)),
    "energy of phases": st.builds("00{:02X}00{:02X}".format, rows([0x15, 0x2B, 0x46, 0x80, 0xC2]), st.integers(0, 12)),
    "prepaid": rows(["00900100", "00900101", "00900200", "00900201"]),
    "demand": st.builds("01{:02X}{:02X}{:02X}".format, rows(_ENERGIES[1:]), st.integers(0, 63), st.integers(0, 12)),
    "instantaneous": st.builds("02{:02X}{}00".format, st.integers(1, 9), rows(["01", "02", "03", "FF"]))
    | st.builds("028000{:02X}".format, st.integers(1, 10)),
    "harmonics": st.builds("020{}0{}{:02X}".format, rows("AB"), rows("123"), rows([*range(1, 22), 255])),
    "counts of events": st.builds("03{:02X}0000".format, rows([*_DISTURBANCES, 0x12])),
    "phases' events": st.builds(
        "03{:02X}{:02X}{:02X}".format, rows([1, 2, 3, 4, 11, 12, 13, 14, 15]), st.integers(1, 3), st.integers(1, 10)
    ),
    "events": st.builds("03{:02X}00{:02X}".format, rows([5, 6, 7, 8, 9, 10, 17]), st.integers(1, 10)),
    "voltage quality": st.builds("0310{:02X}{:02X}".format, st.integers(0, 3), st.integers(0, 12)),
    "demand over limit": st.builds("0312{:02X}{:02X}".format, st.integers(1, 6), st.integers(1, 10)),
    "registers": st.builds("0330{:02X}{:02X}".format, st.integers(0, 14), st.integers(0, 10)),
    "purchases": st.builds("033{}{:02X}{:02X}".format, rows("23"), st.integers(1, 6), st.integers(1, 10)),
    "relay": st.builds("1{}00{:02X}{:02X}".format, rows("DE"), rows([*range(1, 9), 255]), st.integers(1, 10)),
    "parameters": rows(
        [
            "04000101",
            "04000102",
            "0400010C",
            "04000205",
            "04000403",
            "04000501",
            "040005FF",
            "04000601",
            "04000A01",
            "04000B02",
            "04000C04",
            "04000D0C",
            "04000E01",
            "04000F01",
            "04001005",
            "04001104",
            "04001203",
            "04010000",
            "04020008",
            "040300FE",
            "04040101",
            "0405013F",
            "04060001",
            "04060301",
            "04090601",
            "04800001",
        ]
    ),
    "freezes": st.builds(
        "05{:02X}{:02X}{:02X}".format, rows([0, 1, 2, 3, 5, 6, 7, 0xF0]), rows([*range(11), 0x10]), rows([1, 2])
    )
    | st.builds("0504{:02X}{:02X}".format, rows([0, 1, 2, 255]), st.integers(1, 254)),
    "freeze blocks": rows(["0500FF0C", "0501FF03", "0506FF3E", "05F0FF24"]),
    "load records": st.builds("060{}000{}".format, st.integers(0, 6), rows("012")),
    "1997 energy": st.builds("{}{}{}{:X}".format, rows("9AB"), rows("048"), rows("12"), st.integers(0, 15))
    | st.builds("{}{}{}{:X}".format, rows("9AB"), rows("159"), rows("123456"), st.integers(0, 15)),
    "1997 sets": rows(["90FF", "95FF", "A0FF", "B9FF", "9FFF", "AFFF", "B3FF", "B6FF"]),
    "1997 variables": rows(
        ["B210", "B214", "B21F", "B310", "B323", "B34F", "B611", "B61F", "B62F", "B630", "B63F", "B640", "B64F", "B65F"]
    ),
    "1997 parameters": rows(
        [
            "C010",
            "C011",
            "C01F",
            "C020",
            "C02F",
            "C032",
            "C03F",
            "C119",
            "C11F",
            "C212",
            "C314",
            "C32E",
            "C32F",
            "C331",
            "C3AA",
            "C34F",
            "C41E",
        ]
    ),
}


@pytest.mark.parametrize("family", families)
@settings(max_examples=30)
@given(data=st.data(), seed=st.integers(0, 1 << 32))
def test_any_item_comes_back(family: str, data: st.DataObject, seed: int) -> None:
    found = of(data.draw(families[family]))
    put = values(found, Random(seed))
    raw = found.encode(put)
    assert len(raw) <= found.longest
    got = found.decode(raw)
    assert [value.part.name for value in got] == [part.name for part, _ in found.parts[: len(put)]]
    assert [value.number if value.text is None else value.text for value in got] == put
    good, nothing = Quality.GOOD, Quality.NOT_AVAILABLE
    assert [value.quality for value in got] == [nothing if value is None else good for value in put]
    if len(put) == len(found.parts):
        with pytest.raises(BadAnswer):
            found.decode(raw + b"\x00")


@pytest.mark.parametrize("family", families)
@settings(max_examples=30)
@given(data=st.data())
def test_any_item_is_well_formed(family: str, data: st.DataObject) -> None:
    code = data.draw(families[family])
    found = of(code.lower())
    assert (found.code, found.edition) == (code, "1997" if len(code) == 4 else "2007")
    assert found.wire == bytes.fromhex(code)[::-1]
    assert found.name.isascii()
    assert not found.name_zh.isascii()
    names = [part.name for part, _ in found.parts]
    assert found.shape is not None or len(set(names)) == len(names)
    assert found.least >= 1
    assert len(found.parts) % found.least == 0
    for part, form in found.parts:
        assert part.decimals == form.decimals
        assert part.name_zh
        assert len(part.item) == len(code)
        assert part.quantity is None or part.quantity.obis == part.obis


@pytest.mark.parametrize("family", families)
@settings(max_examples=30)
@given(data=st.data(), raw=st.binary(max_size=300))
def test_any_bytes_are_values_or_a_bad_answer(family: str, data: st.DataObject, raw: bytes) -> None:
    found = of(data.draw(families[family]))
    try:
        got = found.decode(raw)
    except BadAnswer:
        return
    assert len(got) <= len(raw)


def of(code: str) -> Item:
    return item(code, "1997" if len(code) == 4 else "2007")


@pytest.mark.parametrize(
    ("code", "edition"),
    [("9010", "2007"), ("00010000", "1997"), ("", "1997"), ("901G", "1997"), (" 90 10", "1997"), ("00010000", "1998")],
)
def test_identifier_belongs_to_its_edition(code: str, edition: str) -> None:
    with pytest.raises(ModelError, match=r"data identifier|edition"):
        item(code, edition)


def test_only_passwords_are_write_only() -> None:
    passwords = [f"04000C{n:02X}" for n in range(1, 11)]
    assert not any(item(code).readable for code in passwords)
    assert all(item(code).writable for code in passwords)
    assert not item("C212", "1997").readable
    assert all(item(code).readable for code in ("04000C01".replace("0C", "0D"), "04000401", "00010000"))
