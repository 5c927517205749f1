"""`headend audit`: the chain of what was asked, decided and done; read from the database, by who may."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.output import Output

if TYPE_CHECKING:
    from storage.audit import AuditRow, Head

_FIELDS: Final = ("number", "at", "by", "action", "subject", "meter", "body", "role", "previous", "hash")


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="verify|head|show|export|replay", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    verify = verb("verify", "whether the chain is whole: nothing changed, taken out, moved or, by a kept head, cut off")
    verify.add_argument("--head", metavar="NUMBER:HASH", action="append", default=[], help="kept elsewhere; repeatable")
    verify.add_argument("--file", metavar="FILE", help="an export instead of the database")
    verb("head", "the last row's number and hash: keep it where nobody who can change the database can")
    show = verb("show", "rows, the oldest first")
    show.add_argument("--order", metavar="ID", help="of this order, area or user")
    show.add_argument("--meter", metavar="METER")
    show.add_argument("--after", metavar="NUMBER", type=int, default=0)
    show.add_argument("--limit", metavar="N", type=int, default=100)
    export = verb("export", "all rows as JSON, a row a line")
    export.add_argument("-o", "--output", metavar="FILE", required=True)
    verb("replay", "why each meter was or was not switched: every decision taken once more").add_argument(
        "order", metavar="ORDER"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "verify" and arguments.file:
        return _verify_file(arguments, output)
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store

    config = load(arguments.config)
    async with store(config) as opened:
        return await _VERBS[arguments.verb](arguments, output, opened.conninfo)


async def _verify(arguments: argparse.Namespace, output: Output, conninfo: str) -> int:
    from storage.audit import Audit

    async with Audit(conninfo) as audit:
        chain = await audit.verify([_head(text) for text in arguments.head])
    return _told(chain.flaws or [], chain.head, output)


def _verify_file(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import HeadendError
    from storage.audit import AuditRow, Chain

    chain, hashes = Chain(), {}
    with Path(arguments.file).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                cells = json.loads(line)
                cells["at"] = datetime.fromisoformat(cells["at"])
                row = AuditRow(**cells)
                chain.add(row)
            except (ValueError, TypeError, KeyError) as error:
                raise HeadendError(f"{arguments.file}: line {number}: no row of an audit: {error}") from error
            hashes[row.number] = row.hash
    for text in arguments.head:
        head = _head(text)
        chain.against(head, hashes.get(head.number))
    return _told(chain.flaws or [], chain.head, output)


def _told(flaws: list[str], head: Head, output: Output) -> int:
    if output.as_json:
        output.document({"ok": not flaws, "flaws": flaws, "number": head.number, "hash": head.hash})
    for flaw in flaws:
        output.text(f"!! {flaw}")
    output.text(f"{head.number} rows; head {head.number}:{head.hash}" + ("" if flaws else "; the chain is whole"))
    return 1 if flaws else 0


def _head(text: str) -> Head:
    from headend.errors import UsageFault
    from storage.audit import Head

    number, _, digest = text.partition(":")
    if not number.isdecimal() or not digest:
        raise UsageFault(f"{text!r}, expected NUMBER:HASH as `headend audit head` tells it")
    return Head(int(number), digest)


async def _show_head(arguments: argparse.Namespace, output: Output, conninfo: str) -> int:
    from storage.audit import Audit

    async with Audit(conninfo) as audit:
        head = await audit.head()
    output.text(f"{head.number}:{head.hash}")
    if output.as_json:
        output.document({"number": head.number, "hash": head.hash})
    return 0


async def _show(arguments: argparse.Namespace, output: Output, conninfo: str) -> int:
    from storage.audit import Audit

    async with Audit(conninfo) as audit:
        rows = await audit.rows(
            after=arguments.after, subject=arguments.order, meter=arguments.meter, limit=arguments.limit
        )
    for row in rows if output.as_json else ():
        output.document({name: getattr(row, name) for name in _FIELDS} | {"body": row.told})
    cells = [(r.number, r.at, r.by, r.action, r.subject, r.meter, r.body) for r in rows]
    output.table(["no>", "at", "by", "action", "subject", "meter", "what"], cells)
    return 0


async def _export(arguments: argparse.Namespace, output: Output, conninfo: str) -> int:
    from storage.audit import Audit, Head

    head = Head(0, "")
    file = await asyncio.to_thread(Path(arguments.output).open, "w", encoding="utf-8")
    with file:
        async with Audit(conninfo) as audit:
            async for row in audit.all():
                file.write(_line(row) + "\n")
                head = Head(row.number, row.hash)
    output.text(f"{head.number} rows; head {head.number}:{head.hash}")
    if output.as_json:
        output.document({"file": arguments.output, "number": head.number, "hash": head.hash})
    return 0


def _line(row: AuditRow) -> str:
    cells = {name: getattr(row, name) for name in _FIELDS} | {"at": row.at.isoformat()}
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"))


async def _replay(arguments: argparse.Namespace, output: Output, conninfo: str) -> int:
    from headend.commands.replay import replay
    from headend.errors import HeadendError

    again, fates = await replay(conninfo, arguments.order)
    if not again and not fates:
        raise HeadendError(f"nothing is known of an order {arguments.order!r}")
    decisions: list[dict[str, Any]] = [
        {
            "number": a.number, "at": a.at, "by": a.by, "step": a.step, "meter": a.meter or None,
            "verdict": None if a.decision is None else a.decision.verdict,
            "reasons": [] if a.decision is None else [str(reason) for reason in a.decision.reasons],
            "same": not a.differs, "differs": a.differs or None,
        }
        for a in again
    ]  # fmt: skip
    meters = [
        {"meter": f.meter, "steps": [dict(zip(("at", "state", "why", "by"), s, strict=True)) for s in f.steps]}
        for f in fates
    ]
    if output.as_json:
        output.document({"order": arguments.order, "decisions": decisions, "meters": meters})
    output.table(
        ["no>", "at", "by", "step", "meter", "verdict", "the same", "reasons"],
        [
            (d["number"], d["at"], d["by"], d["step"], d["meter"], d["verdict"], _same(d), "; ".join(d["reasons"][:3]))
            for d in decisions
        ],
    )
    output.table(
        ["meter", "at", "state", "by", "why"],
        [(f.meter, at, state, by, why) for f in fates for at, state, why, by in f.steps],
    )
    return 1 if any(a.differs for a in again) else 0


def _same(told: dict[str, Any]) -> str:
    return "yes" if told["same"] else f"NO: {told['differs']}"


_VERBS: Final[dict[str, Callable[[argparse.Namespace, Output, str], Awaitable[int]]]] = {
    "verify": _verify,
    "head": _show_head,
    "show": _show,
    "export": _export,
    "replay": _replay,
}
