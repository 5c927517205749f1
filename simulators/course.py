"""The deeds of a running fleet, each at its moment; those from before it began all at once, before anybody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from simulators.conduct import perform
from simulators.deeds import Deed, steps
from simulators.dlt645 import Dlt645Station
from simulators.meter import VirtualMeter
from simulators.timeline import Timeline


class Course:
    """`changed` hears of meters whose values are others from a moment on, `tell` of what happens."""

    def __init__(
        self,
        deeds: Iterable[Deed],
        offset_s: int,
        since: datetime,
        stations: Mapping[VirtualMeter, Dlt645Station],
        changed: Callable[[VirtualMeter, datetime], None],
        tell: Callable[..., None],
    ) -> None:
        """`stations`: of the DL/T 645 meters that ever answer. What was before `since` is done when this returns."""
        self._coming = steps([deed for deed in deeds if deed.customer.meter is not None], offset_s)
        self._next = next(self._coming, None)
        self._since = since
        self._stations = stations
        self._changed = changed
        self._tell = tell
        self._go_on(since)

    def follow(self, timeline: Timeline) -> None:
        """From now on as time goes by."""

        def act(now: datetime) -> None:
            self._go_on(now)
            self.follow(timeline)

        if self._next is not None:
            timeline.add(self._next.moment, act)

    def _go_on(self, now: datetime) -> None:
        while self._next is not None and self._next.moment <= now:
            step, self._next = self._next, next(self._coming, None)
            meter = step.deed.customer.meter
            assert meter is not None
            station = self._stations.get(meter)
            if station is not None:
                station.memory(self._since)
            perform(step, station)
            self._changed(meter, step.moment)
            told = f"{step.deed.what}_{'begins' if step.on else 'stops'}"
            self._tell(step.moment, told, meter=meter.name, kind=step.deed.kind)
