"""All the buses of a scenario, running, and the truth about them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from protocols.modbus.reads import parse_unit
from simulators.ahead import Ahead
from simulators.babble import Babble
from simulators.broker import embedded_broker
from simulators.bus import Bus, Manners, Stations
from simulators.carrier_url import parse_carrier
from simulators.carriers import Carrier, made_carrier
from simulators.collision import Collisions
from simulators.course import Course
from simulators.deeds import write_deeds
from simulators.dlt645 import Dlt645Station, Dlt645Stations, Hooks
from simulators.last_gasp import Teller
from simulators.meter import VirtualMeter
from simulators.modbus import ModbusStation, ModbusStations
from simulators.plan import PlannedBus as PlannedBus
from simulators.plan import plan as plan
from simulators.plan import struck, successors
from simulators.push.fleet import PushFleet, fleet_seed
from simulators.push.values import Values
from simulators.residents import Residents, planned_areas
from simulators.scenario import (
    CLOCK_JUMP,
    EventTable,
    Scenario,
    bus_faults,
    standard_offset_s,
)
from simulators.serve import Clock
from simulators.timeline import Timeline
from simulators.truth import TruthLog
from simulators.upsets import Happenings, moment_of, registers, saving_jumps
from simulators.wire_log import WireLog

EMBEDDED: Final = "mqtt://embedded/"
"""A carrier's broker of this name is one that the fleet runs itself."""
_STARTING: Final = 100
"""Carriers started side by side."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class RunningBus:
    """A bus that can be reached under `url`."""

    plan: PlannedBus
    bus: Bus
    carrier: Carrier

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def url(self) -> str:
        return self.carrier.url

    @property
    def meters(self) -> Sequence[VirtualMeter]:
        return self.plan.meters


class Fleet:
    """An async context manager: inside it all buses can be reached.

    The truth is on disk before any meter shows it: `clock` is the time that the meters are given, and it makes sure.
    """

    def __init__(self, scenario: Scenario, now: Clock = utc_now) -> None:
        """Raises `ScenarioError`."""
        self.scenario = scenario
        self.since = now()
        self.planned = plan(scenario, self.since)
        self.areas = planned_areas(scenario, self.planned)
        self.hung = successors(scenario, self.planned, self.since)
        """The meters that are exchanged, to those that come in their place."""
        for area in self.areas:
            area.joined(self.hung[member] for member in area.members if member in self.hung)
        self.deeds = Residents(scenario, self.planned, self.areas, self.since, self.hung).deeds()
        self._area_of = {member: area for area in self.areas for member in area.members}
        self._area_of |= {self.hung[m]: area for m, area in self._area_of.items() if m in self.hung}
        self._offset_s = standard_offset_s(scenario.timezone, self.since)
        self.buses: tuple[RunningBus, ...] = ()
        self.pushing: tuple[PushFleet, ...] = ()
        self._now = now
        self._ahead: Ahead | None = None
        self._timeline = Timeline()
        self._stack = AsyncExitStack()
        self._happenings: Happenings | None = None

    @property
    def meters(self) -> list[VirtualMeter]:
        return [meter for bus in self.planned for meter in bus.meters]

    def station(self, name: str) -> Dlt645Station:
        """The DL/T 645 meter of that name; the fleet must be running. Raises `KeyError`."""
        for bus in self.buses:
            if isinstance(bus.bus.stations, Dlt645Stations):
                for meter in bus.meters:
                    if meter.name == name:
                        return bus.bus.stations.station(meter)
        raise KeyError(f"no DL/T 645 meter is called {name}")

    def unit(self, name: str) -> ModbusStation:
        """The Modbus meter of that name; the fleet must be running. Raises `KeyError`."""
        for bus in self.buses:
            if isinstance(bus.bus.stations, ModbusStations):
                for meter in bus.meters:
                    if meter.name == name:
                        return bus.bus.stations.station(parse_unit(meter.address))
        raise KeyError(f"no Modbus meter is called {name}")

    def happen(self, name: str, kind: str, seconds: float | None = None) -> None:
        """Let something befall a meter now. Raises `KeyError`, or `ValueError` for an unknown kind."""
        self.station(name).happen(kind, self.clock(), seconds)

    def values_of(self, name: str) -> Values:
        """What the meters of the pushing fleet of that name have at any moment. Raises `KeyError`."""
        for table in self.scenario.push:
            if table.name == name:
                deeds = [deed for deed in self.deeds if deed.customer.place == name]
                return Values(table, fleet_seed(self.scenario.seed, name), self._offset_s, deeds)
        raise KeyError(f"no fleet that pushes is called {name}")

    async def pushed(self) -> None:
        """Returns when all fleets that push so many slots have done so; never where one pushes for ever."""
        for push in self.pushing:
            await push.done.wait()

    def clock(self) -> datetime:
        now = self._now()
        self._timeline.catch_up(now)
        if self._ahead is not None:
            self._ahead.ensure(now)
        return now

    async def __aenter__(self) -> Fleet:
        """Raises `LinkUnreachable` for a port, terminal or broker that cannot be had, `OSError` for the truth file."""
        try:
            if self.scenario.events_path is not None:
                self._happenings = Happenings(self.scenario.events_path)
                self._stack.callback(self._happenings.close)
            if self.scenario.conduct_path is not None:
                write_deeds(self.deeds, self.scenario.conduct_path)
            broker = await self._make_buses()
            deeds = Course(self.deeds, self._offset_s, self.since, self._dlt645(), self._changed, self._tell)
            deeds.follow(self._timeline)
            self._write_truth()
            await self._open_all()
            self._push(broker)
            self._plan_events()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _write_truth(self) -> None:
        path = self.scenario.truth_path
        if path is None:
            return
        log = TruthLog(path)
        self._stack.callback(log.close)
        self._ahead = Ahead(log, [*self.meters, *self.hung.values()], self.since)
        self.clock()
        self._stack.push_async_callback(_stopped, asyncio.get_running_loop().create_task(self._ahead.run(self._now)))

    async def _make_buses(self) -> str:
        """Nobody reaches them yet. Returns the URL of the fleet's own broker."""
        broker = ""
        urls = [url for bus in self.planned for url in (bus.table.carrier, bus.table.tell)]
        if any(f"{url}/".startswith(EMBEDDED) for url in (*urls, *(table.broker for table in self.scenario.push))):
            broker = await self._stack.enter_async_context(embedded_broker())
        log = self._wire_log()
        running: list[RunningBus] = []
        for planned in self.planned:
            text = planned.table.carrier.replace("{bus}", planned.name)
            if text.startswith(EMBEDDED):
                text = f"{broker}/{text.removeprefix(EMBEDDED)}"
            tell = planned.table.tell
            if tell.startswith(EMBEDDED):
                tell = f"{broker}/{tell.removeprefix(EMBEDDED)}"
            bus = Bus(self._stations(planned, tell), _manners(planned), planned.name, log)
            running.append(RunningBus(planned, bus, made_carrier(parse_carrier(text), bus, self.clock)))
        self.buses = tuple(running)
        return broker

    async def _open_all(self) -> None:
        for start in range(0, len(self.buses), _STARTING):
            together = self.buses[start : start + _STARTING]
            for made in together:
                self._stack.push_async_callback(made.carrier.close)
            results = await asyncio.gather(*(made.carrier.start() for made in together), return_exceptions=True)
            for result in results:
                if result is not None:
                    raise result

    def _push(self, broker: str) -> None:
        running = []
        for number, table in enumerate(self.scenario.push):
            fleet = PushFleet(
                self.values_of(table.name),
                self._now,
                number=number,
                broker=broker if f"{table.broker}/" == EMBEDDED else "",
                folder=Path(self.scenario.path).parent,
            )
            self._stack.callback(fleet.close)
            self._stack.push_async_callback(_stopped, asyncio.get_running_loop().create_task(fleet.run()))
            running.append(fleet)
        self.pushing = tuple(running)

    def _wire_log(self) -> WireLog | None:
        path = self.scenario.wire_log_path
        if path is None:
            return None
        log = WireLog(path)
        self._stack.callback(log.close)
        return log

    def _stations(self, planned: PlannedBus, tell: str) -> Stations:
        if planned.table.protocol == "dlt645":
            hooks = Hooks(self._changed, self._timeline.add)
            if tell:
                teller = Teller(tell, planned.name)
                hooks = replace(hooks, told=teller.tell)
                task = asyncio.get_running_loop().create_task(teller.run())
                self._stack.push_async_callback(_stopped, task)
            return Dlt645Stations(self._living(planned), planned.table.setup(), hooks)
        return ModbusStations(self._living(planned), planned.table.framing, changed=self._changed)

    def _living(self, planned: PlannedBus) -> list[VirtualMeter]:
        """Whoever may ever answer."""
        living = [meter for meter in planned.meters if not is_dead(planned, meter)]
        return living + [self.hung[meter] for meter in planned.meters if meter in self.hung]

    def _changed(self, meter: VirtualMeter, moment: datetime) -> None:
        area = self._area_of.get(meter)
        if area is not None:
            area.changed()
        if self._ahead is not None:
            self._ahead.revise(meter, moment)
            if area is not None:
                self._ahead.revise(area.total, moment)

    def _dlt645(self) -> dict[VirtualMeter, Dlt645Station]:
        """Of the meters to which somebody does something."""
        acting = {deed.customer.meter for deed in self.deeds}
        return {
            meter: bus.bus.stations.station(meter)
            for bus in self.buses
            if isinstance(bus.bus.stations, Dlt645Stations)
            for meter in bus.meters
            if meter in acting and not is_dead(bus.plan, meter)
        }

    def _plan_events(self) -> None:
        """The scenario's events; those of one moment as they stand in the file."""
        for bus in self.buses:
            for event in bus.plan.table.event:
                assert isinstance(bus.bus.stations, Dlt645Stations)
                for meter in struck(event, bus.meters):
                    act = self._befalling(bus.bus.stations, meter, event)
                    self._timeline.add(event.moment(self.since), act)
        self._plan_upsets()
        self._stack.push_async_callback(
            _stopped, asyncio.get_running_loop().create_task(self._timeline.run(self.clock))
        )

    def _plan_upsets(self) -> None:
        """Outages, exchanges, summer time; and what is so from the start is told."""
        scenario = self.scenario
        for bus in self.buses:
            table = bus.plan.table
            for meter in bus.meters:
                if is_dead(bus.plan, meter):
                    self._tell(self.since, "dead", meter=meter.name, bus=bus.name)
                    continue
                for outage in scenario.outage:
                    if outage.strikes(bus.name, table.name, meter):
                        self._timeline.add(moment_of(outage.at, self.since), self._outage(bus, meter, outage.seconds))
                if table.daylight_saving:
                    for at, by in saving_jumps(scenario.timezone, self.since):
                        self._timeline.add(at, self._clock_jump(bus.bus.stations, meter, by))
            if table.babble:
                self._tell(self.since, "babble", bus=bus.name, share=table.babble)
        for exchange, (old, new) in zip(scenario.exchange, self.hung.items(), strict=True):
            self._timeline.add(moment_of(exchange.at, self.since), self._exchange(old, new))

    def _befalling(self, stations: Stations, meter: VirtualMeter, event: EventTable) -> Callable[[datetime], None]:
        assert isinstance(stations, Dlt645Stations)
        if event.kind == CLOCK_JUMP:
            return self._clock_jump(stations, meter, timedelta(seconds=event.by_s))

        def act(at: datetime) -> None:
            stations.station(meter).happen(event.kind, at, event.seconds)
            self._tell(at, event.kind, meter=meter.name, seconds=event.seconds)

        return act

    def _clock_jump(self, stations: Stations, meter: VirtualMeter, by: timedelta) -> Callable[[datetime], None]:
        assert isinstance(stations, Dlt645Stations)

        def act(at: datetime) -> None:
            _jump(stations.station(meter), at, by)
            self._tell(at, CLOCK_JUMP, meter=meter.name, by_s=by.total_seconds())

        return act

    def _outage(self, bus: RunningBus, meter: VirtualMeter, seconds: float) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            stations = bus.bus.stations
            self._tell(at, "outage", meter=meter.name, bus=bus.name, seconds=seconds)
            if isinstance(stations, Dlt645Stations):
                stations.station(meter).happen("power_down", at, seconds)
            else:
                self._supply(meter, at, powered=False)
            self._timeline.add(at + timedelta(seconds=seconds), back)

        def back(at: datetime) -> None:
            if not isinstance(bus.bus.stations, Dlt645Stations):
                self._supply(meter, at, powered=True)
            self._tell(at, "restored", meter=meter.name, bus=bus.name)

        return act

    def _exchange(self, old: VirtualMeter, new: VirtualMeter) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            final = registers(old, at)
            self._supply(old, at, powered=False)
            new.clear(at)
            self._supply(new, at, powered=True)
            told = {"meter": old.name, "new": new.name, "address": new.address}
            self._tell(at, "exchange", **told, final=final, initial=registers(new, at))

        return act

    def _supply(self, meter: VirtualMeter, at: datetime, *, powered: bool) -> None:
        meter.change(at, powered=powered)
        self._changed(meter, at)

    def _tell(self, at: datetime, event: str, **told: Any) -> None:
        if self._happenings is not None:
            self._happenings.write(at, event, **told)


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _jump(station: Dlt645Station, at: datetime, by: timedelta) -> None:
    dial = station.memory(at).dial
    dial.set(at, dial.stretches[-1].own(at) + by)


def is_dead(planned: PlannedBus, meter: VirtualMeter) -> bool:
    """Whether it never answers."""
    return bool({meter.name, meter.address} & set(planned.table.dead))


def _manners(planned: PlannedBus) -> Manners:
    table = planned.table
    babble = Babble(zlib.crc32(planned.name.encode()), table.babble, table.babble_s)
    collisions = Collisions(capture=table.capture)
    return Manners(table.turnaround_s, table.gap_s, table.baud, bus_faults(table), collisions, babble)
