"""Who makes an order acceptable to a meter: a plain password, or somebody else's module that holds the keys.

Ciphertext levels need keys that live in a security module (HSM) of the utility, so what seals for them is a plug-in:
an entry point of the group ``headend.signers`` whose object is called with the settings of the configuration and gives
a `Signer` or an `Authenticator`. Nothing here waits or talks to a module; a plug-in does, which is why it is awaited,
and before the conversation with the meter begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Final, Protocol, cast

from protocols.dlt645.services.access import CIPHER_LEVELS, LOWEST_LEVEL, Access
from protocols.dlt645.services.field import to_wire
from protocols.dlt645.services.order import Order, Sealed
from protocols.errors import ModelError

GROUP: Final = "headend.signers"


class Signer(Protocol):
    """Seals orders."""

    async def sign(self, address: str, order: Order) -> Sealed:
        """`order` for the meter at `address`, as it is to be sent. Raises `CommunicationError` if it cannot be made."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the master sends to prove itself, each as it goes on the wire: ciphertext 1, random number 1, and the factor
    from which the meter's key is derived."""

    ciphertext: bytes = field(repr=False)
    random: bytes = field(repr=False)
    factor: bytes

    def __post_init__(self) -> None:
        if not len(self.ciphertext) == len(self.random) == len(self.factor) == 8:
            raise ValueError("a challenge has three parts of 8 bytes")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the meter answers, as on the wire: random number 2 and the serial number of its security module."""

    random: bytes = field(repr=False)
    serial: bytes

    def __post_init__(self) -> None:
        if len(self.random) != 4 or len(self.serial) != 8:
            raise ValueError("an identity has a random number of 4 bytes and a serial number of 8")


class Authenticator(Protocol):
    """Opens a session with a meter's security module; its orders are sealed by the signer that the session gives.

    Between the two calls stands the conversation `security.authenticate`.
    """

    async def challenge(self, address: str) -> Challenge:
        """What to send to the meter at `address`."""

    async def session(self, address: str, challenge: Challenge, identity: Identity) -> Signer:
        """The signer for as long as the meter keeps the session."""


@dataclass(frozen=True, slots=True, repr=False)
class PlainPassword:
    """A level from 0, the highest, to 9 and its six hex digits, P2 first. The password is never shown.

    It goes over the line in clear: who can listen can repeat it.
    """

    level: int
    password: str

    def __post_init__(self) -> None:
        if self.level in CIPHER_LEVELS or not 0 <= self.level <= LOWEST_LEVEL:
            raise ValueError(f"level is {self.level}, expected 0 to {LOWEST_LEVEL}: ciphertext levels need a signer")
        try:
            to_wire(self.password, 3, "password")
        except ValueError:
            raise ValueError("a password has six hex digits") from None

    @property
    def access(self) -> Access:
        return Access(self.level, to_wire(self.password, 3, "password"))

    def seal(self, order: Order) -> Sealed:
        """The same as `sign`, for who need not wait."""
        return Sealed(self.access, order.body)

    async def sign(self, address: str, order: Order) -> Sealed:
        return self.seal(order)

    def __repr__(self) -> str:
        return f"PlainPassword(level={self.level})"


class SignerFactory(Protocol):
    """What an entry point of the group gives."""

    def __call__(self, settings: Mapping[str, str]) -> Signer | Authenticator: ...


def signer(name: str, settings: Mapping[str, str]) -> Signer | Authenticator:
    """The signer that another package brings. Raises `ModelError` for an unknown name."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none is installed"
        raise ModelError(f"unknown signer {name!r} (entry points {GROUP}: {known})")
    return cast(SignerFactory, found[name].load())(settings)
