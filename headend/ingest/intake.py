"""Batch by batch from the hold to the database; a message is acknowledged when all of it is committed, in order.

    Hold --> sort (decode, look the meters up) --> dead letters, COMMIT --> captures, COMMIT --> acknowledge --> release

While one batch is being committed the next one is decoded; `LANES` commits may be under way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Protocol, TypeAlias, TypeVar

import structlog

from headend.ingest.hold import Hold
from headend.ingest.settings import PushTable
from headend.ingest.sorting import REFUSED, Sorted, Sorter
from headend.ingest.storing import store
from protocols.events import MeterEvent
from protocols.push.arrivals import Reject
from storage.columns import CaptureColumns
from storage.dead_letters import NewLetter
from storage.errors import DatabaseUnreachable, Rejected, ServerError, StorageError
from storage.writer import Written

_log = structlog.get_logger("ingest")

T = TypeVar("T")

LANES: Final = 2
_MOST_MESSAGES: Final = 20_000
_MOST_BYTES: Final = 1 << 20
"""Of one batch: what is decoded at once."""
_LONGEST_PAUSE_S: Final = 5.0


class ColumnWriter(Protocol):
    """What is needed of `storage.writer.Writer`."""

    async def write_columns(self, columns: CaptureColumns) -> Written: ...


class LetterBox(Protocol):
    """What is needed of `storage.dead_letters.DeadLetters`."""

    async def add(self, letters: Sequence[NewLetter]) -> None: ...


Note: TypeAlias = Callable[[Sequence[MeterEvent]], Awaitable[None]]
"""Stores events; the same may be given again."""


class Abandoned(Exception):
    """We were told to stop while the database was away: what is held comes again from the broker."""


@dataclass(slots=True)
class IntakeCounters:
    """What has been done since the start."""

    batches: int = 0
    messages: int = 0
    """Committed, whole or as dead letters."""
    captures: int = 0
    readings: int = 0
    """Values and a meter's own word that it has none."""
    stored: int = 0
    merged: int = 0
    duplicates: int = 0
    events: int = 0
    """Events that messages said, stored or known already."""
    unreachable: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""


class Intake:
    """`run` until the hold is closed and empty. A database that is away is waited for, with growing pauses."""

    def __init__(
        self,
        table: PushTable,
        hold: Hold,
        sorter: Sorter,
        writers: Sequence[ColumnWriter],
        letters: LetterBox,
        linger: float,
        revive: Callable[[], Awaitable[None]] | None = None,
        *,
        note: Note,
    ) -> None:
        """As many commits may be under way as there are `writers`."""
        self.counters = IntakeCounters()
        self.waiting = False
        """For the database."""
        self._table = table
        self._hold = hold
        self._sorter = sorter
        self._letters = letters
        self._note = note
        self._linger = linger
        self._revive = revive
        self._stopping = asyncio.Event()
        self._free: asyncio.Queue[ColumnWriter] = asyncio.Queue()
        for writer in writers:
            self._free.put_nowait(writer)
        self._captures_a_message = 100.0

    def stop(self) -> None:
        """Commit what is held; where the database is away, leave it to the broker."""
        self._stopping.set()
        self._hold.close()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                before: asyncio.Task[None] | None = None
                while True:
                    writer = await self._free.get()
                    batch = await self._hold.batch(self._most(), _MOST_BYTES, self._linger)
                    if not batch:
                        return
                    try:
                        found = await self._insist(lambda batch=batch: self._sorter.sort(batch))  # type: ignore[misc]
                    except BaseException:
                        self._hold.release(batch)
                        raise
                    self._captures_a_message = max(0.1, len(found.columns) / len(batch))
                    before = group.create_task(self._settle(found, writer, before))
        except* Abandoned:
            _log.info("left to the broker: the database is away", push=self._table.name, messages=self._hold.messages)

    def _most(self) -> int:
        """Messages that give about one commit, going by the batch before; at first, by a guess."""
        return max(1, min(_MOST_MESSAGES, int(self._table.captures / self._captures_a_message)))

    async def _settle(self, found: Sorted, writer: ColumnWriter, before: asyncio.Task[None] | None) -> None:
        try:
            if found.letters:
                await self._insist(lambda: self._letters.add(list(found.letters.values())))
            if found.events:
                await self._insist(lambda: self._note(found.events))
            stored = await store(
                found,
                lambda columns: self._insist(lambda: writer.write_columns(columns)),
                self._table.captures,
            )
            if stored.refused:
                await self._bury(found, stored.refused)
            self._free.put_nowait(writer)
            if before is not None:
                await asyncio.wait({before})
                before.result()
            self._count(found, stored.written)
            for origin, messages in groupby(found.batch, key=lambda held: held.origin):
                numbers = [held.number for held in messages if held.number]
                if numbers:
                    origin.acknowledge(numbers)
        finally:
            self._hold.release(found.batch)

    async def _bury(self, found: Sorted, refused: Mapping[int, str]) -> None:
        for reason in refused.values():
            _log.error("a capture is refused by the database", push=self._table.name, reason=reason)
        letters = self._sorter.letters(
            found.batch, [Reject(number, REFUSED, why) for number, why in sorted(refused.items())], {}
        )
        self.counters.dead[REFUSED] += len(letters)
        await self._insist(lambda: self._letters.add(list(letters.values())))

    def _count(self, found: Sorted, written: Written) -> None:
        counters = self.counters
        counters.batches += 1
        counters.messages += len(found.batch)
        counters.captures += len(found.columns)
        counters.readings += found.columns.known
        counters.events += len(found.events)
        counters.stored += written.stored
        counters.merged += written.merged
        counters.duplicates += written.duplicates
        counters.dead.update(letter.reason for letter in found.letters.values())

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Until the database does it. Raises `Rejected`, and `Abandoned` when told to stop meanwhile."""
        pause = 0.25
        while True:
            try:
                done = await act()
                break
            except Rejected:
                raise
            except StorageError as error:
                self.counters.unreachable += 1
                if not self.waiting:
                    away = isinstance(error, DatabaseUnreachable)
                    _log.warning(
                        "database away" if away else "the database does not do it",
                        push=self._table.name, reason=str(error), held=self._hold.messages,
                    )  # fmt: skip
                self.waiting = True
                await self._pause(pause)
                pause = min(_LONGEST_PAUSE_S, pause * 2)
        if self.waiting:
            _log.info("database back", push=self._table.name, held=self._hold.messages)
            self.waiting = False
        return done

    async def _pause(self, pause: float) -> None:
        if self._stopping.is_set():
            raise Abandoned
        try:
            async with asyncio.timeout(pause):
                await self._stopping.wait()
        except TimeoutError:
            pass
        if self._revive is not None:
            try:
                await self._revive()
            except ServerError as error:
                _log.warning("the embedded database does not start", reason=str(error))
