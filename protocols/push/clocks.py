"""What the meters' clocks show: items 0400010C, or 04000101 and 04000102 together, decoded as columns."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.dlt645.batch import Batch, Outcome
from protocols.push.heard import Heard
from protocols.push.readings import Ints, Places
from protocols.push.reasons import Reason
from protocols.push.times import DAY_US, SECOND_US, moments, nearest, wall_us

CLOCK: Final = 0x0400010C
DATE: Final = 0x04000101
TIME: Final = 0x04000102
_DATE_BYTES: Final = (3, 2, 1)
_TIME_BYTES: Final = (2, 1, 0)
# Identifier: bytes of data, where year month day stand, where hour minute second stand
_FORMS: Final[dict[int, tuple[int, tuple[int, ...], tuple[int, ...]]]] = {
    CLOCK: (7, (6, 5, 4), (2, 1, 0)),
    DATE: (4, _DATE_BYTES, ()),
    TIME: (3, (), _TIME_BYTES),
}
_DATA: Final = 14
"""From a frame's first byte to the one behind the identifier."""
_OVERHEAD: Final = 16
"""Bytes of a frame besides the data behind the identifier."""


class Clocks:
    """The moment that each meter's clock showed in each message, by (message, meter)."""

    def __init__(self) -> None:
        self._days: dict[tuple[int, int], int] = {}
        self._times: dict[tuple[int, int], int] = {}
        self._walls: dict[tuple[int, int], int] = {}

    def listen(self, heard: Heard, raw: npt.NDArray[np.uint8]) -> None:
        """Take the clocks of the 2007 edition; `raw` is all payloads one behind the other."""
        for code, into in ((CLOCK, self._walls), (DATE, self._days), (TIME, self._times)):
            frames = heard.batch.frames
            rows = np.flatnonzero((frames.identifier == code) & (frames.outcome == Outcome.UNKNOWN_ITEM))
            rows = rows[heard.key[rows] >= 0]
            if not len(rows):
                continue
            local, good = _decoded(heard.batch, raw, rows, code)
            pairs = zip(frames.message[rows].tolist(), heard.key[rows].tolist(), strict=True)
            for pair, at, is_good in zip(pairs, local.tolist(), good.tolist(), strict=True):
                if is_good:
                    into.setdefault(pair, at)
                else:
                    heard.rejects.add(pair[0], Reason.BAD_TIME, "a meter's clock that shows no date or time")

    def show(self, message: int, key: int, name: str, text: str | None) -> None:
        """Take a part of a clock that was decoded already: `name` is date or time, `text` ISO 8601."""
        if text is None:
            return
        if name == "date":
            self._days.setdefault((message, key), wall_us(text))
        elif name == "time":
            self._times.setdefault((message, key), wall_us(f"1970-01-01T{text}"))

    def told(self, heard: Heard) -> dict[tuple[int, int], int]:
        """In UTC. A time that the zone's clocks never show is rejected and told by nobody."""
        walls = {pair: day + self._times[pair] for pair, day in self._days.items() if pair in self._times}
        told: dict[tuple[int, int], int] = {}
        for pair, local in (walls | self._walls).items():
            found = moments(local, heard.settings.zone)
            if found is None:
                detail = f"a meter's clock shows an hour that {heard.settings.zone.key} leaves out"
                heard.rejects.add(pair[0], Reason.BAD_TIME, detail)
            else:
                told[pair] = nearest(found, heard.sent_us(pair[0]))
        return told


def _decoded(batch: Batch, raw: npt.NDArray[np.uint8], rows: Places, code: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Local microseconds, and where they are a date or time at all."""
    size, date, time = _FORMS[code]
    frames = batch.frames
    good = frames.end[rows] - frames.start[rows] == _OVERHEAD + size
    data = raw[np.where(good, frames.start[rows] + _DATA, 0)[:, np.newaxis] + np.arange(size)] - np.uint8(0x33)
    low, high = data & 15, data >> 4
    good &= ((low < 10) & (high < 10)).all(axis=1)
    numbers = (10 * high + low).astype(np.int64)
    local = np.zeros(len(rows), np.int64)
    if date:
        year, month, day = (numbers[:, at] for at in date)
        good &= (month >= 1) & (month <= 12) & (day >= 1)
        first = ((year + 30) * 12 + month - 1).astype("datetime64[M]")
        begins = first.astype("datetime64[D]").astype(np.int64)
        good &= day <= (first + 1).astype("datetime64[D]").astype(np.int64) - begins
        local += (begins + day - 1) * DAY_US
    if time:
        hour, minute, second = (numbers[:, at] for at in time)
        good &= (hour < 24) & (minute < 60) & (second < 60)
        local += ((hour * 60 + minute) * 60 + second) * SECOND_US
    return local, good
