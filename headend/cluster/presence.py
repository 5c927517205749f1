"""Lines that only one daemon can reach: a serial device stands in one machine, a DTU has dialled in to one of us."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from headend.collection.line import LinePath
from protocols.errors import LinkUnreachable, ModelError
from protocols.links import listen
from protocols.links.url import FaultySettings, ListenSettings, SerialSettings, parse_link

_log = structlog.get_logger("presence")


class Presence:
    """Asks where lines are, and opens none. A DTU's port is listened on from the first question on."""

    def __init__(self) -> None:
        self._bound: dict[str, SerialSettings | ListenSettings | None] = {}
        self._told: set[str] = set()

    def bound(self, path: LinePath) -> bool:
        """Whether it is a matter of chance who can reach it; all others can be reached from everywhere."""
        return self._settings(path.url) is not None

    async def here(self, path: LinePath) -> bool:
        """Whether a bound line can be reached by us now."""
        settings = self._settings(path.url)
        if isinstance(settings, SerialSettings):
            return await asyncio.to_thread(Path(settings.path).exists)
        if settings is None:
            return True
        try:
            await listen.expect(settings)
        except LinkUnreachable as error:
            if path.name not in self._told:
                self._told.add(path.name)
                _log.error("cannot wait for a DTU", line=path.name, reason=str(error))
            return False
        self._told.discard(path.name)
        return listen.last_heard(settings) is not None

    def last_heard(self, path: LinePath) -> float | None:
        """When the line's DTU said something last, in the loop's time; None: it is not here, or no DTU."""
        settings = self._settings(path.url)
        return listen.last_heard(settings) if isinstance(settings, ListenSettings) else None

    def hang_up(self, path: LinePath) -> None:
        """End the connections of a DTU that has dialled in elsewhere."""
        settings = self._settings(path.url)
        if isinstance(settings, ListenSettings):
            listen.hang_up(settings)

    def _settings(self, url: str) -> SerialSettings | ListenSettings | None:
        if url not in self._bound:
            try:
                settings = parse_link(url)
                while isinstance(settings, FaultySettings):
                    settings = parse_link(settings.inner)
            except ModelError:  # somebody else's scheme, or written wrongly: whoever opens it says so
                settings = None
            self._bound[url] = settings if isinstance(settings, SerialSettings | ListenSettings) else None
        return self._bound[url]
