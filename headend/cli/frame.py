"""`headend frame`: take frames apart, put them together. Nothing is sent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, Final

from headend.cli.output import Output

DECODE_EPILOG = """\
HEX in any spelling: with or without blanks, line breaks, commas, colons, 0x; upper or lower case; a dump with offsets,
or the lines of a log (time stamps, TX: and RX<- are passed over). - reads standard input. One object a frame; noise
between frames is shown and is no failure. Without --protocol the frame tells: DL/T 645 (both editions) by its
structure, Modbus TCP by its header, Modbus RTU by its check sum; they may stand side by side. A reply is understood
by the request before it; the values of an answer in several frames stand with the last one.

Passwords are shown as ****, but for "hex", which is the frame itself.

exit codes: 0 every frame is sound; 1 no frame, a wrong check sum, or content that cannot be; 2 no hex

examples:
  headend frame decode 68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 CC 16
  headend frame decode --protocol modbus-rtu 0x01,0x03,0x02,0x00,0x6f,0xf8,0x68
  headend frame decode --model eastron_sdm630 01 04 00 00 00 02 71 CB 01 04 04 43 66 33 33 5A FA
  xxd -p capture.bin | headend frame decode --json -
"""

READ_EPILOG = """\
ITEM is a data identifier (00010000), a quantity's name (active_energy_import) or an OBIS code (1-0:1.8.0). With --reply
the meter's answer is built: one VALUE for each part of the item, null for "not available".

examples:
  headend frame encode read --address 123456789012 00010000
  headend frame encode read --address 123456789012 00010000 --reply 123456.78
  headend frame encode read --address 1 0201FF00 --reply 230.1 null null
"""

MODBUS_EPILOG = """\
Registers count from 0, as on the wire.

examples:
  headend frame encode modbus --unit 1 --function 4 --register 52 --count 2
  headend frame encode modbus --unit 1 --function 16 --register 0x10 --value 1 --value 2 --framing tcp
