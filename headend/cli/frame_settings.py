"""Options and requests of `headend frame encode` that need no password: addresses, clock, freeze, baud rate, and the
supplements' terminal and security services."""

from __future__ import annotations

import argparse
from typing import Any

from headend.cli.frame_reads import raw_bytes

Arguments = argparse.Namespace


def read_address(arguments: Arguments) -> Any:
    from protocols.dlt645.services.address import ReadAddress

    return ReadAddress()


def own_address(arguments: Arguments, request: Any) -> tuple[str, str]:
    return arguments.reply, arguments.reply


def new_address_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("new", metavar="NEW", help="twelve digits")


def write_address(arguments: Arguments) -> Any:
    from protocols.dlt645.services.address import WriteAddress

    return WriteAddress(arguments.new, arguments.edition)


def from_new(arguments: Arguments, request: Any) -> tuple[str, None]:
    return arguments.new, None


def time_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("time", metavar="TIME", help="the meters' local time, 2026-11-22T15:30:45")


def time(arguments: Arguments) -> Any:
    from protocols.dlt645.services.clock import SetTime

    return SetTime(arguments.time)


def freeze_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minute", type=int, metavar="M", help="every hour at this minute; without any: now")
    parser.add_argument("--hour", type=int, metavar="H", help="with --minute: every day")
    parser.add_argument("--day", type=int, metavar="D", help="with --hour and --minute: every month")


def freeze(arguments: Arguments) -> Any:
    from protocols.dlt645.services.freeze import Freeze

    return Freeze(arguments.minute, arguments.hour, arguments.day)


def baud_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rate", type=int, metavar="RATE", help="bit/s")


def baud(arguments: Arguments) -> Any:
    from protocols.dlt645.services.baud import ChangeBaud

    return ChangeBaud(arguments.rate, arguments.edition)


def rate(arguments: Arguments, request: Any) -> tuple[str, int]:
    return arguments.address, arguments.rate


def terminal_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", choices=["second-pulse", "demand-period", "rate-switch"])


def terminal(arguments: Arguments) -> Any:
    from protocols.dlt645.services.terminal import Output, SetTerminal

    return SetTerminal(Output[arguments.output.upper().replace("-", "_")])


def security_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM", help="07xxxxxx; 070000FF is identity authentication")
    parser.add_argument("--body", metavar="HEX", default="", help="what stands behind the operator code")
    parser.add_argument("--operator", metavar="C", default="00000000", help="eight hex digits (default: 00000000)")


def security(arguments: Arguments) -> Any:
    from protocols.dlt645.services.security import Security

    return Security(arguments.item.upper(), raw_bytes(arguments.body, "--body"), arguments.operator)


def security_value(arguments: Arguments, request: Any) -> tuple[str, bytes]:
    return arguments.address, raw_bytes(arguments.reply, "--reply")
