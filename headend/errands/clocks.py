"""Reading a meter's clock as a plan of kind `clock` asks, and what the policy does about one that is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from headend.clock.doubt import Doubts
from headend.clock.keeping import keep_surveys
from headend.clock.policy import ClockPolicy, Standing, SyncMode
from headend.clock.survey import has_clock, survey_clock
from headend.clock.sync import AUTOMATIC, ClockSync
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.errands.kept import kept
from headend.work.job import Job
from storage.clocks import ClockStore

_log = structlog.get_logger("clock")


class ClockErrand:
    """`Errand` for clocks. `on_line` names the meters that stand on a line, for what all of them hear."""

    def __init__(
        self,
        store: ClockStore,
        policy: ClockPolicy,
        doubts: Doubts,
        sync: ClockSync,
        now: Callable[[], datetime],
        on_line: Callable[[str], Awaitable[Sequence[MeterPath]]],
    ) -> None:
        self._store = store
        self._policy = policy
        self._doubts = doubts
        self._sync = sync
        self._now = now
        self._on_line = on_line

    async def __call__(self, line: Line, meter: MeterPath, job: Job) -> None:
        """Raises `CommunicationError`; a meter without a clock that we know to ask is done at once."""
        if not has_clock(meter):
            return
        survey = await survey_clock(line, meter, self._now)
        with kept():
            await keep_surveys(self._store, [survey], self._policy)
        standing = self._doubts.hear(survey)
        if survey.offset is None or survey.weekday is not None:
            _log.warning("a clock shows nonsense", meter=meter.name, fault=survey.fault, weekday=survey.weekday)
        if standing is Standing.QUARANTINE:
            _log.warning("a clock is far off", meter=meter.name, off_s=_s(survey.offset and survey.offset.offset))
        if standing is not Standing.SYNC or self._policy.sync is SyncMode.OFF:
            return
        with kept():
            dry = self._policy.sync is SyncMode.PROPOSE
            synced = await self._sync.broadcast(line, await self._on_line(line.path.name), AUTOMATIC, dry_run=dry)
        if synced.refused:
            reasons = sorted({f"{one.rule}: {one.why}" for one in synced.refused})
            _log.info("the time is not told", line=line.path.name, reasons=reasons[:10])
        elif dry:
            _log.warning("the time should be told (clock.sync = propose)", line=line.path.name, meter=meter.name)


def _s(offset: object) -> str | None:
    return None if offset is None else str(offset)
