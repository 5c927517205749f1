"""The demo: the whole chain on embedded parts, in one directory, with nothing installed.

simulated meters --PTY, TCP, dialled-in TCP, MQTT--> collector --> embedded PostgreSQL --> tables and exports
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from headend import exports
from headend.collector import Collector
from headend.config import Config, load
from headend.daemon import prepare
from headend.errors import HeadendError
from headend.place import Store, store
from headend.registry_files import additions
from headend.slots import next_slot
from simulators.demo import demo_scenario
from simulators.fleet import Fleet
from simulators.registry import write_registry
from storage.entries import Additions
from storage.migrate import migrate
from storage.reader import Reading

CONFIG: Final = """\
# Left by `headend demo`: every other command works on the demo's data with --config {file}

timezone = "Asia/Shanghai"

[database]
directory = "database"

[daemon]
name = "demo"
metrics = ""
log = "warning"

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
quantities = [
    "active_energy_import", "active_energy_import_t1", "active_energy_import_t2", "active_energy_import_t3",
    "active_energy_import_t4", "active_energy_export",
    "voltage_l1", "current_l1", "frequency", "active_power", "power_factor",
]
"""
EVERY_S: Final = 5
_MARGIN_S: Final = 0.2


@dataclass(slots=True)
class Progress:
    """How far the demo is; shown while it runs."""

    stage: str = "starting"
    meters: int = 0
    seconds: float = 0.0
    of_seconds: float = 0.0
    readings: int = 0
    pending: int = 0


@dataclass(slots=True)
class Result:
    """What the demo did. `lost` are readings that were received and are not stored."""

    workdir: Path
    meters: int = 0
    expected: int = 0
    stored: int = 0
    lost: int = 0
    collecting_s: float = 0.0
    missing: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    """Captures by their state in the ledger, with their sum, `expected`."""
    latest: list[tuple[str, Reading]] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)

    @property
    def readings_per_s(self) -> float:
        return round(self.stored / self.collecting_s, 1) if self.collecting_s else 0.0

    def document(self) -> dict[str, Any]:
        """As the command line's contract spells it."""
        return {
            "meters": self.meters,
            "expected": self.expected,
            "stored": self.stored,
            "lost": self.lost,
            "readings_per_s": self.readings_per_s,
            "gaps": self.gaps,
            "exports": [str(path) for path in self.written],
            "workdir": str(self.workdir),
        }


async def run(workdir: Path, meters: int, seconds: float, show: Callable[[Progress], None]) -> Result:
    """Collect from `meters` simulated meters for `seconds`. `workdir` is made, and must hold no demo yet."""
    progress = Progress(meters=meters)
    config = _configure(workdir)
    show(progress)
    lines = workdir / "lines"
    lines.mkdir()
    scenario = demo_scenario(meters, truth=str(workdir / "truth.csv"), tick_s=EVERY_S, ptys=str(lines))
    async with Fleet(scenario) as fleet:
        write_registry(fleet, workdir / "registry")
        progress.stage = "starting the database"
        show(progress)
        async with store(config) as opened:
            await migrate(opened.conninfo)
            await _register(opened, workdir / "registry")
            collector = await prepare(config, opened)
            result = Result(workdir, meters)
            began = datetime.now(UTC)
            ended = next_slot(began + timedelta(seconds=seconds), EVERY_S)  # whole slots, so that none is cut in two
            progress.of_seconds = (ended - began).total_seconds() - _MARGIN_S
            await _collect(collector, progress, show)
            result.collecting_s = (datetime.now(UTC) - began).total_seconds()
            progress.stage = "exporting"
            show(progress)
            await _sum_up(result, opened, collector, began, ended)
    progress.stage = "done"
    show(progress)
    return result


def _configure(workdir: Path) -> Config:
    file = workdir / "headend.toml"
    if file.exists():
        raise HeadendError(f"{workdir} holds a demo already: remove it, or name another with --workdir")
    workdir.mkdir(parents=True, exist_ok=True)
    file.write_text(CONFIG.format(file=file, every=EVERY_S), encoding="utf-8")
    return load(str(file))


async def _register(opened: Store, folder: Path) -> None:
    new = additions(Additions(), folder / "lines.csv", folder / "meters.csv", folder / "points.csv")
    await opened.registry.add(new)


async def _collect(collector: Collector, progress: Progress, show: Callable[[Progress], None]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    loop.call_later(progress.of_seconds, collector.stop)
    running = asyncio.create_task(collector.run())
    progress.stage = "collecting"
    while not running.done():
        await asyncio.wait({running}, timeout=0.25)
        progress.seconds = min(progress.of_seconds, loop.time() - began)
        progress.readings = collector.counters["poller"]["readings"]
        progress.pending = len(collector.pending)
        show(progress)
    await running


async def _sum_up(result: Result, opened: Store, collector: Collector, began: datetime, ended: datetime) -> None:
    received = collector.counters["poller"]["readings"]
    totals = await opened.reader.totals(began, ended)
    result.stored = totals.values
    result.lost = received - totals.values
    gaps = await opened.reader.gaps(began, ended)
    result.missing = dict(gaps.missing)
    result.expected = await opened.reader.expected_values(began, ended)
    result.gaps = (await opened.ledger.balance(began, ended)).counts
    names = {meter.id: meter.name for meter in await opened.registry.meters()}
    readings = await opened.reader.readings(list(names), began, ended)
    result.latest = [(names[r.meter_id], r) for r in await opened.reader.latest(None, ended, ended - began)]
    result.written = await asyncio.to_thread(exports.write, result.workdir / "export", readings, names)
