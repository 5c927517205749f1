"""A kind of meter as data: one TOML file a model, golden frames inside it.

    [model]
    name = "eastron_sdm630"          # the file's name
    title = "Eastron SDM630-Modbus"
    maker = "Eastron"
    protocol = "modbus"              # whose `parse` reads the rest of the file
    source = "where the map was read, and what was confirmed by a second source"

    [[golden]]                       # evidence: a real or constructed conversation, decoded by `headend model test`
    request = "68 .. 16"             # hex
    reply = "68 .. 16"
    values = { active_energy_import = "123456.78" }
    source = "captured / constructed from ..."

What stands besides is the protocol's own: see `protocols/dlt645/model.py` and `protocols/modbus/model.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from protocols.exchange import Exchange, FrameReader
from protocols.model import Quantity, Value
from protocols.recall import RecallPlan, Wanted

F_co = TypeVar("F_co", covariant=True)


class Wire(Protocol[F_co]):
    """How a protocol's frames stand on one kind of link (RTU or TCP framing, edition ...). One per open line."""

    def reader(self) -> FrameReader[F_co]:
        """A fresh reader for what meters send."""


class Read(Protocol):
    """One request that a model can make, and what it gives."""

    @property
    def label(self) -> str:
        """The item as people write it: ``0001FF00``, ``input 0..17``."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The stored quantities in the answer."""

    def exchange(self, address: str, wire: Any) -> Exchange[Any, list[Value]]:
        """The conversation that reads it from the meter at `address`."""


@dataclass(frozen=True, slots=True)
class Golden:
    """One conversation with known values."""

    request: bytes
    reply: bytes
    values: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Head:
    """What every model file states first."""

    name: str
    title: str
    maker: str
    protocol: str
    source: str
    golden: tuple[Golden, ...]


class MeterModel(Protocol):
    """A kind of meter. Immutable; shared by all meters of the kind."""

    @property
    def head(self) -> Head: ...

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything stored that this kind of meter can give."""

    def plan(self, wanted: Collection[Quantity]) -> tuple[Read, ...]:
        """The fewest requests that give `wanted`. Raises `ModelError` naming what the model lacks."""

    def recall(self, wanted: Wanted, zone: ZoneInfo, now: datetime, without: Collection[str] = ()) -> RecallPlan:
        """The cheapest requests that give `wanted` from what such a meter keeps by itself, its clock standing in
        `zone`; `without` the kinds of memory that this meter refused."""

    def read(self, item: str) -> Read:
        """The request for one item as a person names it: a data identifier, register, quantity name or OBIS code.

        Raises `ModelError`.
        """

    def digits(self, quantity: Quantity) -> int | None:
        """Places before the point at which its register starts again from zero; None: it is not known to."""

    def check_address(self, address: str) -> str:
        """The address in its normal spelling. Raises `ModelError` saying what was expected."""

    def decode_golden(self, golden: Golden) -> list[Value]:
        """Decode the golden conversation. Raises `CommunicationError` when the bytes are not a good answer."""
