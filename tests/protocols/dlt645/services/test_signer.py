"""Who makes orders acceptable: passwords that are never shown, and plug-ins that hold keys."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any, Final

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.services import signer as signers
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.order import Order, Ordered, Sealed, ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.request import parse_request
from protocols.dlt645.services.security import authenticate
from protocols.dlt645.services.service import perform
from protocols.dlt645.services.signer import (
    Authenticator,
    Challenge,
    Identity,
    PlainPassword,
    Signer,
    signer,
)
from protocols.dlt645.services.write import Write, Write1997
from protocols.errors import ModelError, NotPermitted
from tests.protocols.dlt645.peer import allow, peer

METER: Final = "123456789012"
OWN: Final = addresses.to_wire(METER)
TRIP: Final = Control(Command.TRIP, "2026-12-31T23:59:59", "00000001")
SECRET: Final = PlainPassword(2, "739184")


@pytest.mark.parametrize(
    "holder",
    [
        SECRET,
        SECRET.access,
        SECRET.seal(TRIP),
        ordered(TRIP, SECRET.seal(TRIP)),
        ChangePassword(SECRET.access, SECRET.access),
        Write("04000C01", SECRET.access.wire),
        Write1997("C010", SECRET.access.wire + b"\0"),
        next(perform(METER, ordered(TRIP, SECRET.seal(TRIP)))),
        [SECRET],
        {"password": SECRET},
    ],
)
def test_password_is_never_shown(holder: object) -> None:
    for text in (repr(holder), str(holder), f"{holder}", "%r %s" % (holder, holder)):  # noqa: UP031
        for spelling in ("739184", "849173", "0x73", r"\x73", r"\x91", "s91"):
            assert spelling not in text
    assert "level=2" in repr(SECRET)


@pytest.mark.parametrize(
    ("level", "password"),
    [(10, "000000"), (-1, "000000"), (0x98, "000000"), (2, "73918"), (2, "7391844"), (2, "73918x"), (2, "73 184")],
)
def test_what_is_no_password_is_refused_without_being_shown(level: int, password: str) -> None:
    with pytest.raises(ValueError, match=r"level is|six hex digits") as caught:
        PlainPassword(level, password)
    assert password not in str(caught.value) or password == "000000"
    assert caught.value.__cause__ is None


def test_password_is_sent_low_byte_first() -> None:
    assert SECRET.access.wire == bytes.fromhex("02849173")
    assert SECRET.access == Access(2, bytes.fromhex("849173"))


def test_password_can_be_copied_and_compared() -> None:
    assert pickle.loads(pickle.dumps(SECRET)) == SECRET == copy.copy(SECRET)
    assert PlainPassword(2, "000000") != SECRET
    assert len({SECRET, PlainPassword(2, "739184")}) == 1


async def test_plain_password_sends_the_order_in_clear() -> None:
    sealed = await SECRET.sign(METER, TRIP)
    assert sealed == SECRET.seal(TRIP) == Sealed(SECRET.access, TRIP.body)
    assert ordered(TRIP, sealed).data == Ordered(TRIP, SECRET.access).data
    assert parse_request(Frame(encode(OWN, 0x1C, ordered(TRIP, sealed).data, b""))) == Ordered(TRIP, SECRET.access)


@dataclass(frozen=True)
class Backwards:
    """A signer for the test: ciphertext is the body backwards, and its sum as the MAC."""

    identity: Identity

    async def sign(self, address: str, order: Order) -> Sealed:
        body = order.body[::-1] + self.identity.random
        return Sealed(Access(0x98), body)


class Module:
    """A security module for the test."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    async def challenge(self, address: str) -> Challenge:
        return Challenge(bytes(8), bytes(8), addresses.to_wire(address) + bytes(2))

    async def session(self, address: str, challenge: Challenge, identity: Identity) -> Signer:
        return Backwards(identity)


async def test_order_sealed_in_a_session() -> None:
    """Authentication, then the order; both act, and the permit is asked for both."""
    module: Authenticator = Module({})
    proof = encode(OWN, 0x83, bytes.fromhex("FF000007") + b"\x01\x02\x03\x04" + bytes(8))
    async with peer(proof, encode(OWN, 0x9C), permit=allow) as line:
        challenge = await module.challenge(METER)
        identity = await line.driver.run(authenticate(METER, challenge))
        session = await module.session(METER, challenge, identity)
        request = ordered(TRIP, await session.sign(METER, TRIP))
        await line.driver.run(perform(METER, request))
    sent = Frame(line.asked[1][4:])
    assert sent.data == bytes.fromhex("9800000001000000") + TRIP.body[::-1] + b"\x01\x02\x03\x04"
    parsed = parse_request(sent)
    assert isinstance(parsed, Ordered)
    assert parsed.access.is_cipher
    assert parsed.data == request.data


async def test_authentication_needs_a_permit() -> None:
    async with peer() as line:
        with pytest.raises(NotPermitted):
            await line.driver.run(authenticate(METER, Challenge(bytes(8), bytes(8), bytes(8))))
    assert line.asked == []


def test_parts_of_a_challenge_and_an_identity_have_their_lengths() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        Challenge(bytes(8), bytes(4), bytes(8))
    with pytest.raises(ValueError, match="4 bytes"):
        Identity(bytes(8), bytes(8))


def test_signer_of_another_package_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("module", f"{__name__}:Module", signers.GROUP)

    def installed(**selection: Any) -> EntryPoints:
        assert selection == {"group": "headend.signers"}
        return EntryPoints([entry])

    monkeypatch.setattr(signers, "entry_points", installed)
    made = signer("module", {"slot": "3"})
    assert isinstance(made, Module)
    assert made.settings == {"slot": "3"}
    with pytest.raises(ModelError, match=r"unknown signer 'hsm' .*headend\.signers: module"):
        signer("hsm", {})


def test_without_a_signer_installed_the_error_says_so() -> None:
    with pytest.raises(ModelError, match="none is installed"):
        signer("hsm", {})
