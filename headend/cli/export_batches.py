"""What `headend export` does with batches; loaded when it is asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from headend.batches.answers import Told, findings, read, said
from headend.batches.delivery import Courier
from headend.batches.difference import between
from headend.batches.make import again
from headend.cli.export_make import make
from headend.cli.export_opened import opened as database
from headend.cli.export_opened import written_down
from headend.cli.export_show import show_completeness, show_difference, status
from headend.cli.output import Output
from headend.errors import UsageFault
from headend.privacy.access import person


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.most < 1:
        raise UsageFault("--most: is at least 1")
    async with database(arguments) as opened:
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
    async with database(arguments) as opened:
        batch = await opened.exports.batch(arguments.batch)
        state = await opened.exports.state(batch.sequence)
        attempts = await opened.exports.attempts(batch.sequence)
        answers = await opened.exports.answers(batch.sequence)
        completeness = await opened.exports.completeness(batch.sequence)
        if arguments.out is not None:
            await written_down(opened, batch.content, (batch.start, batch.end), batch=batch.name)
            await again(batch.name, arguments.out, opened.exports, opened.conninfo)
    zone = opened.config.zone
    if output.as_json:
        output.document({
            **status(state), "request": batch.request, "completeness": completeness,
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
    show_completeness(completeness, output)
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
    async with database(arguments) as opened:
        first, second = [await opened.exports.batch(name) for name in (arguments.first, arguments.second)]
        found = await between(first, second, opened.conninfo)
    if output.as_json:
        output.document({"before": first.name, "after": second.name, **found})
    show_difference(found, output)
    return 0


async def _release(arguments: argparse.Namespace, output: Output) -> int:
    if not arguments.by.strip():
        raise UsageFault("--by: expected a name")
    async with database(arguments) as opened:
        batch = await opened.exports.batch(arguments.batch)
        if batch.superseded_by is not None:
            raise UsageFault(f"{batch.name} is superseded by {batch.superseded_by}: release that one")
        is_new = await opened.exports.release(batch.sequence, arguments.by.strip(), arguments.note)
        state = await opened.exports.state(batch.sequence)
    if output.as_json:
        output.document(status(state))
    output.text(f"{batch.name} {'is released' if is_new else 'was released before'} by {state.released_by}")
    return 0


async def _deliver(arguments: argparse.Namespace, output: Output) -> int:
    """1 where a target did not take it."""
    async with database(arguments) as opened:
        courier = Courier(opened.exports, opened.conninfo, opened.config.export.target, opened.config.folder)
        batch = await opened.exports.batch(arguments.batch)
        await written_down(opened, batch.content, (batch.start, batch.end), batch=batch.name)
        attempts = await courier.deliver(arguments.batch, person().name, arguments.target, is_repeated=arguments.again)
    for one in attempts:
        if output.as_json:
            output.document({
                "target": one.target, "destination": one.destination, "done": one.done, "detail": one.detail,
                "started": one.started, "finished": one.finished,
            })  # fmt: skip
        if one.done:
            output.text(f"{one.target}: {one.detail}")
        else:
            output.failure(f"{one.target}: {one.detail}")
    if not attempts:
        output.text("it lies at every target already")
    return 0 if all(one.done for one in attempts) else 1


def _told(arguments: argparse.Namespace) -> Told:
    is_ack = arguments.verb == "ack"
    path = Path(arguments.what)
    if path.is_file():
        told = read(path)
        if told.is_ack != is_ack:
            raise UsageFault(f"{path} says {told.answer.status}")
        return told
    if not (arguments.by or "").strip():
        raise UsageFault(f"{path} is no file: who says so of a batch? --by NAME")
    if not is_ack and not arguments.reason:
        raise UsageFault("a refusal has a reason: --reason TEXT")
    return said(arguments.what, is_ack, arguments.by.strip(), arguments.reason)


async def _answer(arguments: argparse.Namespace, output: Output) -> int:
    """Of a file, or by word. 1 where counts or totals differ from ours."""
    told = _told(arguments)
    async with database(arguments) as opened:
        batch = await opened.exports.batch(told.batch)
        differ = findings(told.answer, batch.manifest)
        is_new = await opened.exports.answer(
            batch.sequence, "ack" if told.is_ack else "nack", told.actor, told.digest, told.document, differ
        )
        state = await opened.exports.state(batch.sequence)
    if output.as_json:
        output.document({**status(state), "new": is_new, "findings": differ})
    for one in differ:
        print(f"headend: {batch.name}: {one}", file=sys.stderr)
    output.text(f"{batch.name}: {state.status}{'' if is_new else ', told before'}")
    return 1 if differ else 0


DOING: Final = {
    "list": _list, "show": _show, "diff": _diff, "release": _release, "deliver": _deliver, "ack": _answer,
    "nack": _answer,
}  # fmt: skip
"""By verb; any other one is a format."""


async def run(arguments: argparse.Namespace, output: Output) -> int:
    return await DOING.get(arguments.verb, make)(arguments, output)
