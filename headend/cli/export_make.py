"""`headend export FORMAT`: a batch is asked for."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from headend.batches.asked import MARKET_FORMATS, MARKET_ZONE, Asked, asked
from headend.batches.gather import gathered, without_meter
from headend.batches.make import Correction, counted, made
from headend.batches.standing import standing
from headend.cli.export_opened import Opened, written_down
from headend.cli.export_opened import opened as database
from headend.cli.export_show import show_completeness
from headend.cli.output import Output
from headend.errors import UsageFault
from headend.local_time import instant
from headend.privacy.access import person
from headend.validation.commit import Order
from headend.validation.run import ensure
from headend.validation.settings import Rules, rules_of
from storage.errors import NotFound


async def make(arguments: argparse.Namespace, output: Output) -> int:
    """Of the format that is the verb."""
    require = _percent(arguments.require)
    correction = _correction(arguments)
    if arguments.out is None and not arguments.dry_run:
        raise UsageFault("-o DIR: expected where the batch's folder is to be made")
    async with database(arguments) as opened:
        rules = rules_of(opened.config.vee, opened.config.folder)
        request = await _asked(arguments, opened, rules)
        if arguments.as_of is None and request.what == "intervals":
            order = Order(person().name, rules.parameters.version, rules.contents)
            names = [point.name for point in request.points]
            await ensure(opened.conninfo, rules, opened.config.zone, names, request.local_days(), order)
        with_values = await gathered(
            request,
            opened.config.export,
            opened.conninfo,
            opened.store.registry,
            opened.exports,
            arguments.as_of,
            opened.config.billing.tolerance,
        )
        without_meter(request, with_values.content)
        if arguments.dry_run:
            report = await counted(request, with_values.content, with_values.as_of, opened.conninfo)
            if output.as_json:
                output.document({"dry_run": True, "as_of": with_values.as_of, "completeness": report})
            show_completeness(report, output)
            return 0
        await written_down(opened, with_values.content, (request.start, request.end), format=request.form)
        done = await made(
            request,
            with_values.content,
            with_values.as_of,
            arguments.out,
            opened.exports,
            opened.conninfo,
            person().name,
            correction=correction,
            require=require,
        )
    if output.as_json:
        output.document({
            "batch": done.name, "sequence": done.sequence, "again": done.again, "as_of": with_values.as_of,
            "folder": str(done.folder), "files": [str(done.folder / one["name"]) for one in done.manifest["files"]],
            "manifest": str(done.folder / "manifest.json"), "counts": done.manifest["counts"],
            "completeness": done.completeness["total"],
        })  # fmt: skip
        return 0
    show_completeness(done.completeness, output)
    output.text(f"{done.name}{' (was there)' if done.again else ''}: {done.folder}")
    return 0


async def _asked(arguments: argparse.Namespace, opened: Opened, rules: Rules) -> Asked:
    config = opened.config
    form = arguments.verb
    zone = MARKET_ZONE if form in MARKET_FORMATS else config.zone
    now = datetime.now(UTC)
    span = instant(arguments.start, zone, now), instant(arguments.end, zone, now)
    what = arguments.what or ("registers" if form == "nem13" else "intervals")
    known = {point.name: point for point in await opened.store.registry.usage_points()}
    for name in arguments.point or ():
        if name not in known:
            raise NotFound(f"no usage point named {name!r}")
    if span[0] >= span[1]:
        raise UsageFault("--from is not before --to")
    names = set(arguments.point or await standing(opened.conninfo, *span))
    if not names:
        raise UsageFault("no meter stood at any usage point in that period")
    if what == "registers" and arguments.as_of is not None:
        raise UsageFault("--as-of: runs are of intervals")
    participants = _participants(arguments.participants)
    validated = rules.quantities, rules.step_s
    points = tuple(point for name, point in known.items() if name in names)
    return asked(form, what, span, points, config.export, validated, config.zone, participants)


def _participants(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    sender, _, receiver = text.partition(",")
    if not (sender.strip() and receiver.strip()):
        raise UsageFault(f"--participants {text!r}, expected FROM,TO")
    return sender.strip(), receiver.strip()


def _percent(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not (found.is_finite() and 0 <= found <= 100):
        raise UsageFault(f"--require {text!r}, expected a percentage such as 99.5")
    return found


def _correction(arguments: argparse.Namespace) -> Correction | None:
    reason = (arguments.reason or "").strip()
    if (arguments.supersedes is None) != (not reason):
        raise UsageFault("--supersedes BATCH and --reason TEXT go together")
    return None if arguments.supersedes is None else Correction(arguments.supersedes, reason)
