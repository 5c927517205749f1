"""Compact batches, read: columns out of the bytes as they stand (`batch_format`)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.model import Quality
from protocols.push.arrivals import Arrivals, Message
from protocols.push.batch_format import (
    BLOCK,
    COLUMN,
    CRC,
    DIGITS,
    DIGITS_BYTES,
    FROM_TOPIC,
    HAS_HOLES,
    HAS_QUALITY,
    HEAD,
    LATEST_MS,
    LAYOUTS_BY_ID,
    MAGIC,
    MILLISECOND_US,
    MOST_DECIMALS,
    NAMES,
    OWN_DECIMALS,
    VALUES,
    VERSION,
    WIDTHS,
)
from protocols.push.batch_plain import NO_METER, PlainBlocks
from protocols.push.captures import Block, Stack, arrivals_of, joined, stacked
from protocols.push.keys import Keys
from protocols.push.readings import Ints, Places, no_readings
from protocols.push.reasons import Reason
from protocols.push.rejects import Rejects
from protocols.push.settings import PayloadSettings
from protocols.push.stated import Unusable

_WORST_QUALITY: Final = Quality.OUT_OF_RANGE
"""Of those that say that there is no value."""


class BatchPayloadDecoder:
    """Keeps nothing of the messages."""

    def __init__(self, settings: PayloadSettings) -> None:
        self._settings = settings

    def decode(self, messages: Sequence[Message]) -> Arrivals:
        keys, rejects, blocks = Keys(), Rejects(), _Blocks()
        for number, message in enumerate(messages):
            try:
                _read(number, message, keys, rejects, blocks)
            except Unusable as error:
                rejects.add(number, error.reason, str(error))
            blocks.offset += len(message.payload)
        received = np.array([message.received_us for message in messages], np.int64)
        stack = blocks.stack(messages, rejects)
        parts = arrivals_of(stack, received, self._settings.ahead_s, rejects)
        silent = np.ones(len(messages), np.bool_)
        silent[list(rejects.messages())] = False
        for part in parts:
            silent[part.message] = False
        for number in np.flatnonzero(silent).tolist():
            rejects.add(number, Reason.NOTHING_TO_STORE, "a batch without a value")
        return joined(parts or [no_readings().gathered((), ())], keys.all(), rejects.told())


class _Blocks:
    """Plain ones, which are read together, and others, which each are read where they stand."""

    def __init__(self) -> None:
        self.plain = PlainBlocks()
        self.others: list[Block] = []
        self.offset = 0
        """Of the message in all of them."""
        self._sequence: list[int] = []
        """Of the others."""
        self._count = 0

    def read(self, number: int, raw: bytes, at: int, end: int, keys: Places, rejects: Rejects) -> None:
        """Raises `Unusable`."""
        sequence, self._count = self._count, self._count + 1
        if not self.plain.add(raw, at, end, self.offset, sequence, number, keys):
            self.others.append(_block(number, raw[at:end], keys, rejects))
            self._sequence.append(sequence)

    def stack(self, messages: Sequence[Message], rejects: Rejects) -> Stack | None:
        """All of them in their order."""
        plain = self.plain.stack(b"".join([message.payload for message in messages]), rejects)
        if not self.others:
            return plain[0] if plain else None
        others = stacked(self.others)
        if plain is None:
            return others
        of = np.concatenate((plain[1], np.repeat(self._sequence, [len(block.key) for block in self.others])))
        return Stack.concatenate((plain[0], others)).take(np.argsort(of, kind="stable"))


def _read(number: int, message: Message, keys: Keys, rejects: Rejects, blocks: _Blocks) -> None:
    """Raises `Unusable` where the message as a whole gives nothing."""
    raw = message.payload
    if len(raw) < HEAD.size + CRC.size or not raw.startswith(MAGIC):
        raise Unusable(Reason.BAD_FORM, "no batch: it does not begin with HESB")
    _, version, kind, meters, count, _, size = HEAD.unpack_from(raw)
    if version != VERSION:
        raise Unusable(Reason.BAD_FORM, f"version {version} of the batch, expected {VERSION}")
    if size != len(raw):
        raise Unusable(Reason.BAD_FORM, f"the batch has {len(raw)} bytes and says {size}")
    end = size - CRC.size
    if zlib.crc32(memoryview(raw)[:end]) != CRC.unpack_from(raw, end)[0]:
        raise Unusable(Reason.BAD_CHECK_SUM, "the CRC of the batch is wrong")
    key, at = _meters(message, kind, meters, raw[HEAD.size : end], keys)
    at += HEAD.size
    for _ in range(count):
        if at + BLOCK.size > end:
            raise Unusable(Reason.BAD_FORM, "a block is cut short")
        length = BLOCK.unpack_from(raw, at)[0]
        if not BLOCK.size <= length <= end - at:
            raise Unusable(Reason.BAD_FORM, "the size of a block cannot be")
        try:
            blocks.read(number, raw, at, at + length, key, rejects)
        except Unusable as error:
            rejects.add(number, error.reason, str(error))
        at += length


def _meters(message: Message, kind: int, count: int, raw: bytes, keys: Keys) -> tuple[Places, int]:
    """The meters' numbers, -1 for none, and where the table ends. Raises `Unusable`."""
    fields = message.fields
    line = fields.get("line", "")
    if kind == FROM_TOPIC:
        name, address = fields.get("meter", ""), fields.get("address", "")
        if not (name or address):
            raise Unusable(Reason.NO_METER, "neither the batch nor its topic tells the meter")
        return np.array([keys.number(name, address, line)], np.intp), 0
    if kind == DIGITS:
        addresses, end = _digits(raw, count)
        return np.array(keys.addresses(addresses, line), np.intp), end
    texts, end = _texts(raw, kind, count)
    nothing = [""] * count
    numbers = keys.numbers(texts, nothing, line) if kind == NAMES else keys.numbers(nothing, texts, line)
    return np.array(numbers, np.intp), end


