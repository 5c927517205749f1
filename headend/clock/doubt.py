"""Which meters' own times are doubtful now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from headend.clock.policy import ClockPolicy, Standing
from headend.clock.survey import ClockSurvey
from storage.clocks import LatestClock


class Doubts:
    """Meters in quarantine by the last reading that we know of; one that was never read is not doubted."""

    def __init__(self, policy: ClockPolicy) -> None:
        self._policy = policy
        self._doubtful: set[int] = set()

    def __contains__(self, meter_id: object) -> bool:
        return meter_id in self._doubtful

    def learn(self, far: Iterable[int]) -> None:
        """All meters in quarantine, as they are stored; forgets what was known."""
        self._doubtful = set(far)

    def hear(self, survey: ClockSurvey) -> Standing:
        """A reading of just now."""
        offset = None if survey.offset is None else survey.offset.offset
        standing = self._policy.standing(offset)
        if standing is Standing.QUARANTINE:
            self._doubtful.add(survey.meter_id)
        else:
            self._doubtful.discard(survey.meter_id)
        return standing


def standing_of(latest: LatestClock, policy: ClockPolicy) -> Standing:
    """The class that a stored reading means under today's policy."""
    if latest.at is None:
        return Standing.UNKNOWN
    return policy.standing(None if latest.offset_ms is None else timedelta(milliseconds=latest.offset_ms))
