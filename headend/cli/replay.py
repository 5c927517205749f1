"""`headend replay`: what was set aside, into the database once more."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple

from headend.cli import dead_letters, spooled
from headend.cli.output import Output


class Source(NamedTuple):
    """Where from. `add` gives the parser the source's flag and options; the flag's value is not None where it is
    asked for."""

    add: Callable[[argparse.ArgumentParser, Any], None]
    """The second is the group of flags of which one has to be given."""
    replay: Callable[[argparse.Namespace, Output], Coroutine[Any, Any, int]]


SOURCES: Final[Mapping[str, Source]] = {
    "dead_letters": Source(dead_letters.add_source, dead_letters.replay),
    "spool": Source(spooled.add_source, spooled.replay),
}
"""By the name under which the flag's value is kept."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Safe to repeat: what is stored already stays as it is. The daemon may run."
    flags = parser.add_mutually_exclusive_group(required=True)
    for source in SOURCES.values():
        source.add(parser, flags)


def run(arguments: argparse.Namespace, output: Output) -> int:
    (chosen,) = (source for name, source in SOURCES.items() if getattr(arguments, name, None) is not None)
    return asyncio.run(chosen.replay(arguments, output))
