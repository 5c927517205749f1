"""What JSON states besides numbers: times, meters, quantities, qualities; and how its errors are told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np

from protocols.model import Obis, Quality, Quantity
from protocols.push.readings import Ints
from protocols.push.reasons import Reason
from protocols.push.times import epoch_us
from protocols.quantities import BY_NAME, BY_OBIS

_SECONDS_BELOW: Final = 10**11
_MILLISECONDS_BELOW: Final = 10**14
_MICROSECONDS_BELOW: Final = 10**17
"""Counts since 1970 tell their unit by their size: between 2000 and the year 5138 none can be taken for another."""
_ADDRESSES: Final = 10**15


class Unusable(ValueError):
    """A part of a message that gives nothing, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def stated_us(time: object) -> int:
    """ISO 8601 with an offset, or seconds, milliseconds or microseconds since 1970. Raises `Unusable`."""
    if isinstance(time, str):
        return _of_text(time)
    if isinstance(time, bool) or not isinstance(time, int | Decimal):
        raise Unusable(Reason.BAD_TIME, "a time that is neither text nor a number")
    exact = Decimal(time)
    size = abs(exact)
    if size >= _MICROSECONDS_BELOW:
        raise Unusable(Reason.ABSURD_TIME, "a time that is no count since 1970")
    return int(exact * (10**6 if size < _SECONDS_BELOW else 1000 if size < _MILLISECONDS_BELOW else 1))


def counts_us(counts: Ints) -> Ints:
    """The same of many integers; beyond all counts stays absurd."""
    size = np.abs(counts)
    factor = np.where(size < _SECONDS_BELOW, 10**6, np.where(size < _MILLISECONDS_BELOW, 1000, 1))
    return np.asarray(np.where(size < 0, 0, counts * factor), np.int64)  # the least integer has no absolute value


def stated_text(value: object) -> str:
    """A name or an address; an address may be written as a number. Empty where it is neither, or has a NUL, which no
    database stores."""
    if isinstance(value, str):
        return "" if "\0" in value else value
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _ADDRESSES
    return str(value) if is_number else ""


@lru_cache(maxsize=4096)
def _of_text(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(Reason.BAD_TIME, f"not a time: {text!r:.60}, expected ISO 8601 with an offset") from None
    if time.tzinfo is None:
        raise Unusable(Reason.BAD_TIME, f"{text} has no offset from UTC")
    return epoch_us(time)


@lru_cache(maxsize=1024)
def measured(name: str) -> Quantity:
    """The quantity of a name or an OBIS code. Raises `Unusable`."""
    found = BY_NAME.get(name)
    if found is None:
        try:
            found = BY_OBIS.get(Obis.parse(name))
        except ValueError:  # no OBIS code either
            found = None
    if found is None:
        raise Unusable(Reason.UNKNOWN_QUANTITY, f"unknown quantity {name[:60]!r}")
    return found


def quality_of(told: object) -> Quality:
    """A quality by number or by name; good where none is told. Raises `Unusable`."""
    found = _QUALITIES.get(told) if told is None or isinstance(told, str | int) else None
    if found is None:
        raise Unusable(Reason.BAD_QUALITY, f"a quality that is none of {', '.join(_NAMES)}")
    return found


_SAID: Final = (Quality.GOOD, Quality.NOT_AVAILABLE, Quality.OUT_OF_RANGE)
"""What a message may say of a value; the others are for us to find."""
_NAMES: Final = {quality.name.lower(): quality for quality in _SAID}
_QUALITIES: Final = {None: Quality.GOOD} | {quality.value: quality for quality in _SAID} | _NAMES
