"""PUBLISH as paho writes it is read as it was meant; whatever else comes raises `ValueError` or waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.ingest.publish import acknowledgements, publish_at


def packet(topic: bytes, payload: bytes, number: int, head: int, properties: bytes | None) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic
    if number:
        body += number.to_bytes(2, "big")
    if properties is not None:
        body += length(len(properties)) + properties
    body += payload
    return bytes([0x30 | head]) + length(len(body)) + body


def length(value: int) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    found = b""
    while True:
        value, low = divmod(value, 128)
        found += bytes([low | (0x80 if value else 0)])
        if not value:
            return found


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.binary(max_size=300),
    st.integers(0, 65535),
    st.booleans(),
    st.booleans(),
    st.none() | st.binary(max_size=200),
)
def test_what_is_written_is_read(
    topic: str, payload: bytes, number: int, dup: bool, retain: bool, properties: bytes | None
) -> None:
    head = (0x02 if number else 0) | (0x08 if dup and number else 0) | (0x01 if retain else 0)
    raw = packet(topic.encode(), payload, number, head, properties)
    found = publish_at(b"xx" + raw + b"more", 2, is_5=properties is not None)
    assert found == (topic, payload, number, (dup and number > 0) or retain, 2 + len(raw))
    for cut in range(1, len(raw)):
        assert publish_at(raw[:cut], 0, is_5=properties is not None) is None


@given(st.binary(min_size=1, max_size=40), st.booleans())
def test_noise_raises_nothing_else(noise: bytes, is_5: bool) -> None:
    try:
        found = publish_at(b"\x32" + noise, 0, is_5=is_5)
    except ValueError:
        return
    assert found is None or found.end <= len(noise) + 1


@pytest.mark.parametrize(
    "raw",
    [
        packet(b"t", b"", 1, 0x04, b""),  # QoS 2
        b"\x32\x06\x00\x01t\x00\x00\x00",  # packet id 0
        b"\x32\x03\x00\x09t",  # a topic longer than the packet
        b"\x32\x00",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x32\x05\x00\x01t\x00\x01",  # MQTT 5 without properties
        b"\x32\x06\x00\x01t\x00\x01\x05",  # properties longer than the packet
    ],
)
def test_what_cannot_be(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"packet|PUBLISH"):
        publish_at(raw, 0, is_5=True)


def test_acknowledgements_stand_in_order() -> None:
    assert acknowledgements([1, 65535, 256]) == bytes.fromhex("40020001 4002ffff 40020100")
