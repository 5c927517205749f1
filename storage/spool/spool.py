"""The spool: a directory of segments, bounded in bytes, that one process has at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import SpoolRefused
from storage.spool.batch import Batch, encode
from storage.spool.lock import DirectoryLock
from storage.spool.segment import ASIDE, OpenSegment, Segment, heading_of, load, name_of, segments_in, sync_directory
from storage.spool.segment_format import HEADING_BYTES, RECORD_BYTES, Heading, UnknownVersion

log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class SpoolCounters:
    """What the spool has done since it was opened."""

    captures: int = 0
    misses: int = 0
    drained_captures: int = 0
    drained_misses: int = 0
    refused: int = 0
    """Batches that it could not take; each try counts."""
    torn: int = 0
    """Segments with a tail that a crash cut off."""
    damaged: int = 0
    """Stretches of bytes that are no record."""
    set_aside: int = 0
    """Segments moved to the folder `aside`."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """`oldest_us`: when the oldest segment was begun, microseconds since 1970-01-01 UTC; None where there is none."""

    bytes: int
    limit: int
    segments: int
    aside: int
    oldest_us: int | None
    refusing: str
    """Why the last batch was not taken; empty after one that was."""


@dataclass(frozen=True)
class Chunk:
    """Some records of one segment, joined; `records`: how many."""

    batch: Batch
    number: int
    records: int


class Spool:
    """Blocking: from asyncio call it through `asyncio.to_thread`, one call at a time."""

    def __init__(self, directory: Path, limit: int, database: int, now_us: Callable[[], int]) -> None:
        """Makes `directory` where there is none. `database`: see `storage.migrate.birth`.

        Raises `SpoolInUse`, `OSError`.
        """
        self.counters = SpoolCounters()
        self._directory = directory
        self._limit = limit
        self._segment_bytes = min(SEGMENT_BYTES, max(limit // 8, 64 * 1024))
        self._database = database
        self._now_us = now_us
        self._refusing = ""
        self._active: OpenSegment | None = None
        self._active_number = 0
        self._reading: Segment | None = None
        self._read = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._turn = threading.Lock()  # who waits for a call may be cancelled while its thread goes on
        self._lock = DirectoryLock(directory)
        try:
            self._sizes = {int(path.stem): path.stat().st_size for path in segments_in(directory)}
            kept = segments_in(directory / ASIDE) if (directory / ASIDE).is_dir() else []
            self._aside = {path.name: path.stat().st_size for path in kept}
            numbers = [*self._sizes, *(int(path.stem) for path in kept)]
            self._next_number = max(numbers, default=0) + 1
            self._begun: dict[int, int] = {}
            self._stuck: set[int] = set()
            """Segments that the disk neither gives nor takes; not tried again."""
            for number in list(self._sizes):
                self._look_at(number)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """What is in it stays, for the next to open it."""
        with self._turn:
            self._seal()
            self._lock.close()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to drain."""
        return bool(self._sizes.keys() - self._stuck)

    @property
    def state(self) -> SpoolState:
        """May be asked from another thread."""
        numbers = list(self._sizes)
        used = sum(list(self._sizes.values())) + sum(list(self._aside.values()))
        oldest = min(numbers, default=None)
        return SpoolState(
            bytes=used,
            limit=self._limit,
            segments=len(numbers),
            aside=len(self._aside),
            oldest_us=None if oldest is None else self._begun.get(oldest),
            refusing=self._refusing,
        )

    # -- in ------------------------------------------------------------------------------------------------------

    def append(self, batch: Batch) -> None:
        """`batch` is on the disk when this returns. Raises `SpoolRefused`."""
        payload = encode(batch)
        try:
            with self._turn:
                self._append(payload)
        except SpoolRefused as error:
            self.counters.refused += 1
            self._refusing = str(error)
            raise
        self._refusing = ""
        self.counters.captures += len(batch.columns)
        self.counters.misses += len(batch.misses)

    def _append(self, payload: bytes) -> None:
        cost = RECORD_BYTES + len(payload)
        if self._active is not None and self._active.size + cost > self._segment_bytes:
            self._seal()
        state = self.state
        if state.bytes + cost + (0 if self._active else HEADING_BYTES) > self._limit:
            raise SpoolRefused(f"{self._directory}: full, {state.bytes} of {self._limit} bytes are taken")
        try:
            active = self._active or self._begin()
            active.append(payload)
        except OSError as error:
            if self._active is not None and self._active.is_broken:
                self._seal()
            raise SpoolRefused(f"{self._directory}: {error.strerror}") from error
        self._sizes[self._active_number] = active.size

    def _begin(self) -> OpenSegment:
        number = self._next_number
        self._next_number += 1
        now_us = self._now_us()
        self._active = OpenSegment(self._directory, Heading(number, now_us, self._database))
        self._begun[number] = now_us
        self._active_number = number
        self._sizes[number] = self._active.size
        return self._active

    def _seal(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None

    # -- out -----------------------------------------------------------------------------------------------------

    def take(self, most: int) -> Chunk | None:
        """The next records of the newest segment, at least one and about `most` captures; None when all is drained.

        The same again until `committed` or `rejected` was told.
        """
        while True:
            if self._reading is None and not self._open_newest():
                return None
            assert self._reading is not None
            left = self._reading.batches[self._read :]
            if left:
                break
            self._finish(self._reading, aside=self._reading.damaged > 0)
        taken: list[Batch] = []
        size = 0
        for batch in left:
            if taken and size + len(batch.columns) > most:
                break
            taken.append(batch)
            size += len(batch.columns) + len(batch.misses)
        return Chunk(Batch.joined(taken), int(self._reading.path.stem), len(taken))

    def committed(self, chunk: Chunk) -> None:
        """The database has it. After its last chunk a segment is deleted, or set aside where it is damaged."""
        self.counters.drained_captures += len(chunk.batch.columns)
        self.counters.drained_misses += len(chunk.batch.misses)
        reading = self._reading_of(chunk)
        self._read += chunk.records
        if self._read == len(reading.batches):
            self._finish(reading, aside=reading.damaged > 0)

    def rejected(self, chunk: Chunk, reason: str) -> None:
        """The database refuses it: its whole segment is set aside, for somebody to look at."""
        reading = self._reading_of(chunk)
        log.error("%s is refused by the database and set aside: %s", reading.path, reason)
        self._finish(reading, aside=True)

    def _reading_of(self, chunk: Chunk) -> Segment:
        if self._reading is None or int(self._reading.path.stem) != chunk.number:
            raise ValueError(f"segment {chunk.number} is not the one that is read")
        return self._reading

    def _open_newest(self) -> bool:
        while numbers := self._sizes.keys() - self._stuck:
            number = max(numbers)
            if self._active is not None and number == self._active_number:
                self._seal()
            path = self._directory / name_of(number)
            try:
                self._reading = load(path)
            except OSError as error:
                log.error("%s cannot be read and is left there: %s", path, error.strerror)
                self._stuck.add(number)
                continue
            self._read = 0
            self._tell(self._reading)
            return True
        return False

    def _tell(self, segment: Segment) -> None:
        if segment.torn:
            self.counters.torn += 1
            log.warning("%s: %s bytes at its end were cut off by a crash and are not read", segment.path, segment.torn)
        if segment.damaged:
            self.counters.damaged += segment.damaged
            log.error("%s: %s stretches are damaged and not read; the file will be kept in %s",
                      segment.path, segment.damaged, ASIDE)  # fmt: skip

    def _finish(self, segment: Segment, *, aside: bool) -> None:
        self._reading = None
        number = int(segment.path.stem)
        try:
            if aside:
                self._set_aside(number)
            else:
                segment.path.unlink()
                del self._sizes[number]
                self._begun.pop(number, None)
                sync_directory(self._directory)
        except OSError as error:
            log.error("%s is drained and cannot be removed: %s", segment.path, error.strerror)
            if number in self._sizes:
                self._stuck.add(number)

    # -- aside ---------------------------------------------------------------------------------------------------

    def _set_aside(self, number: int) -> None:
        folder = self._directory / ASIDE
        folder.mkdir(mode=0o700, exist_ok=True)
        (self._directory / name_of(number)).rename(folder / name_of(number))
        self._aside[name_of(number)] = self._sizes.pop(number)
        self.counters.set_aside += 1
        sync_directory(folder)
        sync_directory(self._directory)

    def _look_at(self, number: int) -> None:
        """A segment that was left by an earlier run: set aside what is not for this program or this database."""
        path = self._directory / name_of(number)
        try:
            heading = heading_of(path)
        except UnknownVersion as error:
            log.error("%s is set aside: %s", path, error)
            self._set_aside(number)
            return
        if heading is None:
            return  # the records speak for themselves
        self._begun[number] = heading.created_us
        if heading.database and self._database and heading.database != self._database:
            log.error("%s is set aside: it belongs to another database, where meters have other numbers", path)
            self._set_aside(number)
