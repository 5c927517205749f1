"""Where a DL/T 645 meter keeps its events: a counter, and the last records, under identifiers of their own.

2007: family 03 and the supplement's 1D and 1E, ten records each. 1997: B2xx and B3xx, one record each, of which start,
end and time are items of their own, and whose moments have no year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.bcd import Number
from protocols.dlt645.catalogue import item
from protocols.dlt645.catalogue.events import RECORDS
from protocols.dlt645.catalogue.registers import REGISTERS
from protocols.dlt645.item import Item
from protocols.dlt645.services.edition import Edition
from protocols.events.kind import EventKind
from protocols.events.kinds import KINDS, PHASES


@dataclass(frozen=True, slots=True)
class EventLog:
    """One kind of event in a meter.

    `count` is the part of `counter` that counts it; `records` are the items of record 1 (the latest), 2 ...; `start`
    and `end` are parts of a record; a kind without an `end` is over when it is written.
    """

    kind: EventKind
    counter: str
    count: str
    records: tuple[tuple[str, ...], ...]
    start: str
    end: str | None
    edition: Edition = "2007"

    @property
    def counter_item(self) -> Item:
        return item(self.counter, self.edition)

    @property
    def limit(self) -> int:
        """The counter is 0 again after so many."""
        (form,) = (form for part, form in self.counter_item.parts if part.name == self.count)
        assert isinstance(form, Number)
        return int(10 ** (2 * form.length))

    def record_items(self, number: int) -> tuple[Item, ...]:
        """The items of record `number`, the latest being 1."""
        return tuple(item(code, self.edition) for code in self.records[number - 1])


def _ten(prefix: str) -> tuple[tuple[str, ...], ...]:
    return tuple((f"{prefix}{number:02X}",) for number in range(1, RECORDS + 1))


# DI2: code of the kind without its phase; one counter item for the three phases
_PHASED: Final = {
    0x01: "voltage_loss",
    0x02: "undervoltage",
    0x03: "overvoltage",
    0x04: "phase_loss",
    0x0B: "current_loss",
    0x0C: "overcurrent",
    0x0D: "current_break",
    0x0E: "flow_reversal",
    0x0F: "overload",
}
_PLAIN: Final = {
    0x05: "voltage_loss_all",
    0x06: "auxiliary_supply_loss",
    0x07: "voltage_reversal",
    0x08: "current_reversal",
    0x09: "voltage_imbalance",
    0x0A: "current_imbalance",
    0x11: "power_down",
}
_DEMANDS: Final = {
    1: "active_demand_import",
    2: "active_demand_export",
    3: "reactive_demand_q1",
    4: "reactive_demand_q2",
    5: "reactive_demand_q3",
    6: "reactive_demand_q4",
}


def _logs_2007() -> Iterator[EventLog]:
    for di2, code in _PLAIN.items():
        yield EventLog(KINDS[code], f"03{di2:02X}0000", f"{code}_count", _ten(f"03{di2:02X}00"), "start", "end")
    for di2, code in _PHASED.items():
        for number, phase in enumerate(PHASES, 1):
            kind = KINDS[f"{code}_{phase}"]
            records = _ten(f"03{di2:02X}{number:02X}")
            yield EventLog(kind, f"03{di2:02X}0000", f"{kind.code}_count", records, "start", "end")
    for di1, name in _DEMANDS.items():
        kind = KINDS[f"{name}_over_limit"]
        yield EventLog(kind, "03120000", f"{kind.code}_count", _ten(f"0312{di1:02X}"), "start", "end")
    for di1, (name, *_) in REGISTERS.items():
        opened = name.endswith("_open")
        start = "start" if opened else "clock_after" if name == "clock_set" else "time"
        end = "end" if opened else None
        yield EventLog(KINDS[name], f"0330{di1:02X}00", f"{name}_count", _ten(f"0330{di1:02X}"), start, end)
    for di3, name in (("1D", "trip"), ("1E", "close")):
        yield EventLog(KINDS[name], f"{di3}000001", f"{name}_count", _ten(f"{di3}00FF"), "start", None)


def _logs_1997() -> Iterator[EventLog]:
    yield EventLog(KINDS["programming"], "B212", "programming_count", (("B210",),), "programming_time", None, "1997")
    yield EventLog(KINDS["demand_clear"], "B213", "demand_clear_count", (("B211",),), "demand_clear_time", None, "1997")
    for number in range(4):
        tail = f"_{PHASES[number - 1]}" if number else ""
        yield EventLog(
            KINDS[f"phase_loss{tail}"],
            f"B31{number}",
            f"phase_loss_count{tail}",
            ((f"B33{number}", f"B34{number}"),),
            f"phase_loss_start{tail}",
            f"phase_loss_end{tail}",
            "1997",
        )


LOGS: Final[Mapping[Edition, tuple[EventLog, ...]]] = {"2007": tuple(_logs_2007()), "1997": tuple(_logs_1997())}
"""By edition; logs that share a counter item stand side by side."""
