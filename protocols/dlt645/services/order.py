"""An order: what a meter does for him who may, without a word about who that is.

The frame puts both together: ``[DI] PA P0 P1 P2 C0 C1 C2 C3 BODY``. With a plain password the body is sent as it is;
at a ciphertext level it is what a signer made of it, and only the meter's security module can read it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Generic, Protocol, TypeVar

from protocols.dlt645.services.access import Access
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import NO_OPERATOR, to_wire
from protocols.dlt645.services.service import Acknowledged


class Order(Protocol):
    """What is to be done."""

    @property
    def function(self) -> int: ...

    @property
    def operator(self) -> str:
        """Eight hex digits that the meter writes into its records."""

    @property
    def di(self) -> bytes:
        """The identifier as on the wire; empty where the service has none."""

    @property
    def body(self) -> bytes:
        """What stands behind the operator code, in clear."""


OrderT = TypeVar("OrderT", bound=Order)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An order's body as a signer made it, and the access that goes with it."""

    access: Access
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opaque:
    """An order whose body only the meter's security module can read."""

    function: int
    body: bytes
    operator: str = NO_OPERATOR
    di: bytes = b""


@dataclass(frozen=True, slots=True)
class Ordered(Acknowledged, Generic[OrderT]):
    """An order with its access: the request as it is sent. `sealed` is the body if it does not go in clear."""

    order: OrderT
    access: Access
    sealed: bytes | None = field(default=None, repr=False)

    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False

    @property
    def function(self) -> int:
        return self.order.function

    @property
    def data(self) -> bytes:
        order = self.order
        operator = to_wire(order.operator, 4, "operator code")
        return order.di + self.access.wire + operator + (order.body if self.sealed is None else self.sealed)


def ordered(order: OrderT, sealed: Sealed) -> Ordered[OrderT]:
    """The request that carries `order` as a signer sealed it."""
    return Ordered(order, sealed.access, sealed.body)
