"""The frames of a batch of messages with the meters that sent them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from protocols.dlt645.batch import Batch
from protocols.dlt645.packed import Words, not_bcd
from protocols.model import EPOCH
from protocols.push.arrivals import Message
from protocols.push.keys import Keys
from protocols.push.readings import Places
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.settings import PayloadSettings

NOBODY: Final = -1
"""Instead of a meter's number: the address can be no single meter's, or is not the one that the message states."""
NOT_ASKED: Final = -2
"""Instead of a meter's number: not of an edition that is to be read."""
READ_1997: Final = 0x81
MORE_1997: Final = (0xA1, 0x82, 0xA2)

_BROADCAST: Final = np.uint64(0x999999999999)


@dataclass(frozen=True, slots=True)
class Heard:
    """`key` is the number of each frame's meter, `NOBODY` or `NOT_ASKED`."""

    batch: Batch
    messages: Sequence[Message]
    key: Places
    keys: Keys
    rejects: Rejects
    settings: PayloadSettings

    def each(self, rows: Places) -> Iterator[tuple[int, int, int]]:
        """Row, message and meter of those frames that have a meter."""
        rows = rows[self.key[rows] >= 0]
        return zip(rows.tolist(), self.batch.frames.message[rows].tolist(), self.key[rows].tolist(), strict=True)

    def received(self, message: int) -> datetime:
        """When the message came."""
        return EPOCH + timedelta(microseconds=self.messages[message].received_us)

    def sent_us(self, message: int) -> int | None:
        """When the message came, if that is when it was sent."""
        told = self.messages[message]
        return None if told.repeated else told.received_us


def heard(batch: Batch, messages: Sequence[Message], settings: PayloadSettings) -> Heard:
    """Find the meter of each frame: its address, and what the topic tells of line and name."""
    frames, keys, rejects = batch.frames, Keys(), Rejects()
    origins: dict[tuple[str, str, str], int] = {}
    origin_of = np.array([origins.setdefault(_origin(message), len(origins)) for message in messages], np.intp)
    told = list(origins)
    run, heads = _runs(frames.message, frames.address)
    distinct, which = np.unique(frames.address[heads], return_inverse=True)
    pairs, pair = np.unique(origin_of[frames.message[heads]] * max(len(distinct), 1) + which, return_inverse=True)
    texts = [f"{address:012X}" for address in distinct.tolist()]
    bad = (not_bcd(distinct) | (distinct == _BROADCAST)).tolist()
    numbers = np.empty(len(pairs), np.intp)
    for row, code in enumerate(pairs.tolist()):
        origin, address = divmod(code, len(distinct))
        name, line, stated = told[origin]
        text = texts[address]
        if bad[address] or (stated and stated != text):
            numbers[row] = NOBODY
        else:
            numbers[row] = keys.number(name, text, line)
    key = numbers[pair][run]
    if settings.edition != "both":
        old = np.isin(frames.control, (READ_1997, *MORE_1997))
        key[old if settings.edition == "2007" else ~old] = NOT_ASKED
    for row in np.flatnonzero(key == NOBODY).tolist():
        stated = told[origin_of[frames.message[row]]][2]
        text = f"a frame of {frames.address[row]:012X}" + (f", and the message says {stated!r}" if stated else "")
        rejects.add(int(frames.message[row]), Reason.BAD_ADDRESS, text)
    return Heard(batch, messages, key, keys, rejects, settings)


def _runs(message: Places, address: Words) -> tuple[Places, Places]:
    """The run of frames of one message and address that each frame is in, and where each begins."""
    begins = np.ones(len(message), np.bool_)
    begins[1:] = (message[1:] != message[:-1]) | (address[1:] != address[:-1])
    return np.cumsum(begins) - 1, np.flatnonzero(begins)


def _origin(message: Message) -> tuple[str, str, str]:
    """Name, line and address that the message or its topic states, the address as frames write it."""
    fields = message.fields
    address = fields.get("address", "")
    if address.isdecimal():
        address = address.zfill(12)
    return fields.get("meter", ""), fields.get("line", ""), address
