"""A fleet of meters as a TOML file. An error names the file, the key and what was expected.

seed = 7                               # the same seed, the same values at the same moments
tick_s = 10                            # how often the meters refresh their registers
truth = "truth.csv"                    # relative to this file; none where it is left out
timezone = "Asia/Shanghai"

[[bus]]
name = "east"
protocol = "dlt645"                    # or modbus, then with framing = "rtu" or "tcp"
carrier = "tcp://127.0.0.1:0"          # see simulators.carrier_url; {bus} stands for the bus's name
meters = 8                             # or addresses = ["000000000001", ...]
repeat = 1                             # that many buses alike: east-1, east-2, ...
faults = "noise:0.05,late:0.02,late_s:0.3-0.8"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from protocols.errors import ModelError
from protocols.links.faults import Faults
from simulators.carrier_url import parse_carrier
from simulators.dlt645 import Quirks

MODELS: Final = {"dlt645": "dlt645_2007", "modbus": "eastron_sdm630"}
"""The meter model where a bus names none."""
_LOADS: Final = ("", "home", "shop", "works", "roof")
_MOST_UNITS: Final = 247


class ScenarioError(Exception):
    """A scenario is written wrongly: file, key, what was expected."""


class QuirksTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """See `simulators.dlt645.Quirks`."""

    fe: int = 4
    most_data: int = 200
    answers_as_wildcard: bool = False
    unavailable: Literal["refuse", "empty", "ff"] = "refuse"


class BusTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Meters on one line. `load` is one of home, shop, works, roof, or empty for a mixture; `clock_spread_s`: how wrong
    the meters' clocks may be, either way; `tick_s` 0: the scenario's."""

    protocol: Literal["dlt645", "modbus"]
    carrier: str
    name: str = ""
    repeat: int = 1
    framing: Literal["rtu", "tcp"] = "rtu"
    model: str = ""
    meters: int = 0
    addresses: list[str] = []
    phases: Literal[1, 3] = 3
    load: str = ""
    tick_s: int = 0
    clock_spread_s: int = 0
    turnaround_s: float = 0.02
    gap_s: float = 0.5
    baud: int = 0
    faults: str = ""
    quirks: QuirksTable = QuirksTable()


