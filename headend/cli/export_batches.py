"""What `headend export` does with batches; loaded when it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from headend.batches.asked import MARKET_FORMATS, MARKET_ZONE, Asked, asked
from headend.batches.difference import between
from headend.batches.gather import gathered, without_meter
from headend.batches.make import Correction, again, counted, made
from headend.batches.standing import standing
from headend.cli.export_show import show_completeness, show_difference, status
from headend.cli.output import Output
from headend.config import Config, load
from headend.errors import UsageFault
from headend.local_time import instant
from headend.place import Store, store
from headend.privacy.access import person, record
from storage.errors import NotFound
from storage.exports import Exports


@dataclass(frozen=True, slots=True)
class _Open:
    config: Config
    store: Store
    exports: Exports

    @property
    def conninfo(self) -> str:
        return self.store.conninfo


@asynccontextmanager
async def _opened(arguments: argparse.Namespace) -> AsyncIterator[_Open]:
    config = load(arguments.config)
    async with store(config) as opened, Exports(opened.conninfo) as exports:
        yield _Open(config, opened, exports)


async def _make(arguments: argparse.Namespace, output: Output) -> int:
    """Of the format that is the verb."""
    require = _percent(arguments.require)
    correction = _correction(arguments)
    if arguments.out is None and not arguments.dry_run:
        raise UsageFault("-o DIR: expected where the batch's folder is to be made")
    async with _opened(arguments) as opened:
        request = await _asked(arguments, opened)
        with_values = await gathered(
            request, opened.config.export, opened.conninfo, opened.store.registry, opened.exports, arguments.as_of
        )
        without_meter(request, with_values.content)
        if arguments.dry_run:
            report = await counted(request, with_values.content, with_values.as_of, opened.conninfo)
            if output.as_json:
                output.document({"dry_run": True, "as_of": with_values.as_of, "completeness": report})
            show_completeness(report, output)
            return 0
        meters = await opened.store.registry.installations([point.name for point in request.points])
        await record(
            opened.config, opened.conninfo, "export", sorted({one.meter_id for one in meters}),
            request.start, request.end, format=request.form,
        )  # fmt: skip
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


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.most < 1:
        raise UsageFault("--most: is at least 1")
    async with _opened(arguments) as opened:
        found = await opened.exports.states(arguments.most)
    zone = opened.config.zone
    for one in found if output.as_json else ():
        output.document(status(one))
    output.table(
        ["batch", "format", "from", "to", "status", "complete %>", "made", "by", "supersedes", "lies at"],
        [
            (
                one.name, one.format, one.start.astimezone(zone), one.end.astimezone(zone), one.status,
                one.total["complete"], one.created.astimezone(zone), one.actor, one.supersedes, " ".join(one.targets),
            )
            for one in found
        ],
    )  # fmt: skip
    return 0


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    async with _opened(arguments) as opened:
        batch = await opened.exports.batch(arguments.batch)
        state = await opened.exports.state(batch.sequence)
        attempts = await opened.exports.attempts(batch.sequence)
        answers = await opened.exports.answers(batch.sequence)
        if arguments.out is not None:
            await again(batch.name, arguments.out, opened.exports, opened.conninfo)
    zone = opened.config.zone
    if output.as_json:
        output.document({
            **status(state), "request": batch.request, "completeness": batch.completeness,
            "difference": batch.difference,
            "deliveries": [
                {"target": a.target, "destination": a.destination, "by": a.actor, "started": a.started,
                 "finished": a.finished, "done": a.done, "detail": a.detail}
                for a in attempts
            ],
            "answers": [
                {"kind": a.kind, "by": a.actor, "at": a.at, "findings": a.findings, "document": a.document}
                for a in answers
            ],
        })  # fmt: skip
        return 0
    output.text(f"{batch.name}: {batch.what} as {batch.format}, {state.status}, as of run {batch.as_of}")
    output.text(f"{batch.start.astimezone(zone)} to {batch.end.astimezone(zone)}, made by {batch.actor}")
    if batch.supersedes is not None:
        output.text(f"supersedes {batch.supersedes}: {batch.reason}")
    if state.released is not None:
        output.text(f"released by {state.released_by} at {state.released.astimezone(zone)} {state.note or ''}".rstrip())
    show_completeness(batch.completeness, output)
    if batch.difference is not None:
        show_difference(batch.difference, output)
    output.table(
        ["target", "at", "by", "done", "detail"],
        [(a.target, a.finished.astimezone(zone), a.actor, a.done, a.detail) for a in attempts],
        "deliveries",
    )
    output.table(
        ["answer", "at", "by", "findings"],
        [(a.kind, a.at.astimezone(zone), a.actor, "; ".join(a.findings)) for a in answers],
        "answers",
    )
    return 0


async def _diff(arguments: argparse.Namespace, output: Output) -> int:
    async with _opened(arguments) as opened:
        first, second = [await opened.exports.batch(name) for name in (arguments.first, arguments.second)]
        found = await between(first, second, opened.conninfo)
    if output.as_json:
        output.document({"before": first.name, "after": second.name, **found})
    show_difference(found, output)
    return 0


async def _release(arguments: argparse.Namespace, output: Output) -> int:
    if not arguments.by.strip():
        raise UsageFault("--by: expected a name")
    async with _opened(arguments) as opened:
        batch = await opened.exports.batch(arguments.batch)
        if batch.superseded_by is not None:
            raise UsageFault(f"{batch.name} is superseded by {batch.superseded_by}: release that one")
        is_new = await opened.exports.release(batch.sequence, arguments.by.strip(), arguments.note)
        state = await opened.exports.state(batch.sequence)
    if output.as_json:
        output.document(status(state))
    output.text(f"{batch.name} {'is released' if is_new else 'was released before'} by {state.released_by}")
    return 0


async def _asked(arguments: argparse.Namespace, opened: _Open) -> Asked:
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
    participants = _participants(arguments.participants)
    points = tuple(point for name, point in known.items() if name in names)
    return asked(form, what, span, points, config.export, config.zone, participants)


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


DOING: Final = {"list": _list, "show": _show, "diff": _diff, "release": _release}
"""By verb; any other one is a format."""


async def run(arguments: argparse.Namespace, output: Output) -> int:
    return await DOING.get(arguments.verb, _make)(arguments, output)
