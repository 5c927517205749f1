"""Raw frames: what is decoded, whose it is, of which time it is, and what is rejected."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.address import from_wire, to_wire
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.load_record import LoadRecords
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.reply import read_reply
from protocols.errors import BadAnswer, ModelError, Refused
from protocols.model import Quality
from protocols.push.arrivals import MeterKey
from protocols.push.reasons import Reason
from protocols.stored_value import stored
from tests.protocols.push.messages import (
    BERLIN,
    METER,
    OTHER,
    RECEIVED,
    SHANGHAI,
    Told,
    at,
    decoded,
    decoder,
    good,
    keys_of,
    message,
    reasons,
    reply,
    told,
)

ENERGY: Final = reply("00010000", 12345678)
SLOT: Final = at("2026-11-22T02:15:00+00:00")
CLOCK: Final = reply("0400010C", "2026-11-22T10:16:30")
CLOCK_TIME: Final = "2026-11-22T10:16:30+08:00"


def test_a_value_is_of_the_slot_in_which_it_came() -> None:
    assert decoded(ENERGY, time="received") == ([good("active_energy_import", "123456.78", SLOT)], [])
    slot = at("2026-11-22T02:00:00+00:00")
    assert decoded(ENERGY, time="received", slot_s=3600)[0] == [good("active_energy_import", "123456.78", slot)]


def test_a_value_without_a_time_is_rejected() -> None:
    assert decoded(ENERGY) == ([], [Reason.NO_TIME])


def test_nobody_knows_when_a_repeated_message_was_sent() -> None:
    arrivals = decoder(time="received").decode([message(ENERGY, repeated=True), message(CLOCK + ENERGY, repeated=True)])
    assert told(arrivals) == [good("active_energy_import", "123456.78", CLOCK_TIME)]
    assert reasons(arrivals) == [(0, Reason.TIME_UNKNOWN)]


@pytest.mark.parametrize(
    "payload",
    [
        CLOCK + ENERGY,
        ENERGY + CLOCK,
        reply("04000101", "2026-11-22") + ENERGY + reply("04000102", "10:16:30"),
        CLOCK + ENERGY + reply("0400010C", "2026-11-22T10:17:00"),
        CLOCK + reply("04000101", "2025-01-01") + reply("04000102", "00:00:00") + ENERGY,
    ],
)
@pytest.mark.parametrize("time", ["payload", "received"])
def test_the_meter_s_clock_tells_the_time(payload: bytes, time: str) -> None:
    assert decoded(payload, time=time) == ([good("active_energy_import", "123456.78", CLOCK_TIME)], [])


def test_a_clock_is_its_own_meter_s_and_message_s() -> None:
    both = CLOCK + ENERGY + reply("00010000", 100, address=OTHER)
    arrivals = decoder().decode([message(both), message(ENERGY)])
    assert told(arrivals) == [good("active_energy_import", "123456.78", CLOCK_TIME)]
    assert reasons(arrivals) == [(0, Reason.NO_TIME), (1, Reason.NO_TIME)]


def test_half_a_clock_is_none() -> None:
    assert decoded(reply("04000102", "10:16:30") + ENERGY) == ([], [Reason.NO_TIME])


@pytest.mark.parametrize(
    "digits", ["26112207101660", "26113100101630", "26023007000000", "26132207000000", "FFFFFFFFFFFFFF"]
)
def test_a_clock_that_shows_no_time(digits: str) -> None:
    raw = encode(to_wire(METER), 0x91, item("0400010C").wire + bytes.fromhex(digits)[::-1], b"")
    assert decoded(raw + ENERGY) == ([], [Reason.BAD_TIME, Reason.NO_TIME])
    assert decoded(raw + ENERGY, time="received") == (
        [good("active_energy_import", "123456.78", SLOT)],
        [Reason.BAD_TIME],
    )


def test_a_clock_of_another_length_is_none() -> None:
    raw = encode(to_wire(METER), 0x91, item("0400010C").wire + bytes(3), b"")
    assert decoded(raw) == ([], [Reason.BAD_TIME])


@pytest.mark.parametrize("shown", ["1999-12-31T00:00:00", "2026-11-24T10:21:00", "2099-01-01T00:00:00"])
def test_absurd_times(shown: str) -> None:
    year = "2000-01-01T07:59:59" if shown.startswith("1999") else shown  # in UTC still 1999
    assert decoded(reply("0400010C", year) + ENERGY) == ([], [Reason.ABSURD_TIME])


def test_how_far_ahead_is_a_setting() -> None:
    payload = reply("0400010C", "2026-11-24T10:20:06") + ENERGY
    assert decoded(payload, ahead_s=2 * 86_400)[1] == []
    assert decoded(payload, ahead_s=2 * 86_400 - 2)[1] == [Reason.ABSURD_TIME]


def test_captures_of_a_message_are_put_together() -> None:
    payload = (
        reply("0001FF00", 100, 40, 30, 20, 10)
        + reply("02010100", 2301)
        + reply("00010000", 7, address=OTHER)
        + reply("00020000", 5)
        + reply("02030000", -12345)
        + reply("00010000", 999)
    )
    arrivals = decoder(time="received").decode([message(payload)])
    assert len(arrivals) == 4
    assert told(arrivals) == sorted(
        [
            good("active_energy_import", "1", SLOT),
            good("active_energy_import_t1", "0.4", SLOT),
            good("active_energy_import_t2", "0.3", SLOT),
            good("active_energy_import_t3", "0.2", SLOT),
            good("active_energy_import_t4", "0.1", SLOT),
            good("active_energy_export", "0.05", SLOT),
            good("voltage_l1", "230.1", SLOT),
            good("active_power", "-1.2345", SLOT),
            good("active_energy_import", "0.07", SLOT, OTHER),
        ],
        key=str,
    )


def test_what_the_meter_does_not_have() -> None:
    payload = reply("00010000", None) + reply("00020000", 1)
    values, rejected = decoded(payload, time="received")
    assert values == [
        good("active_energy_export", "0.01", SLOT),
        Told(METER, "active_energy_import", SLOT, None, Quality.NOT_AVAILABLE),
    ]
    assert rejected == []
    assert decoded(reply("00010000", None) + ENERGY, time="received")[0] == [
        good("active_energy_import", "123456.78", SLOT)
    ]


def occurred(text: str) -> str:
    """As it is stored."""
    return str(int(at(text).timestamp()))


def test_a_demand_and_its_time() -> None:
    values, rejected = decoded(reply("01010000", 12345, "2026-11-21T10:00"), time="received")
    moment = occurred("2026-11-21T10:00+08:00")
    assert values == [
        good("active_demand_import_max", "1.2345", SLOT),
        good("active_demand_import_max_time", moment, SLOT),
    ]
    assert rejected == []


def test_a_demand_of_no_time() -> None:
    values, rejected = decoded(reply("01010000", 0, "0000000000"), time="received")
    assert values == [
        good("active_demand_import_max", "0", SLOT),
        Told(METER, "active_demand_import_max_time", SLOT, None, Quality.NOT_AVAILABLE),
    ]
    assert rejected == []


def test_an_unreadable_time_costs_the_whole_answer() -> None:
    raw = encode(to_wire(METER), 0x91, item("01010000").wire + bytes.fromhex("4523010010213126"), b"")
    assert decoded(raw, time="received") == ([], [Reason.BAD_VALUE])


def test_topics_tell_line_and_name() -> None:
    arrivals = decoder(time="received").decode(
        [message(ENERGY, line="l1"), message(ENERGY, line="l2"), message(ENERGY, meter="M", address="123456789012")]
    )
    assert keys_of(arrivals) == [MeterKey("", METER, "l1"), MeterKey("", METER, "l2"), MeterKey("M", METER, "")]


def test_the_stated_address_is_the_frame_s() -> None:
    payload = reply("00010000", 1, address=OTHER)
    arrivals = decoder(time="received").decode([message(payload, address="17"), message(payload, address="18")])
    assert keys_of(arrivals) == [MeterKey("", OTHER, "")]
    assert reasons(arrivals) == [(1, Reason.BAD_ADDRESS)]


def test_noise_is_tolerated_and_damage_is_told() -> None:
    broken = bytearray(reply("00020000", 1))
    broken[-2] ^= 1
    payload = b"\xfe\xfe\x00ping" + ENERGY + b"\r\n" + bytes(broken) + reply("02010100", 2301) + ENERGY[:-3]
    values, rejected = decoded(payload, time="received")
    assert values == [good("active_energy_import", "123456.78", SLOT), good("voltage_l1", "230.1", SLOT)]
    assert rejected == [Reason.DAMAGED_FRAME]
    assert decoded(b"hello" + ENERGY, time="received")[1] == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.NO_FRAME),
        (b"hello", Reason.NO_FRAME),
        (b"\xfe" * 9, Reason.NO_FRAME),
        (ENERGY[:-1], Reason.DAMAGED_FRAME),
        (reply("00010000", 1, address="AAAAAAAAAAAA"), Reason.BAD_ADDRESS),
        (reply("00010000", 1, address="999999999999"), Reason.BAD_ADDRESS),
        (encode(b"\x1f" * 6, 0x91, Frame(ENERGY).data, b""), Reason.BAD_ADDRESS),
        (reply("04000401", METER), Reason.NOTHING_TO_STORE),
        (reply("00010001", 5), Reason.NOTHING_TO_STORE),
        (CLOCK, Reason.NOTHING_TO_STORE),
        (reply("9010", 5), Reason.NOTHING_TO_STORE),
        (encode(to_wire(METER), 0x11, item("00010000").wire, b""), Reason.NOTHING_TO_STORE),
        (encode(to_wire(METER), 0xD1, b"\x02", b""), Reason.NOTHING_TO_STORE),
        (encode(to_wire(METER), 0x91, bytes.fromhex("FFFFFFFF0102"), b""), Reason.NOTHING_TO_STORE),
        (encode(to_wire(METER), 0x91, bytes.fromhex("01010005FFFF"), b""), Reason.BAD_VALUE),
        (encode(to_wire(METER), 0xB1, Frame(ENERGY).data, b""), Reason.SPLIT_ANSWER),
        (encode(to_wire(METER), 0x91, item("00010000").wire + b"\x01", b""), Reason.BAD_VALUE),
        (encode(to_wire(METER), 0x91, item("00010000").wire + b"\x0a\x00\x00\x00", b""), Reason.BAD_VALUE),
        (encode(to_wire(METER), 0x91, item("06010002").wire + b"\xa0\xa0", b""), Reason.BAD_VALUE),
    ],
)
def test_what_gives_nothing_says_why(payload: bytes, reason: Reason) -> None:
    arrivals = decoder(time="received").decode([message(ENERGY), message(payload), message(CLOCK + ENERGY)])
    assert reasons(arrivals) == [(1, reason)]
    assert told(arrivals, 1) == []
    assert len(told(arrivals)) == 2
    values, _ = decoded(ENERGY + payload, time="received")
    assert [value.quantity for value in values if value.meter == METER] == ["active_energy_import"]


def test_many_of_a_reason_are_one_reject() -> None:
    arrivals = decoder().decode([message(ENERGY * 3)])
    (reject,) = arrivals.rejects
    assert reject.reason == Reason.NO_TIME
    assert reject.detail.endswith("(and 2 more)")


# Freezes


def test_a_freeze_block_has_its_time() -> None:
    payload = reply("0504FF01", "2026-11-22T09:00", 12345600, 100) + ENERGY
    values, rejected = decoded(payload, time="received")
    assert values == sorted(
        [
            good("active_energy_import", "123456", "2026-11-22T09:00:00+08:00"),
            good("active_energy_export", "1", "2026-11-22T09:00:00+08:00"),
            good("active_energy_import", "123456.78", SLOT),
        ],
        key=str,
    )
    assert rejected == []


def test_a_freeze_in_parts_is_put_together() -> None:
    payload = (
        reply("05060101", 500, 100, 200)
        + reply("05060001", "2026-11-22T00:00")
        + reply("05060102", 400)
        + reply("05060901", 12345, "2026-11-21T10:00")
        + reply("05061001", 10, 20, -30, 40, 1, 2, 3, 4)
    )
    values, rejected = decoded(payload)
    midnight = "2026-11-22T00:00:00+08:00"
    assert good("active_energy_import", "5", midnight) in values
    assert good("active_energy_import_t2", "2", midnight) in values
    assert good("active_demand_import_max", "1.2345", midnight) in values
    assert good("active_demand_import_max_time", occurred("2026-11-21T10:00+08:00"), midnight) in values
    assert good("active_power_l2", "-0.003", midnight) in values
    assert len(values) == 3 + 2 + 8
    assert {value.time for value in values} == {at(midnight)}
    assert rejected == [Reason.NO_TIME]  # of the freeze before


def test_a_freeze_that_never_was() -> None:
    assert decoded(reply("05060001", None) + reply("05060101", 0)) == ([], [Reason.NOTHING_TO_STORE])


# Load records


def _records(times: list[str], code: str = "06040000", address: str = METER) -> bytes:
    found = item(code)
    assert isinstance(found.shape, LoadRecords)
    data = b"".join(found.shape.encode_record(time, {4: [100 + n, 0, 0, 0]}) for n, time in enumerate(times))
    return encode(to_wire(address), 0x91, found.wire + data, b"")


def test_load_records_have_their_times() -> None:
    payload = _records(["2026-11-22T09:45", "2026-11-22T10:00"])
    values, rejected = decoded(payload)
    imports = [value for value in values if value.quantity == "active_energy_import"]
    assert imports == [
        good("active_energy_import", "1", "2026-11-22T09:45:00+08:00"),
        good("active_energy_import", "1.01", "2026-11-22T10:00:00+08:00"),
    ]
    assert {value.quantity for value in values} >= {"active_energy_export", "reactive_energy_import"}
    assert rejected == []


def _day(local: str) -> list[str]:
    """Wall clock quarters that a day's clocks in Berlin show, one after the other."""
    begin = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    end = (begin + timedelta(days=1)).timestamp()
    instants = range(int(begin.timestamp()), int(end), 900)
    return [datetime.fromtimestamp(instant, BERLIN).strftime("%Y-%m-%dT%H:%M") for instant in instants]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_of_23_and_25_hours(day: str, hours: int) -> None:
    walls = _day(day)
    assert len(walls) == 4 * hours
    payload = b"".join(_records(walls[begin : begin + 3]) for begin in range(0, len(walls), 3))
    arrivals = decoder(zone=BERLIN).decode([message(payload)])
    times = sorted({value.time for value in told(arrivals)})
    begin = datetime.fromisoformat(day).replace(tzinfo=BERLIN).timestamp()
    assert [time.timestamp() for time in times] == [begin + 900 * n for n in range(4 * hours)]
    assert arrivals.rejects == ()