class Scenario(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file. `path` is where it was read from."""

    bus: list[BusTable]
    seed: int = 1
    tick_s: int = 10
    truth: str = ""
    timezone: str = "Asia/Shanghai"
    path: str = ""

    @property
    def truth_path(self) -> Path | None:
        return Path(self.path).parent / self.truth if self.truth else None


def load(path: str) -> Scenario:
    """Read and check `path`. Raises `ScenarioError`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ScenarioError(f"{path}: {reason}") from error
    return parse(text, path)


def parse(text: str, path: str) -> Scenario:
    """Check the text of a scenario. Raises `ScenarioError`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from error
    if "path" in tables:
        raise ScenarioError(f"{path}: unknown key path")
    try:
        scenario = msgspec.convert({**tables, "path": path}, Scenario)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$").removeprefix(".")
        raise ScenarioError(f"{path}: {key}: {what}" if key else f"{path}: {what}") from error
    return check(scenario)


def check(scenario: Scenario) -> Scenario:
    """The same, if what types cannot say holds too. Raises `ScenarioError`."""
    for key, problem in _problems(scenario):
        raise ScenarioError(f"{scenario.path or 'scenario'}: {key}: {problem}")
    return scenario


def _problems(scenario: Scenario) -> Iterator[tuple[str, str]]:
    try:
        ZoneInfo(scenario.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield "timezone", f"{scenario.timezone!r} is no time zone, expected a name such as Asia/Shanghai"
    if scenario.tick_s < 1:
        yield "tick_s", f"{scenario.tick_s}, expected whole seconds from 1"
    if not scenario.bus:
        yield "bus", "expected at least one [[bus]]"
    names: set[str] = set()
    for index, bus in enumerate(scenario.bus):
        for key, problem in _bus_problems(bus):
            yield f"bus[{index}].{key}", problem
        for name in bus_names(bus, index):
            if name in names:
                yield f"bus[{index}].name", f"{name!r} stands twice"
            names.add(name)


def _bus_problems(bus: BusTable) -> Iterator[tuple[str, str]]:
    if bus.repeat < 1:
        yield "repeat", f"{bus.repeat}, expected at least 1"
    if bool(bus.meters) == bool(bus.addresses) or bus.meters < 0:
        yield "meters", "expected either meters (how many, from 1) or addresses"
    if bus.protocol == "modbus" and bus.meters > _MOST_UNITS:
        yield "meters", f"{bus.meters}, expected at most {_MOST_UNITS} on a Modbus line"
    if len(set(bus.addresses)) < len(bus.addresses):
        yield "addresses", "one stands twice"
    if bus.addresses and bus.repeat > 1 and bus.protocol == "dlt645":
        yield "addresses", "the same on several buses; expected meters = N, or repeat = 1"
    if bus.load not in _LOADS:
        yield "load", f"{bus.load!r}, expected one of {', '.join(filter(None, _LOADS))}"
    if bus.tick_s < 0 or bus.clock_spread_s < 0:
        yield "tick_s", "tick_s and clock_spread_s are at least 0"
    if bus.turnaround_s < 0 or bus.gap_s <= 0 or bus.baud < 0:
        yield "turnaround_s", "turnaround_s and baud are at least 0, gap_s is above 0"
    if bus.protocol == "modbus" and bus.quirks != QuirksTable():
        yield "quirks", "are those of DL/T 645 meters"
    if bus.protocol == "modbus" and bus.phases != 3:
        yield "phases", "a Modbus meter has those of its model"
    if bus.protocol == "dlt645" and bus.framing != "rtu":
        yield "framing", "is a matter of Modbus"
    if bus.repeat > 1 and bus.carrier.partition("://")[0] in ("dial", "mqtt", "mqtts") and "{bus}" not in bus.carrier:
        yield "carrier", "the same for several buses; expected {bus} in it, which stands for the bus's name"
    try:
        parse_carrier(bus.carrier.replace("{bus}", "bus"))
    except ModelError as error:
        yield "carrier", str(error)
    try:
        if parsed := bus_faults(bus):
            yield from _fault_problems(bus, parsed)
    except ValueError as error:
        yield "faults", str(error)
    try:
        bus_quirks(bus)
    except ValueError as error:
        yield "quirks", str(error)


def _fault_problems(bus: BusTable, faults: Faults) -> Iterator[tuple[str, str]]:
    if bus.framing == "tcp" and (faults.corrupt or faults.noise or faults.cut or faults.half):
        yield "faults", "Modbus TCP has no check sum: expected no corrupt, noise, cut and half"


def bus_names(bus: BusTable, index: int) -> list[str]:
    """One name a repetition."""
    name = bus.name or f"bus-{index + 1}"
    return [name] if bus.repeat == 1 else [f"{name}-{number}" for number in range(1, bus.repeat + 1)]


def bus_faults(bus: BusTable) -> Faults | None:
    """Raises `ValueError`."""
    return Faults.parse(bus.faults) if bus.faults else None


def bus_quirks(bus: BusTable) -> Quirks:
    """Raises `ValueError`."""
    table = bus.quirks
    return Quirks(table.fe, table.most_data, table.answers_as_wildcard, table.unavailable)


def standard_offset_s(timezone: str, at: datetime) -> int:
    """Seconds that the zone's standard time is ahead of UTC: meters know no daylight saving."""
    local = at.astimezone(ZoneInfo(timezone))
    offset, saving = local.utcoffset(), local.dst()
    assert offset is not None
    return int((offset - saving).total_seconds() if saving else offset.total_seconds())
