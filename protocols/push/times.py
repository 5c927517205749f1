"""Times of pushed readings: the meters' local clocks to UTC, what is absurd, the slot of an arrival.

All numbers are microseconds since 1970-01-01 UTC; a local time is the same count of what a wall clock shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from protocols.push.arrivals import Message
from protocols.push.readings import Ints, Places, Readings
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.settings import PayloadSettings

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = 86_400 * SECOND_US
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock has no zone
_MICROSECOND: Final = timedelta(microseconds=1)
ABSURD: Final = "a time before 2000, or too far ahead of ours"
TIMELESS: Final = {
    Reason.NO_TIME: "values without a time",
    Reason.TIME_UNKNOWN: "values without a time, in a message that the broker repeated or had kept",
}
EARLIEST_US: Final = (datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_AGREES_US: Final = 30 * MINUTE_US


class Moments(NamedTuple):
    """When a wall clock showed a time: `early` and `late` differ in the hour that it shows twice."""

    early: int
    late: int


def epoch_us(time: datetime) -> int:
    """Exactly, of a time with a zone."""
    return (time - _EPOCH) // _MICROSECOND


def wall_us(text: str) -> int:
    """The local time in ISO 8601 without an offset. Raises `ValueError`."""
    return (datetime.fromisoformat(text) - _WALL_EPOCH) // _MICROSECOND


@lru_cache(maxsize=16_384)
def _of_minute(minute: int, zone: ZoneInfo) -> Moments | None:
    wall = _WALL_EPOCH + timedelta(minutes=minute)
    early, late = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        return None
    return Moments(epoch_us(early.astimezone(UTC)), epoch_us(late.astimezone(UTC)))


def moments(local_us: int, zone: ZoneInfo) -> Moments | None:
    """The one or two moments at which clocks in `zone` show a time; None where they never do."""
    minute, rest = divmod(local_us, MINUTE_US)  # zones change on whole minutes since long before 2000
    found = _of_minute(minute, zone)
    return None if found is None else Moments(found.early + rest, found.late + rest)


def nearest(found: Moments, received_us: int | None) -> int:
    """Of the two moments of an hour that is shown twice, the later one if the message came just then, else the first.

    None is a message of which nobody knows when it was sent.
    """
    if found.early != found.late and received_us is not None and abs(received_us - found.late) < _AGREES_US:
        return found.late
    return found.early


def ascending(local_us: Sequence[int | None], zone: ZoneInfo, received_us: int | None) -> list[int | None]:
    """The moments of records that a meter wrote one after the other: in the hour that is shown twice, a time that is
    not after the one before it is of the second run. None where there is no time, or a clock never shows it."""
    told: list[int | None] = []
    before: int | None = None
    folded = [None if local is None else moments(local, zone) for local in local_us]
    twice = sum(found is not None and found.early != found.late for found in folded)
    for found in folded:
        if found is None:
            told.append(None)
            continue
        at = found.early if twice > 1 else nearest(found, received_us)
        if before is not None and at <= before and found.late > before:
            at = found.late
        told.append(at)
        before = at
    return told


def time_of_arrival(message: Message, settings: PayloadSettings) -> int | Reason:
    """The begin of the slot in which a message came, or why that is not the time of its values."""
    if settings.time == "payload":
        return Reason.NO_TIME
    if message.repeated:
        return Reason.TIME_UNKNOWN
    return message.received_us - message.received_us % (settings.slot_s * SECOND_US)


def absurd(time_us: Ints, message: Places, received_us: Ints, ahead_s: int) -> npt.NDArray[np.bool_]:
    """Times of which a partition would be made that nobody expects; `received_us` is by message."""
    latest = received_us + ahead_s * SECOND_US
    found: npt.NDArray[np.bool_] = (time_us < EARLIEST_US) | (time_us > latest[message])
    return found


def timely(readings: Readings, received_us: Ints, ahead_s: int, rejects: Rejects) -> Readings:
    """Without those of absurd times, which are rejected."""
    odd = absurd(readings.time_us, readings.message, received_us, ahead_s)
    if not odd.any():
        return readings
    rejects.add_each(readings.message[odd], Reason.ABSURD_TIME, ABSURD)
    return readings.take(~odd)
