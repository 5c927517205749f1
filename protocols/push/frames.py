"""Raw DL/T 645 frames, one or many a message, of one meter or of many.

Present registers have no time of their own: they are of the time that the meter's clock shows in the same message,
else of the time that the message states, else of what the settings allow. Records and freezes bring theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from protocols.dlt645.batch import BatchDecoder, Outcome
from protocols.dlt645.scan import REASONS
from protocols.push.arrivals import Arrivals, Message
from protocols.push.clocks import Clocks
from protocols.push.dated import dated
from protocols.push.frames_1997 import present_1997
from protocols.push.heard import NOT_ASKED, Heard, heard
from protocols.push.readings import Ints, Places, Readings, no_readings
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.rows import Rows
from protocols.push.settings import PayloadSettings
from protocols.push.stored_items import NOWHERE, Homes, in_steps, stored_item
from protocols.push.times import TIMELESS, time_of_arrival, timely

_SILENT_NOISE: Final = REASONS.index("no frame")
_MARKS: Final = {reason: mark - (1 << 62) for mark, reason in enumerate(TIMELESS)}
"""Stand for the times of values that have none."""
_DATED: Final = len(_MARKS) - (1 << 62)


class FramesDecoder:
    """Keeps the layout of the items that it has met."""

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings = settings
        self._decoder = BatchDecoder(stored_item)
        self._homes = Homes()

    def decode(self, messages: Sequence[Message]) -> Arrivals:
        return self.read(messages, [None] * len(messages))

    def read(self, messages: Sequence[Message], stated_us: Sequence[int | None]) -> Arrivals:
        """`stated_us`: the time that each message states besides its frames."""
        if not messages:
            return no_readings().gathered((), ())
        raw = b"".join([message.payload for message in messages])
        edges = np.zeros(len(messages) + 1, np.intp)
        np.cumsum([len(message.payload) for message in messages], out=edges[1:])
        batch = self._decoder.decode(raw, edges)
        self._homes.follow(batch.parts)
        found = heard(batch, messages, self._settings)
        clocks = Clocks()
        clocks.listen(found, np.frombuffer(raw, np.uint8))
        parts = [self._present(found)]
        parts += [more for more in (_present_moments(found), present_1997(found, clocks)) if more is not None]
        undated = Readings.concatenate(parts)
        readings = self._with_times(undated, found, clocks, self._times(messages, stated_us))
        own = dated(found)
        if own is not None:
            readings = Readings.concatenate((readings, own))
        received = np.array([message.received_us for message in messages], np.int64)
        readings = timely(readings, received, self._settings.ahead_s, found.rejects)
        _tell_bad_frames(found, edges)
        _tell_the_empty(found, readings)
        return readings.gathered(found.keys.all(), found.rejects.told())

    def _present(self, found: Heard) -> Readings:
        """Present values of the 2007 edition, not dated yet."""
        numbers, homes = found.batch.numbers, self._homes
        layout, key = homes.layout[numbers.part], found.key[numbers.frame]
        rows = np.flatnonzero((layout != NOWHERE) & (key >= 0))
        part = numbers.part[rows]
        steps, present, quality = in_steps(numbers.number[rows], numbers.quality[rows], homes.shift[part])
        return Readings(
            found.batch.frames.message[numbers.frame[rows]],
            key[rows],
            layout[rows],
            homes.position[part],
            np.zeros(len(rows), np.int64),
            steps,
            present,
            quality,
        )

    def _times(self, messages: Sequence[Message], stated_us: Sequence[int | None]) -> Ints:
        """Of each message, for what has no time of its own."""
        times = [
            time_of_arrival(message, self._settings) if stated is None else stated
            for message, stated in zip(messages, stated_us, strict=True)
        ]
        return np.array([_MARKS[time] if isinstance(time, Reason) else time for time in times], np.int64)

    def _with_times(self, undated: Readings, found: Heard, clocks: Clocks, times: Ints) -> Readings:
        at = times[undated.message]
        shown = clocks.told(found)
        if shown:
            many = len(found.keys.all())
            pairs = np.array([message * many + key for message, key in shown], np.int64)
            order = np.argsort(pairs)
            pair = undated.message * many + undated.key
            place = order[np.minimum(np.searchsorted(pairs, pair, sorter=order), len(pairs) - 1)]
            at = np.where(pairs[place] == pair, np.array(list(shown.values()), np.int64)[place], at)
        known = at >= _DATED
        if not known.all():
            for reason, mark in _MARKS.items():
                found.rejects.add_each(undated.message[at == mark], reason, TIMELESS[reason])
            return replace(undated, time_us=at).take(known)
        return replace(undated, time_us=at)


def _present_moments(found: Heard) -> Readings | None:
    """What is no number among the present values of the 2007 edition, not dated yet; None where there is none."""
    told = Rows()
    message = found.batch.frames.message
    for row, value in found.batch.others:
        if value.part.quantity is not None and found.key[row] >= 0:
            told.add(found, int(message[row]), int(found.key[row]), value)
    return told.readings() if len(told) else None


def _tell_bad_frames(found: Heard, edges: Places) -> None:
    batch, rejects = found.batch, found.rejects
    frames, noises = batch.frames, batch.noises
    for row in np.flatnonzero(noises.reason != _SILENT_NOISE).tolist():
        message = int(np.searchsorted(edges, noises.start[row], side="right")) - 1
        rejects.add(message, Reason.DAMAGED_FRAME, batch.noise(row).reason)
    asked = found.key != NOT_ASKED
    bad = (frames.outcome == Outcome.WRONG_LENGTH) | (frames.outcome == Outcome.BAD_VALUE)
    for rows, reason in ((bad, Reason.BAD_VALUE), (frames.outcome == Outcome.FOLLOWS, Reason.SPLIT_ANSWER)):
        _tell(found, np.flatnonzero(rows & asked), reason, rejects)


def _tell(found: Heard, rows: Places, reason: Reason, rejects: Rejects) -> None:
    """The first of each message in full; the rest are counted."""
    for message, first, count in zip(
        *np.unique(found.batch.frames.message[rows], return_index=True, return_counts=True), strict=True
    ):
        rejects.add(int(message), reason, str(found.batch.error(int(rows[first]))), int(count))


def _tell_the_empty(found: Heard, readings: Readings) -> None:
    """Every message gives something, or a reason."""
    silent = np.ones(len(found.messages), np.bool_)
    silent[readings.message] = False
    silent[list(found.rejects.messages())] = False
    has_frames = np.zeros(len(silent), np.bool_)
    has_frames[found.batch.frames.message] = True
    for message in np.flatnonzero(silent).tolist():
        if has_frames[message]:
            found.rejects.add(message, Reason.NOTHING_TO_STORE, "sound frames without a value that is stored")
        else:
            found.rejects.add(message, Reason.NO_FRAME, "no frame in the message")
