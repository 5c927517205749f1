"""Options of commands that ask the daemon, and how its answers and refusals are shown."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client


def add_options(parser: argparse.ArgumentParser) -> None:
    """Who asks, and whom."""
    parser.add_argument(
        "--token-file", metavar="FILE", default=argparse.SUPPRESS, help="who asks: a token (default: $HEADEND_TOKEN)"
    )
    parser.add_argument(
        "--api", metavar="URL", default=argparse.SUPPRESS, help="the daemon's API (default: as configured)"
    )
    parser.add_argument("--ca", metavar="FILE", default=argparse.SUPPRESS, help="of the daemon's certificate, PEM")


def verbs(parser: argparse.ArgumentParser, names: str) -> Callable[[str, str], argparse.ArgumentParser]:
    """Adds verbs that take the options that all commands have and those of the API."""
    from headend.cli.main import common

    found = parser.add_subparsers(dest="verb", metavar=names, required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = found.add_parser(
            name, help=sentence, description=f"{sentence[0].upper()}{sentence[1:]}.", parents=[common()]
        )
        add_options(made)
        return made

    return verb


def asking(
    arguments: argparse.Namespace, output: Output, verb: Callable[[argparse.Namespace, Output, Client], Awaitable[int]]
) -> int:
    """Run a verb with a client. A no is told with its reasons."""
    from headend.api.client import Refused

    try:
        return asyncio.run(_asked(arguments, output, verb))
    except Refused as error:
        document = error.document
        reasons = document.get("reasons") or []
        kind = str(document.get("type") or "failed").rsplit(":", 1)[-1]
        more: dict[str, Any] = {"reasons": reasons, "verdict": document.get("verdict")} if reasons else {}
        output.failure(str(error), kind, **more)
        return error.exit_code


async def _asked(
    arguments: argparse.Namespace, output: Output, verb: Callable[[argparse.Namespace, Output, Client], Awaitable[int]]
) -> int:
    from headend.api.client import Client
    from headend.config import Config, load

    url: str | None = getattr(arguments, "api", None)
    config = Config() if url else load(arguments.config)
    token, ca = getattr(arguments, "token_file", None), getattr(arguments, "ca", None)
    async with Client.of(config, url=url, token_file=token, ca=ca) as client:
        return await verb(arguments, output, client)


def change_told(change: dict[str, Any], what: str, output: Output) -> int:
    """A change that is done, or waits for somebody else."""
    if output.as_json:
        output.document(change)
    if change["done"]:
        output.text(f"{what}: done")
    else:
        until = change["expires"]
        output.text(f"{what}: waits for {change['lacks']} more to ask for the same, until {until}")
    return 0