"""


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="decode|encode", required=True)
    decode = verbs.add_parser(
        "decode",
        help="what frames say",
        description="Show what frames say.",
        epilog=DECODE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )
    decode.add_argument("--protocol", choices=["auto", "dlt645", "modbus-rtu", "modbus-tcp"], default="auto")
    decode.add_argument(
        "--model", metavar="M", help="names a Modbus meter's registers, or has a DL/T 645 meter's formats"
    )
    decode.add_argument("hex", nargs="*", metavar="HEX", help="the bytes, or - for standard input")
    encode = verbs.add_parser(
        "encode", help="build a frame", description="Print a frame's bytes. Nothing is sent.", parents=[common()]
    )
    kinds = encode.add_subparsers(dest="kind", metavar="read|modbus", required=True)
    read = kinds.add_parser(
        "read",
        help="a DL/T 645 read, or its reply",
        description="A DL/T 645 read request, or with --reply the answer to it.",
        epilog=READ_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )
    read.add_argument("item", metavar="ITEM")
    read.add_argument("--address", metavar="A", required=True, help="12 digits, or AAAAAAAAAAAA for any meter")
    read.add_argument("--edition", choices=["2007", "1997"], default="2007", help="of DL/T 645 (default: 2007)")
    read.add_argument("--reply", nargs="+", metavar="VALUE", help="build the reply with these values")
    read.add_argument("--preamble", type=int, default=4, metavar="N", help="bytes FE in front (default: 4)")
    modbus = kinds.add_parser(
        "modbus",
        help="a Modbus request",
        description="A Modbus request.",
        epilog=MODBUS_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )
    modbus.add_argument("--unit", type=_number, required=True, metavar="U", help="0..255")
    modbus.add_argument("--function", type=int, required=True, choices=[3, 4, 6, 16])
    modbus.add_argument("--register", type=_number, required=True, metavar="R", help="the first one, 0..65535")
    modbus.add_argument("--count", type=_number, metavar="N", help="how many are read (default: 1)")
    modbus.add_argument(
        "--value", type=_number, action="append", default=[], metavar="V", help="once for each register"
    )
    modbus.add_argument("--framing", choices=["rtu", "tcp"], default="rtu", help="default: rtu")
    modbus.add_argument("--transaction", type=_number, default=1, metavar="T", help="with --framing tcp (default: 1)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "decode":
        return _decode(arguments, output)
    return _ENCODERS[arguments.kind](arguments, output)


def _number(text: str) -> int:
    return int(text, 0)


def _decode(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.frames import decode, flaws, is_frame
    from headend.frames.paste import bytes_of
    from protocols import models

    if not arguments.hex:
        raise UsageFault("no HEX: give the bytes as arguments, or - to read standard input")
    text = " ".join(sys.stdin.read() if word == "-" else word for word in arguments.hex)
    model = models.load(arguments.model) if arguments.model else None
    documents = decode(bytes_of(text), arguments.protocol, model)
    if not any(map(is_frame, documents)):
        wanted = "frame" if arguments.protocol == "auto" else f"{arguments.protocol} frame"
        reasons = dict.fromkeys(document["reason"] for document in documents)
        output.failure(f"no sound {wanted} in these bytes: {', '.join(reasons)}")
        return 1
    for document in documents:
        if output.as_json:
            output.document(document)
        else:
            _show(document, output)
    problems = flaws(documents)
    for problem in problems:
        print(f"headend: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _show(document: dict[str, Any], output: Output) -> None:
    if document["protocol"] is None:
        text = f" {document['text']!r}" if "text" in document else ""
        output.text(f"noise: {document['noise']}{text} ({document['reason']})")
        return
    title = document["protocol"] + (f"-{document['edition']}" if document["edition"] else "")
    told = (
        f"{title} {document['direction']}, address {document['address']}, {document['control']} {document['service']}"
    )
    output.text(told + (f", item {document['item']}" if document["item"] else ""))
    for asks in document.get("asks", ()):
        output.text(f"  asks: {asks['name']} ({asks['zh']})")
    for key in ("sequence", "asked", "data", "transaction", "note"):
        if key in document:
            output.text(f"  {key}: {document[key]}")
    if document["follows"]:
        output.text("  more follows")
    if document["error"]:
        output.text(f"  error {document['error']['code']}: {document['error']['meaning']}")
    if document["checksum"]:
        output.text(f"  check sum {document['checksum']}")
    if document["values"]:
        rows = [(v["name"], v["obis"], _value(v), v["unit"], v.get("quality")) for v in document["values"]]
        output.table(["name", "OBIS", "value>", "unit", "quality"], rows)
    for value in document["values"]:
        for bit in value.get("bits", ()):
            output.text(f"  {value['name']} bit {bit['bit']}: {bit['en']} ({bit['zh']})")


def _value(row: dict[str, Any]) -> str | None:
    return f"{row['value']} ({row['zh']})" if "zh" in row and row["value"] is not None else row["value"]


def _encode_read(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.frames.build import read_reply, read_request

    if arguments.edition != "2007":
        raise UsageFault(f"--edition {arguments.edition} is not spoken yet: expected 2007")
    if arguments.reply is None:
        raw = read_request(arguments.address, arguments.item, arguments.preamble)
    else:
        raw = read_reply(arguments.address, arguments.item, arguments.reply, arguments.preamble)
    return _print(raw, output)


def _encode_modbus(arguments: argparse.Namespace, output: Output) -> int:
    from headend.frames.build import modbus_request

    raw = modbus_request(
        arguments.unit,
        arguments.function,
        arguments.register,
        arguments.count,
        arguments.value,
        arguments.framing,
        arguments.transaction,
    )
    return _print(raw, output)


def _print(raw: bytes, output: Output) -> int:
    if output.as_json:
        output.document({"hex": raw.hex().upper()})
    output.text(raw.hex(" ").upper())
    return 0


_ENCODERS: Final[dict[str, Callable[[argparse.Namespace, Output], int]]] = {
    "read": _encode_read,
    "modbus": _encode_modbus,
}
