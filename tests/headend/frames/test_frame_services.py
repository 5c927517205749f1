"""What `headend frame decode` says of every service of DL/T 645, both editions: the content in values.

Frames are public (captured or printed, restated with their source) or constructed from the standard's layout.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from headend.frames import decode, flaws
from headend.frames.document import HIDDEN
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import encode
from tests.protocols.dlt645.services.frames import ANSWERED, DENIED, SENT, SWITCHES

METER: Final = addresses.to_wire("123456789012")
ORDERED: Final = [("password", HIDDEN, ""), ("operator", "00000001", "")]


def one(raw: str | bytes) -> dict[str, Any]:
    (document,) = decode(bytes.fromhex(raw) if isinstance(raw, str) else raw)
    return document


def rows(document: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    return [(row["name"], row["value"], row["unit"]) for row in document["values"]]


def access(level: str) -> list[tuple[str, str, str]]:
    return [("level", level, ""), *ORDERED]


def built(control: int, data: str) -> bytes:
    return encode(METER, control, bytes.fromhex(data))


@pytest.mark.parametrize(
    ("raw", "edition", "service", "item", "values"),
    [
        # Captured or printed by others.
        ("FE68003619000000681104333234330016", "2007", "read", "0001FF00", []),
        ("68AAAAAAAAAAAA6891063334343533339916", "2007", "read", "02010100", [("voltage_l1", "0.0", "V")]),
        ("68944103261218689306C7743659454BEB16", "2007", "read address", None, [("address", "181226034194", "")]),
        ("6806000018764768170137FA16", "2007", "change baud rate", None, [("baud_rate", "1200", "bit/s")]),
        (
            "6899999999999968080684554338394A4B16", "2007", "broadcast time", None,
            [("time", "2017-06-05T10:22:51", "")],
        ),
        (
            "FEFEFEFE68298184280000681C1035333333333333334E333333333434CC3A16", "2007", "control", None,
            [("level", "02", ""), ("password", HIDDEN, ""), ("operator", "00000000", ""),
             ("command", "permit close", ""), ("n2", "00", ""), ("valid_until", "2099-01-01T00:00:00", "")],
        ),
        (
            "6895320600000068810643C3483333330B16", "1997", "read", "9010",
            [("active_energy_import", "0.15", "kWh")],
        ),
        ("FEFEFEFE6834691708172068810563F33349334E16", "1997", "read", "C030",
         [("active_constant", "1600", "imp/kWh")]),
        (
            "FEFEFEFE6834691708172068810865F3679C4A3B4A53C916", "1997", "read", "C032",
            [("meter_number", "201708176934", "")],
        ),
        ("FEFEFEFE6834691708172068810643F339393A4C7816", "1997", "read", "C010", [("date", "2019-07-06", "")]),
        ("FEFEFEFE6834691708172068810544F33755556116", "1997", "read", "C011", [("time", "22:22:04", "")]),
        (
            "6899999999999968040A43F33333333339393A4C6E16", "1997", "write", "C010",
            [("level", "00", ""), ("password", HIDDEN, ""), ("date", "2019-07-06", "")],
        ),
        ("FEFEFEFE6811111111111168910A37373337333389636565C516", "2007", "read", "04000404",
         [("rated_voltage", "220V", "")]),
        # Constructed.
        ("FEFE681290785634126803008916", "1997", "read again", None, []),
        (
            "68129078563412681604CCCCCCCCD016", "2007", "freeze", None,
            [("freeze", "now", ""), ("pattern_MMDDhhmm", "99999999", "")],
        ),
        (
            "FEFEFEFE689999999999996816043333CCCC7E16", "2007", "freeze", None,
            [("freeze", "every day at 00:00", ""), ("pattern_MMDDhhmm", "99990000", "")],
        ),
        ("FEFEFEFE68129078563412681A0835333333343333334316", "2007", "clear meter", None, access("02")),
        (
            "FEFEFEFE68129078563412681B0C3533333334333333324063365316", "2007", "clear events", None,
            [*access("02"), ("events", "03300DFF", "")],
        ),
        (
            "FEFEFEFE6812907856341268140D36343337378967453433333348FC16", "2007", "write", "04000103",
            [*access("04"), ("demand_period", "15", "min")],
        ),
        (
            "FEFEFEFE6812907856341268180C363F33373533333335547698EE16", "2007", "change password", "04000C03",
            [("old_level", "02", ""), ("old_password", HIDDEN, ""), ("new_level", "02", ""),
             ("new_password", HIDDEN, "")],
        ),
        (
            "FEFEFEFE6812907856341268980435547698B916", "2007", "change password", None,
            [("new_level", "02", ""), ("new_password", HIDDEN, "")],
        ),
        ("FEFEFEFE68AAAAAAAAAAAA681506547698BA3C549316", "2007", "write address", None,
         [("address", "210987654321", "")]),
        ("FEFEFEFE681290785634126811053333333935A316", "2007", "read", "06000000", [("records", "2", "")]),
        (
            "FEFEFEFE6812907856341268110A343333393533335544590116", "2007", "read", "06000001",
            [("records", "2", ""), ("since", "2026-11-22T00:00", "")],
        ),
        ("FEFE68129078563412680C0143D616", "1997", "change baud rate", None, [("baud_rate", "2400", "bit/s")]),
        (
            "FEFEFEFE6812907856341268910C3333343467453378485544598216", "2007", "read", "01010000",
            [("active_demand_import_max", "0.1234", "kW"),
             ("active_demand_import_max_time", "2026-11-22T15:45", "")],
        ),
        ("FEFEFEFE6812907856341268910833333333674533B37D16", "2007", "read", "00000000",
         [("active_energy_combined", "-12.34", "kWh")]),
    ],
)  # fmt: skip
def test_content_is_told_in_values(
    raw: str, edition: str, service: str, item: str | None, values: list[tuple[str, str, str]]
) -> None:
    document = one(raw)
    assert (document["edition"], document["service"], document["item"]) == (edition, service, item)
    assert rows(document) == values
    assert document["error"] is None
    assert flaws([document]) == []


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.raw[-12:])
def test_every_request_is_told_without_complaint(sent: Any) -> None:
    document = one(sent.raw)
    assert (document["direction"], document["address"]) == ("request", sent.address)
    assert document["edition"] == sent.request.edition
    assert document["error"] is None
    assert "data" not in document


@pytest.mark.parametrize("answer", ANSWERED, ids=lambda answer: answer.raw[-12:])
def test_every_answer_is_told_without_complaint(answer: Any) -> None:
    document = one(answer.raw)
    assert (document["direction"], document["address"]) == ("reply", answer.own)
    assert (document["follows"], document["error"]) == (answer.follows, None)


@pytest.mark.parametrize("denied", DENIED, ids=lambda denied: denied.raw[-12:])
def test_every_refusal_is_told_in_the_edition_s_words(denied: Any) -> None:
    document = one(denied.raw)
    assert document["error"] == {"code": denied.code, "meaning": denied.meaning}
    assert flaws([document]) == []


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.raw[-12:])
def test_public_control_frames(switch: Any) -> None:
    document = one(switch.raw)
    values = {row["name"]: row["value"] for row in document["values"]}
    assert (values["level"], values["operator"]) == (f"{switch.level:02X}", switch.operator)
    assert (values["n2"], values["valid_until"]) == (f"{switch.n2:02X}", switch.until)
    assert values["password"] == HIDDEN


@pytest.mark.parametrize(
    ("n1", "word", "zh"),
    [
        ("1A", "trip", "拉闸"), ("1B", "permit close", "合闸允许"), ("1C", "close", "直接合闸"),
        ("2A", "alarm", "报警"), ("2B", "alarm off", "报警解除"),
        ("3A", "protect supply", "保电"), ("3B", "unprotect supply", "保电解除"),
    ],
)  # fmt: skip
def test_commands_have_their_words(n1: str, word: str, zh: str) -> None:
    row = one(built(0x1C, f"02 000000 01000000 {n1}00 595923311226"))["values"][3]
    assert (row["value"], row["zh"]) == (word, zh)


def test_command_of_a_maker_s_own_is_told_by_its_number() -> None:
    row = one(built(0x1C, "02 000000 01000000 7700 595923311226"))["values"][3]
    assert (row["value"], "zh" in row) == ("unknown (77)", False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("99999999", "now"), ("05999999", "every hour at minute 05"), ("30239999", "every day at 23:30"),
        ("00000199", "every month on day 01 at 00:00"),
    ],
)  # fmt: skip
def test_freeze_patterns_in_words(data: str, words: str) -> None:
    assert rows(one(built(0x16, data)))[0][1] == words


def test_sealed_order_shows_what_only_the_meter_can_read() -> None:
    document = one(built(0x1C, "98 000000 01000000" + "A1" * 20))
    assert rows(document) == [("level", "98", ""), ("operator", "00000001", ""), ("sealed", "A1" * 20, "")]


def test_identity_authentication_both_ways() -> None:
    asked = one(built(0x03, "FF000007 01000000" + "11" * 8 + "22" * 8 + "33" * 8))
    assert (asked["service"], asked["edition"], asked["item"]) == ("security", "2007", "070000FF")
    assert [name for name, *_ in rows(asked)] == ["operator", "ciphertext_1", "random_1", "factor"]
    answered = one(built(0x83, "FF000007" + "44" * 4 + "55" * 8))
    assert rows(answered) == [("random_2", "44" * 4, ""), ("esam_serial", "55" * 8, "")]
    refused = one(built(0xC3, "0400"))
    assert refused["error"] == {"code": "0004", "meaning": "security module: check failed"}


def test_terminal_output_both_ways() -> None:
    for control in (0x1D, 0x9D):
        (row,) = one(built(control, "01"))["values"]
        assert (row["name"], row["value"], row["zh"]) == ("output", "demand period", "需量周期")


def test_acknowledgement_of_a_command_says_that_no_relay_is_known_to_have_moved() -> None:
    assert "04000503" in one(built(0x9C, ""))["note"]
    assert one(built(0x94, ""))["note"] == "accepted"


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        ("5000", [(4, "relay open"), (6, "relay command: trip")]),  # captured after a trip
        ("0200", [(1, "auxiliary supply")]),
        ("0400", [(2, "battery supply")]),
    ],
)
def test_status_word_tells_its_bits(data: str, bits: list[tuple[int, str]]) -> None:
    (row,) = one(built(0x91, "03050004" + data))["values"]
    assert [(bit["bit"], bit["en"]) for bit in row["bits"]] == bits
    assert all(bit["zh"] for bit in row["bits"])


def test_status_word_without_a_set_bit_has_no_bits() -> None:
    (row,) = one(built(0x91, "030500040000"))["values"]  # captured after a close
    assert (row["value"], "bits" in row) == ("0", False)


def test_block_of_status_words_tells_the_bits_of_each() -> None:
    values = one(built(0x91, "FF050004" + "0400" + "0000" * 2 + "0200" + "0000" * 2 + "4000"))["values"]
    assert [[bit["en"] for bit in row.get("bits", [])] for row in values] == [
        ["clock battery low"], [], [], ["L1 undervoltage"], [], [], ["demand over limit"],
    ]  # fmt: skip


def test_bits_of_1997() -> None:
    (row,) = one(built(0x81, "21C0" + "11"))["values"]
    assert [bit["en"] for bit in row["bits"]] == ["L1 outage", "L1 overvoltage"]


@pytest.mark.parametrize("data", ["010C0004" + "00123456", "010C0004" + "0012"])
def test_password_that_a_meter_gives_away_is_not_shown(data: str) -> None:
    document = one(built(0x91, data))
    assert rows(document) == [("password", HIDDEN, "")]
    assert "data" not in document


@pytest.mark.parametrize(
    ("control", "data"),
    [
        (0x14, "01020304 02ABCDEF 00000000 01"),  # no such item
        (0x14, "03010004 02ABCDEF 00000000 15 16"),  # the item has another length
        (0x14, "010C0004 02000000 00000000 02ABCDEF"),
        (0x14, "03010004 02ABCD"),
        (0x18, "03000C04 02ABCDEF 02ABCD"),
        (0x18, "09000C04 02ABCDEF 02ABCDEF"),
        (0x98, "02ABCDEF 00"),
        (0x19, "02ABCDEF 00"),
        (0x1A, "02ABCDEF 00000000 00"),
        (0x1C, "02ABCDEF 00000000 1A"),
        (0x04, "1111 02ABCDEF 00000000"),
        (0x04, "10C0 02ABCDEF"),
        (0x04, "10C0 02ABCDEF 06060719 00"),
        (0x0F, "02ABCDEF 02"),
        (0x10, "02ABCDEF"),
        (0x91, "010C0004 ABCDEF"),
        (0xB1, "010C0004 ABCDEF"),
        (0x92, "010C0004 ABCDEF 01"),
        (0x81, "12C2 ABCDEF"),
    ],
)
def test_password_is_shown_in_no_word_but_the_frame_itself(control: int, data: str) -> None:
    raw = built(control, data)
    for broken in (raw, raw[:-2] + b"\x00\x16"):
        document = one(broken)
        told = str({key: value for key, value in document.items() if key != "hex"})
        assert "ABCD" not in told.upper().replace(" ", "")
        assert all("DE 00 22" not in flaw for flaw in flaws([document]))


def test_event_record_is_unfolded() -> None:
    """Constructed: power down, last record."""
    document = one(built(0x91, "01001103" + "121110221126" + "131110221126"))
    assert rows(document) == [("start", "2026-11-22T10:11:12", ""), ("end", "2026-11-22T10:11:13", "")]


def test_load_records_are_unfolded_with_their_times() -> None:
    """Constructed from Annex B: class 4 at two moments, the second one called not right by the meter."""
    energies = "78563412" + "00000000" * 3
    body = "0000221126" + "AA" * 3 + energies + "AA" * 3
    head = f"A0A0{len(body) // 2:02X}{body}"
    good = head + f"{sum(bytes.fromhex(head)) & 0xFF:02X}E5"
    bad = "E0E0 0B 1500221126 AAAAAAAAAAAA 00E5"
    document = one(built(0x91, "00000406" + good + bad))
    values = document["values"]
    assert [row["record"] for row in values] == [1, 1, 1, 1, 1, 2]
    assert (values[0]["name"], values[0]["value"]) == ("time", "2026-11-22T00:00")
    assert (values[1]["name"], values[1]["value"], values[1]["time"]) == (
        "active_energy_import", "123456.78", "2026-11-22T00:00",
    )  # fmt: skip
    assert (values[5]["value"], values[5]["quality"]) == ("2026-11-22T00:15", "not_right")


def test_no_load_record_is_no_error() -> None:
    document = one("FEFEFEFE6812907856341268910434333339EE16")
    assert (document["values"], document["error"], document["note"]) == ([], None, "no record matches")


def test_request_names_what_it_asks() -> None:
    assert one("6812907856341268010243C38F16")["asks"] == [{"name": "active_energy_import", "zh": "正向有功总电能"}]


def test_what_stands_behind_an_identifier_is_remarked_on_only() -> None:
    """Captured (KTS-Intek/DLT645): a read of 1997 with three bytes too many, a follow-up without its number."""
    document = one("6899999999999968010543F3AA44F38316")
    assert (document["item"], document["data"], document["error"]) == ("C010", "7711C0", None)
    assert "expected 2" in document["note"]
    assert one("68999999999999681204000100007D16")["item"] == "CDCDCECD"


def test_time_with_its_bytes_turned_round_is_an_error_with_a_hint() -> None:
    """Printed: the broadcast of PyPI dlt645 3.2.0, year first."""
    document = one("FEFEFEFE689999999999996808065844354567897A16")
    assert document["error"]["code"] == "bad_request"
    assert "2025-11-02T12:34:56" in document["note"]
    assert len(flaws([document])) == 1


def test_service_of_a_maker_is_shown_as_it_is() -> None:
    """Captured: a socket of 1997 that refuses its own service 05."""
    document = one("6820111221063668C503E901638516")
    assert (document["edition"], document["service"], document["error"]["code"]) == ("1997", "unknown", "B6CE30")
    assert flaws([document]) == []


def test_answer_that_cannot_be_is_an_error() -> None:
    assert one(built(0x97, "03"))["error"]["code"] == "bad_answer"
    assert one(built(0x93, "0102"))["error"]["code"] == "bad_answer"
    assert one(built(0x9D, "07"))["error"]["code"] == "bad_answer"


def test_broadcast_time_goes_with_the_edition_before_it() -> None:
    time = "6899999999999968080684554338394A4B16"
    documents = decode(bytes.fromhex("6895320600000068810643C3483333330B16" + time))
    assert [document["edition"] for document in documents] == ["1997", "1997"]
