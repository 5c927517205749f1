"""A plan: what is asked of which meters, when, and how hard it is tried. Data, as the configuration states it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum

from headend.work.schedule import Schedule
from protocols.model import Quantity


class Kind(StrEnum):
    """What a plan's slot is met by."""

    REGISTERS = "registers"
    """Present values, read within the slot."""
    RECORDS = "records"
    """What the meter kept of the slot: load records, freezes, settlements. May be read later."""
    EVENTS = "events"
    """The meter's journal, read on."""
    CLOCK = "clock"
    """How far the meter's clock is off."""
    REQUEST = "request"
    """What a person wants now: no plan's."""
    COMMAND = "command"
    """What was ordered of the meter: no plan's."""

    @property
    def is_expected(self) -> bool:
        """Whether every slot owes a capture, so that the ledger knows a missing one."""
        return self in (Kind.REGISTERS, Kind.RECORDS)


class Priority(IntEnum):
    """The lower the more urgent."""

    PERSON = 0
    EVENT = 1
    TODAY = 2
    RECOVERY = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """Which meters: those that have one of the values of every attribute that is stated; all where none is."""

    models: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    tariffs: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()

    def holds(self, *, model: str, areas: Collection[str], tariff: str | None, line: str, meter: str) -> bool:
        """Whether a meter of that model, in those areas (it may measure one and stand in another), is selected."""
        return (
            (not self.models or model in self.models)
            and (not self.areas or not self.areas.isdisjoint(areas))
            and (not self.tariffs or tariff in self.tariffs)
            and (not self.lines or line in self.lines)
            and (not self.meters or meter in self.meters)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the meters that `selection` holds.

    `collect`: records are asked for at its next slot, many moments together. `delay`: how long behind that the work
    begins, so that the meter's clock has come there too. `expires`: how long it is tried at most; registers never
    beyond their slot. `tries`: turns with a meter. `horizon`: how far back a gap is worth filling.
    """

    name: str
    schedule: Schedule
    quantities: tuple[Quantity, ...] = ()
    kind: Kind = Kind.REGISTERS
    selection: Selection = field(default=Selection())
    priority: Priority = Priority.TODAY
    collect: Schedule | None = None
    delay: timedelta = timedelta(0)
    expires: timedelta | None = None
    tries: int = 3
    horizon: timedelta = timedelta(days=30)

    @property
    def open_for(self) -> timedelta:
        """How long a job is tried: registers from the slot's begin on, the others from when they are asked for."""
        period = self.schedule.period
        if self.kind is Kind.REGISTERS:
            return period if self.expires is None else min(self.expires, period)
        usual = period if self.collect is None else max(period, self.collect.period)
        return usual if self.expires is None else self.expires

    @property
    def over_after(self) -> timedelta:
        """How long behind its begin a slot may still be under way."""
        if self.kind is Kind.REGISTERS:
            return self.open_for
        return self.open_for + self.delay + (self.collect.period if self.collect is not None else timedelta(0))
