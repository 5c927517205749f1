"""`headend demo`: the whole chain on embedded parts."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from headend.cli.output import Output

EPILOG = """\
It simulates DL/T 645 and Modbus meters over serial lines (pty), TCP, dialled-in TCP and MQTT, some of them on noisy
lines, starts a PostgreSQL and a broker of its own, collects, prints what was read and exports it. One meter is dead,
one is exchanged, and the gateway of one line goes away over a full minute: what it missed is had from the meters' load
records, so that it takes up to a minute more until everything is accounted for. Nothing needs to be installed, and
nothing outside the working directory is touched. It leaves WORKDIR/headend.toml behind, with which the
other commands work on its data:

  headend --config WORKDIR/headend.toml readings METER
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--meters", type=int, default=50, metavar="N", help="how many meters (default: 50)")
    parser.add_argument(
        "--seconds", type=float, default=20, metavar="S", help="how long to collect at least (default: 20)"
    )
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where everything goes (default: a new folder)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend import demo, logs
    from headend.errors import UsageFault

    if arguments.meters < 1 or arguments.seconds <= 0:
        raise UsageFault("--meters and --seconds are above 0")
    logs.set_up("error")
    workdir = (arguments.workdir or Path(tempfile.mkdtemp(prefix="headend-demo-"))).resolve()
    with _Display() as display:
        result = asyncio.run(demo.run(workdir, arguments.meters, arguments.seconds, display.show))
    _tables(result, output)
    if output.as_json:
        output.document(result.document())
    return 0 if result.lost == 0 and result.stored else 1


class _Display:
    """A progress bar on a terminal; a line a stage elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(file=sys.stderr)
        self._stage = ""
        self._told = 0
        self._bar = Progress(
            TextColumn("{task.description:>22}"),
            BarColumn(),
            TextColumn("{task.fields[readings]:>7} readings, {task.fields[pending]} pending"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("starting", total=None, readings=0, pending=0)

    def __enter__(self) -> _Display:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def show(self, progress: Any) -> None:
        self._bar.update(
            self._task,
            description=progress.stage,
            total=progress.of_seconds,
            completed=progress.seconds,
            readings=progress.readings,
            pending=progress.pending,
        )
        if progress.stage != self._stage and not self._console.is_terminal:
            print(f"headend demo: {progress.stage}", file=sys.stderr, flush=True)
        self._stage = progress.stage
        for sentence in progress.news[self._told :]:
            self._console.print(f"headend demo: {sentence}", markup=False, highlight=False, soft_wrap=True)
        self._told = len(progress.news)


def _story(result: Any, output: Output) -> None:
    """What befell the meters, and what became of it."""
    from protocols.model import plain

    gone, use = result.outage, result.use
    if gone is not None and gone.end is not None:
        output.text(
            f"outage: line {gone.line} was away from {gone.start:%H:%M:%S}Z to {gone.end:%H:%M:%S}Z; {gone.recovered} "
            "captures were had from the meters' memory later"
        )
    if result.dead is not None:
        output.text(f"dead meter: {result.dead[0]} never answered; {result.dead[1]} captures are given up")
    if use is not None:
        parts = " + ".join(f"{plain(energy)} ({meter})" for meter, energy in use.parts)
        output.text(
            f"exchange: {use.done.old} made way for {use.done.new} at {use.done.at:%H:%M:%S}Z; point {use.done.point} "
            f"used {plain(use.energy)} kWh from {use.start:%H:%M:%S}Z to {use.end:%H:%M:%S}Z: {parts}"
        )
    states = ", ".join(f"{count} {state}" for state, count in result.gaps.items() if state != "expected")
    output.text(f"ledger: {result.gaps['expected']} captures expected: {states}")


_SHOWN = ("active_energy_import", "active_power", "voltage_l1", "current_l1", "power_factor")


def _tables(result: Any, output: Output) -> None:
    meters: dict[str, dict[str, str]] = {}
    times: dict[str, Any] = {}
    for name, reading in result.latest:
        cell = reading.told() or reading.quality.name.lower()
        meters.setdefault(name, {})[reading.quantity.name] = cell
        times[name] = max(times.get(name, reading.time), reading.time)
    rows = [
        (name, *(cells.get(q) for q in _SHOWN), f"{times[name]:%H:%M:%S}Z") for name, cells in sorted(meters.items())
    ]
    heads = ["meter", "import kWh>", "power kW>", "L1 V>", "L1 A>", "power factor>", "slot"]
    output.table(heads, rows, title="latest readings")
    output.text(
        f"{result.meters} meters, {result.expected} readings expected, {result.stored} stored, {result.lost} lost, "
        f"{result.readings_per_s} readings/s"
    )
    if result.missing:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(result.missing.items()))
        output.text(f"captures that are known to be missing: {reasons}")
    _story(result, output)
    for path in result.written:
        output.text(f"wrote {path}")
    output.text(f"look further: headend --config {result.workdir}/headend.toml meter list")
