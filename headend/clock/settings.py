"""`[clock]` of the configuration: classes of clocks, and what is done about them.

[clock]
ok = "5s"                              # up to so much a clock is right
quarantine = "5m"                      # beyond that what a meter dates itself is marked as doubtful
step = "1m"                            # by so much a clock is moved at once; "" for as much as is needed
sync = "off"                           # or propose, or broadcast: what is done by itself
keep_clear = "5m"                      # of midnight, freezes, settlements and tariff switches
switches = ["06:00", "22:00"]          # when rates change, in local time
fresh = "1h"                           # how old an offset may be that a clock is set by
trust_host = false                     # true: our own clock is right, whatever the kernel says
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import msgspec

from headend.clock.policy import REACH, ClockPolicy, SyncMode
from headend.duration import seconds

_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_SPANS: Final = ("ok", "quarantine", "step", "keep_clear", "fresh")


class ClockTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    ok: str = "5s"
    quarantine: str = "5m"
    step: str = "1m"
    sync: SyncMode = SyncMode.OFF
    keep_clear: str = "5m"
    switches: list[str] = []
    fresh: str = "1h"
    trust_host: bool = False

    @property
    def policy(self) -> ClockPolicy:
        """What the table says, checked before."""
        return ClockPolicy(
            ok=_span(self.ok),
            quarantine=_span(self.quarantine),
            step=_span(self.step) if self.step else None,
            keep_clear=_span(self.keep_clear),
            switches=tuple(60 * int(text[:2]) + int(text[3:]) for text in self.switches),
            fresh=_span(self.fresh),
            sync=self.sync,
            trust_host=self.trust_host,
        )


def problems(table: ClockTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found = []
    for key in _SPANS:
        text = getattr(table, key)
        try:
            if (text or key != "step") and not seconds(text):
                found.append((key, f"{text!r}, expected a duration above 0"))
        except ValueError as error:
            found.append((key, str(error)))
    found += [
        ("switches", f"{text!r}, expected a time of the day such as 06:00")
        for text in table.switches
        if not _TIME.fullmatch(text)
    ]
    if found:
        return found
    if _span(table.ok) < timedelta(seconds=2):
        found.append(("ok", f"{table.ok!r}, expected at least 2s: clocks are read to a second"))
    if _span(table.quarantine) <= _span(table.ok):
        found.append(("quarantine", "expected more than ok"))
    if _span(table.keep_clear) < REACH:
        found.append(("keep_clear", f"{table.keep_clear!r}, expected at least 5m, by which a clock may be moved"))
    return found


def _span(text: str) -> timedelta:
    return timedelta(seconds=seconds(text))
