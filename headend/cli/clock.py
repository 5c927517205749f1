"""`headend clock`: how far the meters' clocks are off, and telling them the time."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from headend.cli import at_link
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.clock.rules import Finding
    from headend.clock.sync import Synced
    from headend.collection.line import Line
    from headend.collection.survey import MeterPath
    from storage.clocks import LatestClock

DRIFT_SPAN: Final = timedelta(days=30)


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|survey|stats|sync|log")
    parser.set_defaults(verb="list", meters=[], line=None, standing=None)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    listed = verb("list", "The last reading of each clock: how far off, its class, its drift.")
    listed.add_argument("meters", nargs="*", metavar="METER", help="(default: all)")
    listed.add_argument("--line", metavar="L", help="of this line")
    listed.add_argument("--class", dest="standing", choices=["ok", "sync", "quarantine", "unknown"], help="only these")
    survey = verb("survey", "Read clocks now, and store what they show.")
    survey.add_argument("meter", nargs="?", metavar="METER")
    survey.add_argument("--line", metavar="L", help="all meters of a line")
    _options(survey)
    stats = verb("stats", "How right the clocks are, by model, area or line.")
    stats.add_argument("--by", choices=["model", "area", "line"], default="model", help="(default: model)")
    sync = verb("sync", "Tell a meter, or all of a line, the time, under the rules of 08H.")
    sync.add_argument("target", metavar="METER|LINE")
    sync.add_argument("--line", dest="is_line", action="store_true", help="the name is a line's: broadcast")
    sync.add_argument("--dry-run", action="store_true", help="only look at the rules")
    sync.add_argument("--by", metavar="WHO", help="who does it (default: the account's name)")
    _options(sync)
    told = verb("log", "Who told which meter the time, and what came of it.")
    told.add_argument("--since", metavar="T", help="a span (2h, 7d) or a moment with its offset (default: 30d)")


def _options(parser: argparse.ArgumentParser) -> None:
    """How patient the line is worked; its link is the registry's."""
    parser.add_argument(
        "--timeout", metavar="TIME", default="500ms", help="how long a meter may think (default: 500ms)"
    )
    parser.add_argument("--latency", metavar="TIME", default="500ms", help="what the way adds (default: 500ms)")
    parser.add_argument("--trace", action="store_true", help="show the bytes on stderr")
    parser.set_defaults(retries=0)


def run(arguments: argparse.Namespace, output: Output) -> int:
    verbs = {"list": _list, "survey": _survey, "stats": _stats, "sync": _sync, "log": _log}
    return asyncio.run(verbs[arguments.verb](arguments, output))


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.clocks import drift_ppm
    from headend.clock.doubt import standing_of
    from headend.config import load
    from headend.place import store
    from storage.clocks import ClockStore

    config = load(arguments.config)
    now = datetime.now(UTC)
    async with store(config) as opened, ClockStore(opened.conninfo) as clocks:
        ids = [(await opened.registry.meter(name)).id for name in arguments.meters] or None
        found = await clocks.latest(now, meters=ids, lines=[arguments.line] if arguments.line else None)
        history = await clocks.history(now - DRIFT_SPAN, ids)
    rows = []
    for one in found:
        standing = standing_of(one, config.clock.policy)
        if arguments.standing not in (None, standing):
            continue
        drift = drift_ppm(history.get(one.meter_id, []))
        if output.as_json:
            output.document(_told(one, str(standing), drift))
        age = None if one.at is None else str(timedelta(seconds=round((now - one.at).total_seconds())))
        rows.append(
            (one.meter, one.line, str(standing), one.fault or _s(one.offset_ms), _s(one.uncertainty_ms, signed=False),
             _ppm(drift), one.weekday, age)
        )  # fmt: skip
    output.table(["meter", "line", "class", "offset s>", "± s>", "drift ppm>", "wrong weekday>", "age>"], rows)
    return 0


def _told(one: LatestClock, standing: str, drift: float | None) -> dict[str, Any]:
    return {
        "meter": one.meter,
        "model": one.model,
        "line": one.line,
        "class": standing,
        "at": one.at,
        "offset_ms": one.offset_ms,
        "uncertainty_ms": one.uncertainty_ms,
        "wrong_weekday": one.weekday,
        "fault": one.fault,
        "drift_ppm": None if drift is None else round(drift, 2),
    }


