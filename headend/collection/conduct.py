"""How a line's meters have behaved: who is silent, who is left alone for a while, what each turned out not to have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from headend.collection.survey import MeterPath
from headend.collection.turn import Turn
from headend.work.quarantine import GOOD, Policy, Standing
from protocols.errors import CommunicationError

_log = structlog.get_logger("poller")


class Conduct:
    """By meter, for as long as the daemon lives. `failures`: meter name to turns in a row in which it gave nothing."""

    def __init__(self, line: str, policy: Policy, now: Callable[[], datetime]) -> None:
        self.failures: dict[str, int] = {}
        self._line = line
        self._policy = policy
        self._now = now
        self._standings: dict[int, Standing] = {}
        self._errors: dict[int, str] = {}
        self._without: dict[int, frozenset[str]] = {}
        self._kept: dict[int, frozenset[str]] = {}

    def may_ask(self, meter_id: int) -> bool:
        return self._standings.get(meter_id, GOOD).may_ask(self._now())

    def is_quarantined(self, meter_id: int) -> bool:
        return self._standings.get(meter_id, GOOD).is_quarantined

    @property
    def quarantined(self) -> list[int]:
        return sorted(meter_id for meter_id, standing in self._standings.items() if standing.is_quarantined)

    def last_error(self, meter_id: int) -> str | None:
        """The label of what kept us from its values the last time."""
        return self._errors.get(meter_id)

    def without(self, meter_id: int) -> frozenset[str]:
        """The kinds of memory that it has refused."""
        return self._without.get(meter_id, frozenset())

    def kept(self, meter_id: int) -> frozenset[str]:
        """The kinds of memory that have given something."""
        return self._kept.get(meter_id, frozenset())

    def clock_set_back(self) -> None:
        """Pauses were measured by a clock that was ahead: everybody may be probed now."""
        now = self._now()
        for meter_id, standing in self._standings.items():
            self._standings[meter_id] = standing.due(now)

    def ends(self, now: datetime) -> list[datetime]:
        """When the next probes may be made."""
        return [s.until for s in self._standings.values() if s.until is not None and s.until > now]

    def fell_silent(self, meter_id: int) -> None:
        standing = self._standings.get(meter_id, GOOD)
        after = self._standings[meter_id] = standing.fell_silent(self._now(), self._policy)
        if after.is_quarantined and not standing.is_quarantined:
            _log.warning("meter is left alone for a while", meter_id=meter_id, line=self._line, until=after.until)

    def judge(self, meter: MeterPath, turn: Turn) -> None:
        """Say when a meter falls silent and when it is back, not every turn of its silence."""
        if refused := turn.refused - self.without(meter.id):
            self._without[meter.id] = self.without(meter.id) | refused
            _log.info("meter has no such memory", meter=meter.name, kinds=sorted(refused))
        if turn.kept:
            self._kept[meter.id] = frozenset(turn.kept)
        if isinstance(turn.error, CommunicationError):
            self._errors[meter.id] = turn.error.label
        if turn.heard:
            self._standings.pop(meter.id, None)
        if turn.gave:
            if self.failures.pop(meter.name, 0):
                _log.info("meter answers again", meter=meter.name, line=self._line)
            return
        if turn.silent:
            self.fell_silent(meter.id)
        count = self.failures[meter.name] = self.failures.get(meter.name, 0) + 1
        if count == 1:
            reason = str(turn.error) if turn.error else "nothing came"
            _log.warning("meter gives nothing", meter=meter.name, line=self._line, reason=reason)