def test_an_hour_that_no_clock_shows() -> None:
    values, rejected = decoded(_records(["2026-03-29T01:45", "2026-03-29T02:15", "2026-03-29T03:00"]), zone=BERLIN)
    assert len({value.time for value in values}) == 2
    assert rejected == [Reason.BAD_TIME]
    payload = reply("0400010C", "2026-03-29T02:15:00") + ENERGY
    assert decoded(payload, zone=BERLIN) == ([], [Reason.BAD_TIME, Reason.NO_TIME])


@pytest.mark.parametrize(
    ("received", "repeated", "offset"),
    [
        ("2026-10-25T02:31:00+02:00", False, "+02:00"),
        ("2026-10-25T02:31:00+01:00", False, "+01:00"),
        ("2026-10-25T02:31:00+01:00", True, "+02:00"),
        ("2026-10-27T00:00:00+01:00", False, "+02:00"),
    ],
)
def test_a_single_time_of_the_hour_that_is_shown_twice(received: str, repeated: bool, offset: str) -> None:
    for payload in (reply("0400010C", "2026-10-25T02:30:00") + ENERGY, reply("0504FF01", "2026-10-25T02:30", 1, 1)):
        arrivals = decoder(zone=BERLIN).decode([message(payload, at(received), repeated)])
        assert {value.time for value in told(arrivals)} == {at(f"2026-10-25T02:30:00{offset}")}


