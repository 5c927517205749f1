"""`headend simulate SCENARIO.toml`: meters, buses and fleets for a test lab; see docs/simulators.md."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
from pathlib import Path
from typing import Any

from headend import logs
from headend.cli.output import Output
from headend.errors import HeadendError, UsageFault
from simulators.fleet import Fleet
from simulators.registry import write_registry
from simulators.scenario import ScenarioError, load


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO.toml", help="the meters, see docs/simulators.md")
    parser.add_argument("--seconds", type=float, metavar="S", help="end by itself after S seconds")
    parser.add_argument("--log", choices=["debug", "info", "warning", "error"], default="warning")
    parser.add_argument("--registry", metavar="DIR", help="write lines.csv, meters.csv and points.csv there")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Prints where each bus is to be found, then runs until SIGINT, SIGTERM or the end of its time."""
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageFault(f"--seconds is {arguments.seconds:g}, expected more than 0")
    try:
        fleet = Fleet(load(arguments.scenario))
    except ScenarioError as error:
        raise UsageFault(str(error)) from error
    logs.set_up(arguments.log)
    _raise_file_limit()
    asyncio.run(_simulate(fleet, arguments.seconds, arguments.registry, output))
    return 0


async def _simulate(fleet: Fleet, seconds: float | None, registry: str | None, output: Output) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        async with fleet:
            if registry is not None:
                write_registry(fleet, Path(registry))
            output.table(
                ("bus", "url", "protocol", "meters>"),
                ((bus.name, bus.url, bus.plan.table.protocol, len(bus.meters)) for bus in fleet.buses),
            )
            if output.as_json:
                for bus in fleet.buses:
                    output.document({"bus": bus.name, "url": bus.url, "meters": len(bus.meters)})
            if fleet.pushing:
                output.table(
                    ("pushes", "broker", "payload", "meters>", "gateways>"),
                    (
                        (p.table.name, p.broker, p.table.payload, p.table.meters, p.table.gateways)
                        for p in fleet.pushing
                    ),
                )
            for push in fleet.pushing if output.as_json else ():
                output.document({"push": push.table.name, "broker": push.broker, "meters": push.table.meters})
            try:
                async with asyncio.timeout(seconds):
                    await _until(told, fleet)
            except TimeoutError:
                pass
        _tell_pushed(fleet, output)
    except OSError as error:
        raise HeadendError(f"{error.filename or fleet.scenario.path}: {error.strerror}") from error


async def _until(told: asyncio.Event, fleet: Fleet) -> None:
    """A signal; or, where there is nothing but fleets that push so many slots, when all of it is acknowledged."""
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(told.wait())]
    if not fleet.buses:
        waits.append(asyncio.create_task(fleet.pushed()))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _tell_pushed(fleet: Fleet, output: Output) -> None:
    """What was published, and what of it the brokers have acknowledged."""
    for push in fleet.pushing:
        counted = push.counters
        output.text(
            f"{push.table.name}: {counted['published']} messages published, {counted['acknowledged']} acknowledged, "
            f"{counted['slots']} slots complete, {counted['missing']} messages missing"
        )
        if output.as_json:
            output.document({"push": push.table.name} | counted)


def _raise_file_limit() -> None:
    """Every bus has an open file or two; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
