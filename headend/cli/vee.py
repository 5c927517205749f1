"""`headend vee`: validate and estimate what points used, look at it value by value, and put values in."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from headend.cli import vee_class
from headend.cli.output import Output

if TYPE_CHECKING:
    from protocols.model import Quantity

_SENTENCES = {
    "run": "Validate and estimate days of points; days that were validated before get a version where they differ.",
    "show": "The validated values of a point, each with source, rule, version, reason and what came.",
    "findings": "What checks found: reviews for people and work orders.",
    "edit": "Put a value in for an interval; it outlives later runs.",
    "history": "All versions of one day of a point: who, when, why, and how they differ.",
    "class": "What days of a class of usage points look like: for points without days of their own to go by.",
}


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="|".join(_SENTENCES), required=True)
    made = {
        name: verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        for name, sentence in _SENTENCES.items()
    }
    vee_class.add_verb(made["class"])
    for name in ("run", "show", "findings"):
        is_needed = name != "run"
        made[name].add_argument("--from", dest="start", metavar="DAY", required=is_needed, help="the first local day")
        made[name].add_argument(
            "--to", dest="end", metavar="DAY", required=is_needed, help="the local day after the last"
        )
    made["run"].add_argument(
        "--late", action="store_true", help="instead of days: those of which something came since; for a nightly timer"
    )
    for name in ("run", "findings"):
        made[name].add_argument("--point", dest="points", metavar="P", nargs="+", help="default: all")
    for name in ("show", "edit", "history"):
        made[name].add_argument("point", metavar="POINT")
        made[name].add_argument("--quantity", metavar="Q", default="active_energy_import", help="a name or OBIS code")
    made["run"].add_argument(
        "--reason", metavar="TEXT", default="", help="makes it a correction: billed days may change, for this reason"
    )
    which = made["show"].add_mutually_exclusive_group()
    which.add_argument("--version", type=int, metavar="N", help="of each day (default: the newest)")
    which.add_argument("--as-of", type=int, metavar="RUN", help="as it stood when that run was committed")
    made["findings"].add_argument("--check", metavar="NAME", action="append", default=[], help="may be repeated")
    made["findings"].add_argument(
        "--action", choices=["review", "order", "estimate"], action="append", help="(default: review and order)"
    )
    made["edit"].add_argument("--start", metavar="T", required=True, help="when the interval begins, ISO 8601")
    made["edit"].add_argument("--value", metavar="V", required=True, help="its energy, in the quantity's unit")
    made["edit"].add_argument("--reason", metavar="CODE", required=True, help="a code of your own list")
    made["edit"].add_argument("--by", metavar="NAME", default="", help="who says so (default: who you are)")
    made["edit"].add_argument("--correct", action="store_true", help="change it although the day is billed")
    made["history"].add_argument("day", metavar="DAY", help="a local day such as 2026-03-01")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.errors import AnalyticsError
    from headend.cli import vee_shown
    from headend.errors import HeadendError

    verbs = {
        "run": _run, "edit": _edit, "class": vee_class.run,
        "show": vee_shown.show, "findings": vee_shown.findings, "history": vee_shown.history,
    }  # fmt: skip
    try:
        return asyncio.run(verbs[arguments.verb](arguments, output))
    except AnalyticsError as error:
        raise HeadendError(str(error)) from error


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.vee_shown import days_of, named
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.privacy.access import person
    from headend.validation.commit import Order
    from headend.validation.run import late, validate
    from headend.validation.settings import rules_of
    from protocols.quantities import BY_ID

    config = load(arguments.config)
    if arguments.late and (arguments.start or arguments.end or arguments.points):
        raise UsageFault("--late finds days and points by itself: leave out --from, --to and --point")
    days = None if arguments.late else days_of(arguments)
    rules = rules_of(config.vee, config.folder)
    order = Order(person().name, rules.parameters.version, rules.contents, correction=arguments.reason.strip())
    async with store(config) as opened:
        if days is None:
            done = await late(opened.conninfo, rules, config.zone, order)
        else:
            done = await validate(opened.conninfo, rules, config.zone, arguments.points, days, order)
        names = {point.id: point.name for point in await named(opened, None)} if done.refused else {}
    refused = [
        {"point": names[one.point], "quantity": BY_ID[one.quantity].name, "day": one.day} for one in done.refused
    ]
    document: dict[str, Any] = {
        "runs": done.runs,
        "first": done.first,
        "changed": done.changed,
        "same": done.same,
        "refused": refused,
    }
    output.text(f"days: {done.first} first, {done.changed} changed, {done.same} as they were")
    output.text(f"runs: {_ranges(done.runs)}" if done.runs else "nothing differs: no run was needed")
    if refused:
        output.table(["point", "quantity", "billed day"], [tuple(one.values()) for one in refused])
        output.failure(f"{len(refused)} billed days would change: correct them with --reason", **document)
        return 1
    if output.as_json:
        output.document(document)
    return 0


async def _edit(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.vee_shown import one_named
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import person
    from headend.validation.commit import Order, edit
    from headend.validation.settings import rules_of
    from protocols.quantities import quantity
    from storage.validated import EditRow, Validated

    config = load(arguments.config)
    now = datetime.now(UTC)
    what = quantity(arguments.quantity)
    who, reason = arguments.by.strip() or person().name, arguments.reason.strip()
    if not reason:
        raise UsageFault("--reason: is empty")
    rules = rules_of(config.vee, config.folder)
    start = instant(arguments.start, config.zone, now).astimezone(UTC)
    order = Order(who, rules.parameters.version, rules.contents, correction=reason if arguments.correct else "")
    async with store(config) as opened, Validated(opened.conninfo) as validated:
        point = await one_named(opened, arguments.point)
        row = EditRow(
            point=point.id, quantity=what.id, step_s=rules.step_s, start=start, steps=_steps(arguments.value, what),
            actor=who, reason=reason, at=now,
        )  # fmt: skip
        done = await edit(validated, [row], order)
    document = {
        "point": point.name,
        "quantity": what.name,
        "start": start,
        "value": arguments.value,
        "run": done.runs[0],
    }
    if output.as_json:
        output.document(document)
    output.text(f"{point.name}, {start.astimezone(config.zone).isoformat()}: {arguments.value} {what.unit}, {reason}")
    return 0


def _steps(text: str, quantity: Quantity) -> int:
    from headend.errors import UsageFault

    try:
        value = Decimal(text)
        steps = quantity.steps(value)
    except InvalidOperation:
        raise UsageFault(f"--value {text!r}, expected a number such as 1.25") from None
    if quantity.value(steps) != value:
        raise UsageFault(f"--value {text!r}: {quantity.name} has {quantity.decimals} decimals")
    if steps < 0 and not quantity.name.endswith("_combined"):
        raise UsageFault(f"--value {text!r}: {quantity.name} counts one way, expected 0 or more")
    return steps


def _ranges(numbers: list[int]) -> str:
    """``4-9`` for what follows each other."""
    first, last = min(numbers), max(numbers)
    if last - first + 1 == len(numbers):
        return str(first) if first == last else f"{first}-{last}"
    return ", ".join(map(str, numbers))
