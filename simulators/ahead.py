"""Writing the truth down before it comes true: in the background, and at once where the background was too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from simulators.meter import VirtualMeter
from simulators.truth import TruthLog

_LEAD_S: Final = (1, 60)
_SLICE: Final = 50
"""Meters written at one go; between two goes the event loop serves the lines."""
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Row:
    """The meters of one tick: those up to `done` have been written for the tick that begins at `moment`."""

    def __init__(self, meters: Sequence[VirtualMeter], tick_s: int, first: datetime) -> None:
        self.meters = meters
        self.tick = timedelta(seconds=tick_s)
        self.lead = timedelta(seconds=min(max(tick_s, _LEAD_S[0]), _LEAD_S[1]))
        self.moment = first
        self.done = 0
        self.everything = True
        self._places = {meter: place for place, meter in enumerate(meters)}
        self.revised: set[VirtualMeter] = set()

    def has_written(self, meter: VirtualMeter) -> bool:
        """Whether the meter's part of the tick that is due has been written."""
        return self._places[meter] < self.done

    def write(self, log: TruthLog, most: int) -> None:
        """Some meters more of the tick that is due."""
        for meter in self.meters[self.done : self.done + most]:
            log.write(meter, self.moment, everything=self.everything or meter in self.revised)
            self.revised.discard(meter)
        self.done += most
        if self.done >= len(self.meters):
            log.flush()
            self.moment += self.tick
            self.done = 0
            self.everything = False


class Ahead:
    """Keeps a truth log ahead of the clock. `start` writes what all meters have now."""

    def __init__(self, log: TruthLog, meters: Sequence[VirtualMeter], now: datetime) -> None:
        self._log = log
        ticks = sorted({meter.tick_s for meter in meters})
        self._rows = []
        for tick_s in ticks:
            first = _UNIX + timedelta(seconds=(now - _UNIX) // timedelta(seconds=tick_s) * tick_s)
            self._rows.append(_Row([meter for meter in meters if meter.tick_s == tick_s], tick_s, first))

    def ensure(self, now: datetime) -> None:
        """Everything that is true at `now` has been written when this returns."""
        for row in self._rows:
            while row.moment <= now:
                row.write(self._log, len(row.meters))

    def revise(self, meter: VirtualMeter, moment: datetime) -> None:
        """From `moment` on the meter's values are other ones: what has been written beyond it is written again."""
        row = next(row for row in self._rows if row.tick == timedelta(seconds=meter.tick_s))
        written = row.moment if row.has_written(meter) else row.moment - row.tick
        self._log.write(meter, moment, everything=True)
        tick = meter.refreshed(moment) + row.tick
        while tick <= written:
            self._log.write(meter, tick, everything=True)
            tick += row.tick
        self._log.flush()
        row.revised.add(meter)

    def write_some(self, most: int = _SLICE) -> None:
        """Some meters more of the tick that is due next."""
        min(self._rows, key=_due).write(self._log, most)

    async def run(self, clock: Callable[[], datetime]) -> None:
        """Write on, ahead of the clock, until cancelled; at most half of the processor's time."""
        loop = asyncio.get_running_loop()
        while True:
            row = min(self._rows, key=_due)
            wait = (row.moment - row.lead - clock()).total_seconds()
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            started = loop.time()
            self.write_some()
            await asyncio.sleep(loop.time() - started)


def _due(row: _Row) -> datetime:
    return row.moment - row.lead
