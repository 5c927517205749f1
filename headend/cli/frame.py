"""`headend frame`: take frames apart, put them together. Nothing is sent."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from headend.cli import frame_encode
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
    frame_encode.add_kinds(encode)


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "decode":
        return _decode(arguments, output)
    return frame_encode.run(arguments, output)


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
