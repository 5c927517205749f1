"""A batch's folder, which is there whole or not at all: written under another name, made durable, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headend.errors import HeadendError, UsageFault


class HalfFolder:
    """Files on their way into `parent / name`."""

    def __init__(self, parent: Path, name: str) -> None:
        self.final = parent / name
        self.path = parent / f".{name}.part"

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Durable when this returns. Raises `HeadendError` where there is no room, or none to write."""
        try:
            with (self.path / name).open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HeadendError(f"{self.final / name}: {error.strerror or error}; nothing was made") from error

    def finish(self) -> None:
        """Now it is there. What stands there already is the same, or stays: `HeadendError`."""
        if self.final.exists():
            theirs, ours = _contents(self.final), _contents(self.path)
            if theirs != ours:
                raise HeadendError(f"{self.final} is there and is another one: move it away")
            return
        _durable(self.path)
        os.rename(self.path, self.final)
        _durable(self.final.parent)


@contextmanager
def half_folder(parent: Path, name: str) -> Iterator[HalfFolder]:
    """What is not finished is gone after the block; what a killed process left is gone before it.

    One at a time for each name: whoever makes batches has the lock. Raises `UsageFault` where there is no folder to be.
    """
    half = HalfFolder(parent, name)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(half.path, ignore_errors=True)
        half.path.mkdir()
    except OSError as error:
        raise UsageFault(f"{parent}: {error.strerror or error}") from error
    try:
        yield half
    finally:
        shutil.rmtree(half.path, ignore_errors=True)


def _contents(folder: Path) -> dict[str, bytes] | None:
    """None: it is no folder of files."""
    if not folder.is_dir():
        return None
    return {entry.name: _sha256(entry) for entry in folder.iterdir()}


def _sha256(path: Path) -> bytes:
    import hashlib

    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
