"""Frames as hexadecimal text and within JSON."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.push.arrivals import MeterKey
from protocols.push.reasons import Reason
from tests.protocols.push.messages import METER, OTHER, decoded, decoder, good, keys_of, message, reasons, reply, told

ENERGY: Final = reply("00010000", 12345678)
VOLTAGE: Final = reply("02010100", 2301)
TIME: Final = "2026-11-22T10:15:00+08:00"
_ENERGY: Final = good("active_energy_import", "123456.78", TIME)
_VOLTAGE: Final = good("voltage_l1", "230.1", TIME)


@pytest.mark.parametrize(
    "text",
    [
        (ENERGY + VOLTAGE).hex(),
        (ENERGY + VOLTAGE).hex(" ").upper(),
        ENERGY.hex() + "\r\n" + VOLTAGE.hex(" ") + "\n",
        ENERGY.hex()[:21] + "\n" + ENERGY.hex()[21:] + VOLTAGE.hex(),
        " ".join((ENERGY + VOLTAGE).hex()),
    ],
)
def test_hexadecimal_text(text: str) -> None:
    values, rejected = decoded(text.encode(), "hex", time="received")
    assert (values, rejected) == ([_ENERGY, _VOLTAGE], [])


def test_a_line_that_is_no_hexadecimal_costs_itself() -> None:
    payload = ENERGY.hex() + "\nhello\n" + VOLTAGE.hex()
    arrivals = decoder("hex", time="received").decode([message(payload.encode()), message(b"\xff\xfe"), message(b"")])
    assert told(arrivals) == [_ENERGY, _VOLTAGE]
    assert reasons(arrivals) == [(0, Reason.BAD_FORM), (1, Reason.BAD_FORM), (2, Reason.NO_FRAME)]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    "document",
    [
        {"data": _base64(ENERGY + VOLTAGE)},
        {"data": _base64(ENERGY + VOLTAGE).rstrip("="), "encoding": "base64"},
        {"frames": [ENERGY.hex(" "), _base64(VOLTAGE)]},
        {"frames": [ENERGY.hex(), VOLTAGE.hex()], "encoding": "hex", "address": METER},
        {"data": (ENERGY + VOLTAGE).hex(), "address": int(METER), "line": ""},
    ],
)
def test_frames_in_json(document: dict[str, Any]) -> None:
    payload = json.dumps({"time": TIME, **document}).encode()
    assert decoded(payload, "json-base64") == ([_ENERGY, _VOLTAGE], [])
    assert decoded(b"[" + payload + b"]", "json-base64") == ([_ENERGY, _VOLTAGE], [])


def test_the_meter_s_clock_counts_more_than_the_stated_time() -> None:
    raw = reply("0400010C", "2026-11-22T10:16:30") + ENERGY
    payload = json.dumps({"time": TIME, "data": raw.hex()}).encode()
    values, _ = decoded(payload, "json-base64")
    assert values == [good("active_energy_import", "123456.78", "2026-11-22T10:16:30+08:00")]


def test_whose_it_is() -> None:
    document = {"time": TIME, "data": ENERGY.hex(), "meter": "M", "line": "own"}
    other = {"time": TIME, "data": ENERGY.hex(), "address": OTHER}
    plain = {"time": TIME, "data": ENERGY.hex()}
    arrivals = decoder("json-base64").decode(
        [message(json.dumps(each).encode(), line="l") for each in (document, other, plain)]
    )
    assert keys_of(arrivals) == [MeterKey("M", METER, "own"), MeterKey("", METER, "l")]
    assert reasons(arrivals) == [(1, Reason.BAD_ADDRESS)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.BAD_FORM),
        (b"[" * 100_000, Reason.BAD_FORM),
        (b"17", Reason.BAD_FORM),
        (b"[]", Reason.NOTHING_TO_STORE),
        (b"{}", Reason.BAD_FORM),
        (b'{"data": "", "frames": ""}', Reason.BAD_FORM),
        (b'{"data": 17}', Reason.BAD_FORM),
        (b'{"frames": []}', Reason.NO_FRAME),
        (b'{"data": "!?"}', Reason.BAD_FORM),
        (b'{"data": "6", "encoding": "hex"}', Reason.BAD_FORM),
        (b'{"data": "68", "encoding": []}', Reason.BAD_FORM),
        (b'{"data": "", "time": "now"}', Reason.BAD_TIME),
        (b'{"data": ""}', Reason.NO_FRAME),
        (json.dumps({"data": ENERGY.hex()}).encode(), Reason.NO_TIME),
        (json.dumps({"data": ENERGY.hex(), "time": 1}).encode(), Reason.ABSURD_TIME),
        (json.dumps({"data": reply("04000401", METER).hex()}).encode(), Reason.NOTHING_TO_STORE),
    ],
)
def test_what_gives_nothing_says_why(payload: bytes, reason: Reason) -> None:
    sound = json.dumps({"time": TIME, "data": ENERGY.hex()}).encode()
    arrivals = decoder("json-base64").decode([message(sound), message(payload), message(sound)])
    assert reasons(arrivals) == [(1, reason)]
    assert told(arrivals, 0) == told(arrivals, 2) == [_ENERGY]


def test_a_bad_part_costs_itself() -> None:
    parts = [{"data": ENERGY.hex(), "time": TIME}, 17, {"data": reply("04000401", METER).hex()}]
    frames = {"frames": [VOLTAGE.hex(), 3], "time": TIME}
    values, rejected = decoded(json.dumps([*parts, frames]).encode(), "json-base64")
    assert values == [_ENERGY, _VOLTAGE]
    assert rejected == [Reason.BAD_FORM]


@given(raw=st.lists(st.sampled_from([ENERGY, VOLTAGE, b"\x00", ENERGY[:9]]), max_size=4).map(b"".join))
def test_all_ways_say_what_the_raw_frames_say(raw: bytes) -> None:
    plain = decoded(raw, time="received")
    assert decoded(raw.hex(" ").encode(), "hex", time="received") == plain
    assert decoded(json.dumps({"data": _base64(raw)}).encode(), "json-base64", time="received") == plain
