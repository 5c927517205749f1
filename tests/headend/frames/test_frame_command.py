"""`headend frame`: what goes in, what comes out, and with which exit code."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.cli.main import run
from headend.frames import PROTOCOLS, decode, flaws

ENERGY = "6812907856341268910833333433AB896745CC16"
VOLTAGE = "681111111111116891063334343536572A16"

Capture = pytest.CaptureFixture[str]


def call(capsys: Capture, *argv: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, the JSON objects on stdout, stderr."""
    try:
        code = run(["--json", "frame", *argv])
    except SystemExit as stop:
        code = int(str(stop.code))
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_reply_is_one_object_as_the_documentation_shows_it(capsys: Capture) -> None:
    code, (told,), err = call(capsys, "decode", "FEFEFEFE" + ENERGY)
    assert (code, err) == (0, "")
    assert told == {
        "protocol": "dlt645",
        "edition": "2007",
        "direction": "reply",
        "address": "123456789012",
        "control": "91",
        "service": "read",
        "item": "00010000",
        "values": [{"obis": "1-0:1.8.0*255", "name": "active_energy_import", "value": "123456.78", "unit": "kWh"}],
        "follows": False,
        "error": None,
        "checksum": "ok",
        "hex": ENERGY,
    }
    assert list(told)[:12] == [
        "protocol", "edition", "direction", "address", "control", "service", "item", "values", "follows", "error",
        "checksum", "hex",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        [ENERGY.lower()],
        ["68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 CC 16"],
        [ENERGY[:17].lower(), ENERGY[17:]],
        ["68-12-90-78-56-34-12-68-91-08-33-33-34-33-ab-89-67-45-cc-16"],
        ["68:12:90:78:56:34:12:68:91:08:33:33:34:33:AB:89:67:45:CC:16"],
        [
            "0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x8",
            "0x33,0x33,0x34,0x33,0xab,0x89,0x67,0x45,0xcc,0x16",
        ],
        ["[0x68129078, 0x56341268]", "9108333334", "33AB8967", "45CC16"],
        [r"\x68\x12\x90\x78\x56\x34\x12\x68\x91\x08\x33\x33\x34\x33\xab\x89\x67\x45\xcc\x16"],
        ["68H 12H 90H 78H 56H 34H 12H 68H 91H 08H 33H 33H 34H 33H ABH 89H 67H 45H CCH 16H"],
        ["68129078563412689108333334\n33AB896745C\r\nC16\n"],
    ],
)
def test_any_paste_is_read(capsys: Capture, words: list[str]) -> None:
    code, (told,), _ = call(capsys, "decode", *words)
    assert (code, told["hex"]) == (0, ENERGY)


def test_dash_reads_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"FE {ENERGY}\n{VOLTAGE}\n"))
    code, told, _ = call(capsys, "decode", "-")
    assert (code, [one["hex"] for one in told]) == (0, [ENERGY, VOLTAGE])


def test_frames_and_noise_are_told_apart_in_order(capsys: Capture) -> None:
    code, told, _ = call(capsys, "decode", "D8B04CBDD147" + "FEFE" + ENERGY + "55" + VOLTAGE + "6811")
    assert code == 0
    assert [one.get("hex") or one["noise"] for one in told] == ["D8B04CBDD147", ENERGY, "55", VOLTAGE, "6811"]
    assert [one["protocol"] for one in told] == [None, "dlt645", None, "dlt645", None]


def test_block_gives_several_values_and_null_says_why(capsys: Capture) -> None:
    _, (built,), _ = call(capsys, "encode", "read", "--address", "1", "0201FF00", "--reply", "230.1", "null", "0")
    code, (told,), _ = call(capsys, "decode", built["hex"])
    assert code == 0
    assert [value["value"] for value in told["values"]] == ["230.1", None, "0.0"]
    assert [value.get("quality") for value in told["values"]] == [None, "not_available", None]


@pytest.mark.parametrize(
    ("raw", "edition", "error"),
    [
        ("6837030092813968D101355D16", "2007", {"code": "02", "meaning": "no requested data"}),
        ("6895320600000068C101359416", "1997", {"code": "02", "meaning": "no such identifier"}),
        ("FEFEFEFE6812907856341268D401379216", "2007", {"code": "04", "meaning": "wrong password or not authorised"}),
    ],
)
def test_refusal_has_code_and_meaning_and_is_a_sound_frame(
    capsys: Capture, raw: str, edition: str, error: dict[str, str]
) -> None:
    code, (told,), _ = call(capsys, "decode", raw)
    assert (code, told["edition"], told["error"], told["values"]) == (0, edition, error, [])


def test_wrong_check_sum_is_reported_with_its_content(capsys: Capture) -> None:
    raw = "6837030092813968910633343435C756B616"  # printed so in public code
    code, told, err = call(capsys, "decode", "55" + raw + ENERGY)
    assert code == 1
    assert "check sum" in err
    assert [one.get("checksum") for one in told] == [None, "bad", "ok"]
    assert told[1]["values"][0]["value"] == "239.4"
    assert told[1]["note"] == "check sum is B6, expected DA"


