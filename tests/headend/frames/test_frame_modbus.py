"""`headend frame encode modbus`: requests, replies and refusals as the standard spells them and decode tells them."""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

import pytest

from headend.cli.main import run
from headend.frames import decode
from protocols.modbus import rtu, tcp
from tests.headend.command import Headend

Capture = pytest.CaptureFixture[str]

# Modbus Application Protocol V1.1b3: the examples of clauses 6.1 to 6.6, 6.11, 6.12 and 6.17, and of 43/14 (6.21) the
# request. The reply of 6.21 is ours: the standard's own example states lengths that are not its texts'.
STANDARD: Final = {
    "--function 1 --register 19 --count 19": "01 0013 0013",
    "--function 1 --reply 1 0 1 1 0 0 1 1 1 1 0 1 0 1 1 0 1 0 1": "01 03 CD6B05",
    "--function 2 --register 0xC4 --count 22": "02 00C4 0016",
    "--function 2 --reply 0 0 1 1 0 1 0 1 1 1 0 1 1 0 1 1 1 0 1 0 1 1": "02 03 ACDB35",
    "--function 3 --register 0x6B --count 3": "03 006B 0003",
    "--function 3 --reply 0x022B 0 0x64": "03 06 022B 0000 0064",
    "--function 4 --register 8": "04 0008 0001",
    "--function 4 --register 8 --count 1 --reply 10": "04 02 000A",
    "--function 5 --register 0xAC --value on": "05 00AC FF00",
    "--function 5 --register 0xAC --value on --reply": "05 00AC FF00",
    "--function 5 --register 0xAC --value 0": "05 00AC 0000",
    "--function 6 --register 1 --value 3": "06 0001 0003",
    "--function 6 --register 1 --value 3 --reply": "06 0001 0003",
    "--function 15 --register 19 --value 1 0 1 1 0 0 1 1 1 0": "0F 0013 000A 02 CD01",
    "--function 15 --register 19 --value 1 0 1 1 0 0 1 1 1 0 --reply": "0F 0013 000A",
    "--function 16 --register 1 --value 10 --value 0x102": "10 0001 0002 04 000A 0102",
    "--function 16 --register 1 --value 10 0x102 --reply": "10 0001 0002",
    "--function 23 --register 3 --count 6 --write-register 14 --value 255 255 255":
        "17 0003 0006 000E 0003 06 00FF 00FF 00FF",
    "--function 23 --reply 0xFE 0xACD 1 3 13 255": "17 0C 00FE 0ACD 0001 0003 000D 00FF",
    "--function 43": "2B 0E 01 00",
    "--function 43 --category regular --object 3": "2B 0E 02 03",
    "--function 43 --object 2": "2B 0E 04 02",
    "--function 43 --reply 0=ACME 1=M1": "2B 0E 01 81 00 00 02 00 04 41434D45 01 02 4D31",
    "--function 43 --category extended --reply 128=x --next-object 129": "2B 0E 03 83 FF 81 01 80 01 78",
    "--function 43 --category regular --reply 3=": "2B 0E 02 82 00 00 01 03 00",
    "--function 1 --refuse 02": "81 02",
    "--function 43 --refuse 0B": "AB 0B",
    "--function 16 --refuse 7f": "90 7F",
}  # fmt: skip


def encoded(capsys: Capture, words: str) -> bytes:
    assert run(["frame", "encode", "modbus", "--unit", "17", "--json", *shlex.split(words)]) == 0
    return bytes.fromhex(json.loads(capsys.readouterr().out)["hex"])


@pytest.mark.parametrize("words", STANDARD)
def test_frames_as_the_standard_spells_them(capsys: Capture, words: str) -> None:
    pdu = bytes.fromhex(STANDARD[words])
    assert encoded(capsys, words) == rtu.encode(17, pdu)
    assert encoded(capsys, words + " --framing tcp --transaction 0x102") == tcp.encode(0x102, 17, pdu)


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
@pytest.mark.parametrize("words", STANDARD)
def test_decode_tells_what_was_built(capsys: Capture, words: str, framing: str) -> None:
    (told,) = decode(encoded(capsys, f"{words} --framing {framing}"))
    asked = shlex.split(words)
    repeats = asked[1] in ("5", "6")  # one frame is request and reply: alone it is a request
    assert told["protocol"] == f"modbus-{framing}"
    assert told["address"] == "17"
    assert int(told["control"], 16) & 0x7F == int(asked[1])
    answers = ("--reply" in asked and not repeats) or "--refuse" in asked
    assert told["direction"] == ("reply" if answers else "request")
    assert (told["error"] is not None) == ("--refuse" in asked)