def _digits(raw: bytes, count: int) -> tuple[list[str], int]:
    end = DIGITS_BYTES * count
    text = raw[:end].hex()
    if len(raw) < end or not (text.isdigit() or not count):
        raise Unusable(Reason.BAD_FORM, "the table of addresses is cut short, or a digit is no BCD")
    return [text[at : at + 2 * DIGITS_BYTES] for at in range(0, 2 * end, 2 * DIGITS_BYTES)], end


def _texts(raw: bytes, kind: int, count: int) -> tuple[list[str], int]:
    if kind > DIGITS:
        raise Unusable(Reason.BAD_FORM, f"unknown kind {kind} of meters")
    texts, at = [], 0
    try:
        for _ in range(count):
            begin = at + 1
            at = begin + raw[at]
            texts.append(raw[begin:at].decode())
    except (IndexError, UnicodeDecodeError):
        at = len(raw) + 1
    if at > len(raw):
        raise Unusable(Reason.BAD_FORM, "the table of meters is cut short, or a name is no UTF-8")
    return texts, at


def _block(number: int, raw: bytes, keys: Places, rejects: Rejects) -> Block:
    """Raises `Unusable`."""
    _, layout_id, mask, _, count = BLOCK.unpack_from(raw)
    layout = LAYOUTS_BY_ID.get(layout_id)
    if layout is None or mask >> len(layout.quantities):
        raise Unusable(Reason.UNKNOWN_LAYOUT, f"layout {layout_id} with the positions {mask:08b}")
    if count > len(raw):
        raise Unusable(Reason.BAD_FORM, f"{count} captures in a block of {len(raw)} bytes")
    meter, at = _column(raw, BLOCK.size, count)
    times, at = _column(raw, at, count)
    good = (meter >= 0) & (meter < len(keys))
    key = np.full(count, -1, np.intp)
    key[good] = keys[meter[good]]
    block = Block(number, layout_id, key, np.clip(times, -LATEST_MS, LATEST_MS) * MILLISECOND_US)
    for position, quantity in enumerate(layout.quantities):
        if mask >> position & 1:
            at = _fill(block, position, quantity.decimals, raw, at, count)
    if at != len(raw) and len(raw) != count:
        raise Unusable(Reason.BAD_FORM, "bytes are left over in a block")
    rows = np.flatnonzero(key >= 0)
    if len(rows) == count:
        return block
    rejects.add(number, Reason.NO_METER, NO_METER, count - len(rows))
    return block.take(rows)


def _fill(block: Block, position: int, own_decimals: int, raw: bytes, at: int, count: int) -> int:
    """One column of values; where it ends. Raises `Unusable`."""
    _need(raw, at, VALUES.size)
    flags, decimals = VALUES.unpack_from(raw, at)
    at += VALUES.size
    if flags & ~(HAS_HOLES | HAS_QUALITY) or (decimals > MOST_DECIMALS and decimals != OWN_DECIMALS):
        raise Unusable(Reason.BAD_FORM, f"values with the flags {flags} and {decimals} decimals")
    silent = quality = None
    if flags & HAS_HOLES:
        size = (count + 7) // 8
        _need(raw, at, size)
        silent = np.unpackbits(np.frombuffer(raw, np.uint8, size, at), count=count, bitorder="little") == 0
        at += size
    if flags & HAS_QUALITY:
        _need(raw, at, count)
        quality = np.frombuffer(raw, np.uint8, count, at)
        at += count
    numbers, at = _column(raw, at, count)
    if quality is not None:
        said = quality if silent is None else quality[~silent]
        if (quality > _WORST_QUALITY).any() or said.any():
            raise Unusable(Reason.BAD_QUALITY, "an unknown quality, or a value with one that says that there is none")
    block.fill(position, numbers, own_decimals - decimals if decimals != OWN_DECIMALS else 0, silent, quality)
    return at


def _column(raw: bytes, at: int, count: int) -> tuple[Ints, int]:
    """The numbers, and where they end. Raises `Unusable`."""
    _need(raw, at, COLUMN.size)
    width, base = COLUMN.unpack_from(raw, at)
    at += COLUMN.size
    if not width:
        return np.full(count, base, np.int64), at
    kind = WIDTHS.get(width)
    if kind is None:
        raise Unusable(Reason.BAD_FORM, f"a column of numbers of {width} bytes")
    _need(raw, at, count * width)
    numbers: npt.NDArray[np.int64] = np.frombuffer(raw, kind, count, at).astype(np.int64)
    numbers += base  # modulo 2**64, as it was taken off
    return numbers, at + count * width


def _need(raw: bytes, at: int, size: int) -> None:
    if at + size > len(raw):
        raise Unusable(Reason.BAD_FORM, "a block is cut short")
