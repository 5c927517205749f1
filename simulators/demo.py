"""The demonstration's mixture: both protocols over every kind of path, several meters a bus, mild faults on some; and
whom something befalls: a bus whose gateway goes away, a meter that is dead, one that is exchanged."""

from __future__ import annotations

import socket
from typing import Final, NamedTuple

from simulators.dlt645.setup import PROFILE_MINUTES
from simulators.fleet import EMBEDDED
from simulators.scenario import BusTable, EventTable, QuirksTable, Scenario, check

_MOST_ON_A_BUS: Final = 32


class _Kind(NamedTuple):
    """A row of the mixture. `{pty}`: a terminal; `{dtu}`: host and port; `{broker}`: a broker's URL with a stroke."""

    name: str
    protocol: str
    carrier: str
    framing: str = "rtu"
    faults: str = ""
    phases: int = 3
    load: str = ""
    quirks: QuirksTable = QuirksTable()


# DL/T 645 has a sum of eight bits for a check: two bits turned opposite ways pass it, and no reader can tell. So no
# `corrupt` on its lines here, where every value is held against the truth; the CRC of Modbus finds up to three.
_NOISY: Final = "noise:0.05,half:0.05,late:0.01,late_s:0.2-0.5"
_LOSSY: Final = "drop:0.01,cut:0.01,noise:0.02"
_KINDS: Final = (
    _Kind("serial", "dlt645", "{pty}", load="works"),
    _Kind("gateway", "dlt645", "tcp://127.0.0.1:0", faults=_LOSSY),
    _Kind("dtu", "dlt645", "dial://{dtu}?register=DTU-{bus}&heartbeat=ping&every=10", faults=_NOISY),
    _Kind("tunnel", "dlt645", "{broker}headend-demo/{bus}/up?down=headend-demo/{bus}/down"),
    _Kind("rail", "modbus", "{pty}", faults="corrupt:0.02,noise:0.02"),
    _Kind("switchboard", "modbus", "tcp://127.0.0.1:0", framing="tcp", load="works"),
    _Kind("flats", "dlt645", "{pty}", phases=1, load="home", faults=_NOISY, quirks=QuirksTable(fe=1, most_data=16)),
    _Kind("roofs", "dlt645", "dial://{dtu}?register=DTU-{bus}&heartbeat=ping&every=10", load="roof"),
    _Kind("radio", "modbus", "{broker}headend-demo/{bus}/up?down=headend-demo/{bus}/down&payload=hex"),
)
_EXCHANGED: Final = "serial"
_CUT_OFF: Final = "gateway"
_WITH_A_DEAD_ONE: Final = "tunnel"

MINUTE_METER: Final = """\
[model]
name = "demo_minute_meter"
title = "Three-phase meter to DL/T 645-2007 that keeps load records every minute"
maker = "the demo's simulator"
protocol = "dlt645"
source = "DL/T 645-2007, Annexes A and B"

[dlt645]
items = ["00010000", "00020000", "02010100", "02020100", "02030000", "02060000", "02800002"]

[dlt645.keeps]
load_classes = [1, 2, 3, 4]
load_minutes = 1
load_days = 2
"""
"""Of the meters behind the gateway that goes away: the demo has not the time to wait for a quarter of an hour."""


class Cast(NamedTuple):
    """Whom something befalls, by name; empty where there are too few meters for it."""

    old: str
    new: str
    """A meter beyond those that were asked for, on the line of `old`, which nobody has told of."""
    cut_off: str
    """A bus."""
    dead: str


def demo_cast(scenario: Scenario) -> Cast:
    """Of a scenario that `demo_scenario` made."""
    counts: dict[str, int] = {}
    for bus in scenario.bus:
        counts.setdefault(bus.name.rpartition("-")[0], bus.meters)
    first, dead = counts[_EXCHANGED], counts.get(_WITH_A_DEAD_ONE)
    return Cast(
        f"{_EXCHANGED}-1-001",
        f"{_EXCHANGED}-1-{first:03d}",
        f"{_CUT_OFF}-1" if _CUT_OFF in counts else "",
        f"{_WITH_A_DEAD_ONE}-1-{dead:03d}" if dead else "",
    )


def demo_scenario(
    meters: int = 50,
    seed: int = 1,
    *,
    tick_s: int = 5,
    truth: str = "",
    dtu: str = "",
    broker: str = EMBEDDED,
    ptys: str = "",
    minute_model: str = "",
) -> Scenario:
    """`dtu` is the reader's own host:port, where the DTUs dial in (a free one where it is empty); `broker` a broker's
    URL, by default one that the fleet runs; `ptys` a folder for the names of the serial lines: without it they go by
    their terminals' numbers, which somebody else may have next;
    `minute_model` a file with `MINUTE_METER`. Raises `ScenarioError`."""
    if meters < 1:
        raise ValueError(f"{meters} meters, expected at least 1")
    size = min(max(1, meters // len(_KINDS)), _MOST_ON_A_BUS)
    pty = f"pty://{ptys}/{{bus}}" if ptys else "pty"
    here = {"{pty}": pty, "{dtu}": dtu or f"127.0.0.1:{_free_port()}", "{broker}": broker.rstrip("/") + "/"}
    buses: list[BusTable] = []
    left = meters
    while left:
        kind = _KINDS[len(buses) % len(_KINDS)]
        count = min(size, left)
        if left - count < size and len(buses) % len(_KINDS) == len(_KINDS) - 1:
            count = min(left, 247)  # what remains goes to the last bus of the row
        carrier = kind.carrier
        for word, meaning in here.items():
            carrier = carrier.replace(word, meaning)
        first = len(buses) < len(_KINDS)
        minutes = first and kind.name == _CUT_OFF and bool(minute_model)
        dead = first and kind.name == _WITH_A_DEAD_ONE
        name = f"{kind.name}-{len(buses) // len(_KINDS) + 1}"
        buses.append(
            BusTable(
                name=name,
                protocol="dlt645" if kind.protocol == "dlt645" else "modbus",
                carrier=carrier,
                framing="tcp" if kind.framing == "tcp" else "rtu",
                meters=count + (first and kind.name == _EXCHANGED),
                model=minute_model if minutes else "",
                profile_minutes=1 if minutes else PROFILE_MINUTES,
                event=[EventTable(at=0, kind="power_down", meter=f"{name}-{count:03d}")] if dead else [],
                phases=1 if kind.phases == 1 else 3,
                load=kind.load,
                faults=f"seed:{seed + len(buses)},{kind.faults}" if kind.faults else "",
                quirks=kind.quirks,
            )
        )
        left -= count
    return check(Scenario(bus=buses, seed=seed, tick_s=tick_s, truth=truth))


def _free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
