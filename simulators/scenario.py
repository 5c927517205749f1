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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from protocols.errors import ModelError
from protocols.links.faults import Faults
from simulators.babble import Babble
from simulators.carrier_url import parse_carrier
from simulators.customers import AreaTable, ChangeTable, TheftTable, customer_problems
from simulators.dlt645 import Quirks, Setup
from simulators.dlt645.befall import KINDS
from simulators.dlt645.setup import PROFILE_MINUTES, PROFILE_RECORDS
from simulators.last_gasp import Teller
from simulators.push.table import PushTable, push_problems
from simulators.upsets import ExchangeTable, OutageTable, upset_problems

MODELS: Final = {
    ("dlt645", ""): "dlt645_2007",
    ("dlt645", "2007"): "dlt645_2007",
    ("dlt645", "1997"): "dlt645_1997",
    ("modbus", ""): "eastron_sdm630",
}
"""The meter model where a bus names none, by protocol and edition."""
CLOCK_JUMP: Final = "clock_jump"
_LOADS: Final = ("", "home", "shop", "works", "roof")
_MOST_UNITS: Final = 247


class ScenarioError(Exception):
    """A scenario is written wrongly: file, key, what was expected."""


class QuirksTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """See `simulators.dlt645.Quirks`."""

    fe: int = 4
    most_data: int = 200
    answers_as_wildcard: bool = False
    ignores_wildcard: bool = False
    unavailable: Literal["refuse", "empty", "ff", "silence"] = "refuse"
    refuses_instead_of_silence: bool = False
    most_baud: int = 19200
    tells_kept: bool = True
    late: float = 0.0
    late_s: float = 1.0
    neighbour: float = 0.0
    doubled: float = 0.0


class EventTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something that befalls meters: `at` is a moment with its offset, or seconds after the start; `seconds`: for so
    long, for good where it is left out; `meter`: its name or address, all meters of the bus where it is left out;
    `by_s`: how far a clock jumps."""

    at: float | datetime
    kind: str
    seconds: float | None = None
    meter: str = ""
    by_s: float = 0.0

    def moment(self, start: datetime) -> datetime:
        """When, if the fleet starts at `start`."""
        return self.at.astimezone(UTC) if isinstance(self.at, datetime) else start + timedelta(seconds=self.at)


class BusTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Meters on one line. `load` is one of home, shop, works, roof, or empty for a mixture; `clock_spread_s`: how wrong
    the meters' clocks may be, either way; `clock_drift_ppm`: how wrong they become, either way; `passwords`: six hex
    digits by level; `programming`: the programming key is pressed; `tick_s` 0: the scenario's; `tell`:
    where meters push what happens to their supply, ``mqtt://host:port/topic``."""

    protocol: Literal["dlt645", "modbus"]
    carrier: str
    name: str = ""
    repeat: int = 1
    framing: Literal["rtu", "tcp"] = "rtu"
    edition: Literal["", "2007", "1997"] = ""
    model: str = ""
    meters: int = 0
    addresses: list[str] = []
    phases: Literal[1, 3] = 3
    load: str = ""
    tick_s: int = 0
    clock_spread_s: int = 0
    clock_drift_ppm: int = 0
    passwords: dict[str, str] = {}
    programming: bool = False
    profile_records: int = PROFILE_RECORDS
    profile_minutes: int = PROFILE_MINUTES
    turnaround_s: float = 0.02
    gap_s: float = 0.5
    baud: int = 0
    faults: str = ""
    capture: float = 0.0
    babble: float = 0.0
    babble_s: float = 1.0
    dead: list[str] = []
    daylight_saving: bool = False
    quirks: QuirksTable = QuirksTable()
    event: list[EventTable] = []
    tell: str = ""

    def setup(self) -> Setup:
        """What its DL/T 645 meters begin with. Raises `ValueError`."""
        passwords = {_level(level): _password(text) for level, text in self.passwords.items()}
        quirks = Quirks(**msgspec.structs.asdict(self.quirks))
        return Setup(quirks, passwords, self.programming, self.profile_records, self.profile_minutes)


