"""A database that is a list: what the recorder needs of a writer, with failures on order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protocols.model import Capture, Quality, Source
from storage.columns import CaptureColumns, from_us, unpack
from storage.writer import Miss, Written


def captures_of(columns: CaptureColumns) -> list[Capture]:
    """Captures again, cell by cell."""
    quality = unpack(columns.quality)
    return [
        Capture(
            int(columns.meter_id[row]),
            int(columns.layout[row]),
            from_us(int(columns.time_us[row])),
            from_us(int(columns.received_us[row])),
            Source(int(columns.source[row])),
            tuple(
                int(value) if there else None
                for value, there in zip(columns.values[row], columns.present[row], strict=True)
            ),
            tuple(Quality(int(byte)) for byte in quality[row]),
        )
        for row in range(len(columns))
    ]


class MemoryWriter:
    """Every call first raises what stands first in `failures`, if it is an error."""

    def __init__(self) -> None:
        self.batches: list[list[Capture]] = []
        self.rows: dict[tuple[int, object, int], Capture] = {}
        self.misses: list[Miss] = []
        self.failures: list[Exception | None] = []
        self.calls = 0
        self.closed = False

    def _fail(self) -> None:
        self.calls += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    async def write(self, captures: Sequence[Capture]) -> Written:
        self._fail()
        self.batches.append(list(captures))
        new = {(c.meter_id, c.time, c.layout): c for c in captures}
        stored = len(new.keys() - self.rows.keys())
        self.rows |= {key: row for key, row in new.items() if key not in self.rows}
        return Written(stored, 0, len(captures) - stored)

    async def write_columns(self, columns: CaptureColumns) -> Written:
        return await self.write(captures_of(columns))

    async def write_misses(self, misses: Iterable[Miss]) -> int:
        self._fail()
        given = list(misses)
        self.misses += given
        return len(given)

    async def close(self) -> None:
        self.closed = True

    @property
    def values(self) -> int:
        return sum(
            value is not None or quality is not Quality.GOOD
            for row in self.rows.values()
            for value, quality in zip(row.values, row.quality, strict=True)
        )
