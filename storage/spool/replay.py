"""A spool's directory, or one segment, into the database by hand; the files stay as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import Rejected
from storage.spool.batch import Batch
from storage.spool.lock import DirectoryLock
from storage.spool.segment import ASIDE, load, segments_in
from storage.spool.segment_format import UnknownVersion
from storage.writer import Writer, Written

_MOST: Final = 10_000


@dataclass(frozen=True)
class Replayed:
    """One segment. `problem`: why nothing, or not all of it, was stored; empty otherwise."""

    path: Path
    written: Written
    captures: int
    misses: int
    damaged: int
    torn: int
    problem: str = ""


@contextmanager
def segments(place: Path) -> Iterator[list[Path]]:
    """Newest first, those set aside too; the directory is ours alone meanwhile.

    Raises `SpoolInUse`, `OSError`.
    """
    if place.is_file():
        yield [place]
        return
    lock = DirectoryLock(place)
    try:
        aside = place / ASIDE
        found = segments_in(place) + (segments_in(aside) if aside.is_dir() else [])
        yield sorted(found, key=lambda path: int(path.stem), reverse=True)
    finally:
        lock.close()


async def replay(paths: list[Path], writer: Writer, database: int) -> AsyncIterator[Replayed]:
    """Each segment's sound records. `database`: see `storage.migrate.birth`; segments of others are left; 0: any.

    Raises `DatabaseUnreachable`, `OSError`.
    """
    for path in paths:
        yield await _segment(path, writer, database)


async def _segment(path: Path, writer: Writer, database: int) -> Replayed:
    nothing = Written(0, 0, 0)
    try:
        segment = await asyncio.to_thread(load, path)
    except UnknownVersion as error:
        return Replayed(path, nothing, 0, 0, 0, 0, str(error))
    theirs = segment.heading.database if segment.heading else 0
    if theirs and database and theirs != database:
        return Replayed(path, nothing, 0, 0, segment.damaged, segment.torn, "it belongs to another database")
    written, captures, misses = nothing, 0, 0
    problem = f"{segment.damaged} stretches are damaged" if segment.damaged else ""
    try:
        for batch in _joined(segment.batches):
            written += await writer.write_columns(batch.columns)
            await writer.write_misses(batch.misses)
            captures, misses = captures + len(batch.columns), misses + len(batch.misses)
    except Rejected as error:
        problem = str(error)
    return Replayed(path, written, captures, misses, segment.damaged, segment.torn, problem)


def _joined(batches: tuple[Batch, ...]) -> Iterator[Batch]:
    """Large ones: a commit each."""
    waiting: list[Batch] = []
    for batch in batches:
        if waiting and sum(len(one.columns) for one in waiting) + len(batch.columns) > _MOST:
            yield Batch.joined(waiting)
            waiting = []
        waiting.append(batch)
    if waiting:
        yield Batch.joined(waiting)
