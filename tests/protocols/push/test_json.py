"""JSON: objects, arrays, columns; numbers exactly, times, meters, units, quality; what is rejected."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.model import Quality
from protocols.push.arrivals import MeterKey
from protocols.push.reasons import Reason
from protocols.push.stated import Unusable, quality_of
from protocols.quantities import QUANTITIES
from tests.protocols.push.messages import Told, at, decoded, decoder, good, keys_of, message, reasons, told

TIME: Final = "2026-11-22T10:15:00+08:00"
WHEN: Final = at(TIME)


def _single(values: str = '{"active_energy_import": 123456.78}', **more: Any) -> bytes:
    rest = json.dumps({"meter": "M-1", "time": TIME, **more})[1:]
    return f'{{"values": {values}, {rest}'.encode()


def _columns(columns: str, count: int = 2, **more: Any) -> bytes:
    rest = json.dumps({"meters": [f"M-{n}" for n in range(1, count + 1)], "time": TIME, **more})[1:]
    return f'{{"columns": {columns}, {rest}'.encode()


def test_an_object() -> None:
    payload = _single('{"active_energy_import": 123456.78, "1-0:32.7.0": "230.1", "active_power": -1.5e-3}')
    assert decoded(payload, "json") == (
        [
            good("active_energy_import", "123456.78", WHEN, "M-1"),
            good("active_power", "-0.0015", WHEN, "M-1"),
            good("voltage_l1", "230.1", WHEN, "M-1"),
        ],
        [],
    )


def test_an_array_whose_bad_parts_cost_nobody() -> None:
    payload = b"[" + b",".join([_single(), b"17", b"{}", _single('{"nonsense": 1}'), _single(meter="M-2")]) + b"]"
    values, rejected = decoded(payload, "json")
    assert values == [good("active_energy_import", "123456.78", WHEN, meter) for meter in ("M-1", "M-2")]
    assert rejected == [Reason.BAD_FORM, Reason.UNKNOWN_QUANTITY]


@pytest.mark.parametrize(
    "time",
    [TIME, "2026-11-22T02:15:00Z", "20261122T021500+0000", 1795313700, 1795313700000, 1795313700000000],
)
def test_times(time: str | int) -> None:
    expected = [good("active_energy_import", "1", WHEN, "M-1")]
    assert decoded(_single('{"active_energy_import": 1}', time=time), "json") == (expected, [])
    assert decoded(_columns('{"active_energy_import": [1]}', 1, times=[time]), "json") == (expected, [])
    mixed = decoded(_columns('{"active_energy_import": [1, 2]}', times=[time, "?"]), "json")
    assert mixed == (expected, [Reason.BAD_TIME])


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-11-22T10:15:00", Reason.BAD_TIME),
        ("yesterday", Reason.BAD_TIME),
        (True, Reason.BAD_TIME),
        ([], Reason.BAD_TIME),
        ("1999-12-31T23:59:59Z", Reason.ABSURD_TIME),
        ("0001-01-01T00:00:00+10:00", Reason.ABSURD_TIME),
        ("2026-11-23T02:20:08Z", Reason.ABSURD_TIME),
        (0, Reason.ABSURD_TIME),
        (-(10**30), Reason.ABSURD_TIME),
        (10**30, Reason.ABSURD_TIME),
        (-(2**63), Reason.ABSURD_TIME),
        (2**63 - 1, Reason.ABSURD_TIME),
        (None, Reason.NO_TIME),
    ],
)
def test_times_that_cannot_be(time: Any, reason: Reason) -> None:
    assert decoded(_single(time=time), "json") == ([], [reason])
    if time is not None:
        payload = _columns('{"active_energy_import": [1, 2]}', times=[time, TIME])
        assert decoded(payload, "json") == ([good("active_energy_import", "2", WHEN, "M-2")], [reason])


def test_without_a_time_it_may_be_the_slot_of_the_arrival() -> None:
    for payload in (_single(time=None), _columns('{"active_energy_import": [123456.78]}', 1, time=None)):
        arrivals = decoder("json", time="received").decode([message(payload), message(payload, repeated=True)])
        assert told(arrivals) == [good("active_energy_import", "123456.78", "2026-11-22T02:15:00Z", "M-1")]
        assert reasons(arrivals) == [(1, Reason.TIME_UNKNOWN)]


def test_whose_it_is() -> None:
    plain = json.dumps({"time": TIME, "values": {"active_energy_import": 1}}).encode()
    payloads = [
        message(plain),
        message(plain, meter="T"),
        message(plain, address="17", line="l"),
        message(_single(), meter="T", line="l"),
        message(_single(meter=None, address=17, line="own"), meter="T", line="l"),
        message(_columns('{"active_energy_import": [1]}', 1), line="l"),
        message(_columns('{"active_energy_import": [1, 2]}', meters=None, addresses=["1", 2])),
        message(_columns('{"active_energy_import": [1, 2]}', meters=["", "B"], addresses=["", "7"])),
    ]
    arrivals = decoder("json").decode(payloads)
    assert sorted(keys_of(arrivals)) == sorted(
        [
            MeterKey("T"),
            MeterKey("", "17", "l"),
            MeterKey("M-1", "", "l"),
            MeterKey("", "17", "own"),
            MeterKey("M-1", "", "l"),
            MeterKey("", "1"),
            MeterKey("", "2"),
            MeterKey("B", "7"),
        ]
    )
    assert reasons(arrivals) == [(0, Reason.NO_METER), (7, Reason.NO_METER)]


@pytest.mark.parametrize("name", ["", "a\0b", True, 1.5, -1, None, [], {}])
def test_what_is_no_name(name: Any) -> None:
    assert decoded(_single(meter=name), "json") == ([], [Reason.NO_METER])
    assert decoded(_columns('{"frequency": [50]}', 1, addresses=[name], meters=None), "json") == ([], [Reason.NO_METER])


def test_units_are_checked_and_scaled() -> None:
    values = '{"active_energy_import": 1234.5, "active_power": 1500, "voltage_l1": 230}'
    payload = _single(values, units={"active_energy_import": "Wh", "active_power": "W", "voltage_l1": "kWh"})
    assert decoded(payload, "json") == (
        [good("active_energy_import", "1.2345", WHEN, "M-1"), good("active_power", "1.5", WHEN, "M-1")],
        [Reason.WRONG_UNIT],
    )
    columns = '{"active_energy_import": [1, 2], "reactive_power": [1, 2], "frequency": [50, 50]}'
    units = {"active_energy_import": "MWh", "reactive_power": "kW", "frequency": "Hz"}
    found, rejected = decoded(_columns(columns, units=units), "json")
    assert good("active_energy_import", "2000", WHEN, "M-2") in found
    assert good("frequency", "50", WHEN, "M-1") in found
    assert len(found) == 4
    assert rejected == [Reason.WRONG_UNIT]
    assert decoded(_single(units={"active_energy_import": 1}), "json")[1] == [Reason.WRONG_UNIT]


def test_quality() -> None:
    payload = _single(
        '{"voltage_l1": null, "voltage_l2": null, "voltage_l3": null, "frequency": 50}',
        quality={"voltage_l1": "not_available", "voltage_l2": 2, "frequency": 0},
    )
    expected = [
        Told("M-1", "voltage_l1", WHEN, None, Quality.NOT_AVAILABLE),
        Told("M-1", "voltage_l2", WHEN, None, Quality.OUT_OF_RANGE),
        good("frequency", "50", WHEN, "M-1"),
    ]
    assert decoded(payload, "json") == (sorted(expected, key=str), [])
    columns = '{"voltage_l1": [null], "voltage_l2": [null], "voltage_l3": [null], "frequency": [50]}'
    quality = {"voltage_l1": [1], "voltage_l2": "out_of_range", "frequency": ["good"]}
    assert decoded(_columns(columns, 1, quality=quality), "json") == (sorted(expected, key=str), [])


@pytest.mark.parametrize("quality", [1, "not_available", "bad", 3, [], 1.5])
def test_quality_that_cannot_be(quality: Any) -> None:
    told_single = decoded(_single('{"frequency": 50, "voltage_l1": 230}', quality={"frequency": quality}), "json")
    assert told_single == ([good("voltage_l1", "230", WHEN, "M-1")], [Reason.BAD_QUALITY])
    columns = '{"frequency": [50], "voltage_l1": [230]}'
    told_columns = decoded(_columns(columns, 1, quality={"frequency": quality}), "json")
    assert told_columns == ([good("voltage_l1", "230", WHEN, "M-1")], [Reason.BAD_QUALITY])


def test_columns_of_integers_with_their_decimals() -> None:
    payload = _columns(
        '{"active_energy_import": [12345678, 5], "voltage_l1": [2301, null], "active_power": [-1, 2]}',
        decimals={"active_energy_import": 2, "voltage_l1": 1, "active_power": 9},
    )
    values, rejected = decoded(payload, "json")
    assert rejected == []
    assert values == sorted(
        [
            good("active_energy_import", "123456.78", WHEN, "M-1"),
            good("active_energy_import", "0.05", WHEN, "M-2"),
            good("voltage_l1", "230.1", WHEN, "M-1"),
            good("active_power", "0", WHEN, "M-1"),
            good("active_power", "0", WHEN, "M-2"),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    "told", ['"2026-11-21T10:00:00+08:00"', '"2026-11-21T02:00:00Z"', "1795226400", '"1795226400"']
)
def test_a_moment_is_iso_8601_or_seconds_since_1970(told: str) -> None:
    expected = [good("active_demand_import_max_time", "1795226400", WHEN, "M-1")]
    name = "active_demand_import_max_time"
    assert decoded(_single(f'{{"{name}": {told}}}'), "json") == (expected, [])
    assert decoded(_columns(f'{{"{name}": [{told}]}}', 1), "json") == (expected, [])


@pytest.mark.parametrize("told", ['"2026-11-21T10:00:00"', '"yesterday"'])
def test_a_moment_that_is_none(told: str) -> None:
    assert decoded(_single(f'{{"active_demand_import_max_time": {told}}}'), "json") == ([], [Reason.BAD_TIME])
    assert decoded(_columns(f'{{"active_demand_import_max_time": [{told}]}}', 1), "json") == ([], [Reason.BAD_TIME])


def test_a_bad_column_costs_nobody() -> None:
    payload = _columns(
        '{"active_energy_import": [1, 2], "voltage_l1": [1], "nonsense": [1, 2], "frequency": 50,'
        ' "voltage_l2": [true, 7], "voltage_l3": ["x", {}], "current_l1": [1, 2]}',
        decimals={"current_l1": 19},
    )
    values, rejected = decoded(payload, "json")
    assert values == [
        good("active_energy_import", "1", WHEN, "M-1"),
        good("active_energy_import", "2", WHEN, "M-2"),
        good("voltage_l2", "7", WHEN, "M-2"),
    ]
    assert rejected == [Reason.BAD_FORM, Reason.UNKNOWN_QUANTITY, Reason.BAD_VALUE]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.BAD_FORM),
        (b"\xff\xfe", Reason.BAD_FORM),
        (b"[" * 100_000, Reason.BAD_FORM),
        (b'{"a":' * 100_000, Reason.BAD_FORM),
        (b"[]", Reason.NOTHING_TO_STORE),
        (b"null", Reason.BAD_FORM),
        (b'{"values": {}, "columns": {}}', Reason.BAD_FORM),
        (b'{"values": [1]}', Reason.BAD_FORM),
        (_single("{}"), Reason.NOTHING_TO_STORE),
        (_single('{"frequency": null}'), Reason.NOTHING_TO_STORE),
        (_columns('{"frequency": [null, null]}'), Reason.NOTHING_TO_STORE),
        (_columns("{}"), Reason.NOTHING_TO_STORE),
        (_columns('{"frequency": []}', 0), Reason.NOTHING_TO_STORE),
        (_columns('{"frequency": [1, 2]}', times=[1795313700]), Reason.BAD_FORM),
        (_columns('{"frequency": [1, 2]}', times=7), Reason.BAD_FORM),
        (_columns('{"frequency": [1, 2]}', meters=None), Reason.NO_METER),
        (_single('{"frequency": true}'), Reason.BAD_VALUE),
        (_single('{"frequency": {}}'), Reason.BAD_VALUE),
        (_single('{"frequency": "NaN"}'), Reason.BAD_VALUE),
        (_single('{"frequency": "1_0"}'), Reason.BAD_VALUE),
        (_single('{"frequency": "１"}'), Reason.BAD_VALUE),
        (_single('{"frequency": 50}', decimals={"frequency": -1}), Reason.BAD_FORM),
        (_single('{"frequency": 50}', decimals={"frequency": 10**9}), Reason.BAD_FORM),
        (_single('{"frequency": ' + "9" * 10_000 + "}"), Reason.BAD_FORM),
    ],
)
def test_what_gives_nothing_says_why(payload: bytes, reason: Reason) -> None:
    arrivals = decoder("json").decode([message(_single()), message(payload), message(_single())])
    assert reasons(arrivals) == [(1, reason)]
    assert len(told(arrivals, 0)) == len(told(arrivals, 2)) == 1
    assert told(arrivals, 1) == []


_DIGITS: Final = st.integers(-(10**22), 10**22)
_NUMBERS: Final = st.one_of(
    st.builds(lambda number, places: Decimal(number).scaleb(-places), _DIGITS, st.integers(0, 24)),
    st.builds(lambda number, places: Decimal(number).scaleb(places), st.integers(-99, 99), st.integers(-30, 30)),
    st.sampled_from([Decimal(10) ** 400, Decimal(10) ** -400, Decimal("0.00005"), Decimal("0.00015"), Decimal(-0)]),
)


def _expected(number: Decimal, decimals: int) -> Decimal | None:
    """By arithmetic of whole numbers alone; None beyond a bigint."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    mantissa, power = int("".join(map(str, digits))), exponent + decimals
    if power >= 0:
        steps = mantissa * 10 ** min(power, 500)
    else:
        steps, rest = divmod(mantissa, 10**-power)
        twice = 2 * rest - 10**-power
        steps += twice > 0 or (twice == 0 and steps % 2 == 1)
    return (-steps if sign else steps) if steps < 2**63 else None


