"""`headend frame encode`: frames for documentation, tests and other programs. It prints hex; nothing is sent."""

from __future__ import annotations

import argparse
from typing import Any

from headend.cli import frame_orders as orders
from headend.cli.frame_kinds import KINDS, Kind
from headend.cli.output import Output

MODBUS_EPILOG = """\
Registers count from 0, as on the wire.

examples:
  headend frame encode modbus --unit 1 --function 4 --register 52 --count 2
  headend frame encode modbus --unit 1 --function 16 --register 0x10 --value 1 --value 2 --framing tcp
"""
CLEAR_TEXT = """\
The frame that is printed holds the password in clear (33H is no cipher): whoever sees it can use it.
"""


def add_kinds(encode: argparse.ArgumentParser) -> None:
    kinds = encode.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, kind in KINDS.items():
        _dlt645(_parser(kinds, name, kind.help, kind.epilog + (CLEAR_TEXT if kind.access or kind.secret else "")), kind)
    _modbus(_parser(kinds, "modbus", "a Modbus request", MODBUS_EPILOG))


def run(arguments: argparse.Namespace, output: Output) -> int:
    raw = _modbus_request(arguments) if arguments.kind == "modbus" else _frame(KINDS[arguments.kind], arguments)
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


def _modbus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unit", type=_number, required=True, metavar="U", help="0..255")
    parser.add_argument("--function", type=int, required=True, choices=[3, 4, 6, 16])
    parser.add_argument("--register", type=_number, required=True, metavar="R", help="the first one, 0..65535")
    parser.add_argument("--count", type=_number, metavar="N", help="how many are read (default: 1)")
    parser.add_argument(
        "--value", type=_number, action="append", default=[], metavar="V", help="once for each register"
    )
    parser.add_argument("--framing", choices=["rtu", "tcp"], default="rtu", help="default: rtu")
    parser.add_argument("--transaction", type=_number, default=1, metavar="T", help="with --framing tcp (default: 1)")


def _number(text: str) -> int:
    return int(text, 0)


def _modbus_request(arguments: argparse.Namespace) -> bytes:
    from headend.frames.build_modbus import modbus_request

    return modbus_request(
        arguments.unit,
        arguments.function,
        arguments.register,
        arguments.count,
        arguments.value,
        arguments.framing,
        arguments.transaction,
    )
