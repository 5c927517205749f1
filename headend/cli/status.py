"""`headend status`: health of daemon, database and collection."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from headend.cli.output import Output

_NAMED: Final = 10
"""So many lines are named."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--within", metavar="TIME", default="1h", help="the span that is looked at (default: 1h)")
    parser.add_argument("--lines", action="store_true", help="where the lines' time goes, the busiest first")
    parser.add_argument("--worst", type=int, metavar="N", help="the N meters that answer least, of all lines")
    parser.epilog = "Exit code 1 when no daemon lives."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_status(arguments, output))


async def _status(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.duration import seconds
    from headend.errors import UsageFault
    from headend.place import store
    from storage.leases import Leases

    if arguments.worst is not None and arguments.worst < 1:
        raise UsageFault(f"--worst is {arguments.worst}, expected at least 1")
    config = load(arguments.config)
    now = datetime.now(UTC)
    try:
        start = now - timedelta(seconds=seconds(arguments.within))
    except ValueError as error:
        raise UsageFault(f"--within: {error}") from error
    async with store(config) as opened:
        daemons = [_told(daemon, now) for daemon in await opened.registry.daemons()]
        totals = await opened.reader.totals(start, now)
        gaps = await opened.reader.gaps(start, now)
        meters = await opened.registry.meters()
        async with Leases(opened.conninfo) as leases:
            tenures = await leases.tenures() if config.cluster.enabled else []
    held = Counter(tenure.holder for tenure in tenures)
    for daemon in daemons:
        daemon["lines_held"] = held[daemon["name"]] if config.cluster.enabled else None
    unheld = [tenure.line for tenure in tenures if tenure.holder is None]
    document = {
        "daemons": daemons,
        "meters": len(meters),
        "from": start,
        "to": now,
        "captures": totals.captures,
        "values": totals.values,
        "expected": gaps.expected,
        "received": gaps.received,
        "missing": dict(gaps.missing),
        "lines_not_held": unheld,
    }
    if output.as_json:
        output.document(document)
    output.table(
        ["daemon", "state", "seen s ago>", "lines open>", "held>", "silent meters>", "pending>", "database", "spool"],
        [
            (
                d["name"],
                "running" if d["alive"] else "not running",
                d["seen_s"],
                f"{d['counters'].get('lines_open', 0)}/{d['counters'].get('lines', 0)}",
                d["lines_held"],
                d["counters"].get("meters_silent"),
                d["counters"].get("pending"),
                "away" if d["counters"].get("database_away") else "there",
                _spool(d["counters"].get("spool")),
            )
            for d in daemons
        ],
    )
    _push(daemons, output)
    _clocks(daemons, output)
    if arguments.lines or arguments.worst is not None:
        _lines(daemons, output, arguments.worst)
    output.text(f"{len(meters)} meters; within {arguments.within}: {totals.captures} captures, {totals.values} values")
    output.text(
        f"captures expected {gaps.expected}, received {gaps.received}, missing {sum(gaps.missing.values())}"
        + "".join(f", {reason} {count}" for reason, count in sorted(gaps.missing.items()))
    )
    if unheld:
        more = f" and {len(unheld) - _NAMED} more" if len(unheld) > _NAMED else ""
        output.text(f"lines that nobody holds: {', '.join(unheld[:_NAMED])}{more}")
    return 0 if any(daemon["alive"] for daemon in daemons) else 1


def _push(daemons: list[dict[str, Any]], output: Output) -> None:
    """Sources of pushed readings, where there are any."""
    rows = [
        (
            daemon["name"],
            name,
            "paused" if told["paused"] else "there" if told["connected"] else "away",
            told["messages"],
            told["intake"]["readings"],
            sum(told["intake"]["dead"].values()),
            told["unacknowledged"],
            told["held"],
            told["lag_s"],
        )
        for daemon in daemons
        for name, told in daemon["counters"].get("push", {}).items()
    ]
    if rows:
        columns = ["messages>", "readings>", "dead letters>", "unacknowledged>", "held>", "lag s>"]
        output.table(["daemon", "push", "broker", *columns], rows)


def _lines(daemons: list[dict[str, Any]], output: Output, most: int | None) -> None:
    """Where lines' time goes, and the meters that answer least: of what living daemons tell of them."""
    counts = ("requests", "timeouts", "retries", "checksums")
    budgets = [
        (line, told)
        for daemon in daemons
        if daemon["alive"]
        for line, told in daemon["counters"].get("lines_told", {}).items()
    ]
    budgets.sort(key=lambda one: (-(one[1]["utilisation"] or 0.0), -one[1]["busy_s"], one[0]))
    output.table(
        ["line", "busy %>", *(f"{name}>" for name in counts), "busy s>", "wire s>", "turnaround ms>"],
        [
            (
                line,
                None if told["utilisation"] is None else f"{100 * told['utilisation']:.1f}",
                *(told[name] for name in (*counts, "busy_s", "wire_s", "turnaround_ms")),
            )
            for line, told in budgets
        ],
    )
    meters = [(line, name, cost) for line, told in budgets for name, cost in told["meters"].items()]
    meters.sort(key=lambda one: (-one[2]["timeouts"] - one[2]["checksums"], -one[2]["busy_s"], one[:2]))
    columns = (*counts, "busy_s", "turnaround_ms", "turnaround_max_ms")
    output.table(
        ["meter", "line", *(f"{name.replace('_', ' ')}>" for name in columns)],
        [(name, line, *(cost[column] for column in columns)) for line, name, cost in meters[: most or _NAMED]],
    )


def _clocks(daemons: list[dict[str, Any]], output: Output) -> None:
    """Hosts whose clock is not to be trusted; those whose daemon lives."""
    for daemon in daemons:
        told = daemon["counters"].get("host_clock")
        if not (daemon["alive"] and told):
            continue
        if told["synchronised"] is False:
            output.text(f"{daemon['name']}: the clock of {daemon['host']} is not synchronised")
        if told["steps"]:
            output.text(f"{daemon['name']}: the clock was set {told['steps']} times, last by {told['last_step_s']} s")


def _spool(told: dict[str, Any] | None) -> str:
    """A daemon's spool in a word; one without has none."""
    if told is None:
        return "none"
    if told["refusing"]:
        return f"takes nothing: {told['refusing']}"
    aside = f", {told['aside']} aside" if told["aside"] else ""
    return f"{told['segments']} segments, {told['bytes'] / 1e6:.1f} of {told['limit'] / 1e6:.0f} MB{aside}"


def _told(daemon: Any, now: datetime) -> dict[str, Any]:
    from headend.health.alive import is_alive

    return {
        "name": daemon.name,
        "alive": is_alive(daemon, now),
        "pid": daemon.pid,
        "host": daemon.host,
        "started": daemon.started,
        "seen": daemon.seen,
        "seen_s": round((now - daemon.seen).total_seconds(), 1),
        "counters": daemon.counters,
    }
