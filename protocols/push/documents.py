"""Readings as JSON: an object of one capture, an object of columns, or an array of such objects.

    {"meter": "M-1", "time": "2026-11-22T10:15:00+08:00", "values": {"active_energy_import": 123456.78}}
    {"meters": ["M-1", "M-2"], "time": ..., "columns": {"active_energy_import": [12345678, 900]},
     "decimals": {"active_energy_import": 2}}

Numbers are taken by their text: no float is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from protocols.model import Quality
from protocols.push.arrivals import Arrivals, Message, MeterKey
from protocols.push.captures import Block, arrivals_of, joined, stacked
from protocols.push.document_columns import Columns, power, spread
from protocols.push.keys import Keys
from protocols.push.readings import no_readings
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.rows import Rows
from protocols.push.scaled import steps
from protocols.push.settings import PayloadSettings
from protocols.push.stated import Unusable, measured, quality_of, stated_text, stated_us
from protocols.push.times import TIMELESS, time_of_arrival, timely

_BLANKS: Final = b" \t\r\n"


class Entry(Columns):
    """One object; either `values` or `columns`."""

    meter: Any = None
    address: Any = None
    line: Any = None
    time: Any = None
    values: dict[str, Any] | None = None


class JsonDecoder:
    """Keeps nothing of the messages."""

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings = settings
        self._array = msgspec.json.Decoder(list[msgspec.Raw])
        self._entry = msgspec.json.Decoder(Entry, float_hook=Decimal)

    def decode(self, messages: Sequence[Message]) -> Arrivals:
        keys, rejects, rows = Keys(), Rejects(), Rows()
        blocks: list[Block] = []
        for number, message in enumerate(messages):
            for text in self._parts(number, message.payload, rejects):
                try:
                    self._read(number, message, text, keys, rejects, rows, blocks)
                except Unusable as error:
                    rejects.add(number, error.reason, str(error))
        received = np.array([message.received_us for message in messages], np.int64)
        parts = []
        if len(rows):
            readings = timely(rows.readings(), received, self._settings.ahead_s, rejects)
            parts.append(readings.gathered((), ()))
        if blocks:
            parts += arrivals_of(stacked(blocks), received, self._settings.ahead_s, rejects)
        told = set(rejects.messages())
        for part in parts:
            told.update(part.message.tolist())
        for number in range(len(messages)):
            if number not in told:
                rejects.add(number, Reason.NOTHING_TO_STORE, "no value")
        return joined(parts or [no_readings().gathered((), ())], keys.all(), rejects.told())

    def _parts(self, number: int, payload: bytes, rejects: Rejects) -> Sequence[bytes | msgspec.Raw]:
        if not payload.lstrip(_BLANKS).startswith(b"["):
            return [payload]
        try:
            return self._array.decode(payload)
        except (ValueError, RecursionError) as error:
            rejects.add(number, Reason.BAD_FORM, f"not JSON: {error}")
            return []

    def _read(
        self,
        number: int,
        message: Message,
        text: bytes | msgspec.Raw,
        keys: Keys,
        rejects: Rejects,
        rows: Rows,
        blocks: list[Block],
    ) -> None:
        """Raises `Unusable` for what the whole object lacks."""
        try:
            entry = self._entry.decode(text)
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise Unusable(Reason.BAD_FORM, f"not JSON as it is expected: {error}") from error
        if (entry.values is None) == (entry.columns is None):
            raise Unusable(Reason.BAD_FORM, "expected either values or columns")
        origin = _origin(entry, message)
        if entry.time is not None:
            time_us = stated_us(entry.time)
        elif entry.has_times:
            time_us = 0
        else:
            arrival = time_of_arrival(message, self._settings)
            if isinstance(arrival, Reason):
                raise Unusable(arrival, TIMELESS[arrival])
            time_us = arrival
        if entry.values is None:
            blocks += spread(entry, number, origin, time_us, keys, rejects)
            return
        if not (origin.name or origin.address):
            raise Unusable(Reason.NO_METER, "neither meter nor address is stated")
        _read_values(entry, entry.values, number, keys.number(*origin), time_us, rejects, rows)


def _origin(entry: Entry, message: Message) -> MeterKey:
    """What the object says of its meter; what it does not, the topic."""
    fields = message.fields
    name, address = stated_text(entry.meter), stated_text(entry.address)
    if not (name or address):
        name, address = fields.get("meter", ""), fields.get("address", "")
    return MeterKey(name, address, stated_text(entry.line) or fields.get("line", ""))


def _read_values(
    entry: Entry, values: dict[str, Any], number: int, key: int, time_us: int, rejects: Rejects, rows: Rows
) -> None:
    for name, value in values.items():
        try:
            found = measured(name)
            quality = Quality.GOOD if entry.quality is None else quality_of(entry.quality.get(name))
            shift = power(entry, name, found)
            if value is None:
                if quality is not Quality.GOOD:
                    rows.put(number, key, found, None, quality, time_us)
                continue
            if quality is not Quality.GOOD:
                raise Unusable(Reason.BAD_QUALITY, f"{name} has a value and a quality that says that there is none")
            scaled = steps(value, shift, found)
            rows.put(number, key, found, scaled, Quality.GOOD if scaled is not None else Quality.OUT_OF_RANGE, time_us)
        except Unusable as error:
            rejects.add(number, error.reason, str(error))