def test_digit_that_is_no_bcd_is_reported_and_not_guessed(capsys: Capture) -> None:
    code, (told,), err = call(capsys, "decode", "681806360400916891083333343333334133F916")
    assert code == 1
    assert (told["error"]["code"], told["values"], told["data"]) == ("bad_answer", [], "00000E00")
    assert "BCD" in told["error"]["meaning"]
    assert "BCD" in err


def test_length_that_the_item_cannot_have_is_reported(capsys: Capture) -> None:
    raw = "6866666666666668911F33335033650F9F6B33333333333333338733333343553533933933337538331516"
    code, (told,), _ = call(capsys, "decode", raw)
    assert (code, told["item"], told["error"]["code"]) == (1, "001D0000", "bad_answer")
    assert "expected 4" in told["error"]["meaning"]


def test_unknown_item_is_shown_with_its_data(capsys: Capture) -> None:
    code, (told,), _ = call(capsys, "encode", "read", "--address", "1", "00010000", "--reply", "0")
    raw = bytes.fromhex(told["hex"])[4:]
    body = raw[:13] + bytes([0x43]) + raw[14:-2]  # 10010000
    code, (told,), _ = call(capsys, "decode", (body + bytes([sum(body) & 0xFF, 0x16])).hex())
    assert (code, told["item"], told["values"], told["data"]) == (0, "10010000", [], "00000000")
    assert "unknown item 10010000" in told["note"]


def test_modbus_request_and_reply_in_one_paste(capsys: Capture) -> None:
    _, (request,), _ = call(capsys, "encode", "modbus", "--unit", "2", "--function", "3", "--register", "16")
    code, told, _ = call(capsys, "decode", request["hex"] + "02030200de7c1c")
    assert code == 0
    assert [(one["protocol"], one["direction"], one["item"]) for one in told] == [
        ("modbus-rtu", "request", "holding 16"),
        ("modbus-rtu", "reply", "holding 16"),
    ]
    assert told[1]["values"] == [{"obis": None, "name": "register_16", "value": "222", "unit": ""}]


def test_glued_modbus_replies_of_two_units_are_two_frames(capsys: Capture) -> None:
    code, told, _ = call(capsys, "decode", "010302006ff868" + "02030200de7c1c")
    assert (code, [one["address"] for one in told]) == (0, ["1", "2"])
    assert "counted from 0" in told[0]["note"]


def test_modbus_exception_is_told_in_words(capsys: Capture) -> None:
    code, (told,), _ = call(capsys, "decode", "0183 02 C0F1")
    assert (code, told["direction"], told["error"]) == (0, "reply", {"code": "02", "meaning": "illegal data address"})


def test_modbus_tcp_is_known_by_its_header(capsys: Capture) -> None:
    code, told, _ = call(capsys, "decode", "000100000006010300000001" + "000100000005010302006F")
    assert code == 0
    assert [(one["protocol"], one["direction"], one["checksum"]) for one in told] == [
        ("modbus-tcp", "request", None),
        ("modbus-tcp", "reply", None),
    ]
    assert told[1]["values"][0]["value"] == "111"
    assert told[1]["transaction"] == 1


@pytest.mark.parametrize("protocol", ["auto", "modbus-rtu"])
def test_wrong_crc_is_reported_with_its_content(capsys: Capture, protocol: str) -> None:
    code, (told,), err = call(capsys, "decode", "--protocol", protocol, "010302006ff869")
    assert (code, told["checksum"], told["values"][0]["value"]) == (1, "bad", "111")
    assert "check sum" in err


def test_write_of_one_register_and_its_answer_look_alike(capsys: Capture) -> None:
    _, (request,), _ = call(
        capsys, "encode", "modbus", "--unit", "1", "--function", "6", "--register", "1", "--value", "3"
    )
    code, told, _ = call(capsys, "decode", request["hex"] * 2)
    assert (code, [one["direction"] for one in told]) == (0, ["request", "reply"])
    assert [value["value"] for value in told[0]["values"]] == ["3"]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["zz"], 2, "no hex digit"),
        (["68 1"], 2, "whole number of bytes"),
        ([""], 2, "no bytes"),
        ([" , "], 2, "no bytes"),
        ([], 2, "no HEX"),
        (["55AA"], 1, "no sound frame"),
        ([ENERGY[:-4]], 1, "cut short"),
        (["--protocol", "modbus-tcp", ENERGY], 1, "no sound modbus-tcp frame"),
        (["--protocol", "dlt645", "010302006ff868"], 1, "no sound dlt645 frame"),
        (["--protocol", "dlt698", ENERGY], 2, "invalid choice"),
    ],
)
def test_what_is_no_frame_is_told_with_its_exit_code(capsys: Capture, words: list[str], code: int, reason: str) -> None:
    found, told, err = call(capsys, "decode", *words)
    assert found == code
    assert reason in err
    assert reason in told[-1]["error"]["message"]


