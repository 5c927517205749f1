"""Message forms and registration words: pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.links.payload import PAYLOADS
from protocols.links.recognition import Words


@given(st.sampled_from(sorted(PAYLOADS)), st.binary())
def test_decode_of_encode_is_the_identity(form: str, data: bytes) -> None:
    payload = PAYLOADS[form]
    assert payload.decode(payload.encode(data, "data"), "data") == data


@given(st.sampled_from(sorted(PAYLOADS)), st.binary())
def test_any_message_is_read_or_refused(form: str, message: bytes) -> None:
    try:
        decoded = PAYLOADS[form].decode(message, "data")
    except ValueError:
        return
    assert isinstance(decoded, bytes)


@pytest.mark.parametrize("message", [b"68 AA 16", b"68aa16", b" 68\tAa\r\n16 "])
def test_hex_is_read_with_spaces_and_in_either_case(message: bytes) -> None:
    assert PAYLOADS["hex"].decode(message, "") == b"\x68\xaa\x16"


@pytest.mark.parametrize(
    ("form", "message", "says"),
    [
        ("hex", b"68 A", "not hexadecimal"),
        ("hex", b"\xff\xfe", "not hexadecimal"),
        ("json", b"{", "not JSON"),
        ("json", b"[" * 100_000, "not JSON"),
        ("json", b'["data"]', "no text in the field 'data'"),
        ("json", b'{"data": 5}', "no text in the field 'data'"),
        ("json", b'{"other": "aA=="}', "no text in the field 'data'"),
        ("json", b'{"data": "!!"}', "not base64"),
    ],
)
def test_a_bad_message_is_refused_with_the_reason(form: str, message: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PAYLOADS[form].decode(message, "data")


def test_a_text_that_ends_in_a_digit_is_not_the_beginning_of_a_longer_number() -> None:
    words = Words.parse("DTU-1")
    assert words.length_at_start(b"DTU-1") == 5
    assert words.length_at_start(b"DTU-1\x68\x11") == 5
    assert words.length_at_start(b"DTU-10") == 0
    assert words.length_at_start(b"xDTU-1") == 0
    assert Words.parse("hex:01").length_at_start(b"\x0123") == 1


def test_words_fill_a_message_once_or_several_times() -> None:
    ping = Words.parse("ping")
    assert ping.fills(b"ping")
    assert ping.fills(b"pingping")
    assert not ping.fills(b"pingpin")
    assert not ping.fills(b"ping\x68")
    assert not ping.fills(b"")
    assert Words.parse("re:HB\\d{3};?").fills(b"HB001;HB002;HB003")
    assert Words.parse("hex:00").fills(b"\0\0")
