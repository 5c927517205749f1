"""What all resources share: configuration, database, and whose meters somebody sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from headend.api.caller import Caller, Right
from headend.api.problem import Problem
from headend.api.settings import ApiTable
from headend.commands.desk import Desk
from headend.config import Config
from headend.duration import seconds
from headend.people.office import Office
from headend.privacy.access import noted
from storage.browse import Browse
from storage.connection import Session
from storage.lending import Lending
from storage.privacy import AccessLog

_FRESH: Final = timedelta(seconds=5)
"""How long it is believed which meters stand in somebody's areas."""
_STREAM_S: Final = 300.0
"""For the database to find the first row of a long answer."""
_TURN_S: Final = 5.0
"""For a connection to be free."""


@dataclass(frozen=True, slots=True)
class Front:
    """Where people are served who order and who administer."""

    desk: Desk
    office: Office


@dataclass
class House:
    """One a daemon. `long` is for answers that are streamed."""

    config: Config
    conninfo: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    front: Front | None = None
    _reach: dict[frozenset[str], tuple[datetime, frozenset[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.config.api
        self.patience_s = seconds(table.patience)
        self._short = Lending(self.conninfo, table.sessions, self.patience_s)
        self._long = Lending(self.conninfo, table.streams, _STREAM_S)

    @property
    def table(self) -> ApiTable:
        return self.config.api

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """For questions that are soon answered. Raises `TimeoutError` where too many ask."""
        async with self._short.borrow(_TURN_S) as session:
            yield session

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Session]:
        """Raises `Problem` while as many long answers as are allowed are under way."""
        try:
            async with self._long.borrow(_TURN_S) as session:
                yield session
        except TimeoutError as error:
            raise Problem("unavailable", "too many long answers at once", headers={"retry-after": "30"}) from error

    async def close(self) -> None:
        await self._short.close()
        await self._long.close()

    async def within(self, caller: Caller, right: Right = Right.READ) -> frozenset[int] | None:
        """Ids of the meters that he has the right for; None: all. Raises `Problem` where he has it nowhere."""
        mine = caller.areas(right)
        if mine is None:
            return None
        now = self.now()
        known = self._reach.get(mine)
        if known is None or now - known[0] > _FRESH:
            async with self.session() as session:
                known = (now, frozenset(await Browse(session).meters_in(mine)))
            self._reach = {areas: held for areas, held in self._reach.items() if now - held[0] <= _FRESH}
            self._reach[mine] = known
        return known[1]

    async def meters(
        self, caller: Caller, names: Collection[str] | None = None, area: str | None = None
    ) -> dict[int, str]:
        """Ids and names of the meters that he sees: all, the named ones, those of an area. Raises `Problem` for one
        that is not there or not his to see: which of both is not told."""
        within = await self.within(caller)
        async with self.session() as session:
            browse = Browse(session)
            if area is not None:
                there = frozenset(await browse.meters_in([area]))
                within = there if within is None else within & there
            found = await browse.names(within, names)
        for name in sorted(set(names or ()) - set(found.values())):
            raise Problem("not-found", f"no meter named {name!r}")
        return found

    async def record(
        self,
        caller: Caller,
        action: str,
        meters: Sequence[int] | None,
        start: datetime | None = None,
        end: datetime | None = None,
        **detail: Any,
    ) -> None:
        """Who is given whose readings, written before they are given, where `[privacy]` asks for it."""
        if self.config.privacy.access_log:
            told = noted(f"api {action}", meters, start, end, actor=caller.user, token=caller.token, **detail)
            async with self.session() as session:
                await AccessLog(session).write(told)
