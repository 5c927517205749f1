"""What the data fields of services are made of: identifiers, operator codes, moments. Low byte first, as everything."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from protocols.dlt645.formats import Moment
from protocols.errors import BadAnswer, FrameError

MINUTES: Final = Moment("YYMMDDhhmm")
SECONDS: Final = Moment("YYMMDDhhmmss")
NO_OPERATOR: Final = "00000000"


def to_wire(text: str, size: int, what: str) -> bytes:
    """The bytes of `text`, hex digits with the high one first. Raises `ValueError`."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != size or len(text) != 2 * size:
        raise ValueError(f"{what} is {text!r}, expected {2 * size} hex digits")
    return raw[::-1]


def from_wire(raw: bytes) -> str:
    return raw[::-1].hex().upper()


def exactly(data: bytes, *sizes: int) -> bytes:
    """`data` if it has one of `sizes`. Raises `FrameError`."""
    if len(data) not in sizes:
        expected = " or ".join(str(size) for size in sizes)
        raise FrameError(f"{len(data)} bytes of data, expected {expected}")
    return data


def at_least(data: bytes, size: int) -> bytes:
    """Raises `FrameError`."""
    if len(data) < size:
        raise FrameError(f"{len(data)} bytes of data, expected {size} or more")
    return data


def moment(raw: bytes, form: Moment) -> str:
    """ISO 8601 without a zone: the meter's local time. Raises `FrameError` where no moment stands."""
    try:
        _, text, _ = form.decode(raw)
    except BadAnswer as error:
        raise FrameError(error.args[0]) from None
    if text is None:
        raise FrameError("no moment where one must stand")
    return text


def local_text(time: datetime) -> str:
    """The wall clock of `time` as services spell moments, ``2026-11-22T15:30:45``.

    Meters know no zone: convert `time` to the meter's before. Raises `ValueError` for a time without a zone.
    """
    if time.tzinfo is None:
        raise ValueError(f"{time} has no zone")
    return time.strftime("%Y-%m-%dT%H:%M:%S")
