"""Who of the other members is dead: judged by renewals that do not come, by our own clock alone."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from storage.leases import Member


class Watch:
    """Looks at the members now and then. `gap_s`: after so long without a look the watch begins anew, since then it is
    we who were away, or the database was, and the others had no means to renew."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._last_look = 0.0
        self._since: dict[UUID, tuple[int, float]] = {}

    def look(self, members: Iterable[Member], now: float) -> list[Member]:
        """Those who have not renewed for their own time to live while we watched. `now`: taken after they were read."""
        if now - self._last_look > self._gap_s:
            self._since.clear()
        self._last_look = now
        before, self._since = self._since, {}
        dead = []
        for member in members:
            renewals, since = before.get(member.id, (-1, now))
            if renewals != member.renewals:
                since = now
            elif now - since >= member.ttl_s:
                dead.append(member)
            self._since[member.id] = (member.renewals, since)
        return dead
