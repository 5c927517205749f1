"""Freezes and load records among pushed frames: values that bring their own time, in the meter's zone."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from protocols.dlt645.batch import Outcome
from protocols.dlt645.item import Item
from protocols.dlt645.items import item
from protocols.dlt645.load_record import LoadRecord, decode_records
from protocols.errors import BadAnswer, ModelError
from protocols.model import Value
from protocols.push.heard import Heard
from protocols.push.readings import Readings
from protocols.push.reasons import Reason
from protocols.push.rows import Rows, measured
from protocols.push.times import ascending, moments, nearest, wall_us

_FREEZES, _RECORDS = 0x05, 0x06
_TIME = 0x00


def dated(heard: Heard) -> Readings | None:
    """The values with the moments of their freezes and records; None where there is none."""
    frames = heard.batch.frames
    family = frames.identifier >> np.uint32(24)
    rows = np.flatnonzero(((family == _FREEZES) | (family == _RECORDS)) & (frames.outcome == Outcome.UNKNOWN_ITEM))
    if not len(rows):
        return None
    freezes, records = _Freezes(), _Records()
    for row, message, key in heard.each(rows):
        code = f"{frames.identifier[row]:08X}"
        try:
            found = item(code)
        except ModelError:  # one that nobody has described: not stored, as any other
            continue
        data = heard.batch.frame(row).data[4:]
        try:
            (freezes if code.startswith("05") else records).hear(message, key, found, data)
        except BadAnswer as error:
            heard.rejects.add(message, Reason.BAD_VALUE, str(error))
    told = Rows()
    freezes.tell(heard, told)
    records.tell(heard, told)
    return told.readings() if len(told) else None


class _Freezes:
    """By message, meter, what made the meter freeze, and how far back it was."""

    def __init__(self) -> None:
        self._times: dict[tuple[int, int, str], str | None] = {}
        self._values: dict[tuple[int, int, str], list[Value]] = defaultdict(list)

    def hear(self, message: int, key: int, found: Item, data: bytes) -> None:
        values = found.decode(data)
        freeze = (message, key, found.code[2:4] + found.code[6:8])
        if found.shape is not None or int(found.code[4:6], 16) == _TIME:
            self._times.setdefault(freeze, values[0].text if values else None)
        self._values[freeze] += [value for value in values if measured(value) is not None]

    def tell(self, heard: Heard, told: Rows) -> None:
        for freeze, values in self._values.items():
            message, key, _ = freeze
            if freeze not in self._times:
                heard.rejects.add(message, Reason.NO_TIME, "frozen values without the time of the freeze", len(values))
                continue
            text = self._times[freeze]
            if text is None:  # the meter has not frozen so often yet
                continue
            found = moments(wall_us(text), heard.settings.zone)
            if found is None:
                heard.rejects.add(message, Reason.BAD_TIME, _left_out(text, heard), len(values))
                continue
            at = nearest(found, heard.sent_us(message))
            for value in values:
                told.add(heard, message, key, value, at)


class _Records:
    """By message, meter and item, in the order in which they stand there."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, int, str], list[LoadRecord]] = defaultdict(list)

    def hear(self, message: int, key: int, found: Item, data: bytes) -> None:
        self._records[message, key, found.code] += [
            record for record in decode_records(found, data) if record.good and record.values
        ]

    def tell(self, heard: Heard, told: Rows) -> None:
        for (message, key, _), records in self._records.items():
            local = [None if record.time is None else wall_us(record.time) for record in records]
            times = ascending(local, heard.settings.zone, heard.sent_us(message))
            for record, at in zip(records, times, strict=True):
                if at is None:
                    detail = "a load record without a time" if record.time is None else _left_out(record.time, heard)
                    heard.rejects.add(message, Reason.BAD_TIME, detail, len(record.values))
                    continue
                for value in record.values:
                    told.add(heard, message, key, value, at)


def _left_out(text: str, heard: Heard) -> str:
    return f"clocks in {heard.settings.zone.key} never show {text}"
