"""The frame-by-frame way, written down beside what a batch gives: both must say the same of any bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from protocols.dlt645.batch import Batch, BatchDecoder, Outcome
from protocols.dlt645.formats import Bits, Number
from protocols.dlt645.frame import Frame
from protocols.dlt645.item import Item
from protocols.dlt645.items import item
from protocols.dlt645.reply import read_reply
from protocols.errors import BadAnswer, ModelError, Refused
from protocols.exchange import Noise
from protocols.model import Part, Value
from tests.protocols.dlt645.conversation import events

Lookup = Callable[[str], Item]


class Told(NamedTuple):
    """What is said of one frame."""

    message: int
    raw: bytes
    outcome: Outcome
    error: str
    identifier: str
    numbers: list[tuple[Part, int, int]]
    others: list[Value]


def by_frame(messages: Sequence[bytes], items: Lookup = item) -> tuple[list[Told], list[tuple[bytes, str]]]:
    """Frames and noise, by the reader and the item's own decode."""
    frames: list[Told] = []
    noises = []
    for index, message in enumerate(messages):
        for event in events(message):
            if isinstance(event, Noise):
                noises.append((event.raw, event.reason))
            else:
                frames.append(_told(index, event, items))
    return frames, noises


def _told(message: int, frame: Frame, items: Lookup) -> Told:
    try:
        values = read_reply(frame, items)
    except (BadAnswer, Refused, ModelError) as error:
        outcome = _outcome(frame, error, items)
        return Told(message, frame.raw, outcome, repr(error) + str(error), _identifier(frame, outcome), [], [])
    found = items(_identifier(frame, Outcome.DECODED))
    forms = [form for _, form in found.parts]
    if found.shape is not None:
        return Told(message, frame.raw, Outcome.DECODED, "", found.code, [], values)
    numbers = []
    others = []
    for value, form in zip(values, forms, strict=False):
        if isinstance(form, Number | Bits) and form.length <= (8 if isinstance(form, Number) else 7):
            numbers.append((value.part, value.number or 0, int(value.quality)))
        else:
            others.append(value)
    return Told(message, frame.raw, Outcome.DECODED, "", _identifier(frame, Outcome.DECODED), numbers, others)


def _identifier(frame: Frame, outcome: Outcome) -> str:
    told = outcome in (Outcome.DECODED, Outcome.FOLLOWS) or outcome >= Outcome.UNKNOWN_ITEM
    return frame.data[3::-1].hex().upper() if told else "00000000"


def _outcome(frame: Frame, error: Exception, items: Lookup) -> Outcome:
    if isinstance(error, Refused):
        return Outcome.REFUSED
    if isinstance(error, ModelError):
        return Outcome.UNKNOWN_ITEM
    if frame.control < 0x80:
        return Outcome.REQUEST
    if frame.control not in (0x91, 0xB1, 0x92, 0xB2):
        return Outcome.OTHER_SERVICE
    if len(frame.data) < 4:
        return Outcome.NO_IDENTIFIER
    if frame.control != 0x91:
        return Outcome.FOLLOWS
    found = items(frame.data[3::-1].hex())
    if found.shape is not None:
        return Outcome.BAD_VALUE
    lengths = [form.length for _, form in found.parts]
    possible = {sum(lengths[:count]) for count in range(found.least, len(lengths) + 1, found.least)}
    return Outcome.BAD_VALUE if len(frame.data) - 4 in possible else Outcome.WRONG_LENGTH


def by_batch(batch: Batch) -> tuple[list[Told], list[tuple[bytes, str]]]:
    """The same, out of the columns."""
    numbers: dict[int, list[tuple[Part, int, int]]] = {}
    columns = batch.numbers
    for row, part, number, quality in zip(
        columns.frame.tolist(), columns.part.tolist(), columns.number.tolist(), columns.quality.tolist(), strict=True
    ):
        numbers.setdefault(row, []).append((batch.parts[part], number, quality))
    others: dict[int, list[Value]] = {}
    for row, value in batch.others:
        others.setdefault(row, []).append(value)
    frames = []
    for row in range(len(batch.frames.start)):
        frame = batch.frame(row)
        error = batch.error(row)
        assert f"{batch.frames.address[row]:012X}" == frame.address[::-1].hex().upper()
        assert batch.frames.control[row] == frame.control
        frames.append(
            Told(
                int(batch.frames.message[row]),
                frame.raw,
                Outcome(batch.frames.outcome[row]),
                repr(error) + str(error) if error else "",
                f"{batch.frames.identifier[row]:08X}",
                numbers.pop(row, []),
                others.pop(row, []),
            )
        )
    assert not numbers
    assert not others
    assert (np.diff(columns.frame) >= 0).all()
    noises = [batch.noise(row) for row in range(len(batch.noises.start))]
    return frames, [(noise.raw, noise.reason) for noise in noises]


def check(decoder: BatchDecoder, messages: Sequence[bytes], items: Lookup = item) -> list[Told]:
    """What both ways say; fails where they differ."""
    offsets = np.cumsum([0, *map(len, messages)])
    batch = decoder.decode(b"".join(messages), offsets)
    frames, noises = by_frame(messages, items)
    assert by_batch(batch) == (frames, noises)
    return frames