async def _survey(arguments: argparse.Namespace, output: Output) -> int:
    from headend import logs
    from headend.clock.keeping import keep_surveys, row_of
    from headend.clock.survey import has_clock, survey_clock
    from headend.collection.poller import utc_now
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from protocols.errors import CommunicationError, LinkError
    from storage.clocks import ClockStore

    if (arguments.meter is None) == (arguments.line is None):
        raise UsageFault("name a METER, or --line L")
    config = load(arguments.config)
    logs.set_up("error")  # what there is to tell is told below
    rows = []
    failed = 0
    async with store(config) as opened, ClockStore(opened.conninfo) as clocks:
        line, meters = await _place(arguments, opened, config, arguments.meter, arguments.line)
        try:
            for meter in meters:
                if not has_clock(meter):
                    output.failure(f"{meter.name}: no clock is known of model {meter.model.head.name}", "usage")
                    failed += 1
                    continue
                try:
                    survey = await survey_clock(line, meter, utc_now)
                except CommunicationError as error:
                    output.failure(f"{meter.name}: {error}", error.label, meter=meter.name)
                    failed += 1
                    if isinstance(error, LinkError):
                        break
                    continue
                await keep_surveys(clocks, [survey], config.clock.policy)
                row = row_of(survey)
                standing = config.clock.policy.standing(survey.offset.offset if survey.offset else None)
                if output.as_json:
                    output.document({
                        "meter": meter.name, "class": str(standing), "at": row.at, "offset_ms": row.offset_ms,
                        "uncertainty_ms": row.uncertainty_ms, "wrong_weekday": row.weekday, "fault": row.fault,
                    })  # fmt: skip
                rows.append(
                    (meter.name, str(standing), row.fault or _s(row.offset_ms), _s(row.uncertainty_ms, signed=False),
                     row.weekday)
                )  # fmt: skip
        finally:
            await line.close()
    output.table(["meter", "class", "offset s>", "± s>", "wrong weekday>"], rows)
    return 1 if failed else 0


