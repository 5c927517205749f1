"""Pastes: logs and dumps, answers in several frames, protocols side by side, models that name what was read."""

from __future__ import annotations

from typing import Any, Final

import pytest

from headend.errors import UsageFault
from headend.frames import decode
from headend.frames.paste import bytes_of
from protocols import models
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import encode
from protocols.modbus import rtu, tcp

ENERGY: Final = "6812907856341268910833333433AB896745CC16"
RAW: Final = bytes.fromhex(ENERGY)
SPACED: Final = RAW.hex(" ")
METER: Final = addresses.to_wire("123456789012")
# Constructed from the standard's layout: a programming record in three frames.
FIRST: Final = "6812907856341268B116343363364544435544593433333334343337343433377C16"
SECOND: Final = "6812907856341268B2113433633635343337353433373534333734F616"
LAST: Final = "68129078563412689219343363363232323232323232323232323232323232323232354E16"
ASK_SECOND: Final = "681290785634126812053433633634D116"
ASK_LAST: Final = "681290785634126812053433633635D216"


def told(text: str, **more: Any) -> list[dict[str, Any]]:
    return decode(bytes.fromhex(text), **more)


def dump(raw: bytes, row: str) -> str:
    lines = []
    for at in range(0, len(raw), 16):
        part = raw[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        pairs, groups, halves = part.hex(" "), part.hex(" ", -2), f"{part[:8].hex(' ')}  {part[8:].hex(' ')}"
        lines.append(row.format(at=at, pairs=pairs, groups=groups, halves=halves, text=text))
    return "\n".join(lines)


@pytest.mark.parametrize(
    "row", ["{at:08x}: {groups}  {text}", "{at:08x}  {halves}  |{text}|", "{at:04x}   {pairs}", "{at:04X}: {pairs}"]
)
def test_dump_with_offsets_is_read_without_them(row: str) -> None:
    raw = b"\xfe" * 4 + RAW + bytes.fromhex(FIRST)
    assert bytes_of(dump(raw, row)) == raw
    assert bytes_of(dump(raw, row) + f"\n{len(raw):08x}\n") == raw


@pytest.mark.parametrize(
    "line",
    [
        "[12:30:01] TX: {}",
        "12:30:01.250 {}",
        "(23:59:59,123) RX<-{}",
        "2026-11-22 12:30:01.123 [INFO] meter 123456789012 RX<- (20 bytes): {}",
        "2026-11-22T12:30:01.123+08:00 {}",
        "Nov 22 12:30:01 host dtu[1234]: recv {}",
        "192.168.1.4:502 -> {}",
        "ping\n{}",
        "867726034512345 {}",
        "发送：{}",
        "len=20 data={}",
    ],
)
@pytest.mark.parametrize("spelling", [ENERGY, SPACED, SPACED.upper(), RAW.hex(":"), RAW.hex(",")])
def test_bytes_are_picked_out_of_a_log(line: str, spelling: str) -> None:
    assert bytes_of(line.format(spelling)) == RAW
    assert bytes_of(line.format(spelling) + "\r\n" + line.format(spelling)) == RAW * 2


def test_frame_that_a_log_breaks_into_lines_is_put_together() -> None:
    lines = [f"[12:30:01] RX: {SPACED[at : at + 27]}" for at in range(0, len(SPACED), 27)]
    assert bytes_of("\n".join(lines)) == RAW


@pytest.mark.parametrize("text", ["TX: " + ENERGY[:-1], "12:30:01", "RX: 16", "TX: timeout after 12 s", "Ω"])
def test_log_without_whole_bytes_is_refused(text: str) -> None:
    with pytest.raises(UsageFault):
        bytes_of(text)


def test_heartbeat_and_number_of_a_modem_are_shown_as_text() -> None:
    """Prefixes seen in the field: "ping", an IMEI, a MAC in front of the frame."""
    documents = told("70696E67" + ENERGY + b"867726034512345".hex() + ENERGY + "D8B04CBDD147" + ENERGY)
    assert [document.get("text") for document in documents[::2]] == ["ping", "867726034512345", None]
    assert [document["protocol"] for document in documents[1::2]] == ["dlt645"] * 3


@pytest.mark.parametrize("between", [("", ""), (ASK_SECOND, ASK_LAST), ("55", "FEFEFEFE")])
def test_follow_up_frames_of_one_paste_are_put_together_in_the_last(between: tuple[str, str]) -> None:
    documents = told(FIRST + between[0] + SECOND + between[1] + LAST)
    replies = [document for document in documents if document.get("direction") == "reply"]
    assert [reply["follows"] for reply in replies] == [True, True, False]
    last = replies[-1]
    assert (last["joined"], last["sequence"], last["error"]) == (3, 2, None)
    assert [row["value"] for row in last["values"]] == [
        "2026-11-22T10:11:12", "00000001", "04000101", "04000101", "04000102", "04000102", "04000102",
        None, None, None, None, None,
    ]  # fmt: skip


def test_first_part_alone_shows_the_values_that_are_whole() -> None:
    (document,) = told(FIRST)
    assert [row["name"] for row in document["values"]] == ["time", "operator", "item_1", "item_2"]
    assert "first part" in document["note"]
    assert document["data"] == "121110221126010000000101000401010004"


def test_part_without_its_beginning_shows_its_bytes() -> None:
    (document,) = told(SECOND)
    assert (document["service"], document["follows"], document["values"]) == ("read follow-up", True, [])
    assert (document["data"], document["sequence"]) == ("020100040201000402010004", 1)
    assert "not here" in document["note"]


def test_missing_part_is_told_and_nothing_is_put_together() -> None:
    last = told(FIRST + LAST)[-1]
    assert (last["values"], "joined" in last) == ([], False)
    assert last["note"] == "part 2 of a longer answer; part 1 is not here"


def test_repeated_part_counts_once() -> None:
    documents = told(FIRST + SECOND + SECOND + LAST)
    assert documents[2]["note"] == "the same part again"
    assert documents[3]["joined"] == 3


def test_refusal_ends_what_was_begun() -> None:
    documents = told(FIRST + "6812907856341268D201358E16" + SECOND)
    assert documents[1]["error"]["code"] == "02"
    assert "first part is not here" in documents[2]["note"]


def test_broken_frame_is_not_put_together() -> None:
    broken = SECOND[:-4] + "0016"
    documents = told(FIRST + broken + LAST)
    assert (documents[1]["checksum"], documents[2]["values"]) == ("bad", [])


def test_parts_of_two_meters_are_kept_apart() -> None:
    other = addresses.to_wire("000000000001")
    mine, theirs = [bytes.fromhex(text) for text in (FIRST, SECOND, LAST)], []
    for raw in mine:
        data = bytes((byte - 0x33) & 0xFF for byte in raw[10:-2])
        theirs.append(encode(other, raw[8], data, b""))
    paste = b"".join(raw for pair in zip(mine, theirs, strict=True) for raw in pair)
    assert [document.get("joined") for document in decode(paste)] == [None] * 4 + [3, 3]


def test_follow_up_of_1997_has_no_number() -> None:
    """Constructed: block 901F in two frames, the second asked for once more by 03H."""
    last = "6812907856341268820752C333363333DDD016"
    first = "6812907856341268A10E52C3674533333334333333353333F716"
    again = encode(METER, 0x83, bytes.fromhex("1F9000030000AA"), b"").hex()
    for ending in (last, "681290785634126803008916" + again):
        document = told(first + ending)[-1]
        assert document["joined"] == 2
        assert [row["value"] for row in document["values"]] == ["12.34", "1.00", "2.00", "3.00"]


def test_refusal_of_a_follow_up_of_1997() -> None:
    raw = encode(METER, 0x02, bytes.fromhex("1F90"), b"") + encode(METER, 0xC2, b"\x02", b"")
    assert decode(raw)[1]["error"] == {"code": "02", "meaning": "no such identifier"}
    assert decode(raw)[1]["asked"] == "901F"


def test_refusal_says_what_was_asked_where_the_request_is_there() -> None:
    request = "68129078563412681104333334336816"
    refusal = encode(METER, 0xD1, b"\x02", b"").hex()
    assert told(request + refusal)[1]["asked"] == "00010000"
    assert "asked" not in told(refusal)[0]


def test_echo_of_the_own_request_is_remarked_on() -> None:
    request = "68129078563412681104333334336816"
    documents = told(request + request + ENERGY)
    assert ["echo" in document.get("note", "") for document in documents] == [False, True, False]


def test_protocols_side_by_side() -> None:
    """The glued replies of two Modbus units stand between DL/T 645 frames, and a Modbus TCP request behind them."""
    modbus = "010302006ff868" + "02030200de7c1c"
    documents = told(ENERGY + modbus + "FEFEFEFE" + ENERGY + "000100000006010300000001" + ENERGY)
    assert [document["protocol"] for document in documents] == [
        "dlt645", "modbus-rtu", "modbus-rtu", "dlt645", "modbus-tcp", "dlt645",
    ]  # fmt: skip
    assert [document["checksum"] for document in documents] == ["ok", "ok", "ok", "ok", None, "ok"]


def test_frame_of_unit_254_keeps_its_bytes_beside_dlt645() -> None:
    frame = rtu.encode(0xFE, bytes.fromhex("0302006F"))
    documents = decode(RAW + frame + RAW)
    assert [document.get("hex") for document in documents] == [ENERGY, frame.hex().upper(), ENERGY]


def test_wrong_check_sum_of_modbus_beside_sound_frames_is_told() -> None:
    documents = told(ENERGY + "010302006ff868" + ENERGY + "02030200de7c1d" + ENERGY)
    assert [document["checksum"] for document in documents] == ["ok", "ok", "ok", "bad", "ok"]


def test_reply_behind_its_request_names_its_registers_among_others() -> None:
    request = rtu.encode(1, bytes.fromhex("0400000002"))
    reply = rtu.encode(1, bytes.fromhex("040443663333"))
    documents = decode(request + RAW + reply)
    assert documents[2]["item"] == "input 0..1"
    assert [row["name"] for row in documents[2]["values"]] == ["register_0", "register_1"]


def test_model_names_what_was_read() -> None:
    request, reply = (
        rtu.encode(1, bytes.fromhex("0400000003")),
        rtu.encode(1, bytes.fromhex("0406433F" + "0000" + "0007")),
    )
    documents = decode(request + reply, model=models.load("eastron_sdm630"))
    assert documents[0]["asks"] == [{"name": "voltage_l1", "zh": "A相电压"}]
    named, rest = documents[1]["values"]
    assert (named["obis"], named["name"], named["value"], named["unit"], named["register"]) == (
        "1-0:32.7.0*255", "voltage_l1", "191.000", "V", "input 0..1",
    )  # fmt: skip
    assert (rest["name"], rest["value"]) == ("register_2", "7")


def test_model_has_a_meter_s_own_formats() -> None:
    text = """
        [model]
        name = "m"
        title = "M"
        maker = "M"
        protocol = "dlt645"
        source = "a voltage of three bytes, as seen in the field"
        [dlt645]
        items = ["02010100"]
        [[format]]
        item = "02010100"
        bytes = 3
        decimals = 3
    """
    raw = encode(METER, 0x91, bytes.fromhex("00010102" + "013023"))
    assert decode(raw, model=models.parse(text, "m.toml"))[0]["values"][0]["value"] == "233.001"
    assert decode(raw)[0]["error"]["code"] == "bad_answer"


def test_tcp_replies_find_their_requests_by_transaction() -> None:
    asked = [tcp.encode(number, 1, bytes.fromhex(f"03{number:04X}0001")) for number in (7, 8)]
    answers = [tcp.encode(number, 1, bytes.fromhex("0302000" + str(number))) for number in (8, 7)]
    documents = decode(b"".join(asked + answers))
    assert [document["item"] for document in documents] == ["holding 7", "holding 8", "holding 8", "holding 7"]


def test_reply_that_does_not_fit_the_request_before_it_is_not_given_its_names() -> None:
    documents = decode(rtu.encode(1, bytes.fromhex("0300100002")) + rtu.encode(1, bytes.fromhex("03020001")))
    assert documents[1]["item"] is None
    assert "does not answer" in documents[1]["note"]


@pytest.mark.parametrize(
    ("pdu", "service", "item", "values"),
    [
        ("05000AFF00", "write single coil", "coil 10", [("coil_10", "1")]),
        ("0F00130002" + "0102", "write multiple coils", "coil 19..20", [("coil_19", "0"), ("coil_20", "1")]),
        ("1700030001" + "000E0001" + "0200FF", "write and read holding registers", "holding 3",
         [("register_14", "255")]),
        ("2B0E0100", "read device identification", "identification", []),
    ],
)  # fmt: skip
def test_other_modbus_requests(pdu: str, service: str, item: str, values: list[tuple[str, str]]) -> None:
    (document,) = decode(rtu.encode(1, bytes.fromhex(pdu)))
    assert (document["service"], document["direction"], document["item"]) == (service, "request", item)
    assert [(row["name"], row["value"]) for row in document["values"]] == values


def test_other_modbus_replies() -> None:
    bits = decode(rtu.encode(1, bytes.fromhex("0100130003")) + rtu.encode(1, bytes.fromhex("010105")))
    assert [(row["name"], row["value"]) for row in bits[1]["values"]] == [
        ("coil_19", "1"), ("coil_20", "0"), ("coil_21", "1"),
    ]  # fmt: skip
    objects = b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x04Acme"
    (named,) = decode(rtu.encode(1, objects))
    assert [(row["name"], row["value"]) for row in named["values"]] == [("vendor_name", "Acme")]
    refused = decode(rtu.encode(1, bytes.fromhex("0300100002")) + rtu.encode(1, b"\x83\x02"))
    assert (refused[1]["asked"], refused[1]["error"]["code"]) == ("holding 16..17", "02")