def test_table_for_people_shows_the_same(capsys: Capture) -> None:
    assert run(["frame", "decode", "55" + ENERGY]) == 0
    out = capsys.readouterr().out
    assert "123456.78" in out
    assert "dlt645-2007 reply, address 123456789012, 91 read, item 00010000" in out
    assert "noise: 55" in out


@pytest.mark.parametrize(
    ("words", "raw"),
    [
        (["read", "--address", "123456789012", "00010000"], "FEFEFEFE68129078563412681104333334336816"),
        (["read", "--address", "123456789012", "1-0:1.8.0", "--preamble", "0"], "68129078563412681104333334336816"),
        (["read", "--address", "123456789012", "00010000", "--preamble", "0", "--reply", "123456.78"], ENERGY),
        (["read", "--address", "123456789012", "02030000", "--reply", "-1.2345"],
         "FEFEFEFE68129078563412689107333336357856B47116"),
        (["read", "--address", "111111111111", "02010100", "--preamble", "0", "--reply", "240.3"], VOLTAGE),
        (["modbus", "--unit", "1", "--function", "4", "--register", "0", "--count", "2"], "01040000000271CB"),
        (["modbus", "--unit", "1", "--function", "3", "--register", "0x6B", "--framing", "tcp", "--transaction", "7"],
         "0007000000060103006B0001"),
        (["modbus", "--unit", "1", "--function", "16", "--register", "16", "--value", "1", "--value", "0x2",
          "--framing", "tcp"], "00010000000B011000100002040001" "0002"),
    ],
)  # fmt: skip
def test_frames_are_built(capsys: Capture, words: list[str], raw: str) -> None:
    code, (told,), _ = call(capsys, "encode", *words)
    assert (code, told) == (0, {"hex": raw})


def test_frame_is_printed_as_hex_alone(capsys: Capture) -> None:
    assert run(["frame", "encode", "modbus", "--unit", "1", "--function", "4", "--register", "0", "--count", "2"]) == 0
    assert capsys.readouterr().out == "01 04 00 00 00 02 71 CB\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["read", "--address", "x", "00010000"], "not a DL/T 645 address"),
        (["read", "--address", "1", "05000000"], "unknown item"),
        (["read", "--address", "1", "00010000", "--edition", "1997"], "expected 4 hex digits"),
        (["read", "--address", "1", "00010000", "--reply", "1.234"], "more than the item's 2 decimals"),
        (["read", "--address", "1", "00010000", "--reply", "-1"], "does not fit"),
        (["read", "--address", "1", "00010000", "--reply", "1000000"], "does not fit"),
        (["read", "--address", "1", "00010000", "--reply", "one"], "is no number"),
        (["read", "--address", "1", "00010000", "--reply", "NaN"], "is no number"),
        (["read", "--address", "1", "00010000", "--reply", "1", "2"], "values"),
        (["read", "--address", "1", "0400010C", "--reply", "2026-13-01T00:00:00"], "month"),
        (["read", "--address", "1", "00010000", "--preamble", "99"], "--preamble"),
        (["read", "00010000"], "--address"),
        (["modbus", "--unit", "256", "--function", "3", "--register", "0"], "256"),
        (["modbus", "--unit", "1", "--function", "7", "--register", "0"], "invalid choice"),
        (["modbus", "--unit", "1", "--function", "3", "--register", "65536"], "outside 0..65535"),
        (["modbus", "--unit", "1", "--function", "3", "--register", "0", "--count", "126"], "expected 1..125"),
        (["modbus", "--unit", "1", "--function", "3", "--register", "0", "--value", "1"], "--count"),
        (["modbus", "--unit", "1", "--function", "6", "--register", "0"], "one --value"),
        (["modbus", "--unit", "1", "--function", "6", "--register", "0", "--value", "65536"], "65536"),
        (["modbus", "--unit", "1", "--function", "16", "--register", "0"], "expected 1..123"),
        (["modbus", "--unit", "1", "--function", "16", "--register", "0", "--value", "70000"], "0..65535"),
        (["modbus", "--unit", "1", "--function", "16", "--register", "0", "--count", "1"], "--value"),
        (["modbus", "--unit", "one", "--function", "3", "--register", "0"], "--unit"),
    ],
)
def test_what_cannot_be_built_is_told_and_exits_2(capsys: Capture, words: list[str], reason: str) -> None:
    code, told, err = call(capsys, "encode", *words)
    assert code == 2
    assert reason in err
    assert reason in told[-1]["error"]["message"]


@given(raw=st.binary(max_size=80))
@pytest.mark.parametrize("protocol", ["auto", *PROTOCOLS])
def test_any_bytes_give_documents_that_hold_all_of_them(protocol: str, raw: bytes) -> None:
    documents = decode(raw, protocol)
    told = "".join(document.get("hex") or document["noise"] for document in documents)
    assert bytes.fromhex(told).replace(b"\xfe", b"") == raw.replace(b"\xfe", b"")
    assert json.dumps(documents)
    assert all(isinstance(flaw, str) for flaw in flaws(documents))
