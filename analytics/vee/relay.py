"""When a meter's relay was open for certain, from what it showed. What is not known is not disconnected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import IntEnum


class Shown(IntEnum):
    """What was seen of the relay at a moment; of several at one moment the highest counts."""

    OPEN = 0
    CLOSED = 1
    UNKNOWN = 2
    """It was told to close, or to close again by itself: whether it did is another sight."""


def disconnected(seen: Iterable[tuple[datetime, Shown]], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From each moment at which it was seen open, until the next at which it was not, or `until`."""
    since: datetime | None = None
    for at, shown in sorted(dict(sorted(seen)).items()):
        if shown is Shown.OPEN:
            since = at if since is None else since
        elif since is not None:
            yield since, at
            since = None
    if since is not None and since < until:
        yield since, until
