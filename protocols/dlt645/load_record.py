"""Load records (DL/T 645-2007, Annex B): what a meter stored by itself, a record a moment.

    A0 A0  bytes  mm hh DD MM YY  { block AA } x 6  sum  E5        E0 E0 instead: the meter says the record is not right

The blocks are the six classes in their order; a class that was not asked for, or that the mode word leaves out, is AA
alone. `bytes` counts from the time to the last AA, the sum is over all from the first A0 to there. An answer holds as
many records as were asked for and fit, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.dlt645.blocks import Block
from protocols.dlt645.formats import Moment
from protocols.dlt645.item import Item, PartFormat
from protocols.errors import BadAnswer
from protocols.model import Quality, Value

TIME: Final = Moment("YYMMDDhhmm")
CLASSES: Final = 6
_GOOD: Final = b"\xa0\xa0"
_BAD: Final = b"\xe0\xe0"
_CLOSE: Final = b"\xaa"
_END: Final = 0xE5
_AROUND: Final = 5
"""Start, number of bytes, sum and end."""
_MOST_DATA: Final = 255


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """`time` is the meter's own (ISO 8601 without a zone), None where the meter has none.

    `good` is False where the meter itself calls the record not right: then there are no values.
    """

    time: str | None
    good: bool
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class LoadRecords:
    """The shape of an answer: `time` and `blocks` say what the parts are, `wanted` are the item's classes (1..6)."""

    time: PartFormat
    blocks: tuple[Block, ...]
    wanted: tuple[int, ...]

    @property
    def longest(self) -> int:
        """As many as were asked for: the most that a frame holds."""
        return _MOST_DATA

    def decode(self, item: Item, data: bytes) -> list[Value]:
        """Record by record, the time first."""
        values = []
        part, _ = self.time
        for record in self.records(item.code, data):
            quality = Quality.GOOD if record.time is not None else Quality.NOT_AVAILABLE
            values.append(Value(part, None, record.time, quality))
            values += record.values
        return values

    def records(self, code: str, data: bytes) -> list[LoadRecord]:
        """The records in `data`. Raises `BadAnswer`; a record that the meter calls not right is no error."""
        return list(self._records(code, data))

    def encode(self, item: Item, values: Sequence[int | str | None]) -> bytes:
        """Whole records of the item's classes, each value by value, its time first. Raises `ValueError`."""
        counts = {number: len(self.blocks[number - 1].parts) for number in self.wanted}
        each = 1 + sum(counts.values())
        if len(values) % each:
            raise ValueError(f"a record of item {item.code} has {each} values, {len(values)} are no whole records")
        raw = b""
        for at in range(0, len(values), each):
            rest = list(values[at + 1 : at + each])
            blocks = {number: [rest.pop(0) for _ in range(count)] for number, count in counts.items()}
            time = values[at]
            raw += self.encode_record(None if time is None else str(time), blocks)
        return raw

    def encode_record(
        self, time: str | None, blocks: Mapping[int, Sequence[int | str | None]], good: bool = True
    ) -> bytes:
        """One record of the classes in `blocks`; the others are empty. Raises `ValueError`."""
        body = TIME.encode(time)
        for number, block in enumerate(self.blocks, 1):
            body += block.encode(blocks.get(number, ())) + _CLOSE
        raw = (_GOOD if good else _BAD) + bytes((len(body),)) + body
        return raw + bytes((sum(raw) & 0xFF, _END))

    def _records(self, code: str, data: bytes) -> Iterator[LoadRecord]:
        at = 0
        while at < len(data):
            start = data[at : at + 2]
            if start not in (_GOOD, _BAD):
                raise BadAnswer(f"item {code}: no load record starts at byte {at}", data)
            end = at + _AROUND + (data[at + 2] if len(data) > at + 2 else len(data))
            if end > len(data):
                raise BadAnswer(f"item {code}: a load record is cut short", data)
            if data[end - 1] != _END:
                raise BadAnswer(f"item {code}: a load record ends in {data[end - 1]:02X}, expected E5", data)
            yield self._record(code, data[at:end], start == _GOOD)
            at = end

    def _record(self, code: str, raw: bytes, good: bool) -> LoadRecord:
        body = raw[3:-2]
        if not good:
            return LoadRecord(_time_or_none(body), False, ())
        if sum(raw[:-2]) & 0xFF != raw[-2]:
            raise BadAnswer(f"item {code}: the sum of a load record is wrong", raw)
        _, time, _ = TIME.decode(body[: TIME.length])
        pieces = body[TIME.length :].split(_CLOSE)
        if len(pieces) != CLASSES + 1 or pieces[-1]:
            raise BadAnswer(f"item {code}: a load record has {CLASSES} blocks, each closed by AA", raw)
        values: list[Value] = []
        for number, (block, piece) in enumerate(zip(self.blocks, pieces[:-1], strict=True), 1):
            found = block.decode(piece)
            if found is None:
                raise BadAnswer(f"item {code}: class {number} of a load record cannot have {len(piece)} bytes", raw)
            values += found
        return LoadRecord(time, True, tuple(values))


def _time_or_none(body: bytes) -> str | None:
    """The time of a record that the meter calls not right, where it can be read."""
    try:
        _, time, _ = TIME.decode(body[: TIME.length])
    except BadAnswer:  # the meter has said so itself
        return None
    return time


def decode_records(item: Item, data: bytes) -> list[LoadRecord]:
    """The records in the answer to a load record item; its values carry their quantities. Raises `BadAnswer`."""
    if not isinstance(item.shape, LoadRecords):
        raise ValueError(f"item {item.code} holds no load records")
    return item.shape.records(item.code, data)
