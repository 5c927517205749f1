"""`headend frame encode`: frames for documentation, tests and other programs. It prints hex; nothing is sent."""

from __future__ import annotations

import argparse
from typing import Any

from headend.cli import frame_modbus as modbus
from headend.cli import frame_orders as orders
from headend.cli.frame_kinds import KINDS, Kind
from headend.cli.output import Output

CLEAR_TEXT = """\
The frame that is printed holds the password in clear (33H is no cipher): whoever sees it can use it.
"""


def add_kinds(encode: argparse.ArgumentParser) -> None:
    kinds = encode.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, kind in KINDS.items():
        _dlt645(_parser(kinds, name, kind.help, kind.epilog + (CLEAR_TEXT if kind.access or kind.secret else "")), kind)
    modbus.add_options(_parser(kinds, "modbus", "a Modbus request, or its reply", modbus.EPILOG))


def run(arguments: argparse.Namespace, output: Output) -> int:
    raw = modbus.frame(arguments) if arguments.kind == "modbus" else _frame(KINDS[arguments.kind], arguments)
    if output.as_json:
        output.document({"hex": raw.hex().upper()})
    output.text(raw.hex(" ").upper())
    return 0


def _parser(kinds: Any, name: str, sentence: str, epilog: str) -> argparse.ArgumentParser:
    from headend.cli.main import common

    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=sentence,
        description=sentence[0].upper() + sentence[1:] + ".",
        epilog=epilog or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )
    return parser


def _dlt645(parser: argparse.ArgumentParser, kind: Kind) -> None:
    kind.options(parser)
    default = f" (default: {' or '.join(dict.fromkeys(kind.to.values()))})" if kind.to else ""
    address = "12 digits, AA for unknown bytes" + default
    parser.add_argument("--address", metavar="A", required=not kind.to, help=address)
    parser.add_argument("--edition", choices=kind.editions, default=kind.editions[0], help="of DL/T 645")
    parser.add_argument("--preamble", type=int, default=4, metavar="N", help="bytes FE in front (default: 4)")
    if kind.access:
        orders.access_options(parser)
    if kind.reply is None:
        return
    if kind.reply:
        many: dict[str, Any] = {"nargs": "+"} if kind.reply == "VALUE" else {}
        parser.add_argument("--reply", metavar=kind.reply, help="build the meter's answer with this", **many)
    else:
        parser.add_argument("--reply", action="store_true", help="build the meter's answer")
    parser.add_argument("--refuse", metavar="ERR", help="build the meter's refusal: error bits in hex, such as 02")


def _frame(kind: Kind, arguments: argparse.Namespace) -> bytes:
    from headend.errors import UsageFault
    from headend.frames.build import answer, refusal, request_frame

    if arguments.address is None:
        arguments.address = kind.to[arguments.edition]
    try:
        request = kind.request(arguments)
        reply, refuse = getattr(arguments, "reply", None), getattr(arguments, "refuse", None)
        if refuse is not None:
            return refusal(request, arguments.address, refuse, arguments.preamble)
        if reply or getattr(arguments, "reply_data", None) is not None:
            own, value = kind.value(arguments, request)
            follows = getattr(arguments, "follows", False)
            return answer(request, own, value, arguments.preamble, follows)
        return request_frame(request, arguments.address, arguments.preamble)
    except ValueError as error:
        raise UsageFault(str(error)) from error