CONVERSATIONS: Final[dict[tuple[str, str], tuple[str, list[str]]]] = {
    ("--function 1 --register 3 --count 2", "--function 1 --reply on off"): ("coil 3..4", ["1", "0"]),
    ("--function 2 --register 3", "--function 2 --reply 1"): ("discrete 3", ["1"]),
    ("--function 3 --register 9 --count 2", "--function 3 --reply 7 65535"): ("holding 9..10", ["7", "65535"]),
    ("--function 4 --register 9", "--function 4 --reply 7"): ("input 9", ["7"]),
    ("--function 43", "--function 43 --reply 0=Zähler 2=V1.0"): ("identification", ["Zähler", "V1.0"]),
    ("--function 23 --register 1 --write-register 5 --value 2", "--function 23 --reply 3"): ("holding 1", ["3"]),
}


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
@pytest.mark.parametrize("pair", CONVERSATIONS)
def test_a_conversation_that_was_built_is_told_whole(capsys: Capture, pair: tuple[str, str], framing: str) -> None:
    _, told = decode(b"".join(encoded(capsys, f"{words} --framing {framing}") for words in pair))
    item, values = CONVERSATIONS[pair]
    assert (told["direction"], told["error"]) == ("reply", None)
    assert (told["item"], [row["value"] for row in told["values"]]) == (item, values)


def test_more_objects_that_follow_are_told(capsys: Capture) -> None:
    told: dict[str, Any]
    (told,) = decode(encoded(capsys, "--function 43 --reply 0=x --next-object 1"))
    assert told["note"] == "more objects follow, from number 1 on"


WRONG: Final = {
    "--function 7": "invalid choice",
    "--function 1": "function 1 needs --register",
    "--function 6 --value 1": "function 6 needs --register",
    "--function 23 --register 1 --value 2": "function 23 needs --write-register",
    "--function 23 --register 1 --write-register 2": "expected 1..121",
    "--function 1 --register 0 --count 2001": "2001 bits in one request, expected 1..2000",
    "--function 1 --register 0 --value 1": "function 1 takes --register, --count, not --value",
    "--function 5 --register 0 --value 2": "--value '2' is no bit",
    "--function 5 --register 0": "expected one --value, not 0",
    "--function 15 --register 0": "0 bits in one request",
    "--function 15 --register 0xFFFF --value 1 1": "outside 0..65535",
    "--function 16 --register 0 --value -1": "--value '-1' does not fit a register",
    "--function 16 --register 0 --value x": "--value 'x' does not fit a register",
    "--function 16 --register 0 --value 1 --reply 1": "--reply takes no values",
    "--function 16 --register 0 --count 2": "function 16 takes --register, --value, not --count",
    "--function 3 --count 2 --reply 1": "--count 2, but --reply with 1 values",
    "--function 3 --reply": "0 registers in one request",
    "--function 3 --reply 65536": "--reply '65536' does not fit a register",
    "--function 2 --reply yes": "--reply 'yes' is no bit",
    "--function 3 --refuse 100": "expected an exception code in hex, 01..FF",
    "--function 3 --refuse 0": "expected an exception code in hex, 01..FF",
    "--function 3 --refuse no": "expected an exception code in hex, 01..FF",
    "--function 3 --refuse 02 --reply 1": "not allowed with",
    "--function 3 --refuse 02 --object 1": "not --object",
    "--function 43 --register 0": "function 43 takes --category, --object, --next-object, not --register",
    "--function 43 --object 256": "object 256",
    "--function 43 --next-object 1": "--next-object stands in a reply",
    "--function 43 --reply 0=x --next-object 256": "--next-object 256: expected 0..255",
    "--function 43 --reply ACME": "expected an object as NUMBER=TEXT",
    "--function 43 --reply 256=x": "expected an object as NUMBER=TEXT",
    "--function 43 --reply 0=x 0=y": "object 0 stands there twice",
    "--function 43 --reply 0=电表": "ASCII",
    "--function 43 --reply": "expected some",
    f"--function 43 --reply 0={'x' * 245}": "246 bytes at most",
    "--function 3 --register 0 --framing tcp --transaction 65536": "transaction 65536",
    "--function 3 --register many": "invalid number value: 'many'",
    "--function 3 --register 0 --unit -1": "--unit -1: expected 0..255",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_built_is_wrong_usage_and_says_why(headend: Headend, words: str) -> None:
    ran = headend("frame", "encode", "modbus", "--unit", "17", *shlex.split(words))
    assert (ran.code, ran.out) == (2, "")
    assert WRONG[words] in ran.err
