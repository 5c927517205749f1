"""That one process has a spool's directory: a lock that ends with its holder, however that ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from storage.errors import SpoolInUse


class DirectoryLock:
    """`flock` on the directory itself, so that nothing need be written. Raises `SpoolInUse`, `OSError`."""

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise SpoolInUse(f"{directory}: another process has this spool; each daemon needs its own") from error
        except OSError:
            os.close(self._file)
            raise

    def close(self) -> None:
        os.close(self._file)
