"""What registers mean: exact to the last digit, numpy as an independent opinion on floats."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.modbus.floats import _search32, shortest32, shortest64
from protocols.modbus.reads import part_of
from protocols.modbus.registers import LIMIT, TYPES, Order, Register, form_of, scale_of, shifted
from protocols.model import Part, Quality, Quantity, Unit
from protocols.quantities import quantity

singles = st.binary(min_size=4, max_size=4).filter(lambda raw: math.isfinite(struct.unpack(">f", raw)[0]))
ENERGY = quantity("active_energy_import")
POWER = quantity("active_power")


def register(form: str, of: Quantity | None, order: Order = Order.ABCD, scale: str = "1", *absent: str) -> Register:
    words = frozenset(bytes.fromhex(word) for word in absent)
    return Register(4, 52, TYPES[form], part_of(4, 52, of), order, scale_of(Decimal(scale)), words)


def value_of(shortest: tuple[int, int] | None) -> Decimal:
    assert shortest is not None
    return Decimal(shortest[0]).scaleb(shortest[1])


@given(singles)
@example(bytes.fromhex("00000001"))
@example(bytes.fromhex("00800000"))
@example(bytes.fromhex("7f7fffff"))
@example(bytes.fromhex("80000000"))
@example(bytes.fromhex("46800040"))  # 16384.125
@example(bytes.fromhex("46800020"))  # 16384.0625: a tie between two shortest
@example(bytes.fromhex("6d5a0000"))
def test_shortest_float32_is_what_numpy_prints(raw: bytes) -> None:
    ours = value_of(shortest32(raw))
    number = np.frombuffer(raw, ">f4").astype("=f4")[0]
    theirs = Decimal(np.format_float_scientific(number, unique=True))
    assert np.float32(str(ours)) == number
    exact = Fraction(float(number))
    assert len(ours.normalize().as_tuple().digits) == len(theirs.normalize().as_tuple().digits)
    assert abs(Fraction(ours) - exact) == abs(Fraction(theirs) - exact)


@given(singles.filter(lambda raw: struct.unpack(">f", raw)[0] != 0))
def test_the_quick_way_agrees_with_the_exact_search(raw: bytes) -> None:
    assert shortest32(raw) == _search32(raw)


@given(st.integers(0, 255), st.booleans())
def test_powers_of_two_have_uneven_neighbours(biased: int, negative: bool) -> None:
    raw = (negative << 31 | biased << 23).to_bytes(4, "big")
    if biased == 255:
        assert shortest32(raw) is None
    else:
        number = np.frombuffer(raw, ">f4").astype("=f4")[0]
        assert value_of(shortest32(raw)) == Decimal(np.format_float_scientific(number, unique=True))


@given(st.integers(-(10**6), 10**6), st.integers(-9, 6))
def test_six_digits_survive_a_float32(digits: int, exponent: int) -> None:
    raw = struct.pack(">f", float(Decimal(digits).scaleb(exponent)))
    if abs(digits) < 10**6:
        assert value_of(shortest32(raw)) == Decimal(digits).scaleb(exponent)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_float64_is_pythons(number: float) -> None:
    assert value_of(shortest64(struct.pack(">d", number))) == Decimal(repr(number))


@pytest.mark.parametrize("hex_", ["7fc00000", "7f800000", "ff800000", "ffffffff", "7f800001"])
def test_no_number(hex_: str) -> None:
    assert shortest32(bytes.fromhex(hex_)) is None
    value = register("float32", ENERGY).decode(bytes.fromhex(hex_))
    assert (value.number, value.quality) == (None, Quality.NOT_AVAILABLE)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_in_64_bits(number: float) -> None:
    assert register("float64", ENERGY).decode(struct.pack(">d", number)).quality is Quality.NOT_AVAILABLE


def test_a_float_is_rounded_once_from_its_shortest_decimal() -> None:
    # 1.00005 is 1.00004994869... as a float32: from there it would round down, and twice over it could end anywhere
    assert register("float32", ENERGY).decode(struct.pack(">f", 1.00005)).decimal == Decimal("1.0000")
    assert register("float32", ENERGY).decode(struct.pack(">f", 1.00015)).decimal == Decimal("1.0002")
    assert register("float32", ENERGY).decode(struct.pack(">f", 230.2)).number == 2302000
    assert register("float32", POWER, scale="0.001").decode(struct.pack(">f", 936.7205)).number == 936720


# the same number 0x0102030405060708 cut to length, in every order; written out, not computed
@pytest.mark.parametrize(
    ("form", "order", "raw", "number"),
    [
        ("u16", Order.ABCD, "0102", 0x0102),
        ("u16", Order.CDAB, "0102", 0x0102),
        ("u16", Order.BADC, "0201", 0x0102),
        ("u16", Order.DCBA, "0201", 0x0102),
        ("s16", Order.ABCD, "fffe", -2),
        ("u32", Order.ABCD, "01020304", 0x01020304),
        ("u32", Order.CDAB, "03040102", 0x01020304),
        ("u32", Order.BADC, "02010403", 0x01020304),
        ("u32", Order.DCBA, "04030201", 0x01020304),
        ("s32", Order.CDAB, "fffeffff", -2),
        ("u64", Order.ABCD, "0102030405060708", 0x0102030405060708),
        ("u64", Order.CDAB, "0708050603040102", 0x0102030405060708),
        ("u64", Order.BADC, "0201040306050807", 0x0102030405060708),
        ("u64", Order.DCBA, "0807060504030201", 0x0102030405060708),
        ("s64", Order.CDAB, "fffeffffffffffff", -2),
    ],
)
def test_orders(form: str, order: Order, raw: str, number: int) -> None:
    value = register(form, None, order).decode(bytes.fromhex(raw))
    assert value.number == number
    assert register(form, None, order).encode(Decimal(number)) == bytes.fromhex(raw)


@pytest.mark.parametrize(
    ("order", "raw"), [("abcd", "43663334"), ("cdab", "33344366"), ("badc", "66433433"), ("dcba", "34336643")]
)
def test_float_orders(order: str, raw: str) -> None:
    assert register("float32", ENERGY, Order(order)).decode(bytes.fromhex(raw)).decimal == Decimal("230.2")


@given(st.sampled_from([form for form in TYPES.values() if not form.floating]), st.sampled_from(Order), st.data())
def test_decode_of_encode_is_the_identity(form: object, order: Order, data: st.DataObject) -> None:
    assert form in TYPES.values()
    name = form.name  # type: ignore[attr-defined]
    raw = data.draw(st.binary(min_size=TYPES[name].size, max_size=TYPES[name].size))
    one = register(name, None, order)
    value = one.decode(raw)
    if value.quality is Quality.OUT_OF_RANGE:
        assert name == "u64" or (name.startswith("bcd") and not order.arrange(raw).hex().isdecimal())
        assert name != "u64" or order.arrange(raw)[0] & 0x80
    elif value.quality is Quality.NOT_AVAILABLE:
        assert name.startswith("bcd")
        assert not raw.strip(b"\xff")
    else:
        assert value.decimal is not None
        assert one.encode(value.decimal) == raw


@given(singles, st.sampled_from(Order))
def test_decode_of_encode_is_the_identity_for_floats(raw: bytes, order: Order) -> None:
    one = register("float32", None, order)
    value = one.decode(order.arrange(raw))
    if value.quality is Quality.GOOD and value.decimal:
        assert one.encode(value.decimal) == order.arrange(raw)


@given(st.floats(-1e12, 1e12).filter(lambda number: number == 0 or abs(number) > 1e-2))
def test_decode_of_encode_is_the_identity_for_doubles(number: float) -> None:
    one = register("float64", None)
    value = one.decode(struct.pack(">d", number))
    if value.decimal:  # more than 63 bits of digits are out of range
        assert one.encode(value.decimal) == struct.pack(">d", number)


@pytest.mark.parametrize(
    ("scale", "raw", "text"),
    [
        ("1", 5, "5.0000"),
        ("0.01", 12345678, "123456.7800"),
        ("1e3", 7, "7000.0000"),
        ("0.00001", 25, "0.0002"),  # half-even, once
        ("0.00001", 35, "0.0004"),
        ("0.00001", 34, "0.0003"),
        ("0.125", 3, "0.3750"),
        ("-0.1", 15, "-1.5000"),
    ],
)
def test_integers_are_scaled_exactly(scale: str, raw: int, text: str) -> None:
    value = register("u32", ENERGY, Order.ABCD, scale).decode(raw.to_bytes(4, "big"))
    assert (str(value), value.quality) == (text, Quality.GOOD)


@given(st.integers(-(10**30), 10**30), st.integers(-12, 12))
def test_rounding_is_half_even(number: int, exponent: int) -> None:
    assert shifted(number, exponent) == round(number * Fraction(10) ** exponent)


def test_a_number_that_63_bits_cannot_hold() -> None:
    one = register("u64", ENERGY)
    assert one.decode((LIMIT // 10000).to_bytes(8, "big")).number == LIMIT // 10000 * 10000
    for raw in (LIMIT // 10000 + 1, 2**64 - 1):
        value = one.decode(raw.to_bytes(8, "big"))
        assert (value.number, value.quality) == (None, Quality.OUT_OF_RANGE)
    assert register("float64", ENERGY).decode(struct.pack(">d", 1e300)).quality is Quality.OUT_OF_RANGE
    assert register("float32", ENERGY).decode(struct.pack(">f", -3e38)).quality is Quality.OUT_OF_RANGE


def test_words_that_mean_nothing() -> None:
    one = register("u32", ENERGY, Order.CDAB, "1", "ffffffff", "7ffffffe")
    for raw in ("ffffffff", "fffe7fff"):  # held against the number, not against the order of the wire
        value = one.decode(bytes.fromhex(raw))
        assert (value.number, value.quality) == (None, Quality.NOT_AVAILABLE)
    assert one.decode(bytes.fromhex("7ffffffe")).quality is Quality.GOOD
    assert one.encode(None) == bytes.fromhex("fffe7fff")
    assert register("float32", ENERGY).decode(register("float32", ENERGY).encode(None)).number is None


@pytest.mark.parametrize(
    ("form", "number"), [("u16", 65536), ("u16", -1), ("s16", 32768), ("float32", 10**39), ("u16", None)]
)
def test_what_a_register_cannot_hold(form: str, number: int | None) -> None:
    with pytest.raises(ValueError, match="input 52"):
        register(form, None).encode(None if number is None else Decimal(number))


def test_values_carry_their_place_and_quantity() -> None:
    part = register("float32", POWER, Order.ABCD, "0.001").decode(struct.pack(">f", 1500)).part
    assert part == Part("input 52", "active_power", "总有功功率", POWER.obis, Unit.KW, 6, POWER)


def test_a_raw_float_shows_the_digits_it_has() -> None:
    value = register("float32", None).decode(struct.pack(">f", 0.1))
    assert (str(value), value.part.item, value.part.quantity) == ("0.1", "input 52", None)
    assert str(register("float32", None).decode(struct.pack(">f", 1.5e10))) == "15000000000"


@given(st.sampled_from(sorted(TYPES)), st.sampled_from(Order), st.binary(min_size=8, max_size=8))
def test_any_bytes_decode(form: str, order: Order, raw: bytes) -> None:
    value = register(form, ENERGY, order, "0.001").decode(raw[: TYPES[form].size])
    assert (value.number is None) == (value.quality is not Quality.GOOD)


@pytest.mark.parametrize(
    ("form", "raw", "number"),
    [
        ("bcd16", "1234", 1234),
        ("bcd32", "00123456", 123456),
        ("bcd64", "0000001234567890", 1234567890),
        ("u48", "0000000f4240", 1000000),
        ("s48", "fffffffffffe", -2),
        ("bit0", "0001", 1),
        ("bit15", "7fff", 0),
        ("bit3", "0008", 1),
    ],
)
def test_more_forms(form: str, raw: str, number: int) -> None:
    found = form_of(form)
    assert found is not None
    one = Register(3, 9, found, part_of(3, 9))
    assert one.decode(bytes.fromhex(raw)).decimal == number


@pytest.mark.parametrize(
    ("raw", "quality"),
    [("12a4", Quality.OUT_OF_RANGE), ("ffff", Quality.NOT_AVAILABLE), ("fff1", Quality.OUT_OF_RANGE)],
)
def test_digits_that_are_none(raw: str, quality: Quality) -> None:
    assert register("bcd16", None, Order.ABCD).decode(bytes.fromhex(raw)).quality is quality


@pytest.mark.parametrize(
    ("order", "raw", "text"),
    [
        (Order.ABCD, b"iEM3155\0", "iEM3155"),
        (Order.CDAB, b"  PM5560", "PM5560"),
        (Order.BADC, b"EI3M\x005\0\0", "IEM35"),
        (Order.ABCD, b"A\0garbage"[:8], "A"),
        (Order.ABCD, bytes(8), None),
        (Order.ABCD, b"\xff" * 8, None),
    ],
)
def test_texts(order: Order, raw: bytes, text: str | None) -> None:
    form = form_of("string4")
    assert form is not None
    one = Register(3, 29, form, part_of(3, 29), order)
    value = one.decode(raw)
    assert value.text == text
    assert value.quality is (Quality.GOOD if text else Quality.NOT_AVAILABLE)
    if text:
        assert one.decode(one.encode(text)).text == text
    with pytest.raises(ValueError, match="does not fit"):
        one.encode("more than eight")


@pytest.mark.parametrize("name", ["bit16", "string0", "string126", "bit", "string", "u24", ""])
def test_forms_that_do_not_exist(name: str) -> None:
    assert form_of(name) is None


@pytest.mark.parametrize(("power", "decimal"), [(-1, "230.2"), (0, "2302"), (1, "23020"), (-4, "0.2302")])
def test_scale_factors(power: int, decimal: str) -> None:
    one = register("s16", None, Order.ABCD)
    assert one.decode(b"\x08\xfe", power).decimal == Decimal(decimal)
    assert one.encode(Decimal(decimal), power) == b"\x08\xfe"


@pytest.mark.parametrize("power", [-0x8000, 11, -11, 0x7FFF])
def test_scale_factors_that_are_none(power: int) -> None:
    assert register("s16", None, Order.ABCD).decode(b"\x08\xfe", power).quality is Quality.NOT_AVAILABLE


@given(st.sampled_from(["bit3", "bcd32", "string3", "u48"]), st.binary(max_size=6), st.integers(-0x8000, 0x7FFF))
def test_no_bytes_are_too_strange(name: str, raw: bytes, power: int) -> None:
    form = form_of(name)
    assert form is not None
    value = Register(3, 0, form, part_of(3, 0)).decode(raw.ljust(form.size, b"\0")[: form.size], power)
    assert isinstance(value.quality, Quality)
