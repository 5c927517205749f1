"""Where the servers of tests keep their data: nothing of it need outlive the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DISK: Final = Path("/tmp")
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 2 * 2**30
"""Bytes that must be free. A server takes some 300 MB: its databases, and WAL up to the bound that tests give it."""


def quick() -> Path:
    """Memory where there is plenty, else the disk.

    A database is three hundred files, and most tests have one of their own: some file systems on disks need 300 ms of
    CPU for what memory does in 15.
    """
    try:
        about = os.statvfs(_MEMORY)
    except FileNotFoundError:
        return DISK
    roomy = about.f_bavail * about.f_frsize >= _ROOM
    # Some tests put programs beside their data.
    return _MEMORY if roomy and os.access(_MEMORY, os.W_OK) and not about.f_flag & os.ST_NOEXEC else DISK
