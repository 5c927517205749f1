"""The meters of a scenario, bus by bus, before anything is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from protocols.dlt645 import address as addresses
from protocols.dlt645.model import Dlt645Model
from protocols.errors import ModelError
from protocols.models import load as load_model
from simulators.digits import Nameplate
from simulators.dlt645.relay import PROGRAMMING_PERMITTED
from simulators.load import draw_load, mixed
from simulators.meter import VirtualMeter, draw_start
from simulators.scenario import MODELS, BusTable, EventTable, Scenario, ScenarioError, bus_names, standard_offset_s
from simulators.upsets import successor


@dataclass(frozen=True, slots=True, eq=False)
class PlannedBus:
    """One line of the scenario with its meters, before anything is opened."""

    name: str
    table: BusTable
    meters: list[VirtualMeter]

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
        of_table = [meter for bus in planned[-table.repeat :] for meter in bus.meters]
        for number, event in enumerate(table.event):
            if not struck(event, of_table):
                raise ScenarioError(f"{where}.event[{number}].meter: {event.meter!r} is not on the bus")
        for dead in table.dead:
            if not any(dead in (meter.name, meter.address) for meter in of_table):
                raise ScenarioError(f"{where}.dead: {dead!r} is not on the bus")
    taken: dict[str, str] = {}
    for bus in planned:
        for meter in bus.meters if bus.table.protocol == "dlt645" else ():
            if meter.address in taken:
                other, where = taken[meter.address], scenario.path or "scenario"
                raise ScenarioError(f"{where}: bus {bus.name}: address {meter.address} is that of {other} already")
            taken[meter.address] = meter.name
    _check_outages(scenario, planned)
    return planned


def _check_outages(scenario: Scenario, planned: Sequence[PlannedBus]) -> None:
    buses = {name for bus in planned for name in (bus.name, bus.table.name)}
    meters = {name for bus in planned for meter in bus.meters for name in (meter.name, meter.address)}
    for number, outage in enumerate(scenario.outage):
        for key, names, known in (("bus", outage.bus, buses), ("meter", outage.meter, meters)):
            for name in names:
                if name not in known:
                    raise ScenarioError(f"{scenario.path or 'scenario'}: outage[{number}].{key}: no {key} {name!r}")


def successors(scenario: Scenario, planned: Sequence[PlannedBus], now: datetime) -> dict[VirtualMeter, VirtualMeter]:
    """The meters that are hung later, by those in whose place. Raises `ScenarioError`."""
    found: dict[VirtualMeter, VirtualMeter] = {}
    for number, exchange in enumerate(scenario.exchange):
        where = f"{scenario.path or 'scenario'}: exchange[{number}]"
        places = [(bus, m) for bus in planned for m in bus.meters if exchange.meter in (m.name, m.address)]
        if len(places) != 1:
            raise ScenarioError(f"{where}.meter: {exchange.meter!r} is {'no' if not places else 'more than one'} meter")
        ((bus, old),) = places
        try:
            address = old.plate.model.check_address(exchange.address)
        except ModelError as error:
            raise ScenarioError(f"{where}.address: {error}") from error
        others = [*bus.meters, *found.values()] if bus.table.protocol == "modbus" else [
            meter for other in planned if other.table.protocol == "dlt645" for meter in other.meters
        ] + list(found.values())  # fmt: skip
        if address in {meter.address for meter in others}:
            raise ScenarioError(f"{where}.address: {address} is another meter's")
        found[old] = successor(old, address, now)
    return found


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


def struck(event: EventTable, meters: Sequence[VirtualMeter]) -> list[VirtualMeter]:
    """Whom it befalls."""
    return [meter for meter in meters if event.meter in ("", meter.name, meter.address)]
