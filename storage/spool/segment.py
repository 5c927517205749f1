"""One segment's file: written by appending, read as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.spool.batch import Batch, NotABatch, decode
from storage.spool.segment_format import HEADING_BYTES, Heading, heading, record, scan

SUFFIX: Final = ".spool"
ASIDE: Final = "aside"
"""The folder for what somebody has to look at."""


def name_of(number: int) -> str:
    return f"{number:016}{SUFFIX}"


def segments_in(directory: Path) -> list[Path]:
    """Newest first. Raises `OSError`."""
    found = [path for path in directory.iterdir() if path.suffix == SUFFIX and path.stem.isdecimal()]
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


class OpenSegment:
    """A segment that is being written. Every verb raises `OSError`; once `is_broken` nothing more is appended."""

    def __init__(self, directory: Path, content: Heading) -> None:
        self.path = directory / name_of(content.number)
        self.created_us = content.created_us
        self.is_broken = False
        self._number = content.number
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        try:
            self._write(heading(content))
            sync_directory(directory)
        except OSError:
            os.close(self._file)
            self.path.unlink(missing_ok=True)
            raise

    def append(self, payload: bytes) -> None:
        """On the disk when this returns; when it raises, the file is as it was or `is_broken`."""
        self._write(record(self._number, self.size, payload))

    def _write(self, data: bytes) -> None:
        view, at = memoryview(data), self.size
        try:
            while view:
                written = os.pwrite(self._file, view, at)
                view, at = view[written:], at + written
        except OSError:
            self._cut_back()
            raise
        try:
            os.fdatasync(self._file)
        except OSError:
            self.is_broken = True  # what of the pages was written is unknown, and another fsync would not say
            raise
        self.size = at

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self.is_broken = True  # a reader takes what was begun for a torn tail

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True)
class Segment:
    """A segment as it was read. `damaged`: stretches that are no record; `torn`: bytes of a cut-off tail."""

    path: Path
    heading: Heading | None
    batches: tuple[Batch, ...]
    damaged: int
    torn: int


def load(path: Path) -> Segment:
    """Raises `OSError`, `storage.spool.segment_format.UnknownVersion`."""
    found = scan(path.read_bytes())
    batches = []
    damaged = len(found.damaged)
    for payload in found.payloads:
        try:
            batches.append(decode(payload))
        except NotABatch:
            damaged += 1
    return Segment(path, found.heading, tuple(batches), damaged, found.torn)


def heading_of(path: Path) -> Heading | None:
    """None where it is damaged. Raises `OSError`, `UnknownVersion`."""
    with path.open("rb") as file:
        return scan(file.read(HEADING_BYTES)).heading


def sync_directory(directory: Path) -> None:
    """Make names that were added or taken away outlive a power cut."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
