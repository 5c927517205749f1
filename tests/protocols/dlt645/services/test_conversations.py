"""Each service as a conversation over the driver: with a scripted meter, and a permit where it acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import PREAMBLE, Frame, encode
from protocols.dlt645.services.address import read_address, write_address
from protocols.dlt645.services.answer import accept, refuse
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearDemand1997
from protocols.dlt645.services.clock import set_time
from protocols.dlt645.services.control import Command
from protocols.dlt645.services.freeze import Freeze, freeze
from protocols.dlt645.services.order import Opaque, Ordered
from protocols.dlt645.services.password import ChangePassword1997
from protocols.dlt645.services.read import Read, read_data, read_records
from protocols.dlt645.services.security import Security, authenticate
from protocols.dlt645.services.service import Request, announce, perform
from protocols.dlt645.services.signer import Challenge, Identity
from protocols.dlt645.services.terminal import Output, SetTerminal
from protocols.dlt645.services.write import Write, Write1997
from protocols.errors import BadAnswer, ModelError, NoAnswer, NotPermitted, Refused
from protocols.exchange import Ask, Exchange
from tests.protocols.dlt645.peer import QUICK, allow, peer
from tests.protocols.dlt645.services.frames import (
    BAUD,
    BAUD_1997,
    CLEAR_DEMAND,
    CLEAR_EVENTS,
    CLEAR_METER,
    LEVEL_2,
    METER,
    NEW,
    PASSWORD,
    WRITE,
    control,
)

OWN: Final = addresses.to_wire(METER)
OTHER: Final = addresses.to_wire("123456789013")
TRIP: Final = control(Command.TRIP)
CHALLENGE: Final = Challenge(bytes(range(8)), bytes(range(8, 16)), bytes(range(16, 24)))

ACTING: Final[tuple[tuple[Request[Any], object], ...]] = (
    (WRITE, None),
    (PASSWORD, None),
    (CLEAR_DEMAND, None),
    (CLEAR_METER, None),
    (CLEAR_EVENTS, None),
    (TRIP, None),
    (Ordered(Opaque(0x1C, bytes(20)), LEVEL_2), None),
    (Freeze(), None),
    (BAUD, 2400),
    (SetTerminal(Output.DEMAND_PERIOD), None),
    (Security("070000FF", bytes(24)), bytes(12)),
    (Write1997("C010", b"\x06\x06\x07\x19", LEVEL_2), None),
    (BAUD_1997, 2400),
    (ChangePassword1997(LEVEL_2, LEVEL_2), None),
    (ClearDemand1997(), None),
)
TOLD: Final[tuple[tuple[Callable[[], Exchange[Frame, None]], int], ...]] = (
    (lambda: set_time("2026-11-22T15:30:45"), 0x08),
    (lambda: set_time("2026-11-22T15:30:45", METER), 0x08),
    (lambda: freeze(addresses.BROADCAST, Freeze(0, 0)), 0x16),
)


def named(row: object) -> str:
    request = row[0] if isinstance(row, tuple) else row
    return f"{type(request).__name__} {getattr(request, 'function', 0):02X}"


@pytest.mark.parametrize("row", ACTING, ids=named)
async def test_what_acts_needs_a_permit(row: tuple[Request[Any], object]) -> None:
    async with peer() as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(perform(METER, row[0]))
    assert line.asked == []


@pytest.mark.parametrize("row", ACTING, ids=named)
async def test_permitted_it_goes_out_once_and_its_answer_is_told(row: tuple[Request[Any], object]) -> None:
    request, value = row
    late = accept(OTHER, request, value)
    async with peer(late + accept(OWN, request, value), permit=allow) as line:
        assert await line.driver.run(perform(METER, request)) == value
    assert line.asked == [encode(OWN, request.function, request.data)]
    assert line.driver.counters.strays == 1


@pytest.mark.parametrize("row", ACTING, ids=named)
async def test_after_silence_it_is_not_sent_again(row: tuple[Request[Any], object]) -> None:
    async with peer(timing=QUICK, permit=allow) as line:
        with pytest.raises(NoAnswer):
            await line.driver.run(perform(METER, row[0]))
    assert len(line.asked) == 1
    assert line.driver.counters.retries == 0


@pytest.mark.parametrize("row", ACTING, ids=named)
async def test_refusal_is_told(row: tuple[Request[Any], object]) -> None:
    async with peer(refuse(OWN, row[0], 0x04), permit=allow) as line:
        with pytest.raises(Refused):
            await line.driver.run(perform(METER, row[0]))
    assert len(line.asked) == 1


@pytest.mark.parametrize("row", ACTING, ids=named)
def test_answers_to_two_acts_of_one_kind_can_be_confused(row: tuple[Request[Any], object]) -> None:
    request = row[0]
    ask = next(perform(METER, request))
    assert (ask.acts, ask.repeatable, ask.answered) == (True, False, True)
    assert ask.confusable == (OWN, request.function)
    assert not ask.answers(Frame(encode(OWN, request.function, request.data, b"")))  # our own echo


@pytest.mark.parametrize("address", [addresses.WILDCARD, addresses.BROADCAST, "AAAAAAAA9012"])
async def test_what_acts_on_nobody_knows_whom_is_not_said(address: str) -> None:
    async with peer(permit=allow) as line:
        with pytest.raises(ModelError, match="not the address of one meter"):
            await line.driver.run(perform(address, TRIP))
    assert line.asked == []


async def test_filled_up_address_of_1997_is_one_meter() -> None:
    short = "AAAAAA012345"
    request = ClearDemand1997()
    async with peer(accept(addresses.to_wire(short), request, None), permit=allow) as line:
        await line.driver.run(perform(short, request))
    assert len(line.asked) == 1
    with pytest.raises(ModelError):
        next(perform(addresses.WILDCARD, request))


async def test_late_answer_to_one_act_is_not_taken_for_the_next() -> None:
    close = control(Command.CLOSE)
    async with peer(None, accept(OWN, close, None), timing=QUICK, permit=allow) as line:
        with pytest.raises(NoAnswer):
            await line.driver.run(perform(METER, TRIP))
        await line.far.send(accept(OWN, TRIP, None))
        await line.driver.run(perform(METER, close))
    assert len(line.asked) == 2
    assert line.driver.counters.strays == 1


@pytest.mark.parametrize("row", TOLD)
async def test_broadcast_acts_too_and_is_not_waited_for(row: tuple[Callable[[], Exchange[Frame, None]], int]) -> None:
    tell, function = row
    async with peer() as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(tell())
    assert line.asked == []
    async with peer(permit=allow) as line:
        await line.driver.run(tell())
        assert line.driver.counters.timeouts == 0
    assert [raw[12] for raw in line.asked] == [function]


def test_what_is_no_broadcast_is_not_broadcast() -> None:
    with pytest.raises(ValueError, match="1C is not broadcast"):
        next(announce(TRIP))


async def test_freeze_at_one_meter_is_answered() -> None:
    async with peer(accept(OWN, Freeze(), None), permit=allow) as line:
        await line.driver.run(freeze(METER, Freeze()))
    assert line.driver.counters.answers == 1


async def test_new_address_answers() -> None:
    new = addresses.to_wire(NEW)
    old = encode(OWN, 0x95)
    async with peer(old + encode(new, 0x95), permit=allow) as line:
        await line.driver.run(write_address(NEW))
    assert line.asked == [bytes.fromhex("FEFEFEFE68AAAAAAAAAAAA681506547698BA3C549316")]
    assert line.driver.counters.strays == 1


async def test_new_address_in_1997() -> None:
    async with peer(encode(addresses.to_wire(NEW), 0x8A), permit=allow) as line:
        await line.driver.run(write_address(NEW, "1997"))
    assert line.asked == [PREAMBLE + bytes.fromhex("68999999999999680A06547698BA3C542216")]


async def test_writing_an_address_needs_a_permit_and_is_not_repeated() -> None:
    async with peer() as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(write_address(NEW))
    assert line.asked == []
    async with peer(timing=QUICK, permit=allow) as line:
        with pytest.raises(NoAnswer):
            await line.driver.run(write_address(NEW))
    assert len(line.asked) == 1


@pytest.mark.parametrize("new", ["", "1", addresses.WILDCARD, addresses.BROADCAST, "12345678901X"])
def test_what_is_no_meters_address_is_not_written(new: str) -> None:
    with pytest.raises(ValueError, match="not an address to give to a meter"):
        next(write_address(new))


async def test_reading_the_address_needs_no_permit() -> None:
    async with peer(None, encode(OWN, 0x93, OWN), timing=QUICK) as line:
        assert await line.driver.run(read_address()) == METER
    assert len(line.asked) == 2


async def test_meter_proves_itself_to_the_master() -> None:
    answer = bytes.fromhex("FF000007") + b"\x01\x02\x03\x04" + b"\x11" * 8
    async with peer(encode(OWN, 0x83, answer), permit=allow) as line:
        identity = await line.driver.run(authenticate(METER, CHALLENGE))
    assert identity == Identity(b"\x01\x02\x03\x04", b"\x11" * 8)
    (asked,) = line.asked
    assert Frame(asked[4:]).data == bytes.fromhex("FF00000700000000") + bytes(range(24))


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        (encode(OWN, 0xC3, b"\x08\x00"), Refused, "authentication failed"),
        (encode(OWN, 0x83, bytes.fromhex("FF000007") + bytes(11)), BadAnswer, "11 bytes of identity"),
        (encode(OWN, 0x83, bytes.fromhex("FF010007") + bytes(12)), BadAnswer, "something else"),
    ],
)
async def test_failed_authentication_is_told(answer: bytes, error: type[Exception], match: str) -> None:
    async with peer(answer, permit=allow) as line:
        with pytest.raises(error, match=match):
            await line.driver.run(authenticate(METER, CHALLENGE))


RECORDS: Final = Read("06000001", 2, "2026-11-22T00:00")
DI: Final = bytes.fromhex("01000006")


async def test_load_records_in_several_frames_are_put_together() -> None:
    replies = (encode(OWN, 0xB1, DI + b"\xa0\xa0"), encode(OWN, 0x92, DI + b"\x01\xe5" + b"\x01"))
    async with peer(*replies) as line:
        assert await line.driver.run(read_records(METER, RECORDS)) == b"\xa0\xa0\x01\xe5"
    assert line.asked[0] == bytes.fromhex("FEFEFEFE6812907856341268110A343333393533335544590116")
    assert Frame(line.asked[1][4:]).data == DI + b"\x01"


async def test_no_record_that_matches_is_nothing_and_no_error() -> None:
    async with peer(bytes.fromhex("FEFEFEFE6812907856341268910434333339EE16")) as line:
        assert await line.driver.run(read_records(METER, Read("06000001", 2))) == b""


def test_records_from_two_moments_are_two_questions() -> None:
    other = Read("06000001", 2, "2026-11-22T00:15")
    asks = [next(read_records(METER, request)) for request in (RECORDS, other, RECORDS)]
    assert asks[0].confusable == asks[2].confusable != asks[1].confusable


def reading(address: str) -> Ask[Frame]:
    return next(read_data(address, bytes(4), 4))


def data(own: str) -> Frame:
    return Frame(encode(addresses.to_wire(own), 0x91, bytes(8), b""))


@pytest.mark.parametrize(
    ("asked", "own", "answers"),
    [
        (METER, METER, True),
        (METER, addresses.WILDCARD, False),
        (METER, addresses.BROADCAST, False),
        (METER, NEW, False),
        ("AAAAAAAA9012", METER, True),
        ("AAAAAAAA9012", "AAAAAAAA9012", True),
        ("AAAAAAAA9012", NEW, False),
        ("AAAAAAAA9012", addresses.WILDCARD, False),
        (addresses.WILDCARD, METER, True),
        (addresses.WILDCARD, addresses.WILDCARD, True),
        (addresses.BROADCAST, METER, True),
        (addresses.BROADCAST, addresses.BROADCAST, True),
    ],
)
def test_who_may_answer(asked: str, own: str, answers: bool) -> None:
    assert reading(asked).answers(data(own)) is answers


async def test_written_value_goes_behind_password_and_operator() -> None:
    request = Ordered(Write("04000103", b"\x15", "00000001"), LEVEL_2)
    async with peer(encode(OWN, 0x94), permit=allow) as line:
        await line.driver.run(perform(METER, request))
    assert Frame(line.asked[0][4:]).data.hex() == "03010004020000000100000015"


async def test_rate_of_1997_is_refused_by_a_normal_answer() -> None:
    async with peer(encode(OWN, 0x8C, b"\xff"), permit=allow) as line:
        with pytest.raises(Refused, match="baud rate cannot be changed"):
            await line.driver.run(perform(METER, ChangeBaud(9600, "1997")))
