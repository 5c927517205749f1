"""Disturbances of supply and load: for as long as one lasts its bit of a status word is set, and its record has no end.

What they do to voltages and currents is not simulated: a meter under a voltage loss goes on showing its voltage.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from protocols.dlt645.events import BITS, LOGS, EventLog
from protocols.events import PHASES
from simulators.dlt645.journal import Record

if TYPE_CHECKING:
    from simulators.dlt645.memory import Memory

_INCREASED: Final = (
    "active_energy_import", "active_energy_export", "reactive_energy_import", "reactive_energy_export",
)  # fmt: skip
_AT_START: Final = tuple(
    f"{name}_{phase}"
    for name in ("voltage", "current", "active_power", "reactive_power", "power_factor")
    for phase in PHASES
)
_RATE: Final = Decimal(35)
_SPEECHLESS: Final = "0311"
"""Power down is no disturbance: a meter without power says nothing."""


def journal_kind(log: EventLog) -> str:
    """The kind of `log` as the journal has it."""
    return log.records[0][0][:6]


DISTURBANCES: Final[Mapping[str, EventLog]] = {
    log.kind.code: log for log in LOGS["2007"] if log.counter[2:4] < "13" and log.counter[:2] == "03"
    and not log.counter.startswith(_SPEECHLESS)
}  # fmt: skip
"""Code of the kind to its log, as the 2007 edition has it. A meter of 1997 keeps those of them that it knows."""

COUNTERS: Final[Mapping[str, Mapping[str, str]]] = {
    log.counter: {other.count: journal_kind(other) for other in DISTURBANCES.values() if other.counter == log.counter}
    for log in DISTURBANCES.values()
}
"""Counter item to its counts, and which kind of the journal each counts."""

BATTERY_LOW: Final = "clock_battery_low"


def fault_bit(code: str) -> int:
    """The bit that says so, in all status words of the 2007 edition put together; 0 where there is none."""
    for bit in BITS:
        if bit.kind.code == code and bit.word.startswith("status_word_"):
            return bit.mask << (16 * (int(bit.word[-1]) - 1))
    return 0


def disturb(memory: Memory, code: str, now: datetime, seconds: float | None) -> None:
    """Let it begin, and end after so many seconds, or never."""
    log = DISTURBANCES[code]
    before = memory.measured(_INCREASED, now)
    shown = memory.measured(_AT_START, now)
    record: Record = {"start": memory.own(now), "imbalance_max": _RATE}
    record |= {f"{name}_at_start": value for name, value in shown.items()}
    memory.journal.write(journal_kind(log), record)
    memory.set_fault(fault_bit(code), True, now)
    if seconds is None:
        return

    def over(at: datetime) -> None:
        record["end"] = memory.own(at)
        for name, value in memory.measured(_INCREASED, at).items():
            began = before[name]
            if isinstance(value, Decimal) and isinstance(began, Decimal):
                record[f"{name}_increment"] = value - began
        memory.journal.lasted(journal_kind(log), timedelta(seconds=seconds))
        memory.set_fault(fault_bit(code), False, at)

    memory.later(now + timedelta(seconds=seconds), over)


def drain_battery(memory: Memory, now: datetime, seconds: float | None) -> None:
    """The clock's battery is low, until somebody puts in another."""
    memory.set_fault(fault_bit(BATTERY_LOW), True, now)
    if seconds is not None:
        memory.later(now + timedelta(seconds=seconds), lambda at: memory.set_fault(fault_bit(BATTERY_LOW), False, at))
