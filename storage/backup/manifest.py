"""What a backup holds: `manifest.json`, written last, so that a backup without one is none."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from storage.errors import BackupFault

FORMAT: Final = 1
NAME: Final = "manifest.json"


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is relative to the directory; gzip of a binary COPY. `day`: the UTC day of its rows, where split."""

    name: str
    rows: int
    bytes: int
    sha256: str
    day: str | None = None


class Partition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    parent: str
    bound: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Partitions stand parents first."""

    name: str
    columns: list[str]
    files: list[File]
    partitions: list[Partition] = []

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the numbers of a column go on."""

    table: str
    column: str
    last: int
    is_called: bool


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A migration. `checksum` differs from level to level."""

    version: int
    name: str
    checksum: str
    applied: datetime


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`created`: the moment of the one snapshot that all files are from."""

    format: int
    created: datetime
    server: str
    level: str
    migrations: list[Applied]
    tables: list[Table]
    sequences: list[Sequence]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for table in self.tables for file in table.files)


def write(directory: Path, manifest: Manifest) -> None:
    """On the disk, whole, when this returns. Raises `OSError`."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    text = content + b"\n" + hashlib.sha256(content).hexdigest().encode() + b"\n"
    unfinished = directory / f".{NAME}"
    with unfinished.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / NAME)
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read(directory: Path) -> Manifest:
    """Raises `BackupFault` for anything but a manifest of this format as it was written."""
    path = directory / NAME
    try:
        content, _, tail = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    except FileNotFoundError:
        raise BackupFault(f"{directory}: no {NAME}: this is no backup, or one that was not finished") from None
    except OSError as error:
        raise BackupFault(f"{path}: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest().encode() != tail:
        raise BackupFault(f"{path}: altered: its check sum does not agree")
    try:
        said = msgspec.json.decode(content, type=dict)
        if said.get("format") != FORMAT:
            raise BackupFault(f"{path}: format {said.get('format')}, this program reads format {FORMAT}")
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupFault(f"{path}: {error}") from error


def verify(directory: Path, manifest: Manifest) -> None:
    """Every file is there as it was written. Raises `BackupFault`."""
    for table in manifest.tables:
        for file in table.files:
            _verify(directory, file)


def _verify(directory: Path, file: File) -> None:
    path = directory / file.name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise BackupFault(f"{path}: outside of the backup")
    try:
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
    except FileNotFoundError:
        raise BackupFault(f"{path}: missing") from None
    except OSError as error:
        raise BackupFault(f"{path}: {error.strerror}") from error
    if size != file.bytes:
        raise BackupFault(f"{path}: {size} bytes, expected {file.bytes}")
    if found != file.sha256:
        raise BackupFault(f"{path}: altered: its SHA-256 does not agree")
