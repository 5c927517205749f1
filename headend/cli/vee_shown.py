"""What was validated, for people and programs: values, findings, versions of a day."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.config import Config
    from headend.place import Store
    from storage.circumstances import Point


async def show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.privacy.access import record
    from headend.validation.settings import rules_of
    from headend.validation.told import told
    from protocols.quantities import quantity
    from storage.validated import Validated, Which
    from storage.validated_days import Days

    config = load(arguments.config)
    first, until = days_of(arguments)
    what = quantity(arguments.quantity)
    step_s = rules_of(config.vee, config.folder).step_s
    async with store(config) as opened, Validated(opened.conninfo) as validated:
        point = await one_named(opened, arguments.point)
        which = Which([point.id], [what], step_s, first, until)
        if arguments.version is None:
            batches = [batch async for batch in validated.days(which, arguments.as_of, whole=True)]
        else:
            span = [first + timedelta(days=n) for n in range((until - first).days)]
            each = [await validated.versions(point.id, what, step_s, day) for day in span]
            batches = [days.take(days.version == arguments.version) for days in each]
        days = Days.joined(step_s, batches)
        runs = {one.number: one for one in await validated.runs(days.run.tolist())}
        edits = await validated.edits(which, _span(first, until, config), arguments.as_of)
        await record(config, opened.conninfo, "vee show", None, *_span(first, until, config), point=point.name)
    rows = []
    for row in range(len(days)):
        own = runs[int(days.run[row])]
        rows += list(told(days, row, what, own, [one for one in edits if one.run <= own.number]))
    for one in rows if output.as_json else ():
        output.document({"point": point.name, "quantity": what.name, **one})
    shown = [
        (one["start"].astimezone(config.zone), one["value"], one["source"], one["rule"], one["reason"], one["raw"],
         " ".join(one["failed"]), one["version"], one["run"], one["parameters"], one["profiles"])
        for one in rows
    ]  # fmt: skip
    columns = ["start", f"{what.unit}>", "source", "rule", "reason", "raw>", "failed", "version>", "run>", "parameters",
               "profiles>"]  # fmt: skip
    output.table(columns, shown)
    if not rows:
        output.text("no such days were validated: `headend vee run` does")
    return 0


async def findings(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.vee.validated import NAMES
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.validation import findings as checks
    from headend.validation.settings import rules_of
    from protocols.quantities import BY_ID
    from storage.validated import Validated, Which

    config = load(arguments.config)
    for check in arguments.check:
        if check not in NAMES:
            raise UsageFault(f"--check {check!r}, expected one of {', '.join(NAMES)}")
    rules = rules_of(config.vee, config.folder)
    async with store(config) as opened, Validated(opened.conninfo) as validated:
        names = {point.id: point.name for point in await named(opened, arguments.points)}
        ids = None if arguments.points is None else list(names)
        which = Which(ids, rules.quantities, rules.step_s, *days_of(arguments))
        found = await checks.findings(validated, which, arguments.check, arguments.action or ("review", "order"))
    for one in found if output.as_json else ():
        output.document({
            "point": names[one.point], "quantity": BY_ID[one.quantity].name, "check": one.check, "action": one.action,
            "start": one.start, "end": one.end, "intervals": one.fails,
        })  # fmt: skip
    zone = config.zone
    output.table(
        ["point", "quantity", "check", "action", "from", "to", "intervals>"],
        [
            (names[one.point], BY_ID[one.quantity].name, one.check, one.action, one.start.astimezone(zone),
             one.end.astimezone(zone), one.fails)
            for one in found
        ],
    )  # fmt: skip
    return 0


async def history(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.local_time import local_day
    from headend.place import store
    from headend.validation.settings import rules_of
    from headend.validation.told import versions
    from protocols.quantities import quantity
    from storage.validated import Validated

    config = load(arguments.config)
    what, day = quantity(arguments.quantity), local_day(arguments.day, "DAY")
    step_s = rules_of(config.vee, config.folder).step_s
    async with store(config) as opened, Validated(opened.conninfo) as validated:
        point = await one_named(opened, arguments.point)
        days = await validated.versions(point.id, what, step_s, day)
        runs = {one.number: one for one in await validated.runs(days.run.tolist())}
    rows = list(versions(days, what, [runs[number] for number in days.run.tolist()]))
    for one in rows if output.as_json else ():
        output.document({"point": point.name, "quantity": what.name, "day": day, **one})
    columns = [
        "version>", "run>", "at", "by", "kind", "reason", "parameters", f"{what.unit}>", "difference>", "changed>",
        "estimated>", "missing>",
    ]  # fmt: skip
    shown = [[one[key] for key in one if key != "unit"] for one in rows]
    for row in shown:
        row[2] = row[2].astimezone(config.zone)
    output.table(columns, shown)
    return 0


def days_of(arguments: argparse.Namespace) -> tuple[date, date]:
    from headend.errors import UsageFault
    from headend.local_time import local_day

    first, until = local_day(arguments.start or "", "--from"), local_day(arguments.end or "", "--to")
    if first >= until:
        raise UsageFault(f"--from {first} is not before --to {until}: that is the day after the last")
    return first, until


def _span(first: date, until: date, config: Config) -> tuple[datetime, datetime]:
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=config.zone) for day in (first, until))
    return begin, end


async def named(opened: Store, names: list[str] | None) -> list[Point]:
    from storage.circumstances import Circumstances

    always = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    async with Circumstances(opened.conninfo) as circumstances:
        return await circumstances.points(names, always)


async def one_named(opened: Store, name: str) -> Point:
    from storage.errors import NotFound

    found = await named(opened, [name])
    if not found:
        raise NotFound(f"no meter ever stood at usage point {name!r}")
    return found[0]