def test_a_record_that_the_meter_calls_wrong_gives_nothing() -> None:
    found = item("06040002")
    assert isinstance(found.shape, LoadRecords)
    data = found.wire + found.shape.encode_record("2026-11-22T09:45", {4: [1, 1, 1, 1]}, good=False)
    assert decoded(encode(to_wire(METER), 0x91, data, b"")) == ([], [Reason.NOTHING_TO_STORE])


# 1997


def test_the_1997_edition_by_option() -> None:
    clock = reply("C010", "2026-11-22") + reply("C011", "10:16:30")
    payload = clock + reply("9010", 12345678) + reply("B611", 230) + ENERGY
    old = [good("active_energy_import", "123456.78", CLOCK_TIME), good("voltage_l1", "230", CLOCK_TIME)]
    assert decoded(payload, edition="1997") == (old, [])
    assert decoded(payload, edition="2007") == ([], [Reason.NO_TIME])
    assert decoded(payload, edition="both") == (old, [])
    assert decoded(ENERGY, edition="1997", time="received") == ([], [Reason.NOTHING_TO_STORE])


@pytest.mark.parametrize(
    ("shown", "year"), [("11-21T10:00", 2026), ("11-22T10:20", 2026), ("11-24T10:00", 2025), ("12-31T23:45", 2025)]
)
def test_a_demand_s_time_of_1997_has_its_year_from_when_it_came(shown: str, year: int) -> None:
    payload = reply("A010", 12345) + reply("B010", shown)
    values, rejected = decoded(payload, edition="1997", time="received")
    moment = occurred(f"{year}-{shown}+08:00")
    assert values == [
        good("active_demand_import_max", "1.2345", SLOT),
        good("active_demand_import_max_time", moment, SLOT),
    ]
    assert rejected == []


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        (0x81, b"", Reason.BAD_VALUE),
        (0x81, bytes.fromhex("1090") + b"\x01", Reason.BAD_VALUE),
        (0x81, bytes.fromhex("FFFF") + b"\x01", Reason.NOTHING_TO_STORE),
        (0xA1, bytes.fromhex("109001020304"), Reason.SPLIT_ANSWER),
        (0xC1, b"\x02", Reason.NOTHING_TO_STORE),
    ],
)
def test_what_gives_nothing_in_1997(control: int, data: bytes, reason: Reason) -> None:
    assert decoded(encode(to_wire(METER), control, data, b""), edition="1997", time="received") == ([], [reason])


