"""The areas of a scenario and the customers in them, on buses and in fleets that push."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from simulators.area import PlannedArea, total_meter
from simulators.deeds import Customer, Deed, DeedError, deeds_of
from simulators.load import mixed
from simulators.meter import VirtualMeter
from simulators.plan import PlannedBus
from simulators.push.fleet import fleet_seed
from simulators.push.payloads import address_of
from simulators.push.table import PushTable
from simulators.scenario import Scenario, ScenarioError
from simulators.upsets import moment_of

_LOADED = ("active_power", "current_l1")


def planned_areas(scenario: Scenario, planned: Sequence[PlannedBus]) -> list[PlannedArea]:
    """The total meters take the places of the meters that were planned there. Raises `ScenarioError`."""
    places = {key: (bus, at) for bus in planned for at, m in enumerate(bus.meters) for key in (m.name, m.address)}
    totals = {bus.meters[at] for area in scenario.area if area.total in places for bus, at in (places[area.total],)}
    taken: dict[VirtualMeter, str] = {}
    made = []
    for index, table in enumerate(scenario.area):
        where = f"{scenario.path or 'scenario'}: area[{index}]"
        if table.total not in places:
            raise ScenarioError(f"{where}.total: no meter {table.total!r}")
        bus, at = places[table.total]
        members = [m for name in table.members for m in _members(name, where, planned, totals)]
        for meter in [bus.meters[at], *members]:
            if meter in taken:
                raise ScenarioError(f"{where}: {meter.name} is of {taken[meter]} already")
            taken[meter] = table.name
        area = total_meter(bus.meters[at], table, members)
        _check_ratio(area, where)
        bus.meters[at] = area.total
        made.append(area)
    return made


def _members(name: str, where: str, planned: Sequence[PlannedBus], totals: set[VirtualMeter]) -> Iterable[VirtualMeter]:
    of_bus = [m for bus in planned if name in (bus.name, bus.table.name) for m in bus.meters if m not in totals]
    found = of_bus or [m for bus in planned for m in bus.meters if name in (m.name, m.address)]
    if not found:
        raise ScenarioError(f"{where}.members: no bus or meter {name!r}")
    if totals.intersection(found):
        raise ScenarioError(f"{where}.members: {name!r} is a total meter")
    return found


def _check_ratio(area: PlannedArea, where: str) -> None:
    """Raises `ScenarioError` where the total meter cannot show so much; a tenant may bring twice as much."""
    watts = 2 * area.total.load.taken.most
    for quantity, digits in area.total.plate.digits.items():
        if quantity.name not in _LOADED:
            continue
        try:
            digits.shown(*((watts, 1000) if quantity.name == "active_power" else (watts, 3 * 200)))
        except ValueError:
            raise ScenarioError(
                f"{where}.ratio: {area.table.ratio}, up to {watts} W are more than {area.total.name} can show: "
                "expected the ratio of larger transformers"
            ) from None


class Residents:
    """Everybody who may do something, total meters not."""

    def __init__(
        self, scenario: Scenario, planned: Sequence[PlannedBus], areas: Sequence[PlannedArea],
        start: datetime, hung: Mapping[VirtualMeter, VirtualMeter],
    ) -> None:  # fmt: skip
        self._scenario = scenario
        self._start = start
        self._areas = {member.name: area.table.name for area in areas for member in area.members}
        totals = {area.total for area in areas}
        gone = {m: moment_of(x.at, start) for x, m in zip(scenario.exchange, hung, strict=True)}
        self._buses: dict[str, list[Customer]] = {}
        self._by_key: dict[str, Customer] = {}
        for bus in planned:
            for meter in bus.meters:
                if meter in totals:
                    continue
                who = Customer(
                    meter.name, meter.address, bus.name, meter.seed, meter.phases, bus.table.load, meter,
                    until=gone.get(meter),
                )  # fmt: skip
                self._by_key |= {meter.name: who, meter.address: who} if bus.table.protocol == "dlt645" else {
                    meter.name: who
                }  # fmt: skip
                if not {meter.name, meter.address} & set(bus.table.dead):
                    for key in {bus.name, bus.table.name} - {""}:
                        self._buses.setdefault(key, []).append(who)

    def deeds(self) -> list[Deed]:
        """Raises `ScenarioError`."""
        scenario = self._scenario
        try:
            return deeds_of(
                scenario.theft, scenario.change, self._find, self._among, self._area, self._start, scenario.seed
            )
        except DeedError as error:
            raise ScenarioError(f"{scenario.path or 'scenario'}: {error}") from error

    def _find(self, name: str) -> Customer | None:
        if name in self._by_key:
            return self._by_key[name]
        for place, table in enumerate(self._scenario.push):
            fleet, _, number = name.rpartition("-")
            meter = int(number) - 1 if number.isdecimal() else -1
            if fleet == table.name and 0 <= meter < table.meters and name == table.meter_name(meter):
                return self._pushing(place, table, meter) if table.is_customer(meter) else None
        return None

    def _among(self, name: str) -> Sequence[Customer] | None:
        if name in self._buses:
            return self._buses[name]
        if any(area.name == name for area in self._scenario.area):
            return [who for who in self._unique() if self._areas.get(who.name) == name]
        for place, table in enumerate(self._scenario.push):
            meters: Iterable[int] = ()
            if table.name == name:
                meters = range(table.meters)
            elif name.startswith(f"{table.name}-g"):
                meters = next((table.meters_of(g) for g in range(table.gateways) if table.gateway_name(g) == name), ())
            found = [self._pushing(place, table, meter) for meter in meters if table.is_customer(meter)]
            if found:
                return found
        return None

    def _unique(self) -> list[Customer]:
        return list({who.name: who for group in self._buses.values() for who in group}.values())

    def _area(self, who: Customer) -> str:
        if who.meter is not None:
            return self._areas.get(who.name, "")
        table = next(one for one in self._scenario.push if one.name == who.place)
        return table.gateway_name(who.number // table.per_gateway) if table.totals else ""

    def _pushing(self, place: int, table: PushTable, meter: int) -> Customer:
        seed = mixed(fleet_seed(self._scenario.seed, table.name), meter)
        return Customer(table.meter_name(meter), address_of(place, meter), table.name, seed, 1, number=meter)
