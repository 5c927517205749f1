"""Bytes of a line as they may be shown: everything but passwords."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.frame import encode
from protocols.dlt645.services.mask import masked

METER: Final = bytes.fromhex("129078563412")
PASSWORD: Final = bytes.fromhex("849173")
WIRE: Final = "B7 C4 A6"


@pytest.mark.parametrize(
    ("control", "before", "behind"),
    [
        (0x14, "0301000404", "0100000015"),
        (0x18, "03000C040200000002", ""),
        (0x18, "03000C0402", "02000000"),
        (0x98, "02", ""),
        (0x19, "04", "01000000"),
        (0x1A, "02", "01000000"),
        (0x1B, "02", "01000000FFFFFFFF"),
        (0x1C, "02", "010000001A00595923311226"),
        (0x04, "10C000", "06060719"),
        (0x0F, "00", "00000000"),
        (0x0F, "0000000000", ""),
        (0x8F, "00", ""),
        (0x10, "00", ""),
        (0x91, "010C000400", ""),
        (0xB1, "010C000400", ""),
        (0x14, "010C0004000000000000000000", ""),
    ],
)
@pytest.mark.parametrize("preamble", [b"", b"\xfe\xfe\xfe\xfe", b"\x55\x68"])
def test_password_and_check_sum_are_hidden(control: int, before: str, behind: str, preamble: bytes) -> None:
    raw = encode(METER, control, bytes.fromhex(before) + PASSWORD + bytes.fromhex(behind), preamble)
    shown = masked(raw)
    assert WIRE not in shown
    assert "** ** **" in shown
    assert shown.endswith("** 16")
    assert len(shown.split()) == len(raw)


def test_password_in_a_frame_that_is_cut_short_or_broken_is_hidden() -> None:
    raw = encode(METER, 0x1C, b"\x02" + PASSWORD + bytes(12), b"")
    assert WIRE not in masked(raw[:-4])
    assert WIRE not in masked(raw[:14])
    assert WIRE not in masked(raw[:-2] + b"\x00\x16")
    assert WIRE not in masked(raw + raw)


@given(control=st.sampled_from((0x11, 0x91, 0xD1, 0x01, 0x81, 0x9C, 0x94, 0x16)), data=st.binary(max_size=3))
def test_what_holds_no_password_is_shown_whole(control: int, data: bytes) -> None:
    raw = encode(METER, control, data)
    assert masked(raw) == raw.hex(" ").upper()


@given(raw=st.binary(max_size=80) | st.lists(st.sampled_from(b"\x68\x14\x1c\x33\x16"), max_size=60).map(bytes))
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    shown = masked(raw).split()
    assert len(shown) == len(raw)
    assert all(text in ("**", f"{byte:02X}") for text, byte in zip(shown, raw, strict=True))