@pytest.mark.parametrize("settings", [{"edition": "2013"}, {"slot_s": 0}, {"ahead_s": -1}, {"time": "now"}])
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        decoder(**settings)


# The columns say what the frames say one by one

_CODES: Final = (
    "00010000", "0001FF00", "00000000", "00030000", "02010100", "0201FF00", "02020100", "0203FF00", "02060000",
    "02800002", "02800001", "01010000", "0101FF00", "04000501", "040005FF", "04000401", "00010001",
)  # fmt: skip


def _one_by_one(payload: bytes) -> list[Told]:
    """By the reader and the items; of two values for one place the first number."""
    reader = FrameReader()
    found: dict[tuple[str, str], Told] = {}
    for event in [*reader.feed(payload), *reader.flush()]:
        if not isinstance(event, Frame):
            continue
        address = from_wire(event.address)
        if not address.isdigit() or address == "9" * 12:
            continue
        try:
            values = read_reply(event)
        except (BadAnswer, Refused, ModelError):
            continue
        for value in values:
            quantity = value.part.quantity
            if quantity is None:
                continue
            steps, quality = stored(value, quantity, SHANGHAI, RECEIVED)
            key = (address, quantity.name)
            if key not in found or (found[key].value is None and steps is not None):
                exact = None if steps is None else quantity.value(steps).normalize()
                found[key] = Told(address, quantity.name, SLOT, exact, quality)
    return sorted(found.values(), key=str)


