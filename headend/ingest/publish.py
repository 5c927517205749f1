"""The two packets that the stream is made of, PUBLISH in and PUBACK out (MQTT 3.1.1 and 5, sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

PUBLISH: Final = 0x30
_DUP: Final = 0x08
_RETAIN: Final = 0x01


class Publish(NamedTuple):
    """`number`: the packet id, 0 with QoS 0. `end`: where the next packet begins."""

    topic: str
    payload: bytes
    number: int
    repeated: bool
    """Sent again (DUP), or kept by the broker (RETAIN)."""
    end: int


def size_at(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the packet at `start` has its contents, and where it ends; None while its length is not whole.

    Raises `ValueError` for a length that cannot be.
    """
    length = shift = 0
    for position in range(start + 1, start + 5):
        if position >= len(data):
            return None
        length |= (data[position] & 0x7F) << shift
        if data[position] < 0x80:
            return position + 1, position + 1 + length
        shift += 7
    raise ValueError("a packet's length has more than four bytes")


def publish_at(data: bytes, start: int, *, is_5: bool) -> Publish | None:
    """The PUBLISH at `start`; None while it is not whole. A topic that is no UTF-8 is told with backslashes.

    Raises `ValueError` for a packet that cannot be.
    """
    size = size_at(data, start)
    if size is None or size[1] > len(data):
        return None
    at, end = size
    head = data[start]
    topic_end = at + 2 + (data[at] << 8 | data[at + 1] if at + 2 <= end else end)
    number, body = 0, topic_end
    if head & 0x06:
        number = int.from_bytes(data[topic_end : topic_end + 2], "big")
        body += 2
        if head & 0x04 or not number:
            raise ValueError("a PUBLISH with QoS 2 or without a packet id")
    if is_5 and body < end:
        if data[body] == 0:  # as a rule there are no properties
            body += 1
        else:
            properties = size_at(data, body - 1)
            body = properties[1] if properties else end + 1
    elif is_5:
        body = end + 1
    if body > end:
        raise ValueError("a PUBLISH shorter than what it says is in it")
    topic = data[at + 2 : topic_end].decode("utf-8", "backslashreplace")
    return Publish(topic, data[body:end], number, bool(head & (_DUP | _RETAIN)), end)


def acknowledgements(numbers: Sequence[int]) -> bytes:
    """A PUBACK for each packet id, in that order."""
    return b"".join([b"\x40\x02" + number.to_bytes(2, "big") for number in numbers])
