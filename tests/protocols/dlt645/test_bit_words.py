"""Bits of words, in English and Chinese."""

from __future__ import annotations

import pytest

from protocols.dlt645.bit_words import FIELDS, bit_words
from protocols.dlt645.catalogue import item
from protocols.dlt645.formats import Bits


@pytest.mark.parametrize(
    ("code", "number", "words"),
    [
        ("04000503", 0x0050, ["relay open", "relay command: trip"]),  # captured after a trip
        ("04000503", 0x0000, []),  # captured after a close
        ("04000503", 0x0002, ["auxiliary supply"]),
        ("04000503", 0x0004, ["battery supply"]),
        ("04000503", 0x0006, []),  # no such supply
        ("04000501", 0x0004, ["clock battery low"]),
        ("04000502", 0x0041, ["active power of phase L1 reversed", "reactive power of phase L3 reversed"]),
        ("04000502", 0x0088, []),  # reserved
        ("04000504", 0x0101, ["L1 voltage loss", "L1 current break"]),
        ("04000506", 0x0080, ["L3 phase loss"]),
        ("04000507", 0x0060, ["power down", "demand over limit"]),
        ("04000601", 0x05, ["plus active import", "plus active export"]),
        ("04000602", 0x82, ["minus quadrant 1", "minus quadrant 4"]),
        ("04000703", 0x08, ["2400 bit/s"]),
        ("04000801", 0x41, ["Sunday is a working day", "Saturday is a working day"]),
        ("04000901", 0x21, ["voltage, current, frequency", "present demand"]),
        ("04000902", 0x80, ["variables"]),
        ("C020", 0x11, ["read by hand", "active power reversed"]),
        ("C021", 0x44, ["L3 outage", "L3 overvoltage"]),
        ("C022", 0x02, ["Monday is a working day"]),
        ("00010000", 0xFF, []),
    ],
)
def test_words(code: str, number: int, words: list[str]) -> None:
    assert [english for english, _ in bit_words(code, number)] == words


@pytest.mark.parametrize("code", FIELDS)
def test_fields_fit_the_word_and_are_said_in_both_languages(code: str) -> None:
    ((_, form),) = item(code, "1997" if len(code) == 4 else "2007").parts
    assert isinstance(form, Bits)
    said = [field.words for field in FIELDS[code]]
    assert len(set(said)) == len(said)
    for field in FIELDS[code]:
        assert 0 < field.mask < 1 << (8 * form.length)
        assert field.value & ~field.mask == 0
        english, chinese = field.words
        assert english.isascii()
        assert not chinese.isascii() or chinese.endswith("bps")


def test_parts_of_the_block_name_their_words() -> None:
    values = item("040005FF").decode(bytes(4) + b"\x10\x00" + bytes(8))
    assert [bit_words(value.part.item, value.number or 0) for value in values][2] == [("relay open", "继电器断开")]
