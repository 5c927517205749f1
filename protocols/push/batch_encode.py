"""Compact batches, written: for gateways, simulators and measurements."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.push.batch_format import (
    ADDRESSES,
    BLOCK,
    COLUMN,
    CRC,
    DIGITS,
    DIGITS_BYTES,
    FROM_TOPIC,
    HAS_HOLES,
    HAS_QUALITY,
    HEAD,
    MAGIC,
    MILLISECOND_US,
    NAMES,
    OWN_DECIMALS,
    VALUES,
    VERSION,
    WIDTHS,
)
from protocols.push.readings import Bytes, Ints, Places


@dataclass(frozen=True)
class ValueColumn:
    """The numbers of one position: with `decimals`, or in steps of the quantity. `present` is everywhere and
    `quality` good where they are left out."""

    position: int
    numbers: Ints
    decimals: int = OWN_DECIMALS
    present: npt.NDArray[np.bool_] | None = None
    quality: Bytes | None = None


@dataclass(frozen=True)
class BatchBlock:
    """Captures of one layout; `meter` is the row in the batch's table, `time_us` whole milliseconds."""

    layout: int
    meter: Places
    time_us: Ints
    columns: Sequence[ValueColumn] = field(default=())


def encode_batch(blocks: Sequence[BatchBlock], names: Sequence[str] = (), addresses: Sequence[str] = ()) -> bytes:
    """The message. `names` or `addresses` are the meters; with neither, the topic must tell the only one.

    Raises `ValueError` for what the format does not hold.
    """
    if names and addresses:
        raise ValueError("a batch has names or addresses, not both")
    kind, table = _table(names, addresses)
    body = table + b"".join(_block(block, max(len(names), len(addresses), 1)) for block in blocks)
    size = HEAD.size + len(body) + CRC.size
    if max(len(names), len(addresses), len(blocks)) > 0xFFFF or size > 0xFFFFFFFF:
        raise ValueError("too much for one batch")
    message = HEAD.pack(MAGIC, VERSION, kind, max(len(names), len(addresses)), len(blocks), 0, size) + body
    return message + CRC.pack(zlib.crc32(message))


def _table(names: Sequence[str], addresses: Sequence[str]) -> tuple[int, bytes]:
    if not names and not addresses:
        return FROM_TOPIC, b""
    if addresses and all(len(text) == 2 * DIGITS_BYTES and text.isascii() and text.isdigit() for text in addresses):
        return DIGITS, bytes.fromhex("".join(addresses))
    texts = [text.encode() for text in names or addresses]
    if max(map(len, texts)) > 0xFF:
        raise ValueError("a name has more than 255 bytes")
    return NAMES if names else ADDRESSES, b"".join(bytes((len(text),)) + text for text in texts)


def _block(block: BatchBlock, meters: int) -> bytes:
    count = len(block.meter)
    if len(block.time_us) != count or (block.meter < 0).any() or (block.meter >= meters).any():
        raise ValueError("a block's meters and times do not fit")
    milliseconds, rest = np.divmod(block.time_us, MILLISECOND_US)
    if rest.any():
        raise ValueError("times are whole milliseconds")
    body = _column(block.meter.astype(np.int64)) + _column(milliseconds)
    mask = 0
    for values in sorted(block.columns, key=lambda values: values.position):
        if len(values.numbers) != count or mask >> values.position:
            raise ValueError(f"position {values.position} has not {count} numbers, or stands twice")
        mask |= 1 << values.position
        body += _values(values)
    size = BLOCK.size + len(body)
    if size < count:
        body += bytes(count - size)
        size = count
    return BLOCK.pack(size, block.layout, mask, 0, count) + body


def _values(values: ValueColumn) -> bytes:
    flags, body, numbers = 0, b"", values.numbers
    if values.present is not None and not values.present.all():
        flags |= HAS_HOLES
        body += np.packbits(values.present, bitorder="little").tobytes()
        some = numbers[values.present]
        numbers = np.where(values.present, numbers, some.min() if len(some) else 0)
    if values.quality is not None and values.quality.any():
        flags |= HAS_QUALITY
        body += values.quality.astype(np.uint8).tobytes()
    return VALUES.pack(flags, values.decimals) + body + _column(numbers)


def _column(numbers: Ints) -> bytes:
    """In the least width that holds it."""
    if not len(numbers):
        return COLUMN.pack(0, 0)
    base = int(numbers.min())
    above = numbers.view(np.uint64) - np.uint64(base & 0xFFFFFFFFFFFFFFFF)  # modulo 2**64
    most = int(above.max())
    if not most:
        return COLUMN.pack(0, base)
    width = next(width for width in WIDTHS if most < 1 << (8 * width))
    return COLUMN.pack(width, base) + above.astype(WIDTHS[width]).tobytes()
