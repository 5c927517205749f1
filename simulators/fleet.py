"""All the buses of a scenario, running, and the truth about them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.model import Dlt645Model
from protocols.errors import ModelError
from protocols.models import load as load_model
from simulators.ahead import Ahead
from simulators.broker import embedded_broker
from simulators.bus import Bus, Manners, Stations
from simulators.carrier_url import parse_carrier
from simulators.carriers import Carrier, made_carrier
from simulators.digits import Nameplate
from simulators.dlt645 import Dlt645Station, Dlt645Stations, Hooks
from simulators.dlt645.relay import PROGRAMMING_PERMITTED
from simulators.load import draw_load, mixed
from simulators.meter import VirtualMeter, draw_start
from simulators.modbus import ModbusStations
from simulators.scenario import (
    MODELS,
    BusTable,
    EventTable,
    Scenario,
    ScenarioError,
    bus_faults,
    bus_names,
    standard_offset_s,
)
from simulators.serve import Clock
from simulators.timeline import Timeline
from simulators.truth import TruthLog
from simulators.wire_log import WireLog

EMBEDDED: Final = "mqtt://embedded/"
"""A carrier's broker of this name is one that the fleet runs itself."""
_STARTING: Final = 100
"""Carriers started side by side."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class PlannedBus:
    """One line of the scenario with its meters, before anything is opened."""

    name: str
    table: BusTable
    meters: Sequence[VirtualMeter]

    @property
    def framing(self) -> str:
        return self.table.framing if self.table.protocol == "modbus" else ""


def plan(scenario: Scenario, now: datetime) -> list[PlannedBus]:
    """All meters of the scenario. Raises `ScenarioError` naming the key whose model or address is none."""
    offset_s = standard_offset_s(scenario.timezone, now)
    plates: dict[str, Nameplate] = {}
    planned: list[PlannedBus] = []
    for index, table in enumerate(scenario.bus):
        where = f"{scenario.path or 'scenario'}: bus[{index}]"
        for name in bus_names(table, index):
            meters = _meters(table, name, len(planned), scenario, _plate(table, where, plates), offset_s, now, where)
            planned.append(PlannedBus(name, table, meters))
    taken: dict[str, str] = {}
    for bus in planned:
        for meter in bus.meters if bus.table.protocol == "dlt645" else ():
            if meter.address in taken:
                other, where = taken[meter.address], scenario.path or "scenario"
                raise ScenarioError(f"{where}: bus {bus.name}: address {meter.address} is that of {other} already")
            taken[meter.address] = meter.name
    return planned


def _plate(table: BusTable, where: str, plates: dict[str, Nameplate]) -> Nameplate:
    wanted = table.model or MODELS[table.protocol, table.edition]
    if wanted not in plates:
        try:
            plates[wanted] = Nameplate.of(load_model(wanted))
        except (ModelError, ValueError) as error:
            raise ScenarioError(f"{where}.model: {error}") from error
    spoken = plates[wanted].model.head.protocol
    if spoken != table.protocol:
        raise ScenarioError(f"{where}.model: {wanted} speaks {spoken}, expected a model of {table.protocol}")
    model = plates[wanted].model
    if table.edition and isinstance(model, Dlt645Model) and model.edition != table.edition:
        raise ScenarioError(f"{where}.model: {wanted} is of the {model.edition} edition, not {table.edition}")
    return plates[wanted]


def _meters(
    table: BusTable,
    bus: str,
    number: int,
    scenario: Scenario,
    plate: Nameplate,
    offset_s: int,
    now: datetime,
    where: str,
) -> list[VirtualMeter]:
    given = table.addresses or _addresses(table, number)
    meters = []
    for index, text in enumerate(given, 1):
        try:
            address = plate.model.check_address(text)
        except ModelError as error:
            raise ScenarioError(f"{where}.addresses: {error}") from error
        if address in (addresses.BROADCAST, addresses.WILDCARD, "0") or ("A" in address and not _pads(plate)):
            raise ScenarioError(f"{where}.addresses: {text!r} is no single meter's address")
        name = f"{bus}-{index:03d}"
        seed = int.from_bytes(hashlib.blake2b(f"{scenario.seed}/{name}".encode(), digest_size=8).digest(), "big")
        spread = table.clock_spread_s
        meters.append(
            VirtualMeter(
                name,
                address,
                plate,
                draw_load(seed, table.load),
                draw_start(seed),
                seed,
                table.phases,
                table.tick_s or scenario.tick_s,
                mixed(seed, 9) % (2 * spread + 1) - spread,
                offset_s,
                mixed(seed, 10) % (2 * table.clock_drift_ppm + 1) - table.clock_drift_ppm,
                now,
                PROGRAMMING_PERMITTED * table.programming,
            )
        )
    return meters


def _pads(plate: Nameplate) -> bool:
    """Whether such meters fill a short address up with AA."""
    return isinstance(plate.model, Dlt645Model) and plate.model.edition == "1997"


def _addresses(table: BusTable, number: int) -> list[str]:
    """Of our own making: units from 1, or twelve digits of which no two meters of a scenario have the same."""
    if table.protocol == "modbus":
        return [str(unit) for unit in range(1, table.meters + 1)]
    return [f"26{number + 1:05d}{index:05d}" for index in range(1, table.meters + 1)]


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
        self.buses: tuple[RunningBus, ...] = ()
        self._now = now
        self._ahead: Ahead | None = None
        self._timeline = Timeline()
        self._stack = AsyncExitStack()

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

    def happen(self, name: str, kind: str, seconds: float | None = None) -> None:
        """Let something befall a meter now. Raises `KeyError`, or `ValueError` for an unknown kind."""
        self.station(name).happen(kind, self.clock(), seconds)

    def clock(self) -> datetime:
        now = self._now()
        self._timeline.catch_up(now)
        if self._ahead is not None:
            self._ahead.ensure(now)
        return now

    async def __aenter__(self) -> Fleet:
        """Raises `LinkUnreachable` for a port, terminal or broker that cannot be had, `OSError` for the truth file."""
        try:
            self._write_truth()
            await self._open_all()
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
        self._ahead = Ahead(log, self.meters, self.since)
        self.clock()
        self._stack.push_async_callback(_stopped, asyncio.get_running_loop().create_task(self._ahead.run(self._now)))

    async def _open_all(self) -> None:
        broker = ""
        if any(bus.table.carrier.startswith(EMBEDDED) for bus in self.planned):
            broker = await self._stack.enter_async_context(embedded_broker())
        log = self._wire_log()
        running: list[RunningBus] = []
        for planned in self.planned:
            text = planned.table.carrier.replace("{bus}", planned.name)
            if text.startswith(EMBEDDED):
                text = f"{broker}/{text.removeprefix(EMBEDDED)}"
            bus = Bus(self._stations(planned), _manners(planned.table), planned.name, log)
            running.append(RunningBus(planned, bus, made_carrier(parse_carrier(text), bus, self.clock)))
        for start in range(0, len(running), _STARTING):
            together = running[start : start + _STARTING]
            for made in together:
                self._stack.push_async_callback(made.carrier.close)
            results = await asyncio.gather(*(made.carrier.start() for made in together), return_exceptions=True)
            for result in results:
                if result is not None:
                    raise result
        self.buses = tuple(running)

    def _wire_log(self) -> WireLog | None:
        path = self.scenario.wire_log_path
        if path is None:
            return None
        log = WireLog(path)
        self._stack.callback(log.close)
        return log

    def _stations(self, planned: PlannedBus) -> Stations:
        if planned.table.protocol == "dlt645":
            return Dlt645Stations(planned.meters, planned.table.setup(), Hooks(self._changed, self._timeline.add))
        return ModbusStations(planned.meters, planned.table.framing)

    def _changed(self, meter: VirtualMeter, moment: datetime) -> None:
        if self._ahead is not None:
            self._ahead.revise(meter, moment)

    def _plan_events(self) -> None:
        """The scenario's events; those of one moment as they stand in the file. Raises `ScenarioError`."""
        for bus in self.buses:
            for event in bus.plan.table.event:
                struck = [meter for meter in bus.meters if event.meter in ("", meter.name, meter.address)]
                if not struck and bus.plan.table.repeat == 1:
                    path = self.scenario.path or "scenario"
                    raise ScenarioError(f"{path}: bus {bus.name}: event.meter: {event.meter!r} is not on it")
                assert isinstance(bus.bus.stations, Dlt645Stations)
                for meter in struck:
                    self._timeline.add(event.moment(self.since), _befalling(bus.bus.stations, meter, event))
        self._stack.push_async_callback(
            _stopped, asyncio.get_running_loop().create_task(self._timeline.run(self.clock))
        )


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _befalling(stations: Dlt645Stations, meter: VirtualMeter, event: EventTable) -> Callable[[datetime], None]:
    return lambda at: stations.station(meter).happen(event.kind, at, event.seconds)


def _manners(table: BusTable) -> Manners:
    return Manners(table.turnaround_s, table.gap_s, table.baud, bus_faults(table))