@given(
    rows=st.lists(_NUMBERS, min_size=1, max_size=6),
    quantity=st.sampled_from(QUANTITIES),
    form=st.sampled_from(["f", "E"]),
)
@example(rows=[Decimal("0.05"), Decimal("-0.05")], quantity=QUANTITIES[0], form="f")
@example(rows=[Decimal(2**63 - 1).scaleb(-4), Decimal(-(2**63)).scaleb(-4)], quantity=QUANTITIES[0], form="f")
def test_numbers_are_exact(rows: list[Decimal], quantity: Any, form: str) -> None:
    texts = [format(number, form) for number in rows]
    exact = [_expected(number, quantity.decimals) for number in rows]
    meters = [f"M-{n}" for n in range(len(rows))]
    parts = [_single(f'{{"{quantity.name}": {text}}}', meter=m) for m, text in zip(meters, texts, strict=True)]
    columns = _columns(f'{{"{quantity.name}": [{",".join(texts)}]}}', meters=meters)
    for payload in (b"[" + b",".join(parts) + b"]", columns):
        arrivals = decoder("json").decode([message(payload)])
        assert arrivals.rejects == ()
        found = {keys.name: row for row, keys in enumerate(keys_of(arrivals))}
        for number, steps in enumerate(exact):
            row = found[f"M-{number}"]
            (position,) = [p for p in range(8) if arrivals.present[row, p] or arrivals.quality[row, p]]
            if steps is None:
                assert arrivals.quality[row, position] == Quality.OUT_OF_RANGE
            else:
                assert arrivals.present[row, position]
                assert int(arrivals.values[row, position]) == steps


