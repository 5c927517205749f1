"""Whether a daemon lives, by its sign of life."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from storage.entries import Daemon

SILENT_AFTER: Final = timedelta(seconds=15)
"""A daemon whose sign of life is older than this is taken for dead."""


def is_alive(daemon: Daemon, now: datetime) -> bool:
    return now - daemon.seen < SILENT_AFTER and not has_ended(daemon)


def has_ended(daemon: Daemon) -> bool:
    """In order, by its own last word."""
    return bool(daemon.counters.get("stopped"))
