"""Who is not asked for a while: a meter that stays silent costs its time-outs only now and then.

A pure state machine a meter. Only silence counts: a refusal is an answer, and a link that is away is nobody's silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """After `turns` silent turns a meter is left alone for `first`, after each failed probe for twice as long, up to
    `longest`."""

    turns: int = 2
    first: timedelta = timedelta(minutes=2)
    longest: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """`until`: quarantined to there; from then on it may be probed."""

    silent: int = 0
    until: datetime | None = None
    pause: timedelta = timedelta(0)

    @property
    def is_quarantined(self) -> bool:
        """Also while a probe is due: a probe is one cheap read of one try, not a turn."""
        return self.until is not None

    def may_ask(self, now: datetime) -> bool:
        return self.until is None or now >= self.until

    def heard(self) -> Standing:
        return GOOD

    def due(self, now: datetime) -> Standing:
        """The same with its probe due at once."""
        return self if self.until is None else replace(self, until=min(self.until, now))

    def fell_silent(self, now: datetime, policy: Policy) -> Standing:
        """After a turn without any answer. Who asked before the probe was due does not put it off."""
        if self.until is not None and now < self.until:
            return self
        silent = self.silent + 1
        if silent < policy.turns:
            return replace(self, silent=silent)
        pause = min(2 * self.pause, policy.longest) if self.until is not None else policy.first
        return Standing(silent, now + pause, pause)


GOOD = Standing()
