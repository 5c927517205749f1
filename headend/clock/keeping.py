"""Clock readings into the store, and who is told what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

import structlog

from headend.clock.policy import ClockPolicy
from headend.clock.survey import ClockSurvey
from storage.clocks import ClockStore, Settled, SurveyRow

_log = structlog.get_logger("clock")
_MS = timedelta(milliseconds=1)


def row_of(survey: ClockSurvey) -> SurveyRow:
    """As it is stored: whole milliseconds, the uncertainty rounded up."""
    found = survey.offset
    return SurveyRow(
        meter_id=survey.meter_id,
        at=survey.at,
        offset_ms=None if found is None else round(found.offset / _MS),
        uncertainty_ms=0 if found is None else ceil(found.uncertainty / _MS),
        weekday=survey.weekday,
        fault=survey.fault,
    )


async def keep_surveys(store: ClockStore, surveys: Sequence[ClockSurvey], policy: ClockPolicy) -> list[Settled]:
    """Store them; what has come of syncs before them. Raises `StorageError`."""
    if not surveys:
        return []
    settled = await store.keep([row_of(one) for one in surveys], round(policy.ok / _MS))
    for one in settled:
        if one.result == "not_taken":
            _log.warning("a meter has not taken the time", meter_id=one.meter_id, off_ms=one.after_ms)
    return settled
