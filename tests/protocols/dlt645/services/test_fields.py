"""What services refuse to say: validators that fire, each with what it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import combinations

import pytest

from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.address import WriteAddress
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearDemand, ClearEvents
from protocols.dlt645.services.clock import SetTime
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.edition import Edition, edition_of
from protocols.dlt645.services.field import local_text
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.password import ChangePassword, ChangePassword1997
from protocols.dlt645.services.read import FollowUp, Read
from protocols.dlt645.services.read_1997 import Read1997
from protocols.dlt645.services.security import Security
from protocols.dlt645.services.service import refused
from protocols.dlt645.services.terminal import Output, SetTerminal
from protocols.dlt645.services.write import Write, Write1997
from protocols.dlt645.words import ERROR_BITS, ERROR_BITS_1997, SECURITY_ERROR_BITS, SERVICES, SERVICES_1997
from protocols.errors import BadAnswer

OWN = bytes.fromhex("129078563412")


@pytest.mark.parametrize(
    "make",
    [
        lambda: SetTime("2026-02-30T00:00:00"),
        lambda: SetTime("2026-11-22"),
        lambda: SetTime("2026-11-22T15:30:45+08:00"),
        lambda: SetTime("261122153045"),
        lambda: Freeze(60),
        lambda: Freeze(0, 24),
        lambda: Freeze(0, 0, 0),
        lambda: Freeze(0, 0, 32),
        lambda: Freeze(None, 3),
        lambda: Freeze(0, None, 1),
        lambda: ChangeBaud(300),
        lambda: ChangeBaud(19200, "1997"),
        lambda: Write("0400010", b"\x15"),
        lambda: Write("04000103", b""),
        lambda: Write1997("04000103", b"\x15"),
        lambda: Write1997("C010", b""),
        lambda: ClearEvents("03300D00"),
        lambda: ClearEvents("FFFF"),
        lambda: Control(Command.TRIP, "2026-13-01T00:00:00"),
        lambda: Control(Command.TRIP, "2026"),
        lambda: Control(Command.TRIP, "2026-12-31T23:59:59", n2=256),
        lambda: Control(256, "2026-12-31T23:59:59"),
        lambda: Ordered(ClearDemand("1"), Access(4)).data,
        lambda: ChangePassword(Access(2), Access(10)),
        lambda: Access(256),
        lambda: Access(2, b"\0"),
        lambda: Read("00010000", 256),
        lambda: Read("00010000", None, "2026-11-22T00:00"),
        lambda: Read("00010000", 1, "2026-11-22"),
        lambda: FollowUp("00010000", 256),
        lambda: Read1997("00010000").data,
        lambda: WriteAddress("12345678901"),
        lambda: WriteAddress("AA3456789012"),
        lambda: WriteAddress("999999999999"),
        lambda: WriteAddress("AAAAAAAAAAAA", "1997"),
        lambda: Security("04000103", b""),
        lambda: Security("070000FF", b"", "xx"),
    ],
)
def test_what_cannot_be_said_is_a_value_error(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        make()


@pytest.mark.parametrize(
    ("freeze", "value"),
    [
        (Freeze(), "99999999"),
        (Freeze(30), "99999930"),
        (Freeze(30, 23), "99992330"),
        (Freeze(30, 23, 1), "99012330"),
    ],
)
def test_freeze_is_written_as_the_standard_has_it(freeze: Freeze, value: str) -> None:
    """MMDDhhmm: 99DDhhmm every month, 9999hhmm every day, 999999mm every hour, 99999999 now."""
    assert freeze.data[::-1].hex() == value


@pytest.mark.parametrize(
    ("edition", "rates"),
    [
        ("2007", {600: "02", 1200: "04", 2400: "08", 4800: "10", 9600: "20", 19200: "40"}),
        ("1997", {300: "02", 600: "04", 1200: "00", 2400: "10", 4800: "20", 9600: "40"}),
    ],
)
def test_rates_have_other_bits_in_each_edition(edition: Edition, rates: dict[int, str]) -> None:
    for rate, z in rates.items():
        request = ChangeBaud(rate, edition)
        assert request.data.hex() == z
        assert request.decode_reply(bytes.fromhex(z)) == rate


def test_another_rate_than_asked_for_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="another Z"):
        ChangeBaud(9600).decode_reply(b"\x08")
    with pytest.raises(BadAnswer):
        ChangeBaud(9600).decode_reply(b"\xff")  # a refusal in 1997 only


@pytest.mark.parametrize("kind", [ChangePassword, ChangePassword1997])
def test_another_password_than_the_new_one_is_a_bad_answer_that_shows_neither(
    kind: type[ChangePassword] | type[ChangePassword1997],
) -> None:
    request = kind(Access(2), Access(2, bytes.fromhex("214365")))
    with pytest.raises(BadAnswer) as caught:
        request.decode_reply(bytes.fromhex("02214366"))
    assert caught.value.raw == b""
    assert "21" not in str(caught.value)


def test_password_belongs_to_the_identifier_of_its_level() -> None:
    for level in range(10):
        request = ChangePassword(Access(0), Access(level))
        assert request.data[:4][::-1].hex().upper() == f"04000C{level + 1:02X}"


def test_output_of_the_terminal() -> None:
    assert [SetTerminal(output).data.hex() for output in Output] == ["00", "01", "02"]
    with pytest.raises(BadAnswer, match="another output"):
        SetTerminal(Output.SECOND_PULSE).decode_reply(b"\x01")


def test_moment_without_a_zone_is_refused() -> None:
    assert local_text(datetime(2026, 11, 22, 15, 30, 45, tzinfo=UTC)) == "2026-11-22T15:30:45"
    with pytest.raises(ValueError, match="no zone"):
        local_text(datetime(2026, 11, 22))  # noqa: DTZ001


def reason(control: int, data: bytes) -> str:
    return refused(Frame(encode(OWN, control, data, b""))).meaning


@pytest.mark.parametrize(
    ("control", "size", "words"),
    [
        *((0xC0 | function, 1, ERROR_BITS) for function in SERVICES if function not in (0x03, 0x08)),
        *((0xC0 | function, 1, ERROR_BITS_1997) for function in SERVICES_1997 if function not in (0x03, 0x08)),
        (0xC3, 1, ERROR_BITS_1997),
        (0xC3, 2, SECURITY_ERROR_BITS),
        (0xDC, 2, SECURITY_ERROR_BITS),
    ],
)
def test_every_bit_of_an_error_has_its_word(control: int, size: int, words: tuple[str, ...]) -> None:
    bits = list(enumerate(words))
    for bit, word in bits:
        assert reason(control, (1 << bit).to_bytes(size, "little")) == word
    for (one, first), (other, second) in combinations(bits, 2):
        assert reason(control, (1 << one | 1 << other).to_bytes(size, "little")) == f"{first}, {second}"
    assert reason(control, bytes(size)) == "no reason given"


@pytest.mark.parametrize(
    ("control", "data", "edition"),
    [
        (0x03, b"", "1997"),
        (0x03, bytes.fromhex("FF00000700000000"), "2007"),
        (0x83, bytes.fromhex("1090") + bytes(4), "1997"),
        (0x83, bytes.fromhex("A28E") + bytes(3), "1997"),
        (0x83, bytes.fromhex("FF000007") + bytes(12), "2007"),
        (0x83, b"", None),
        (0x83, bytes.fromhex("01020304"), None),
        (0xA3, bytes.fromhex("1F90") + bytes(4), "1997"),
        (0xC3, b"\x02", "1997"),
        (0xC3, b"\x02\x00", "2007"),
        (0xC3, b"", None),
        (0x08, bytes(6), None),
        (0x88, b"", None),
        (0x05, b"", None),
        (0x1F, b"", None),
    ],
)
def test_editions_are_told_apart_where_they_can_be(control: int, data: bytes, edition: str | None) -> None:
    assert edition_of(Frame(encode(OWN, control, data, b""))) == edition
