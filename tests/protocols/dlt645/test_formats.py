"""Formats: decode of encode is the identity, and what does not fit is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.formats import Bits, Digits, Entry, Format, Hex, Moment, Number, Text
from protocols.errors import BadAnswer
from protocols.model import Quality

numbers = st.builds(Number, length=st.integers(1, 8), decimals=st.integers(0, 2), signed=st.booleans())


@given(form=numbers, data=st.data())
def test_number_comes_back(form: Number, data: st.DataObject) -> None:
    largest = (8 if form.signed else 10) * 10 ** (2 * form.length - 1) - 1
    number = data.draw(st.integers(-largest if form.signed else 0, largest))
    raw = form.encode(number)
    assert len(raw) == form.length
    assert form.decode(raw) == (number, None, Quality.GOOD)


@given(form=numbers)
def test_number_refuses_what_does_not_fit(form: Number) -> None:
    above = (8 if form.signed else 10) * 10 ** (2 * form.length - 1)
    for number in (above, -above, above * 10, *([] if form.signed else [-1])):
        with pytest.raises(ValueError, match="does not fit"):
            form.encode(number)


@given(form=numbers, raw=st.binary(min_size=8, max_size=8))
def test_number_is_bcd_or_nothing_or_an_error(form: Number, raw: bytes) -> None:
    raw = raw[: form.length]
    digits = raw[::-1].hex()
    plain = (f"{int(digits[0], 16) & 7:x}" if form.signed else digits[0]) + digits[1:]
    if raw == b"\xff" * form.length:
        assert form.decode(raw) == (None, None, Quality.NOT_AVAILABLE)
    elif plain.isdigit():
        sign = -1 if form.signed and raw[-1] & 0x80 else 1
        assert form.decode(raw) == (sign * int(plain), None, Quality.GOOD)
    else:
        with pytest.raises(BadAnswer):
            form.decode(raw)


@pytest.mark.parametrize(
    ("raw", "number"),
    [("452381", -12345), ("000080", 0), ("9999f9", -799999), ("999979", 799999), ("0000a0", -200000), ("010080", -1)],
)
def test_sign_is_the_top_bit_of_the_last_byte(raw: str, number: int) -> None:
    assert Number(3, 4, signed=True).decode(bytes.fromhex(raw)) == (number, None, Quality.GOOD)


@pytest.mark.parametrize("raw", ["00000a", "0000b0", "ffff7f", "fffffe", "0f0000"])
def test_number_without_sign_refuses_other_digits(raw: str) -> None:
    with pytest.raises(BadAnswer, match="BCD"):
        Number(3, 4).decode(bytes.fromhex(raw))


@pytest.mark.parametrize(("length", "decimals"), [(0, 0), (9, 0), (-1, 0), (2, 5), (2, -1)])
def test_number_format_refuses_impossible_sizes(length: int, decimals: int) -> None:
    with pytest.raises(ValueError, match="BCD"):
        Number(length, decimals)


@given(word=st.integers(0, 0xFFFF))
def test_word_comes_back(word: int) -> None:
    assert Bits(2).decode(Bits(2).encode(word)) == (word, None, Quality.GOOD)


@pytest.mark.parametrize("word", [-1, 0x10000, None])
def test_word_refuses_what_does_not_fit(word: int | None) -> None:
    with pytest.raises(ValueError, match="no word"):
        Bits(2).encode(word)


@given(text=st.text("0123456789", min_size=12, max_size=12))
def test_digits_come_back_with_their_zeros(text: str) -> None:
    assert Digits(6).decode(Digits(6).encode(text)) == (None, text, Quality.GOOD)


@pytest.mark.parametrize("text", ["1234567890123", "12AB", "-1", "1.5", "\u0661\u0662"])
def test_digits_refuse_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        Digits(6).encode(text)


def test_digits_that_are_no_bcd_are_an_error() -> None:
    with pytest.raises(BadAnswer, match="BCD"):
        Digits(2).decode(b"\x1a\x00")


@given(text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=10))
def test_text_comes_back(text: str) -> None:
    assert Text(10).decode(Text(10).encode(text)) == (None, text, Quality.GOOD)


@pytest.mark.parametrize("text", ["12345678901", "Zähler"])
def test_text_refuses_what_does_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match=r"longer|ascii"):
        Text(10).encode(text)


def test_text_that_is_no_ascii_is_an_error() -> None:
    with pytest.raises(BadAnswer, match="ASCII"):
        Text(2).decode(b"\x80A")


moments = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31, 23, 59))  # noqa: DTZ001 - a meter states no zone


@given(moment=moments)
@pytest.mark.parametrize(
    ("pattern", "shape"),
    [
        ("YYMMDDhhmm", "%Y-%m-%dT%H:%M"),
        ("YYMMDDWWhhmmss", "%Y-%m-%dT%H:%M:%S"),
        ("YYMMDDWW", "%Y-%m-%d"),
        ("hhmmss", "%H:%M:%S"),
        ("MMDDhhmm", "%m-%dT%H:%M"),
        ("MMDD", "%m-%d"),
        ("DDhh", "%dT%H"),
        ("hhmm", "%H:%M"),
    ],
)
def test_moment_comes_back(pattern: str, shape: str, moment: dt.datetime) -> None:
    text = moment.strftime(shape)
    raw = Moment(pattern).encode(text)
    assert len(raw) == len(pattern) // 2
    assert Moment(pattern).decode(raw) == (None, text, Quality.GOOD)


def test_moment_takes_the_patterns_digits_and_sends_the_low_byte_first() -> None:
    assert Moment("YYMMDDhhmm").encode("2611221545").hex() == "4515221126"
    assert Moment("YYMMDDWW").encode("2026-11-22").hex() == "00221126"  # a Sunday
    assert Moment("YYMMDDWW").encode("2026-11-28").hex() == "06281126"


def test_moment_of_zeros_is_the_meters_never() -> None:
    assert Moment("YYMMDDhhmm").decode(bytes(5)) == (None, None, Quality.NOT_AVAILABLE)
    assert Moment("hhmmss").decode(bytes(3)) == (None, "00:00:00", Quality.GOOD)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYMMDDhhmm", "2613010000"),
        ("YYMMDDhhmm", "2602290000"),
        ("YYMMDDhhmm", "2601012400"),
        ("YYMMDDhhmm", "2601010060"),
        ("YYMMDDhhmm", "26010100000"),
        ("YYMMDDhhmm", "1999-12-31T23:59"),
        ("YYMMDDhhmm", "2026-01-01T00:00:30"),
        ("YYMMDDhhmm", "2026-01-01T00:00+08:00"),
        ("YYMMDDhhmm", "2026-01-01"),
        ("YYMMDDWW", "26010107"),
        ("hhmmss", "24:00:00"),
        ("hhmmss", "now"),
        ("MMDDhhmm", "02301200"),
        ("MMDDhhmm", "11-22"),
        ("MMDDhhmm", "2026-11-22T15:30"),
        ("DDhh", "1524"),
    ],
)
def test_moment_refuses_what_no_calendar_has(pattern: str, text: str) -> None:
    with pytest.raises(ValueError):
        Moment(pattern).encode(text)


@pytest.mark.parametrize("raw", ["0000011326", "0060012226", "0000302226", "00000a0126", "0000290226"])
def test_moment_out_of_range_is_an_error(raw: str) -> None:
    with pytest.raises(BadAnswer):
        Moment("YYMMDDhhmm").decode(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "form", [Number(3), Number(3, 1, signed=True), Digits(6), Text(6), Hex(4), Moment("YYMMDDhhmm"), Entry("hhmmNN")]
)
def test_nothing_is_sent_as_ff(form: Format) -> None:
    assert form.encode(None) == b"\xff" * form.length
    assert form.decode(form.encode(None)) == (None, None, Quality.NOT_AVAILABLE)


@given(text=st.text("0123456789ABCDEF", min_size=8, max_size=8).filter(lambda text: text != "F" * 8))
def test_hex_comes_back_high_byte_first(text: str) -> None:
    assert Hex(4).decode(bytes.fromhex(text)[::-1]) == (None, text, Quality.GOOD)
    assert Hex(4).encode(text.lower()) == bytes.fromhex(text)[::-1]


@pytest.mark.parametrize("text", ["0001000", "000100000", "0001 000", "0001000G", ""])
def test_hex_refuses_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        Hex(4).encode(text)


def test_day_of_a_month_without_a_year_may_be_the_29th_of_february() -> None:
    assert Moment("MMDDhhmm").decode(bytes.fromhex("00122902")) == (None, "02-29T12:00", Quality.GOOD)


def test_schedule_line_takes_the_patterns_digits_too() -> None:
    assert Entry("hhmmNN").encode("063002") == Entry("hhmmNN").encode("06:30 2") == bytes.fromhex("023006")
    assert Entry("YYMMDDNN").decode(bytes.fromhex("03011026")) == (None, "2026-10-01 3", Quality.GOOD)
    assert Entry("MMDDNN").decode(bytes(3)) == (None, None, Quality.NOT_AVAILABLE)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("hhmmNN", "06:30"), ("hhmmNN", "24:00 1"), ("hhmmNN", "00:00 0"), ("hhmmNN", "06:30 100"), ("hhmmNN", "06:30 x"),
     ("MMDDNN", "02-30 1"), ("MMDDNN", "0101011"), ("YYMMDDNN", "01-01 1")],
)  # fmt: skip
def test_schedule_line_refuses_what_is_none(pattern: str, text: str) -> None:
    with pytest.raises(ValueError):
        Entry(pattern).encode(text)


@pytest.mark.parametrize("raw", ["01ffff", "ff0101", "0a0101", "013013", "010000"])
def test_schedule_line_that_is_half_empty_or_no_day_is_an_error(raw: str) -> None:
    with pytest.raises(BadAnswer):
        Entry("MMDDNN").decode(bytes.fromhex(raw))