async def _stats(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.clocks import ClockSample, drift_ppm, grouped
    from headend.clock.doubt import standing_of
    from headend.config import load
    from headend.place import store
    from storage.clocks import ClockStore

    config = load(arguments.config)
    now = datetime.now(UTC)
    async with store(config) as opened, ClockStore(opened.conninfo) as clocks:
        found = await clocks.latest(now)
        history = await clocks.history(now - DRIFT_SPAN)
    groups: dict[str, list[ClockSample]] = {}
    for one in found:
        standing = str(standing_of(one, config.clock.policy))
        sample = ClockSample(standing, one.offset_ms, drift_ppm(history.get(one.meter_id, [])))
        names: Sequence[str] = {"model": (one.model,), "line": (one.line,), "area": one.areas or ("",)}[arguments.by]
        for name in names:
            groups.setdefault(name, []).append(sample)
    rows = []
    for name in sorted(groups):
        group = grouped(name, groups[name])
        if output.as_json:
            output.document({
                arguments.by: name, "meters": group.meters, "read": group.read, "median_ms": group.median_ms,
                "p95_ms": group.p95_ms, "classes": dict(group.standings),
                "drift_ppm": None if group.drift is None else round(group.drift, 2),
            })  # fmt: skip
        shares = [f"{100 * group.standings.get(k, 0) / group.meters:.1f} %" for k in ("ok", "sync", "quarantine")]
        rows.append(
            (name, group.meters, group.read, _s(group.median_ms), _s(group.p95_ms, signed=False), *shares,
             _ppm(group.drift))
        )  # fmt: skip
    columns = [arguments.by, "meters>", "read>", "median s>", "p95 s>", "ok>", "sync>", "quarantine>", "drift ppm>"]
    output.table(columns, rows)
    return 0


async def _sync(arguments: argparse.Namespace, output: Output) -> int:
    from headend import logs
    from headend.clock.sync import ClockSync
    from headend.collection.poller import utc_now
    from headend.config import load
    from headend.place import account, store
    from storage.clocks import ClockStore

    config = load(arguments.config)
    logs.set_up("error")  # what there is to tell is told below
    actor = arguments.by or getpass.getuser()
    name, is_line = arguments.target, arguments.is_line
    async with store(config) as opened, ClockStore(opened.conninfo) as clocks:
        line, meters = await _place(arguments, opened, config, None if is_line else name, name if is_line else None)
        sync = ClockSync(clocks, config.clock.policy, utc_now, account())
        try:
            if is_line:
                done = await sync.broadcast(line, meters, actor, dry_run=arguments.dry_run)
            else:
                done = await sync.single(line, meters[0], actor, dry_run=arguments.dry_run)
        finally:
            await line.close()
    names = {meter.id: meter.name for meter in meters}
    _tell(output, done, names)
    taken = all(one.result == "taken" for one in done.settled)
    return 0 if not done.refused and (done.told is None or (taken and not done.unread)) else 1


def _tell(output: Output, done: Synced, names: dict[int, str]) -> None:
    if output.as_json:
        output.document({
            "line": done.line, "way": done.way, "told": done.told, "allowed": not done.refused,
            "rules": [_rule(one) for one in done.findings],
            "meters": [
                {"meter": names[one.meter_id], "result": one.result, "before_ms": one.before_ms,
                 "after_ms": one.after_ms}
                for one in done.settled
            ],
            "unread": done.unread,
        })  # fmt: skip
    rows = [(one.meter, one.rule, "kept" if one.kept else "REFUSED", one.why) for one in done.findings]
    output.table(["meter", "rule", "", "because"], rows)
    if done.told is not None:
        output.text(f"told {done.told.isoformat()} by {done.way}")
        settled = [(names[o.meter_id], o.result, _s(o.before_ms), _s(o.after_ms)) for o in done.settled]
        settled += [(name, "not read behind it", None, None) for name in done.unread]
        output.table(["meter", "result", "before s>", "after s>"], settled)
    if done.refused:
        output.text("nothing was sent")


def _rule(one: Finding) -> dict[str, Any]:
    return {"rule": one.rule, "kept": one.kept, "because": one.why, "meter": one.meter or None}


async def _log(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.events import since
    from headend.config import load
    from headend.place import store
    from storage.clocks import ClockStore, SyncRow

    async with store(load(arguments.config)) as opened, ClockStore(opened.conninfo) as clocks:
        found = await clocks.syncs(since(arguments.since or "30d"))
    for one in found if output.as_json else ():
        output.document({name: getattr(one, name) for name in SyncRow.__slots__})
    rows = [(o.at, o.meter, o.way, o.line, o.actor, _s(o.before_ms), o.told, o.result, _s(o.after_ms)) for o in found]
    output.table(["at", "meter", "way", "line", "by", "before s>", "told", "result", "after s>"], rows)
    return 0


async def _place(
    arguments: argparse.Namespace, opened: Any, config: Any, meter: str | None, line: str | None
) -> tuple[Line, list[MeterPath]]:
    """The line, and the one meter or all active ones on it. Raises `HeadendError`, `NotFound`."""
    from headend.errors import HeadendError
    from headend.registry.known import line_path, meter_path_of
    from storage import entries

    if meter is not None:
        found = [await opened.registry.meter(meter)]
        name = found[0].line
    else:
        active = await opened.registry.meters(states=[entries.MeterState.ACTIVE])
        found = [one for one in active if one.line == line]
        name = line
    stored = next((one for one in await opened.registry.lines() if one.name == name), None)
    if stored is None or not found:
        raise HeadendError(f"no line {name!r} with meters in the registry (see headend meter list)")
    return at_link.line_at(line_path(stored), arguments), [meter_path_of(one, config.zone) for one in found]


def _s(ms: float | None, *, signed: bool = True) -> str | None:
    return None if ms is None else f"{ms / 1000:+.1f}" if signed else f"{ms / 1000:.1f}"


def _ppm(drift: float | None) -> str | None:
    return None if drift is None else f"{drift:+.1f}"
