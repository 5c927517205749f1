"""The lines that are to be polled, with their meters, as the registry has them; looked at again while we run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from headend.collection.line import LinePath
from headend.collection.survey import MeterPath
from headend.place import Store
from headend.registry.known import by_line
from protocols.links.url import PUSH
from storage import entries


@dataclass(frozen=True, slots=True)
class Post:
    """One line and the meters that are read on it."""

    line_id: int
    path: LinePath
    meters: Sequence[MeterPath]


class Roster:
    """`posts` by the line's id: every line with a meter that can be read."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self.posts: dict[int, Post] = {}
        self.meters = self.readable = 0
        """How many meters are active on such lines, and of how many of them the model can be read."""
        self._store = store
        self._zone = zone
        self._seen: str | None = None

    async def reload(self) -> bool:
        """Whether anything has changed. Raises `DatabaseUnreachable`: then nothing has."""
        stamp = await self._store.stamp.now()
        if stamp == self._seen:
            return False
        lines = [line for line in await self._store.registry.lines() if line.url != PUSH]
        numbers = {line.id for line in lines}
        active = await self._store.registry.meters(states=[entries.MeterState.ACTIVE])
        active = [meter for meter in active if meter.line_id in numbers]
        posts = by_line(lines, active, self._zone, await self._store.ledger.places(datetime.now(UTC)))
        self.meters, self.readable = len(active), sum(len(meters) for _, meters in posts)
        self.posts = {
            line.id: Post(line.id, path, meters) for line, (path, meters) in zip(lines, posts, strict=True) if meters
        }
        self._seen = stamp
        return True
