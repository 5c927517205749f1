"""What `headend frame encode modbus` takes."""

from __future__ import annotations

import argparse
from typing import Final

EPILOG: Final = """\
Functions: 1 read coils, 2 read discrete inputs, 3 read holding registers, 4 read input registers, 5 write a coil,
6 write a register, 15 write coils, 16 write registers, 23 write and read registers, 43 read the identification.
Registers and bits count from 0, as on the wire. A reply of 1, 2, 3, 4 and 23 holds values alone and
needs no --register.

examples:
  headend frame encode modbus --unit 1 --function 4 --register 52 --count 2
  headend frame encode modbus --unit 1 --function 4 --reply 0x4366 0x3333
  headend frame encode modbus --unit 1 --function 16 --register 0x10 --value 1 2 --framing tcp
  headend frame encode modbus --unit 1 --function 16 --register 0x10 --value 1 2 --reply
  headend frame encode modbus --unit 1 --function 1 --reply on off off on
  headend frame encode modbus --unit 1 --function 23 --register 3 --count 6 --write-register 14 --value 255 255
  headend frame encode modbus --unit 1 --function 43 --reply 0=Maker 1=DTSD 2=V1.0
  headend frame encode modbus --unit 1 --function 3 --refuse 02
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unit", type=number, required=True, metavar="U", help="0..255")
    functions = (1, 2, 3, 4, 5, 6, 15, 16, 23, 43)
    parser.add_argument("--function", type=int, required=True, choices=functions)
    parser.add_argument("--register", type=number, metavar="R", help="the first register, coil or input, 0..65535")
    parser.add_argument("--count", type=number, metavar="N", help="how many are read (default: 1)")
    parser.add_argument(
        "--value", nargs="+", action="extend", metavar="V", help="what is written: 0..65535; of coils 0, 1, off, on"
    )
    parser.add_argument("--write-register", type=number, metavar="R", help="of 23: the first one that is written")
    parser.add_argument(
        "--category",
        choices=["basic", "regular", "extended", "single"],
        help="of 43 (default: basic; with --object single)",
    )
    parser.add_argument("--object", type=number, metavar="N", help="of 43: the one to begin with, or the single one")
    parser.add_argument(
        "--next-object", type=number, metavar="N", help="of a reply to 43: more follow, from this one on"
    )
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--reply",
        nargs="*",
        metavar="VALUE",
        help="build the reply: with what is read (of 43: NUMBER=TEXT), else alone",
    )
    answer.add_argument("--refuse", metavar="CODE", help="build the refusal: exception code in hex, such as 02")
    parser.add_argument("--framing", choices=["rtu", "tcp"], default="rtu", help="default: rtu")
    parser.add_argument("--transaction", type=number, default=1, metavar="T", help="with --framing tcp (default: 1)")


def number(text: str) -> int:
    return int(text, 0)


def frame(arguments: argparse.Namespace) -> bytes:
    """Raises `UsageFault`."""
    from headend.frames.build_modbus import TAKES, Order, modbus_frame

    options = dict.fromkeys(option for takes in TAKES.values() for option in takes)
    told = {option: getattr(arguments, option.replace("-", "_")) for option in options}
    given = {option: value for option, value in told.items() if value is not None}
    order = Order(arguments.function, given, arguments.reply, arguments.refuse)
    return modbus_frame(order, arguments.unit, arguments.framing, arguments.transaction)
