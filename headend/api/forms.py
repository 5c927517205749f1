"""Readings as long answers say them, part by part: CSV, a JSON object a line, Parquet."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from headend.stored import COLUMNS, parquet_schema, parquet_table
from protocols.model import Quality
from protocols.quantities import BY_ID
from storage.reader import Reading

Parts: TypeAlias = AsyncGenerator[list[Reading], None]
Form: TypeAlias = Callable[[Parts, Mapping[int, str]], AsyncGenerator[bytes, None]]

CSV: Final = "text/csv"
LINES: Final = "application/x-ndjson"
PARQUET: Final = "application/vnd.apache.parquet"
_GROUP: Final = 50_000
"""Rows of a row group: what is held of a Parquet file while it is written."""
_WORDS: Final = {quality: quality.name.lower() for quality in Quality}


async def as_csv(parts: Parts, names: Mapping[int, str]) -> AsyncGenerator[bytes, None]:
    """As `headend readings --format csv`."""

    @cache
    def front(meter: int, number: int) -> str:
        return _row([names[meter], BY_ID[number].name, str(BY_ID[number].obis)])

    yield f"{_row(COLUMNS)}\n".encode()
    async with aclosing(parts):
        async for part in parts:
            yield "".join(
                f"{front(r.meter_id, r.quantity.id)},{time},{r.told() or ''},{r.quantity.told_unit},"
                f"{_WORDS[r.quality]},{received}\n"
                for r, time, received in _timed(part)
            ).encode()


async def as_lines(parts: Parts, names: Mapping[int, str]) -> AsyncGenerator[bytes, None]:
    """As `headend readings --json`."""

    @cache
    def front(meter: int, number: int) -> str:
        told = {"meter": names[meter], "quantity": BY_ID[number].name, "obis": str(BY_ID[number].obis)}
        return msgspec.json.encode(told).decode()[:-1]

    def value(r: Reading) -> str:
        return "null" if (told := r.told()) is None else f'"{told}"'

    async with aclosing(parts):
        async for part in parts:
            yield "".join(
                f'{front(r.meter_id, r.quantity.id)},"time":"{time}","value":{value(r)},'
                f'"unit":"{r.quantity.told_unit}","quality":"{_WORDS[r.quality]}","received":"{received}"}}\n'
                for r, time, received in _timed(part)
            ).encode()


async def as_parquet(parts: Parts, names: Mapping[int, str]) -> AsyncGenerator[bytes, None]:
    """As `headend readings --format parquet`, a row group at a time."""
    from pyarrow import parquet as pq

    sink = _Sink()
    writer = pq.ParquetWriter(sink, parquet_schema())
    async with aclosing(parts):
        async for group in _grouped(parts):
            await asyncio.to_thread(_write_group, writer, group, names)
            yield sink.taken()
    writer.close()
    yield sink.taken()


FORMS: Final[Mapping[str, Form]] = {CSV: as_csv, LINES: as_lines, PARQUET: as_parquet}


class _Sink(io.RawIOBase):
    """What was written since it was taken last."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _timed(part: Sequence[Reading]) -> Iterator[tuple[Reading, str, str]]:
    """Each with its times spelled: most have those of the one before."""
    time = received = None
    spelled = ("", "")
    for r in part:
        if r.time != time or r.received != received:
            time, received = r.time, r.received
            spelled = (time.isoformat(), received.isoformat())
        yield r, *spelled


async def _grouped(parts: Parts) -> AsyncIterator[list[Reading]]:
    held: list[Reading] = []
    async for part in parts:
        held += part
        if len(held) >= _GROUP:
            yield held
            held = []
    if held:
        yield held


def _write_group(writer: Any, group: Sequence[Reading], names: Mapping[int, str]) -> None:
    writer.write_table(parquet_table(group, names))


def _row(cells: Sequence[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()
