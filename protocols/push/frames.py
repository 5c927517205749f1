"""Raw DL/T 645 frames, one or many a message, of one meter or of many.

Present registers have no time of their own: they are of the time that the meter's clock shows in the same message,
else of the time that the message states, else of what the settings allow. Records and freezes bring theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.dlt645.batch import Batch, BatchDecoder, Outcome
from protocols.dlt645.packed import not_bcd
from protocols.dlt645.scan import REASONS
from protocols.push.arrivals import Arrivals, Message, MeterKey
from protocols.push.keys import Keys
from protocols.push.readings import Ints, Places, Readings, no_readings
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.settings import PayloadSettings
from protocols.push.stored_items import NOWHERE, Homes, in_steps, stored_item
from protocols.push.times import absurd, slot_of

_BROADCAST: Final = np.uint64(0x999999999999)
_SILENT_NOISE: Final = REASONS.index("no frame")
_NO_TIME: Final = -(1 << 62)
_TIME_UNKNOWN: Final = _NO_TIME + 1


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
        keys, rejects = Keys(), Rejects()
        if not messages:
            return no_readings().gathered((), ())
        sizes = np.array([len(message.payload) for message in messages], np.intp)
        edges = np.concatenate((np.zeros(1, np.intp), np.cumsum(sizes)))
        batch = self._decoder.decode(b"".join([message.payload for message in messages]), edges)
        self._homes.follow(batch.parts)
        frame_key = self._keys(batch, messages, keys, rejects)
        readings = self._present(batch, messages, stated_us, frame_key, rejects)
        self._bad_frames(batch, edges, rejects)
        _tell_the_empty(batch, len(messages), readings, rejects)
        return readings.gathered(keys.all(), rejects.told())

    def _keys(self, batch: Batch, messages: Sequence[Message], keys: Keys, rejects: Rejects) -> Places:
        """The number of each frame's meter, -1 where the address cannot be one."""
        frames = batch.frames
        origins: dict[tuple[str, str], int] = {}
        origin_of = np.array(
            [origins.setdefault((m.fields.get("meter", ""), m.fields.get("line", "")), len(origins)) for m in messages],
            np.intp,
        )
        told = list(origins)
        distinct, which = np.unique(frames.address, return_inverse=True)
        bad = not_bcd(distinct) | (distinct == _BROADCAST)
        pairs, pair = np.unique(origin_of[frames.message] * max(len(distinct), 1) + which, return_inverse=True)
        texts = [f"{address:012X}" for address in distinct.tolist()]
        numbers = np.empty(len(pairs), np.intp)
        for row, code in enumerate(pairs.tolist()):
            origin, address = divmod(code, len(distinct))
            name, line = told[origin]
            numbers[row] = -1 if bad[address] else keys.number(MeterKey(name, texts[address], line))
        frame_key = numbers[pair]
        for row in np.flatnonzero(frame_key < 0).tolist():
            text = f"{frames.address[row]:012X} is the address of no single meter"
            rejects.add(int(frames.message[row]), Reason.BAD_ADDRESS, text)
        return frame_key

    def _present(
        self,
        batch: Batch,
        messages: Sequence[Message],
        stated_us: Sequence[int | None],
        frame_key: Places,
        rejects: Rejects,
    ) -> Readings:
        numbers, homes = batch.numbers, self._homes
        layout, key = homes.layout[numbers.part], frame_key[numbers.frame]
        rows = np.flatnonzero((layout != NOWHERE) & (key >= 0))
        part, message = numbers.part[rows], batch.frames.message[numbers.frame[rows]]
        steps, present, quality = in_steps(numbers.number[rows], numbers.quality[rows], homes.shift[part])
        readings = Readings(
            message,
            key[rows],
            layout[rows],
            homes.position[part],
            self._times(messages, stated_us)[message],
            steps,
            present,
            quality,
        )
        received = np.array([message.received_us for message in messages], np.int64)
        return self._timely(readings, received, rejects)

    def _times(self, messages: Sequence[Message], stated_us: Sequence[int | None]) -> Ints:
        """Of each message, for what has no time of its own."""
        policy, slot_s = self._settings.time, self._settings.slot_s
        return np.array(
            [
                stated
                if stated is not None
                else _NO_TIME
                if policy == "payload"
                else _TIME_UNKNOWN
                if message.repeated
                else slot_of(message.received_us, slot_s)
                for message, stated in zip(messages, stated_us, strict=True)
            ],
            np.int64,
        )

    def _timely(self, readings: Readings, received_us: Ints, rejects: Rejects) -> Readings:
        """Those whose time is known and can be."""
        none: npt.NDArray[np.bool_] = readings.time_us == _NO_TIME
        unknown: npt.NDArray[np.bool_] = readings.time_us == _TIME_UNKNOWN
        odd = absurd(readings.time_us, received_us[readings.message], self._settings.ahead_s) & ~none & ~unknown
        for rows, reason, detail in (
            (none, Reason.NO_TIME, "values without a time"),
            (unknown, Reason.TIME_UNKNOWN, "sent again or kept by the broker, and without a time of its own"),
            (odd, Reason.ABSURD_TIME, "a time before 2000 or ahead of ours"),
        ):
            if rows.any():
                for message, count in zip(*np.unique(readings.message[rows], return_counts=True), strict=True):
                    rejects.add(int(message), reason, detail, int(count))
        good = ~(none | unknown | odd)
        return readings if good.all() else readings.take(good)

    def _bad_frames(self, batch: Batch, edges: Places, rejects: Rejects) -> None:
        frames, noises = batch.frames, batch.noises
        for row in np.flatnonzero(noises.reason != _SILENT_NOISE).tolist():
            message = int(np.searchsorted(edges, noises.start[row], side="right")) - 1
            rejects.add(message, Reason.DAMAGED_FRAME, batch.noise(row).reason)
        bad = (frames.outcome == Outcome.WRONG_LENGTH) | (frames.outcome == Outcome.BAD_VALUE)
        for row in np.flatnonzero(bad).tolist():
            rejects.add(int(frames.message[row]), Reason.BAD_VALUE, str(batch.error(row)))
        for row in np.flatnonzero(frames.outcome == Outcome.FOLLOWS).tolist():
            rejects.add(int(frames.message[row]), Reason.SPLIT_ANSWER, str(batch.error(row)))


def _tell_the_empty(batch: Batch, count: int, readings: Readings, rejects: Rejects) -> None:
    """Every message gives something, or a reason."""
    useful = np.zeros(count, np.bool_)
    useful[readings.message] = True
    useful[list(rejects.messages())] = True
    has_frames = np.zeros(count, np.bool_)
    has_frames[batch.frames.message] = True
    for message in np.flatnonzero(~useful).tolist():
        if has_frames[message]:
            rejects.add(message, Reason.NOTHING_TO_STORE, "sound frames without a value that is stored")
        else:
            rejects.add(message, Reason.NO_FRAME, "no frame in the message")
