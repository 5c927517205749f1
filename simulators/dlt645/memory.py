"""All that a meter keeps: made when it is first needed, for most meters are only read.

Everything that happens to a meter goes through here, so that its values, its records and its clock agree.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from protocols.dlt645.item import Item
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.field import NO_OPERATOR
from protocols.model import Value
from protocols.quantities import BY_NAME
from simulators.dlt645 import journal
from simulators.dlt645.defaults import COMMON
from simulators.dlt645.dial import Dial
from simulators.dlt645.freezes import Freezes
from simulators.dlt645.journal import Content, Journal, Record
from simulators.dlt645.passwords import Passwords
from simulators.dlt645.profile import Profile, intervals
from simulators.dlt645.relay import RECLOSE_STEP, Relay
from simulators.dlt645.setup import Hooks, Setup
from simulators.meter import VirtualMeter

_SIX: Final = (
    "active_energy_import", "active_energy_export", "reactive_energy_q1", "reactive_energy_q2", "reactive_energy_q3",
    "reactive_energy_q4",
)  # fmt: skip
_DEMANDS: Final = ("active_demand_import_max", "active_demand_export_max")


class Memory:
    """One meter's."""

    def __init__(self, meter: VirtualMeter, setup: Setup, hooks: Hooks, now: datetime) -> None:
        self.meter = meter
        self.passwords = Passwords(setup.passwords)
        self.dial = Dial(meter)
        self.relay = Relay()
        self.journal = Journal()
        self.freezes = Freezes(meter, self.dial, now)
        self.profile = Profile(meter, self.dial, setup.profile_records, now, setup.profile_minutes)
        self.parameters: dict[tuple[str, str], int | str | None] = intervals(setup.profile_minutes)
        self.key_pressed = setup.key_pressed
        self._tells_kept = setup.quirks.tells_kept
        self._hooks = hooks
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = count()
        self._reclose: object = None

    # What is to happen at its time.

    def later(self, moment: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), act))
        self._hooks.later(moment, self.catch_up)

    def catch_up(self, now: datetime) -> None:
        """Let happen what was due, each at its own moment."""
        while self._due and self._due[0][0] <= now:
            moment, _, act = heapq.heappop(self._due)
            act(moment)

    # Values and parameters.

    def own(self, now: datetime) -> str:
        """What the clock shows, as records spell it."""
        return self.dial.shown(now).isoformat()

    def energies(self, now: datetime, tail: str = "") -> Record:
        """The six energies of event records, each name with `tail`."""
        return self._values(_SIX, now, tail)

    def parameter(self, item: str, name: str) -> int | str | None:
        """Raises `KeyError` where nothing was written and nothing stands there from the factory."""
        written = self.parameters.get((item, name))
        return COMMON[name] if written is None else written

    def number(self, name: str, item: str) -> int:
        """A parameter that is a number."""
        return int(self.parameter(item, name) or 0)

    def measured(self, names: tuple[str, ...], now: datetime) -> Record:
        """Those of the quantities called `names` that the meter has."""
        return self._values(names, now, "")

    def _values(self, names: tuple[str, ...], now: datetime, tail: str) -> Record:
        digits = self.meter.plate.digits
        known = [BY_NAME[name] for name in names if BY_NAME[name] in digits]
        return {quantity.name + tail: value for quantity, value in self.meter.values(now, known).items()}

    # What people do to it.

    def program(self, item: Item, values: list[Value], operator: str, now: datetime) -> None:
        """Keep what was written, and the record of it."""
        self.journal.write(journal.PROGRAMMING, {"time": self.own(now), "operator": operator, "item_1": _eight(item)})
        kind = _setting(item.code)
        if kind is not None:
            self.journal.write(kind, {"time": self.own(now), "operator": operator, **self._before(item)})
        for value in values:
            self.parameters[value.part.item, value.part.name] = value.text if value.number is None else value.number
        self.profile.obey(self, now)
        self.freezes.obey(self, now)

    def _before(self, item: Item) -> Record:
        """What the parts of `item` held, under the names that records have for them."""
        found: Record = {}
        for part, _ in item.parts:
            held: Content = self.parameters.get((part.item, part.name), COMMON.get(part.name))
            found[f"{part.name}_before"] = held
            found[part.name] = held
            if item.code[:4] in ("0401", "0402"):
                of_set = f"set_{int(item.code[2:4])}_"
                found[f"{of_set}{part.name}"] = held
                found[f"{of_set}table_{int(item.code[6:], 16)}_{part.name}"] = held
        return found

    def set_clock(self, shown: datetime, operator: str, now: datetime) -> None:
        before = self.own(now)
        self.dial.set(now, shown)
        self._write_clock_set(before, operator, now)

    def hear_time(self, announced: datetime, now: datetime) -> bool:
        """A broadcast time; whether it was taken."""
        before = self.own(now)
        if not self.dial.hear(now, announced):
            return False
        self._write_clock_set(before, NO_OPERATOR, now)
        return True

    def _write_clock_set(self, before: str, operator: str, now: datetime) -> None:
        record: Record = {"operator": operator, "clock_before": before, "clock_after": self.own(now)}
        self.journal.write(journal.CLOCK_SET, record)

    def clear_demand(self, operator: str, now: datetime) -> None:
        record: Record = {"time": self.own(now), "operator": operator, **self._values(_DEMANDS, now, "_before")}
        snapshot = self.meter.snapshot(now)
        for name, peak in zip(_DEMANDS, (snapshot.peak_taken, snapshot.peak_given), strict=True):
            if peak.at:
                at = self.meter.local_time(peak.at)
                record[name + "_before_time"] = at.isoformat(timespec="minutes")
        self.journal.write(journal.DEMAND_CLEAR, record)
        self.meter.clear_demand(now)
        self._hooks.changed(self.meter, now)

    def clear_meter(self, operator: str, now: datetime) -> None:
        """Energies, demands, freezes, load records and events."""
        record: Record = {"time": self.own(now), "operator": operator, **self.energies(now, "_before")}
        self.journal.clear()
        self.journal.write(journal.METER_CLEAR, record)
        self.meter.clear(now)
        self.freezes.erase(now)
        self.profile.erase(now)
        self._hooks.changed(self.meter, now)

    def clear_events(self, events: str, operator: str, now: datetime) -> None:
        """`events` as `ClearEvents` has it."""
        self.journal.clear(None if events == "FFFFFFFF" else events[:6])
        self.journal.write(journal.EVENT_CLEAR, {"time": self.own(now), "operator": operator, "item": events})

    # The relay.

    def control(self, order: Control, now: datetime) -> bool:
        """Whether it was accepted; not whether anything moved."""
        command = order.command
        reclose = command in (Command.TRIP_RECLOSE, Command.TRIP_RECLOSE_SILENTLY)
        if not isinstance(command, Command) or self._is_late(order.until, now) or (reclose and not order.n2):
            return False
        if not self.relay.obey(command, order.operator):
            return False
        if command not in (Command.ALARM, Command.ALARM_OFF, Command.PROTECT, Command.UNPROTECT):
            self._reclose = None
        self._switch(now)
        if reclose:
            token = self._reclose = object()
            self.later(now + order.n2 * RECLOSE_STEP, lambda at: self._close_again(token, at))
        return True

    def press(self, now: datetime) -> None:
        """The customer presses the key that closes a relay that may be closed."""
        self.relay.press()
        self._switch(now)

    def press_programming_key(self, pressed: bool, now: datetime) -> None:
        self.key_pressed = pressed
        self._switch(now)

    def stick(self, stuck: bool, now: datetime) -> None:
        """From now on the relay moves no more; freed, it goes where it was told to."""
        self.relay.stuck = stuck
        self._switch(now)

    def _close_again(self, token: object, now: datetime) -> None:
        if self._reclose is token:
            self.relay.obey(Command.CLOSE, self.relay.operator)
            self._switch(now)

    def _is_late(self, until: str, now: datetime) -> bool:
        """No moment at all is late, but for all zeros: no end, as many masters mean it."""
        if "-" not in until:
            return bool(until.strip("0"))
        return self.dial.shown(now) > datetime.fromisoformat(until)

    def _switch(self, now: datetime) -> None:
        relay = self.relay
        moved = relay.moved()
        if moved:
            kind = journal.CLOSE if relay.closed else journal.TRIP
            record: Record = {"start": self.own(now), "operator": relay.operator, **self.energies(now)}
            self.journal.write(kind, record)
        word = relay.word(self.key_pressed, self._tells_kept)
        if moved or word != self.meter.era(now).word_3:
            self.meter.change(now, connected=relay.closed, word_3=word)
            self._hooks.changed(self.meter, now)

    # What befalls it.

    def set_fault(self, bit: int, lasts: bool, now: datetime) -> None:
        """`bit` of `Era.faults`."""
        faults = self.meter.era(now).faults
        self.meter.change(now, faults=faults | bit if lasts else faults & ~bit)
        self._hooks.changed(self.meter, now)

    def lose_power(self, now: datetime, seconds: float | None) -> None:
        """For so long, or for good."""
        record = self.journal.write(journal.POWER_DOWN, {"start": self.own(now)})
        self.meter.change(now, powered=False)
        self._hooks.told(self.meter, "last_gasp", now)
        self._hooks.changed(self.meter, now)
        if seconds is not None:
            self.later(now + timedelta(seconds=seconds), lambda at: self._regain_power(record, at))

    def _regain_power(self, record: Record, now: datetime) -> None:
        record["end"] = self.own(now)
        self.meter.change(now, powered=True)
        self._hooks.told(self.meter, "power_restored", now)
        self._hooks.changed(self.meter, now)

    def open_cover(self, kind: str, now: datetime, seconds: float | None) -> None:
        """`kind` as the journal has it."""
        record = self.journal.write(kind, {"start": self.own(now), **self.energies(now, "_before")})
        if seconds is not None:
            self.later(now + timedelta(seconds=seconds), lambda at: self._shut_cover(record, at))

    def _shut_cover(self, record: Record, now: datetime) -> None:
        record["end"] = self.own(now)
        record |= self.energies(now, "_after")


def _eight(item: Item) -> str:
    """Identifiers of 1997 fill the low half."""
    return item.code.rjust(8, "0")


def _setting(code: str) -> str | None:
    """The kind of record that the 2007 edition has for what is set with `code`."""
    if code[:4] in ("0401", "0402") and len(code) == 8:
        return "033006" if code[6:] == "00" else "033005"
    if code[:4] == "0403":
        return "033008"
    return _SETTINGS.get(code) or _SETTINGS.get(code[:6])


_SETTINGS: Final = {
    "04000802": "033007",
    "04000601": "033009",
    "04000602": "03300A",
    "04000603": "03300B",
    "04000B": "03300C",
}
