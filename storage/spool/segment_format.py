"""A segment's bytes: a heading, then records. All integers are little-endian; CRC-32 is that of zlib (IEEE 802.3).

Heading, 40 bytes:

    0   8 bytes  89 48 45 53 50 4c 0d 0a ("HESPL" between bytes that a text transfer would change)
    8   u16      version of the format, 1
    10  u16      length of the heading, 40
    12  u64      number of the segment, counted up in its directory
    20  i64      when it was made, microseconds since 1970-01-01 UTC
    28  i64      the database that its meter numbers belong to: when its first migration was applied, as above; or 0
    36  u32      CRC-32 of bytes 0 to 35

Record, 36 bytes and the payload:

    0   8 bytes  f1 53 90 4c 1e a7 d2 0b, the marker; a later version has another
    8   u64      number of the segment
    16  u64      offset of this record in the file
    24  u32      length of the payload
    28  u32      CRC-32 of the payload
    32  u32      CRC-32 of bytes 0 to 31
    36           the payload, see `storage.spool.batch`
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

MAGIC: Final = bytes.fromhex("89484553504c0d0a")
MARKER: Final = bytes.fromhex("f153904c1ea7d20b")
VERSION: Final = 1
_HEADING: Final = struct.Struct("<8sHHQqq")
_RECORD: Final = struct.Struct("<8sQQII")
_CRC: Final = struct.Struct("<I")
HEADING_BYTES: Final = _HEADING.size + _CRC.size
RECORD_BYTES: Final = _RECORD.size + _CRC.size


class UnknownVersion(ValueError):
    """A sound heading of a version that this program does not read."""


@dataclass(frozen=True, slots=True)
class Heading:
    """`created_us`: microseconds since 1970-01-01 UTC. `database`: see `storage.identity`; 0 where it is not known."""

    number: int
    created_us: int
    database: int


@dataclass(slots=True)
class Scan:
    """What stands in a segment. `damaged`: (offset, length) of stretches that are no record, the torn tail apart."""

    heading: Heading | None = None
    payloads: list[memoryview] = field(default_factory=list)
    damaged: list[tuple[int, int]] = field(default_factory=list)
    torn: int = 0
    """Bytes at the end that a crash cut off before anybody was told that they were safe."""


def heading(content: Heading) -> bytes:
    packed = _HEADING.pack(MAGIC, VERSION, HEADING_BYTES, content.number, content.created_us, content.database)
    return packed + _CRC.pack(zlib.crc32(packed))


def record(number: int, offset: int, payload: bytes) -> bytes:
    """A record that will stand at `offset` of segment `number`."""
    packed = _RECORD.pack(MARKER, number, offset, len(payload), zlib.crc32(payload))
    return packed + _CRC.pack(zlib.crc32(packed)) + payload


def scan(data: bytes) -> Scan:
    """All records that are whole and where they belong. Raises `UnknownVersion`, and nothing else for any bytes."""
    view = memoryview(data)
    found = Scan()
    if len(data) < HEADING_BYTES:
        found.torn = len(data)
        return found
    found.heading = _read_heading(data)
    number = found.heading.number if found.heading else None
    at = HEADING_BYTES
    if found.heading is None:
        found.damaged.append((0, HEADING_BYTES))
    while at < len(data):
        length = _record_length(view, at, number)
        if length is None:
            behind = _next_record(data, view, at + 1, number)
            _skip(found, data, at, behind)
            at = behind
            continue
        if number is None:
            number = _RECORD.unpack_from(view, at)[1]
        end = at + RECORD_BYTES + length
        payload = view[at + RECORD_BYTES : end]
        if end > len(data):
            # Only the last one can be cut off by a crash: a record behind it was written after it was safe.
            behind = _next_record(data, view, at + 1, number)
            if behind == len(data):
                found.torn = len(data) - at
            else:
                found.damaged.append((at, behind - at))
            at = behind
        elif zlib.crc32(payload) != _RECORD.unpack_from(view, at)[4]:
            _skip(found, data, at, end)
            at = end
        else:
            found.payloads.append(payload)
            at = end
    return found


def _read_heading(data: bytes) -> Heading | None:
    """Raises `UnknownVersion`."""
    magic, version, _, number, created_us, database = _HEADING.unpack_from(data)
    if magic != MAGIC or _CRC.unpack_from(data, _HEADING.size)[0] != zlib.crc32(data[: _HEADING.size]):
        return None
    if version != VERSION:
        raise UnknownVersion(f"version {version}, this program reads version {VERSION}")
    return Heading(number, created_us, database)


def _record_length(view: memoryview, at: int, number: int | None) -> int | None:
    """Of the payload of the record at `at`; None if none stands there. `number` None: of whatever segment."""
    if at + RECORD_BYTES > len(view):
        return None
    marker, segment, offset, length, _ = _RECORD.unpack_from(view, at)
    sound = _CRC.unpack_from(view, at + _RECORD.size)[0] == zlib.crc32(view[at : at + _RECORD.size])
    if marker != MARKER or offset != at or not sound or number not in (None, segment):
        return None
    return int(length)


def _next_record(data: bytes, view: memoryview, at: int, number: int | None) -> int:
    """The next sound heading of a record at or after `at`, or the end."""
    while (at := data.find(MARKER, at)) >= 0:
        if _record_length(view, at, number) is not None:
            return at
        at += 1
    return len(data)


def _skip(found: Scan, data: bytes, at: int, end: int) -> None:
    """Bytes that are no record: at the very end the beginning of one, or zeros, are what a crash leaves."""
    rest = data[at:end]
    is_begun = len(rest) < RECORD_BYTES and rest[: len(MARKER)] == MARKER[: len(rest)]
    if end == len(data) and (is_begun or not any(rest)):
        found.torn = len(rest)
    else:
        found.damaged.append((at, len(rest)))
