"""What the demo is set up with: its scenario, its configuration, its model of a meter, in its directory."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from headend.config import Config, load
from headend.errors import HeadendError
from simulators.demo import MINUTE_METER, demo_cast, demo_scenario
from simulators.scenario import Scenario

EVERY_S: Final = 5
_CONFIG: Final = """\
# Left by `headend demo`: every other command works on the demo's data with --config {file}

timezone = "Asia/Shanghai"

[database]
directory = "database"

[daemon]
name = "demo"
metrics = ""
log = "warning"
reload = "1s"

[api]
listen = "127.0.0.1:{port}"

[clock]
trust_host = true                      # a demo's commands are not refused where the kernel tells nothing (containers)

[secrets]
key_file = "secrets.key"

[commands]
spread = "0s"

[timing.dlt645]
response = "300ms"
latency = "100ms"
gap = "100ms"
late = "2s"
retries = 3

[timing.modbus]
response = "300ms"
latency = "100ms"
gap = "100ms"
late = "2s"
retries = 3

[[plan]]
name = "demo"
every = "{every}s"
horizon = "{every}s"                   # meters keep nothing of seconds: what is not read in its slot is not to be had
meters = {{ line = [{lines}] }}
quantities = [
    "active_energy_import", "active_energy_import_t1", "active_energy_import_t2", "active_energy_import_t3",
    "active_energy_import_t4", "active_energy_export",
    "voltage_l1", "current_l1", "frequency", "active_power", "power_factor",
]
"""
_CLOCKS: Final = """
[[plan]]
name = "clocks"
kind = "clock"                         # nothing is switched at a meter whose clock was never read
every = "10s"
priority = "recovery"
tries = 1
meters = {{ line = [{lines}] }}
"""
_MINUTES: Final = """
[[plan]]
name = "minutes"
every = "1m"
expires = "{every}s"                   # later it would be another value; the meters' load records have the right one
meters = {{ line = ["{line}"] }}
quantities = [
    "active_energy_import", "active_energy_export", "voltage_l1", "current_l1", "frequency", "active_power",
    "power_factor",
]
"""


def configure(workdir: Path, meters: int) -> tuple[Scenario, Config]:
    """Make `workdir`. Raises `HeadendError` where it holds a demo already."""
    file = workdir / "headend.toml"
    if file.exists():
        raise HeadendError(f"{workdir} holds a demo already: remove it, or name another with --workdir")
    workdir.mkdir(parents=True, exist_ok=True)
    lines = workdir / "lines"
    lines.mkdir()
    model = workdir / "minute-meter.toml"
    model.write_text(MINUTE_METER, encoding="utf-8")
    scenario = demo_scenario(
        meters, truth=str(workdir / "truth.csv"), tick_s=EVERY_S, ptys=str(lines), minute_model=str(model)
    )
    slow = demo_cast(scenario).cut_off
    fast = ", ".join(f'"{bus.name}"' for bus in scenario.bus if bus.name != slow)
    text = _CONFIG.format(file=file, every=EVERY_S, lines=fast, port=_free_port())
    speaks = [bus.name for bus in scenario.bus if bus.protocol == "dlt645"]
    text += _CLOCKS.format(lines=", ".join(f'"{name}"' for name in speaks)) if speaks else ""
    text += _MINUTES.format(every=EVERY_S, line=slow) if slow else ""
    file.write_text(text, encoding="utf-8")
    return scenario, load(str(file))


def _free_port() -> int:
    """For the API: the configuration that stays behind names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
