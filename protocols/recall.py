"""What a meter kept by itself, asked for afterwards: load records, freezes, settlements.

A model plans reads for the moments that are missing (`MeterModel.recall`); each read is a conversation that tells what
the meter had and what it says it has not. What was not answered is in neither: it may be asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

from protocols.exchange import Exchange
from protocols.model import Quantity, Value

Wanted: TypeAlias = Mapping[datetime, Collection[Quantity]]
"""Moments, with a zone, and what is wanted of each."""


class Remembered(NamedTuple):
    """What a meter kept of one moment: `time` is its own clock's, put into its zone; every value has its quantity."""

    time: datetime
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Recalled:
    """`absent`: moments that were asked for and that the meter shows it has not kept."""

    found: tuple[Remembered, ...] = ()
    absent: tuple[datetime, ...] = ()


class RecallRead(Protocol):
    """One conversation about some of the moments."""

    @property
    def kind(self) -> str:
        """The memory that is asked, such as ``load_record_4``. A meter that refuses it has none of that kind."""

    @property
    def label(self) -> str:
        """As people write it."""

    @property
    def moments(self) -> tuple[datetime, ...]:
        """Which moments it is about."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What it gives of each."""

    @property
    def cost(self) -> int:
        """Bytes on the wire both ways, about."""

    def exchange(self, address: str, wire: Any) -> Exchange[Any, Recalled]:
        """The conversation with the meter at `address`."""


@dataclass(frozen=True, slots=True)
class RecallPlan:
    """The reads, newest moments first; `beyond` is what no memory of this meter holds."""

    reads: tuple[RecallRead, ...]
    beyond: Mapping[datetime, frozenset[Quantity]]


def nothing_kept(wanted: Wanted) -> RecallPlan:
    """The plan for a meter without memory."""
    return RecallPlan((), {moment: frozenset(quantities) for moment, quantities in wanted.items()})
