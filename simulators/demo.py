"""The demonstration's mixture: both protocols over every kind of path, several meters a bus, mild faults on some."""

from __future__ import annotations

import socket
from typing import Final, NamedTuple

from simulators.fleet import EMBEDDED
from simulators.scenario import BusTable, QuirksTable, Scenario, check

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
    _Kind("serial", "dlt645", "{pty}"),
    _Kind("gateway", "dlt645", "tcp://127.0.0.1:0", faults=_LOSSY),
    _Kind("dtu", "dlt645", "dial://{dtu}?register=DTU-{bus}&heartbeat=ping&every=10", faults=_NOISY),
    _Kind("tunnel", "dlt645", "{broker}headend-demo/{bus}/up?down=headend-demo/{bus}/down"),
    _Kind("rail", "modbus", "{pty}", faults="corrupt:0.02,noise:0.02"),
    _Kind("switchboard", "modbus", "tcp://127.0.0.1:0", framing="tcp", load="works"),
    _Kind("flats", "dlt645", "{pty}", phases=1, load="home", faults=_NOISY, quirks=QuirksTable(fe=1, most_data=16)),
    _Kind("roofs", "dlt645", "dial://{dtu}?register=DTU-{bus}&heartbeat=ping&every=10", load="roof"),
    _Kind("radio", "modbus", "{broker}headend-demo/{bus}/up?down=headend-demo/{bus}/down&payload=hex"),
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
) -> Scenario:
    """`dtu` is the reader's own host:port, where the DTUs dial in (a free one where it is empty); `broker` a broker's
    URL, by default one that the fleet runs; `ptys` a folder for the names of the serial lines: without it they go by
    their terminals' numbers, which somebody else may have next. Raises `ScenarioError`."""
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
        buses.append(
            BusTable(
                name=f"{kind.name}-{len(buses) // len(_KINDS) + 1}",
                protocol="dlt645" if kind.protocol == "dlt645" else "modbus",
                carrier=carrier,
                framing="tcp" if kind.framing == "tcp" else "rtu",
                meters=count,
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
