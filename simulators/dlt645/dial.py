"""A meter's own clock: it drifts, and is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from simulators.meter import VirtualMeter

_TICK: Final = timedelta(microseconds=1)
MOST_OFF: Final = timedelta(minutes=5)
"""A broadcast that would move the clock by more is not believed (DL/T 645-2007, 7.1.1)."""
_AROUND_MIDNIGHT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `at` on (until the next stretch) the clock shows `shown` and what has gone by since, too fast by `ppm`.
    What it shows has no zone."""

    at: datetime
    shown: datetime
    ppm: int

    def own(self, now: datetime) -> datetime:
        since = now - self.at
        return self.shown + since + since * self.ppm / 1_000_000 if self.ppm else self.shown + since

    def when(self, own: datetime) -> datetime:
        """The first moment at which it shows `own`."""
        if not self.ppm:
            return self.at + (own - self.shown)
        moment = self.at + (own - self.shown) / (1 + self.ppm / 1_000_000)
        while self.own(moment) < own:
            moment += _TICK
        return moment


class Dial:
    """All its stretches, the oldest first."""

    def __init__(self, meter: VirtualMeter) -> None:
        offset = timedelta(seconds=meter.utc_offset_s + meter.clock_offset_s)
        shown = (meter.drift_from.astimezone(UTC) + offset).replace(tzinfo=None)
        self.stretches = [Stretch(meter.drift_from, shown, meter.drift_ppm)]
        self._announced: date | None = None

    def shown(self, now: datetime) -> datetime:
        """Cut to whole seconds."""
        return self.stretches[-1].own(now).replace(microsecond=0)

    def set(self, now: datetime, shown: datetime) -> None:
        self.stretches.append(Stretch(now, shown, self.stretches[-1].ppm))

    def hear(self, now: datetime, announced: datetime) -> bool:
        """Take a broadcast time, or not: once a day, at most five minutes off, and neither the clock nor the broadcast
        within five minutes of midnight, when meters freeze."""
        shown = self.shown(now)
        if (
            abs(announced - shown) > MOST_OFF
            or self._announced == shown.date()
            or _near_midnight(shown)
            or _near_midnight(announced)
        ):
            return False
        self._announced = shown.date()
        self.set(now, announced)
        return True


def _near_midnight(shown: datetime) -> bool:
    of_day = shown - shown.replace(hour=0, minute=0, second=0, microsecond=0)
    return min(of_day, timedelta(days=1) - of_day) < _AROUND_MIDNIGHT
