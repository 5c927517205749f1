"""Options of commands that work a line straight from the command line, without a registry."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headend.collection.line import Line, LinePath
    from protocols.driver import Tap


def add_options(
    parser: argparse.ArgumentParser, *, timeout: str = "500ms", latency: str = "500ms", retries: int = 2
) -> None:
    """`--link` and what belongs to it."""
    parser.add_argument("--link", metavar="URL", help="where the line is: serial:///dev/ttyUSB0, tcp://host:port ...")
    parser.add_argument(
        "--framing", choices=["rtu", "tcp"], default="", help="of Modbus (default: tcp over tcp://, else rtu)"
    )
    parser.add_argument(
        "--timeout", metavar="TIME", default=timeout, help=f"how long a meter may think (default: {timeout})"
    )
    parser.add_argument(
        "--latency", metavar="TIME", default=latency, help=f"what the way there adds (default: {latency})"
    )
    parser.add_argument(
        "--retries", type=int, default=retries, metavar="N", help=f"repetitions of a question (default: {retries})"
    )
    parser.add_argument("--echo", action="store_true", help="the adapter hands our own bytes back")
    parser.add_argument("--trace", action="store_true", help="show the bytes on stderr")


def line_of(arguments: argparse.Namespace, protocol: str) -> Line:
    """The line that the options describe, not yet open. Raises `UsageFault` and `ModelError`."""
    from headend.collection.line import LinePath
    from protocols.links.url import parse_link

    path = LinePath("command line", arguments.link, protocol, arguments.framing, arguments.echo)
    parse_link(path.url)
    return line_at(path, arguments)


def line_at(path: LinePath, arguments: argparse.Namespace) -> Line:
    """A line worked with the options' patience. Raises `UsageFault`."""
    from headend.collection.line import Line
    from headend.duration import seconds
    from headend.errors import UsageFault
    from protocols.timing import Timing

    if arguments.retries < 0:
        raise UsageFault(f"--retries is {arguments.retries}, expected 0 or more")
    try:
        timing = Timing(
            response=seconds(arguments.timeout),
            latency=seconds(arguments.latency),
            retries=arguments.retries,
            pause=path.pause,
            bits_per_second=path.bits_per_second,
        )
    except ValueError as error:
        raise UsageFault(str(error)) from error
    return Line(path, timing, _tap(path.protocol) if arguments.trace else None)


def _tap(protocol: str) -> Tap:
    """Bytes on stderr, the passwords of DL/T 645 frames hidden."""
    from protocols.dlt645.services.mask import masked
    from protocols.driver import Tap

    def show(direction: str, raw: bytes) -> None:
        print(direction, masked(raw) if protocol == "dlt645" else raw.hex(" ").upper(), file=sys.stderr)

    return Tap(show)
