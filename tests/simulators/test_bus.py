"""A line of meters without I/O: what is sent when, and what a line does to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.reader import FrameReader
from protocols.links.faults import Faults
from protocols.modbus import rtu
from protocols.modbus.pdu import ReadRegisters
from simulators.bus import Bus, Manners
from simulators.dlt645 import Dlt645Stations
from simulators.modbus import ModbusStations
from tests.simulators.meters import NOON, meter

A, B = "260000000001", "260000000002"
DI = bytes.fromhex("00000100")


def bus(**manners: object) -> Bus:
    meters = [meter(1, address=A), meter(2, address=B)]
    return Bus(Dlt645Stations(meters), Manners(**manners))  # type: ignore[arg-type]


def request(to: str, di: bytes = DI) -> bytes:
    return encode(addresses.to_wire(to), 0x11, di)


def addressed(raw: bytes) -> str:
    (frame,) = FrameReader().feed(raw)
    assert isinstance(frame, Frame)
    return addresses.from_wire(frame.address)


def test_a_meter_answers_after_its_turnaround() -> None:
    ((delay, raw),) = bus(turnaround_s=0.05).line().receive(request(A), NOON)
    assert delay == pytest.approx(0.05)
    assert addressed(raw) == A


@given(st.integers(1, 39))
def test_a_request_may_come_in_pieces(cut: int) -> None:
    line = bus().line()
    raw = request(A) + request(B)
    pieces = line.receive(raw[:cut], NOON) + line.receive(raw[cut:], NOON + timedelta(seconds=0.4))
    assert [addressed(answer) for _, answer in pieces] == [A, B]


def test_half_a_request_is_forgotten_after_a_silence() -> None:
    line = bus(gap_s=0.5).line()
    raw = request(A)
    assert line.receive(raw[:12], NOON) == []
    assert line.receive(raw[12:], NOON + timedelta(seconds=0.6)) == []
    ((_, answer),) = line.receive(request(B), NOON + timedelta(seconds=0.7))
    assert addressed(answer) == B
    assert line.noise


@pytest.mark.parametrize("damage", range(4, 20))
def test_a_damaged_request_is_not_answered(damage: int) -> None:
    raw = bytearray(request(A))
    raw[damage] ^= 0x04
    line = bus().line()
    assert line.receive(bytes(raw), NOON) == []
    assert line.receive(b"\x00" * 300, NOON) == []


def test_answers_of_others_are_no_requests() -> None:
    line = bus().line()
    ((_, answer),) = line.receive(request(A), NOON)
    assert line.receive(answer, NOON) == []


def test_a_new_request_does_not_stop_an_answer_under_way() -> None:
    """They are timed one by one: the first still comes, and before the second."""
    line = bus(turnaround_s=0.3).line()
    first = line.receive(request(A), NOON)
    second = line.receive(request(B), NOON + timedelta(seconds=0.1))
    assert [addressed(raw) for _, raw in (*first, *second)] == [A, B]
    assert first[0][0] < 0.1 + second[0][0]


def test_bytes_take_their_time_on_a_slow_line() -> None:
    line = bus(turnaround_s=0.02, bits_per_second=2400).line()
    asked = request(A)
    ((delay, answer),) = line.receive(asked, NOON)
    byte = 11 / 2400
    assert delay == pytest.approx(0.02 + (len(asked) + len(answer)) * byte, abs=1e-5)
    ((later, _),) = line.receive(request(B), NOON)
    assert later == pytest.approx(2 * delay, abs=1e-5), "half duplex: one after the other"


def test_meters_that_speak_at_once_are_not_understood() -> None:
    line = bus().line()
    ((_, raw),) = line.receive(request(addresses.WILDCARD), NOON)
    reader = FrameReader()
    assert not [event for event in (*reader.feed(raw), *reader.flush()) if isinstance(event, Frame)]


def test_faults_are_drawn_from_the_seed_and_differ_by_line() -> None:
    faults = Faults(seed=4, drop=0.3, corrupt=0.3, late=0.3, half=0.3, noise=0.3)

    def heard(made: Bus) -> list[list[tuple[float, bytes]]]:
        line = made.line()
        return [line.receive(request(A), NOON + timedelta(seconds=n)) for n in range(50)]

    one = bus(faults=faults)
    first = heard(one)
    assert first == heard(bus(faults=faults))
    assert first != heard(one), "its second line"
    assert max(delay for pieces in first for delay, _ in pieces) > 0.5


def test_modbus_stands_on_the_same_line() -> None:
    stations = ModbusStations([meter(1, "eastron_sdm630", address="1")])
    line = Bus(stations, Manners()).line()
    asked = rtu.encode(1, ReadRegisters(4, 0, 2).encode())
    ((_, raw),) = line.receive(b"\x00\x13" + asked, NOON)
    assert rtu.decode(raw).crc_ok
    assert line.noise == 1


@pytest.mark.parametrize("manners", [{"turnaround_s": -1}, {"gap_s": 0}, {"bits_per_second": -1}])
def test_impossible_manners_are_refused(manners: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        bus(**manners)
