"""`headend protection`: who must not be cut. One person adds, two take off; an import takes nobody off."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.api_options import asking, change_told, verbs
from headend.cli.output import Output

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from headend.api.client import Client

_COLUMNS: Final = ["id", "category", "meter", "point", "evidence", "until", "by", "at"]
_AT_ONCE: Final = 1000


def add(parser: argparse.ArgumentParser) -> None:
    verb = verbs(parser, "list|add|import|export|end")
    verb("list", "entries that are not over")
    new = verb("add", "somebody who must not be cut")
    new.add_argument("category", metavar="CATEGORY", help="such as life support, medical, hospital, traffic, telecom")
    new.add_argument("--meter", metavar="METER", default="")
    new.add_argument("--point", metavar="POINT", default="", help="whatever meter stands there")
    new.add_argument("--evidence", metavar="TEXT", default="")
    new.add_argument("--until", metavar="T", help="ISO 8601 (default: no end)")
    verb("import", "out of a CSV file: category, meter, point, evidence, until").add_argument("file", metavar="FILE")
    verb("export", "into a CSV file").add_argument("-o", "--output", metavar="FILE", help="(default: stdout)")
    end = verb("end", "take an entry off, now or at a time: done when two persons ask for it")
    end.add_argument("entry", metavar="NUMBER", type=int)
    end.add_argument("--until", metavar="T", help="ISO 8601 (default: now)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asking(arguments, output, _VERBS[arguments.verb])


async def _list(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return _told([entry async for entry in api.items("/v1/protection")], output)


def _told(entries: list[dict[str, Any]], output: Output) -> int:
    for entry in entries if output.as_json else ():
        output.document(entry)
    output.table(_COLUMNS, [tuple(entry[name] for name in _COLUMNS) for entry in entries])
    return 0


async def _add(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    entry = {name: getattr(arguments, name) for name in ("category", "meter", "point", "evidence")}
    entry["until"] = _time(arguments, arguments.until)
    return _told(await api.post("/v1/protection", [entry]), output)


async def _import(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    from headend.commands.protection_file import read

    text = await asyncio.to_thread(Path(arguments.file).read_text, encoding="utf-8-sig")
    entries = list(read(text.splitlines(), arguments.file, _zone(arguments)))
    there = {entry["id"] async for entry in api.items("/v1/protection")}
    found: list[dict[str, Any]] = []
    for first in range(0, len(entries), _AT_ONCE):
        part = [
            {
                "category": e.category, "meter": e.meter, "point": e.point, "evidence": e.evidence,
                "until": None if e.until is None else e.until.isoformat(),
            }
            for e in entries[first : first + _AT_ONCE]
        ]  # fmt: skip
        found += await api.post("/v1/protection", part)
    mine = {entry["id"] for entry in found}
    told = {"entries": len(entries), "added": len(mine - there), "not_in_file": len(there - mine)}
    if output.as_json:
        output.document(told)
    output.text(f"{told['added']} of {told['entries']} entries are new")
    if told["not_in_file"]:
        output.text(f"{told['not_in_file']} are on the list and not in the file: they stay, see headend protection end")
    return 0


async def _export(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    from headend.commands.protection_file import write

    entries = [entry async for entry in api.items("/v1/protection")]
    if not arguments.output:
        write(entries, sys.stdout)
        return 0
    file = await asyncio.to_thread(Path(arguments.output).open, "w", encoding="utf-8", newline="")
    with file:
        write(entries, file)
    if output.as_json:
        output.document({"file": arguments.output, "entries": len(entries)})
    output.text(f"{len(entries)} entries in {arguments.output}")
    return 0


async def _end(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    body = {"until": _time(arguments, arguments.until)}
    change = await api.post(f"/v1/protection/{arguments.entry}/end", body)
    return change_told(change, f"end of entry {arguments.entry}", output)


def _time(arguments: argparse.Namespace, text: str | None) -> str | None:
    from headend.local_time import instant

    return None if text is None else instant(text, _zone(arguments), datetime.now(UTC)).isoformat()


def _zone(arguments: argparse.Namespace) -> ZoneInfo:
    from headend.config import Config, load

    return (Config() if hasattr(arguments, "api") else load(arguments.config)).zone


_VERBS: Final = {"list": _list, "add": _add, "import": _import, "export": _export, "end": _end}
