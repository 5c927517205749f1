"""`headend token`: what tells the daemon who asks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headend.cli.api_options import asking, change_told, verbs
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client


def add(parser: argparse.ArgumentParser) -> None:
    verb = verbs(parser, "new|list|revoke")
    new = verb("new", "one's own; or another's, by an administrator, by two where he may command: the second gets it")
    new.add_argument("name", metavar="NAME", nargs="?", help="whose (default: one's own)")
    new.add_argument("--label", metavar="TEXT", default="", help="what for")
    new.add_argument("--days", metavar="N", type=int, default=90)
    new.add_argument("-o", "--output", metavar="FILE", help="write it there, readable by you alone, and do not show it")
    verb("list", "one's own; all, for an administrator. Never the tokens themselves")
    verb("revoke", "it opens nothing any more").add_argument("token", metavar="NUMBER", type=int)


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asking(arguments, output, _VERBS[arguments.verb])


async def _new(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    body = {"person": arguments.name, "label": arguments.label, "days": arguments.days}
    made = await api.post("/v1/tokens", body)
    if made.get("change"):
        return change_told(made["change"], f"token of {arguments.name}", output)
    if arguments.output:
        with kept(Path(arguments.output)) as write:
            write(made["secret"])
        made = made | {"secret": None, "file": arguments.output}
    if output.as_json:
        output.document(made)
    output.text(f"token {made['id']}, good until {made['expires']}; it is told this once")
    output.text(f"in {arguments.output}" if arguments.output else made["secret"])
    return 0


@contextmanager
def kept(path: Path) -> Iterator[Callable[[str], None]]:
    """A new file for a token, which its owner alone can read; none is left where none comes. Raises `OSError`."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            yield lambda secret: file.writelines([secret, "\n"])
    except BaseException:
        path.unlink()
        raise


async def _list(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    rows = [row async for row in api.items("/v1/tokens")]
    for row in rows if output.as_json else ():
        output.document(row)
    columns = ["id", "person", "label", "at", "expires", "by", "ended"]
    output.table(columns, [tuple(row[name] for name in columns) for row in rows])
    return 0


async def _revoke(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    await api.delete(f"/v1/tokens/{arguments.token}")
    if output.as_json:
        output.document({"token": arguments.token, "ended": True})
    output.text(f"token {arguments.token} opens nothing any more")
    return 0


_VERBS: Final = {"new": _new, "list": _list, "revoke": _revoke}