@given(
    mantissas=st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=8),
    places=st.integers(1, 9),
    blank=st.sampled_from(["", " ", "\n"]),
)
def test_columns_of_as_many_decimals_are_exact(mantissas: list[int], places: int, blank: str) -> None:
    """These are read all at once."""
    texts = [f"{Decimal(number).scaleb(-places):.{places}f}" for number in mantissas]
    listed = f"{blank},{blank}".join(texts)
    meters = [f"M-{n}" for n in range(len(texts))]
    payload = _columns(f'{{"active_power": [{blank}{listed}{blank}]}}', meters=meters)
    values, rejected = decoded(payload, "json")
    assert rejected == []
    exact = {f"M-{n}": Decimal(t).quantize(Decimal("1e-6"), ROUND_HALF_EVEN) for n, t in enumerate(texts)}
    assert {value.meter: value.value for value in values if value.value is not None} == {
        meter: value for meter, value in exact.items() if abs(value) < Decimal(2**63).scaleb(-6)
    }


@pytest.mark.parametrize("told", ["clock_doubtful", 3, "gremlins"])
def test_what_only_we_can_find_is_not_said_by_a_message(told: object) -> None:
    with pytest.raises(Unusable):
        quality_of(told)
    assert quality_of("not_available") is quality_of(1) is Quality.NOT_AVAILABLE
