"""The gap ledger: every capture that the plans expect, each in exactly one state.

What is expected is computed and what came is in `capture`; only what is neither has a row, in `miss`. A span is
half-open; `meters` None means all. What is beyond a plan's horizon is told as of `now` (None: the database's).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from storage.connection import Session
from storage.statements import load

SQL = load("ledger")

PAUSE: Final = timedelta(minutes=10)
"""After a first try; after the second twice as long, up to twelve times."""
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing is beyond a horizon then."""


class State(StrEnum):
    """Of an expected capture."""

    RECEIVED = "received"
    RECOVERED = "recovered"
    """It was missed, and had from the meter's memory later."""
    ESTIMATED = "estimated"
    UNRECOVERABLE = "unrecoverable"
    """The meter has not kept it, or keeps nothing; or it is missing still beyond its plan's horizon."""
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """An open slot that is worth a try; `lacking`: which positions of the layout are missing, as bits; `untried`: it
    has no row in `miss`."""

    meter_id: int
    time: datetime
    layout: int
    lacking: int
    untried: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """An expected capture. `reason` is the last try's, `not_collected` where nobody tried; None where it is there."""

    meter_id: int
    layout: int
    time: datetime
    lacking: int
    state: State
    reason: str | None
    tries: int
    tried: datetime | None


@dataclass(frozen=True, slots=True)
class Balance:
    """`expected` is the sum of `states`; `reasons` tell of those that are open or unrecoverable."""

    states: Mapping[State, int]
    reasons: Mapping[str, int]

    @property
    def expected(self) -> int:
        return sum(self.states.values())

    @property
    def counts(self) -> dict[str, int]:
        """`expected`, and the states that add up to it, in the order in which people read them."""
        return {"expected": self.expected, **{str(state): self.states[state] for state in State}}

    def __add__(self, other: Balance) -> Balance:
        reasons = Counter(self.reasons) + Counter(other.reasons)
        return Balance({state: self.states[state] + other.states[state] for state in State}, dict(reasons))


class Ledger(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def recoverable(
        self,
        meters: Sequence[int],
        start: datetime,
        end: datetime,
        now: datetime,
        *,
        untried: datetime,
        pause: timedelta = PAUSE,
        beyond: bool = False,
        limit: int = 500,
    ) -> list[OpenSlot]:
        """Newest first: what was tried long enough ago, or was never tried and is older than `untried`. What its plan's
        horizon has passed only where `beyond`."""
        given = {
            "meters": list(meters), "start": start, "end": end, "now": now, "untried": untried, "limit": limit,
            "pause": pause, "at": _BEGINNING if beyond else now,
        }  # fmt: skip
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["recoverable"], given)).fetchall()
        return [OpenSlot(*row) for row in rows]

    async def balance(
        self, start: datetime, end: datetime, meters: Collection[int] | None = None, *, now: datetime | None = None
    ) -> Balance:
        """How many are in which state."""
        given = {"meters": _list(meters), "start": start, "end": end, "now": now}
        async with self.use() as connection:
            return _balance(await (await connection.execute(SQL["states"], given)).fetchall())

    async def by_meter(
        self, start: datetime, end: datetime, meters: Collection[int] | None = None, *, now: datetime | None = None
    ) -> dict[int, Balance]:
        """The same of every meter of which something is expected."""
        given = {"meters": _list(meters), "start": start, "end": end, "now": now}
        rows: dict[int, list[tuple[str, str | None, int]]] = {}
        async with self.use() as connection:
            for meter_id, *row in await (await connection.execute(SQL["by_meter"], given)).fetchall():
                rows.setdefault(meter_id, []).append((row[0], row[1], row[2]))
        return {meter_id: _balance(of_meter) for meter_id, of_meter in rows.items()}

    async def by_reason(
        self, start: datetime, end: datetime, meters: Collection[int] | None = None, *, now: datetime | None = None
    ) -> dict[str, Balance]:
        """What is open or unrecoverable, by its reason."""
        given = {"meters": _list(meters), "start": start, "end": end, "now": now}
        rows: dict[str, list[tuple[str, str | None, int]]] = {}
        async with self.use() as connection:
            for state, reason, count in await (await connection.execute(SQL["states"], given)).fetchall():
                if reason is not None:
                    rows.setdefault(reason, []).append((state, reason, count))
        return {reason: _balance(of_reason) for reason, of_reason in rows.items()}

    async def by_day(
        self,
        start: datetime,
        end: datetime,
        zone: str,
        meters: Collection[int] | None = None,
        *,
        now: datetime | None = None,
    ) -> dict[date, dict[State, int]]:
        """The same by local day."""
        given = {"meters": _list(meters), "start": start, "end": end, "zone": zone, "now": now}
        days: dict[date, dict[State, int]] = {}
        async with self.use() as connection:
            for day, state, count in await (await connection.execute(SQL["by_day"], given)).fetchall():
                days.setdefault(day, dict.fromkeys(State, 0))[State(state)] = count
        return days

    async def slots(
        self,
        start: datetime,
        end: datetime,
        meters: Collection[int] | None = None,
        states: Collection[State] = (State.OPEN, State.UNRECOVERABLE),
        *,
        limit: int | None = None,
        now: datetime | None = None,
    ) -> list[Slot]:
        """Newest first."""
        given = {
            "meters": _list(meters), "start": start, "end": end, "states": list(map(str, states)), "limit": limit,
            "now": now,
        }  # fmt: skip
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["slots"], given)).fetchall()
        return [Slot(m, y, t, lacking, State(s), reason, n, at) for m, y, t, lacking, s, reason, n, at in rows]

    async def reopen(self, start: datetime, end: datetime, meters: Collection[int] | None = None) -> int:
        """Whatever is missing and was given up or tried in vain is tried again. Returns how many slots."""
        given = {"meters": _list(meters), "start": start, "end": end}
        async with self.use() as connection:
            return (await connection.execute(SQL["reopen"], given)).rowcount

    async def places(self, at: datetime) -> dict[int, tuple[frozenset[str], str | None]]:
        """Meter to the names of the areas in which it stands or which it measures, and its usage point's tariff."""
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["places"], {"at": at})).fetchall()
        return {meter_id: (frozenset(areas), tariff) for meter_id, areas, tariff in rows}


def _balance(rows: Iterable[Sequence[Any]]) -> Balance:
    """From (state, reason, count)."""
    states = dict.fromkeys(State, 0)
    reasons: Counter[str] = Counter()
    for state, reason, count in rows:
        states[State(state)] += count
        if reason is not None:
            reasons[reason] += count
    return Balance(states, dict(reasons))


def _list(meters: Collection[int] | None) -> list[int] | None:
    return None if meters is None else list(meters)
