"""`headend secret`: meters' passwords, sealed in the database. None is ever printed."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.secrets.safe import Safe


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|import|rewrap|new-key", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    verb("list", "whose are kept, current, next and past, and under which key; never the secrets")
    verb("import", "passwords out of a CSV file: meter, kind, level, password").add_argument("file", metavar="FILE")
    verb("rewrap", "all of them under the current key: the old one may go then")
    verb("new-key", "a key as a line of secrets.key_file, the first line seals").add_argument("name", metavar="NAME")


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "new-key":
        from headend.secrets.keyring import new_line

        line = new_line(arguments.name)
        output.text(line)
        if output.as_json:
            output.document({"line": line})
        return 0
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.secrets import keyring
    from headend.secrets.safe import Safe
    from storage.secrets import SecretTable

    config = load(arguments.config)
    async with store(config) as opened, SecretTable(opened.conninfo) as table:
        safe = Safe(table, keyring.load(config))
        if arguments.verb == "list":
            return await _list(table, output)
        if arguments.verb == "rewrap":
            count = await safe.rewrap()
            told: dict[str, Any] = {"rewrapped": count}
            output.text(f"{count} secrets are under the current key now")
        else:
            known = {meter.name for meter in await opened.registry.meters()}
            count = await _import(safe, arguments.file, known)
            told = {"imported": count}
            output.text(f"{count} secrets imported; delete {arguments.file}")
        if output.as_json:
            output.document(told)
    return 0


async def _import(safe: Safe, file: str, known: set[str]) -> int:
    from headend.errors import UsageFault
    from headend.secrets.safe import read_csv

    lines = (await asyncio.to_thread(Path(file).read_text, encoding="utf-8-sig")).splitlines()
    entries = list(read_csv(lines, file))
    strangers = sorted({entry.meter for entry in entries} - known)
    if strangers:
        raise UsageFault(f"{file}: no meter named {', '.join(strangers[:5])}; nothing was imported")
    for entry in entries:
        await safe.put(entry, getpass.getuser())
    return len(entries)


async def _list(table: Any, output: Output) -> int:
    rows = await table.all()
    told = ("meter", "kind", "state", "key_id", "by", "at", "made_for")
    for row in rows if output.as_json else ():
        output.document({name: getattr(row, name) for name in told})
    output.table(
        ["meter", "kind", "state", "key", "by", "at", "order"], [[getattr(row, name) for name in told] for row in rows]
    )
    return 0