class Scenario(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file. `path` is where it was read from."""

    bus: list[BusTable] = []
    push: list[PushTable] = []
    outage: list[OutageTable] = []
    exchange: list[ExchangeTable] = []
    area: list[AreaTable] = []
    theft: list[TheftTable] = []
    change: list[ChangeTable] = []
    seed: int = 1
    tick_s: int = 10
    truth: str = ""
    wire_log: str = ""
    events: str = ""
    conduct: str = ""
    hung: datetime | None = None
    timezone: str = "Asia/Shanghai"
    path: str = ""

    @property
    def truth_path(self) -> Path | None:
        return Path(self.path).parent / self.truth if self.truth else None

    @property
    def events_path(self) -> Path | None:
        return Path(self.path).parent / self.events if self.events else None

    @property
    def conduct_path(self) -> Path | None:
        return Path(self.path).parent / self.conduct if self.conduct else None

    @property
    def wire_log_path(self) -> Path | None:
        return Path(self.path).parent / self.wire_log if self.wire_log else None


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
    if scenario.hung is not None and scenario.hung.tzinfo is None:
        yield "hung", "expected a moment with its offset"
    if not (scenario.bus or scenario.push):
        yield "bus", "expected at least one [[bus]] or [[push]]"
    names: set[str] = set()
    for index, bus in enumerate(scenario.bus):
        for key, problem in _bus_problems(bus):
            yield f"bus[{index}].{key}", problem
        for name in bus_names(bus, index):
            if name in names:
                yield f"bus[{index}].name", f"{name!r} stands twice"
            names.add(name)
    yield from upset_problems(scenario.outage, scenario.exchange)
    yield from customer_problems(scenario.theft, scenario.change, scenario.area)
    for index, table in enumerate(scenario.push):
        for key, problem in push_problems(table):
            yield f"push[{index}].{key}", problem
        if table.name in names:
            yield f"push[{index}].name", f"{table.name!r} stands twice"
        names.add(table.name)


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
    if bus.tick_s < 0 or bus.clock_spread_s < 0 or bus.clock_drift_ppm < 0:
        yield "tick_s", "tick_s, clock_spread_s and clock_drift_ppm are at least 0"
    if bus.profile_records < 1:
        yield "profile_records", f"{bus.profile_records}, expected at least 1"
    if not 1 <= bus.profile_minutes <= 60 or 60 % bus.profile_minutes:
        yield "profile_minutes", f"{bus.profile_minutes}, expected a part of an hour"
    if bus.turnaround_s < 0 or bus.gap_s <= 0 or bus.baud < 0:
        yield "turnaround_s", "turnaround_s and baud are at least 0, gap_s is above 0"
    try:
        Babble(0, bus.babble, bus.babble_s)
    except ValueError:
        yield "babble", "expected a share from 0 to below 1, and babble_s above 0"
    if not 0 <= bus.capture <= 1:
        yield "capture", f"{bus.capture}, expected a share from 0 to 1"
    if bus.protocol == "modbus":
        for key in (
            "quirks",
            "edition",
            "passwords",
            "programming",
            "event",
            "tell",
            "clock_drift_ppm",
            "profile_records",
            "profile_minutes",
            "daylight_saving",
        ):
            if getattr(bus, key) != getattr(_PLAIN, key):
                yield key, "is a matter of DL/T 645 meters"
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
        bus.setup()
    except ValueError as error:
        yield ("passwords" if "password" in str(error) else "quirks"), str(error)
    if bus.tell:
        try:
            Teller(bus.tell, bus.name)
        except ValueError as error:
            yield "tell", str(error)
    for index, event in enumerate(bus.event):
        if event.kind not in (*KINDS, CLOCK_JUMP):
            yield f"event[{index}].kind", f"{event.kind!r}, expected one of {', '.join((*KINDS, CLOCK_JUMP))}"
        if (event.kind == CLOCK_JUMP) != bool(event.by_s):
            yield f"event[{index}].by_s", f"{event.by_s:g}, expected seconds with {CLOCK_JUMP}, and with nothing else"
        if event.seconds is not None and event.seconds <= 0:
            yield f"event[{index}].seconds", f"{event.seconds}, expected above 0"
        if isinstance(event.at, datetime) and event.at.tzinfo is None:
            yield f"event[{index}].at", "expected a moment with its offset, or seconds after the start"
        elif not isinstance(event.at, datetime) and event.at < 0:
            yield f"event[{index}].at", f"{event.at}, expected seconds from 0 on"


def _level(text: str) -> int:
    if len(text) != 1 or not (text.isascii() and text.isdigit()):
        raise ValueError(f"passwords: level {text!r}, expected 0 to 9")
    return int(text)


def _password(text: str) -> str:
    if len(text) != 6 or not set(text) <= set("0123456789abcdefABCDEF"):
        raise ValueError("passwords: a password has six hex digits")
    return text


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


_PLAIN: Final = BusTable("dlt645", "pty")


def standard_offset_s(timezone: str, at: datetime) -> int:
    """Seconds that the zone's standard time is ahead of UTC: meters know no daylight saving."""
    local = at.astimezone(ZoneInfo(timezone))
    offset, saving = local.utcoffset(), local.dst()
    assert offset is not None
    return int((offset - saving).total_seconds() if saving else offset.total_seconds())
