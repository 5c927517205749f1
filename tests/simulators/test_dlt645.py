"""The meter's side of DL/T 645: frames in, frames out, held against the values that the meter has."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.address import read_address
from protocols.dlt645.services.read import read_item
from protocols.errors import BadAnswer, Refused
from protocols.exchange import Exchange
from protocols.model import Quality, Value
from simulators.dlt645 import Dlt645Station, Dlt645Stations, Quirks
from tests.simulators.meters import EVENING, NOON, meter, plate
from tests.simulators.reading import exact

OWN = "260000000016"


def frames(raw: bytes) -> list[Frame]:
    reader = FrameReader()
    events = [*reader.feed(raw), *reader.flush()]
    assert all(isinstance(event, Frame) for event in events), events
    return [event for event in events if isinstance(event, Frame)]


def frame(raw: bytes) -> Frame:
    (only,) = frames(raw)
    return only


def ask(station: Dlt645Station, control: int, data: bytes, to: str = OWN, now: datetime = NOON) -> Frame | None:
    answer = station.answer(frame(encode(addresses.to_wire(to), control, data)), now)
    return None if answer is None else frame(answer)


def converse(station: Dlt645Station, exchange: Exchange[Frame, object], now: datetime = NOON) -> tuple[object, int]:
    """Our own conversation with the station: its value, and how many requests it took."""
    asked = next(exchange)
    count = 0
    while True:
        count += 1
        answer = station.answer(frame(asked.data), now)
        assert answer is not None
        reply = frame(answer)
        assert asked.answers(reply)
        try:
            asked = exchange.send(reply)
        except StopIteration as done:
            return done.value, count


def read(station: Dlt645Station, code: str, now: datetime = NOON, to: str = OWN) -> list[Value]:
    model = station.meter.plate.model
    assert isinstance(model, Dlt645Model)
    item = model.reads[code].item if code in model.reads else standard_item(code)
    values, _ = converse(station, read_item(to, item), now)
    assert isinstance(values, list)
    return values


def station(seed: int = 1, load: str = "", phases: int = 3, offset_s: int = 0, **quirks: Any) -> Dlt645Station:
    one = meter(seed, load=load, phases=phases, clock_offset_s=offset_s)
    return Dlt645Station(one, Quirks(**quirks))


def catalogue() -> list[str]:
    model = plate().model
    assert isinstance(model, Dlt645Model)
    return list(model.reads)


@pytest.mark.parametrize("code", catalogue())
@pytest.mark.parametrize("now", [NOON, EVENING])
@pytest.mark.parametrize("load", ["roof", "works"])
def test_every_item_of_the_model_is_answered_with_what_is_so(code: str, now: datetime, load: str) -> None:
    one = station(load=load)
    values = read(one, code, now)
    assert values
    truth = one.meter.values(now)
    for value in values:
        if value.part.quantity is not None:
            had = truth[value.part.quantity]
            assert value.quality is (Quality.NOT_AVAILABLE if had is None else Quality.GOOD)
            assert exact(value, now) == had, value.part.name


@given(
    st.integers(0, 500),
    st.datetimes(datetime(2026, 1, 2), datetime(2027, 6, 1)),  # noqa: DTZ001
    st.sampled_from(catalogue()),
)
def test_any_meter_at_any_time(seed: int, at: datetime, code: str) -> None:
    now = at.replace(tzinfo=NOON.tzinfo)
    one = station(seed)
    truth = one.meter.values(now)
    for value in read(one, code, now):
        if value.part.quantity is not None:
            assert exact(value, now) == truth[value.part.quantity]


def test_a_block_of_rates_holds_total_and_four_rates() -> None:
    one = station()
    total, *rates = [value.decimal for value in read(one, "0001FF00")]
    assert len(rates) == 4
    assert total == sum(rate for rate in rates if rate is not None)
    assert total == read(one, "00010000")[0].decimal


def test_the_demand_comes_with_its_time() -> None:
    one = station(load="home", offset_s=-90)
    demand, at = read(one, "01010000")
    snapshot = one.meter.snapshot(NOON)
    assert demand.decimal == Decimal(snapshot.peak_taken.watts) / 1000
    assert at.text == one.meter.local_time(snapshot.peak_taken.at).isoformat(timespec="minutes")
    assert at.text is not None
    assert at.text.startswith("2026-11-")
    assert int(at.text[-2:]) % 15 == 0
    assert at.part.quantity is not None
    assert exact(at, NOON) == one.meter.value(at.part.quantity, NOON)


def test_a_settlement_keeps_the_demand_of_its_month() -> None:
    one = station(load="home")
    demand, at = read(one, "01010001")
    october = one.meter.load.taken.peak(304 * 86400)
    assert demand.decimal == Decimal(october.watts) / 1000 > 0
    assert at.text == one.meter.local_time(october.at).isoformat(timespec="minutes")
    assert at.text[:8] == "2026-10-"


def test_a_demand_that_never_was_has_no_time() -> None:
    _, at = read(station(load="home"), "01020000")
    assert at.text is None
    assert at.quality is Quality.NOT_AVAILABLE


def test_the_clock_is_the_meter_s_own() -> None:
    one = station(offset_s=125)
    assert read(one, "0400010C", EVENING)[0].text == "2026-11-22T20:12:08"
    assert read(one, "04000101", EVENING)[0].text == "2026-11-22"
    assert read(one, "04000102", EVENING)[0].text == "20:12:08"


def test_identity_and_parameters() -> None:
    one = station()
    assert read(one, "04000401")[0].text == OWN
    assert read(one, "04000402")[0].text == OWN
    assert read(one, "04000204")[0].decimal == 4
    assert read(one, "0400040D")[0].text == "DLT645-2007"


def test_long_answers_come_in_pieces() -> None:
    whole = read(station(), "0001FF00")
    item = standard_item("0001FF00")
    for most, requests in ((24, 1), (23, 2), (16, 2), (12, 3), (9, 5), (8, 7)):
        values, count = converse(station(most_data=most), read_item(OWN, item))
        assert values == whole
        assert count == requests, most


def test_a_long_answer_is_of_one_moment() -> None:
    """What a follow-up brings was read with the first frame, though the meter has ticked since."""
    one = station(most_data=12, load="works")
    exchange = read_item(OWN, standard_item("0203FF00"))
    reply = ask(one, 0x11, bytes.fromhex("00FF0302"), now=EVENING)
    assert reply is not None
    assert reply.follows
    next(exchange)
    asked = exchange.send(reply)
    later = EVENING.replace(minute=EVENING.minute + 5)
    assert one.meter.value(plate().model.quantities[0], later) != one.meter.value(plate().model.quantities[0], EVENING)
    answer = one.answer(frame(asked.data), later)
    assert answer is not None
    with pytest.raises(StopIteration) as done:
        exchange.send(frame(answer))
    assert done.value.value == read(station(load="works"), "0203FF00", EVENING)


def test_a_follow_up_that_nobody_owes_is_refused() -> None:
    one = station(most_data=12)
    di = bytes.fromhex("00FF0100")
    for data in (di + b"\x01", di):
        reply = ask(one, 0x12, data)
        assert reply is not None
        assert (reply.control, reply.data) == (0xD2, b"\x02")
    ask(one, 0x11, di)
    for number in (0, 3):
        wrong = ask(one, 0x12, di + bytes((number,)))
        assert wrong is not None
        assert wrong.control == 0xD2
    another = ask(one, 0x12, bytes.fromhex("00FF0200") + b"\x01")
    assert another is not None
    assert another.control == 0xD2
    ask(one, 0x11, bytes.fromhex("00000100"))
    forgotten = ask(one, 0x12, di + b"\x01")
    assert forgotten is not None
    assert forgotten.control == 0xD2


def test_a_follow_up_can_be_asked_for_again() -> None:
    one = station(most_data=12)
    di = bytes.fromhex("00FF0100")
    ask(one, 0x11, di)
    first, again, last = (ask(one, 0x12, di + bytes((number,))) for number in (1, 1, 2))
    assert first is not None
    assert last is not None
    assert first == again
    assert (first.control, first.data[-1], last.control, last.data[-1]) == (0xB2, 1, 0x92, 2)


@pytest.mark.parametrize("code", ["00150000", "0001000D", "03100000", "02070100", "0280000B", "00010500", "FFFFFFFF"])
def test_what_it_has_not_is_refused(code: str) -> None:
    reply = ask(station(), 0x11, bytes.fromhex(code)[::-1])
    assert reply is not None
    assert (reply.control, reply.data) == (0xD1, b"\x02")


def test_one_phase_refuses_the_others_and_fills_its_blocks() -> None:
    one = station(phases=1)
    with pytest.raises(Refused, match="no requested data"):
        read(one, "02010200")
    first, second, third = read(one, "0201FF00")
    assert first.decimal == one.meter.values(NOON)[first.part.quantity or plate().model.quantities[0]]
    assert second.quality is third.quality is Quality.NOT_AVAILABLE


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x01"])
def test_a_read_without_an_identifier_is_an_error(data: bytes) -> None:
    reply = ask(station(), 0x11, data)
    assert reply is not None
    assert (reply.control, reply.data) == (0xD1, b"\x01")


@pytest.mark.parametrize("control", [0x14, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D])
def test_a_malformed_order_is_an_error(control: int) -> None:
    reply = ask(station(), control, bytes(5))
    assert reply is not None
    assert (reply.control, reply.data) == (control | 0xC0, b"\x01")


@pytest.mark.parametrize(
    ("to", "control"),
    [
        (addresses.BROADCAST, 0x08),
        (addresses.BROADCAST, 0x11),
        (OWN, 0x08),
        (OWN, 0x15),
        ("260000000017", 0x11),
        ("AAAAAAAA0017", 0x11),
        (OWN, 0x91),
        (OWN, 0xD1),
    ],
)
def test_silence(to: str, control: int) -> None:
    assert ask(station(), control, bytes.fromhex("00000100"), to) is None


@pytest.mark.parametrize("to", [addresses.WILDCARD, "AAAAAAAAAA16", "AAAA00000016", OWN])
def test_wildcards_are_answered_with_the_full_address(to: str) -> None:
    reply = ask(station(), 0x11, bytes.fromhex("00000100"), to)
    assert reply is not None
    assert addresses.from_wire(reply.address) == OWN


def test_it_tells_its_address() -> None:
    assert converse(station(), read_address())[0] == OWN
    assert converse(station(answers_as_wildcard=True), read_address())[0] == OWN
    assert ask(station(), 0x13, b"\x01", addresses.WILDCARD) is None


def test_some_answer_as_the_wildcard() -> None:
    one = station(answers_as_wildcard=True)
    di = bytes.fromhex("00000100")
    wild, own = ask(one, 0x11, di, addresses.WILDCARD), ask(one, 0x11, di)
    assert wild is not None
    assert own is not None
    assert (addresses.from_wire(wild.address), addresses.from_wire(own.address)) == (addresses.WILDCARD, OWN)
    assert read(one, "00010000", to=addresses.WILDCARD)[0].decimal == read(one, "00010000")[0].decimal


@pytest.mark.parametrize("count", range(8))
def test_any_number_of_fe_stands_before_an_answer(count: int) -> None:
    answer = station(fe=count).answer(frame(encode(addresses.to_wire(OWN), 0x13)), NOON)
    assert answer is not None
    assert answer.index(0x68) == count
    assert set(answer[:count]) <= {0xFE}


def test_some_answer_without_data() -> None:
    one = station(unavailable="empty")
    reply = ask(one, 0x11, bytes.fromhex("00001500"))
    assert reply is not None
    assert (reply.control, reply.data) == (0x91, b"")
    with pytest.raises(BadAnswer):
        read(one, "00150000")


def test_some_answer_ff() -> None:
    one = station(unavailable="ff")
    (value,) = read(one, "00150000")
    assert (value.number, value.quality) == (None, Quality.NOT_AVAILABLE)
    unknown = ask(one, 0x11, bytes.fromhex("FFFFFFFF"))
    assert unknown is not None
    assert unknown.control == 0xD1, "an item that nobody knows has no length"


@pytest.mark.parametrize("quirks", [{"fe": 8}, {"fe": -1}, {"most_data": 7}, {"most_data": 256}, {"unavailable": "no"}])
def test_impossible_quirks_are_refused(quirks: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        station(**quirks)


def test_all_that_a_wildcard_reaches_answer_at_once() -> None:
    stations = Dlt645Stations([meter(n, address=f"26000000{n:04d}") for n in (16, 17, 116)])

    def answering(to: str) -> int:
        return len(stations.answers(frame(encode(addresses.to_wire(to), 0x11, bytes.fromhex("00000100"))), NOON))

    assert answering(addresses.WILDCARD) == 3
    assert answering("AAAAAAAAAA16") == 2
    assert answering("260000000116") == 1
    assert answering("260000000001") == 0
    assert answering(addresses.BROADCAST) == 0