def _frame(random: Random) -> bytes:
    found = item(random.choice(_CODES))
    count = random.choice([found.least, len(found.parts)])
    data = found.wire
    for _, form in found.parts[:count]:
        digits = bytearray.fromhex("".join(random.choices("0123456789", k=2 * form.length)))
        digits[-1] &= 0x9F if random.random() < 0.9 else 0xFF
        data += random.choice([bytes(digits)] * 8 + [b"\xff" * form.length, random.randbytes(form.length)])
    address = bytes((random.randrange(3), 0, 0, 0, 0, random.choice([0, 0, 0, 0x9A])))
    raw = encode(address, random.choice([0x91] * 9 + [0xD1]), data[:255], b"\xfe" * random.randint(0, 4))
    if random.random() < 0.05:
        spot = random.randrange(len(raw))
        raw = raw[:spot] + random.randbytes(1) + raw[spot + 1 :]
    return raw


@given(random=st.integers(0, 2**32).map(Random))
def test_the_columns_say_what_the_frames_say_one_by_one(random: Random) -> None:
    payloads = [b"".join(_frame(random) for _ in range(random.randint(0, 12))) for _ in range(random.randint(1, 4))]
    arrivals = decoder(time="received").decode([message(payload) for payload in payloads])
    for number, payload in enumerate(payloads):
        assert told(arrivals, number) == _one_by_one(payload)
        assert told(arrivals, number) or number in {reject.message for reject in arrivals.rejects}


def test_no_messages() -> None:
    assert len(decoder().decode([])) == 0


def test_received_is_the_message_s_own() -> None:
    later = message(ENERGY, RECEIVED + timedelta(hours=1))
    assert [value.time for value in told(decoder(time="received").decode([message(ENERGY), later]))] == [
        SLOT,
        SLOT + timedelta(hours=1),
    ]
