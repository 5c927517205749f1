"""The only daemon of a plant: it polls every line that the registry has."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from headend.collection.crew import Crew
from headend.collection.roster import Roster
from storage.errors import DatabaseUnreachable

_log = structlog.get_logger("roster")


class Solo:
    """Looks at the registry every `reload_s` seconds and lets the crew follow it."""

    def __init__(self, roster: Roster, reload_s: float) -> None:
        self._roster = roster
        self._reload_s = reload_s

    async def run(self, crew: Crew) -> None:
        """Until cancelled."""
        while True:
            crew.left.clear()
            self._arrange(crew)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._reload_s):
                    await crew.left.wait()
                continue
            try:
                if await self._roster.reload():
                    _log.info("registry read", lines=len(self._roster.posts))
            except DatabaseUnreachable as error:
                _log.debug("registry not read", reason=str(error))

    async def leave(self) -> None:
        """There is nobody to leave anything to."""

    def _arrange(self, crew: Crew) -> None:
        wanted = {post.path.name: post for post in self._roster.posts.values()}
        for poller in crew.pollers:
            name = poller.line.path.name
            post = wanted.get(name)
            if crew.working(name) is None:
                continue
            if post is None or post.path != poller.line.path:
                crew.retire(name)
            elif post.meters != poller.meters:
                poller.give(post.meters)
        for name, post in wanted.items():
            if not crew.knows(name):
                crew.begin(post.path, post.meters)
