"""The configuration's tables `[rollup]`, `[retention]` and `[outages]`."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from headend.duration import seconds
from storage.retention import Keep

_MADE_OF: Final = (("captures", "hours"), ("hours", "days"), ("days", "months"))


class RollupTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`every`: how often the daemon rolls up what is over; `delay`: how long after its end a bucket is."""

    every: str = "1m"
    delay: str = "2m"


class RetentionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """For how long what is kept; empty: for ever."""

    captures: str = ""
    misses: str = ""
    dead_letters: str = ""
    hours: str = ""
    days: str = ""
    months: str = ""
    events: str = ""
    outages: str = ""
    access: str = ""
    clocks: str = ""
    validated: str = ""

    @property
    def keep(self) -> Keep:
        given = msgspec.structs.asdict(self).items()
        return Keep(**{kind: timedelta(seconds=seconds(text)) for kind, text in given if text})


class OutagesTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`every`: how often the daemon concludes what is without supply, at most as often as it rolls up; empty: never."""

    every: str = "1m"


def problems(rollup: RollupTable, retention: RetentionTable, outages: OutagesTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    texts = [("rollup.every", rollup.every), ("rollup.delay", rollup.delay)]
    texts += [(f"retention.{kind}", text) for kind, text in msgspec.structs.asdict(retention).items() if text]
    if outages.every:
        texts.append(("outages.every", outages.every))
    found = []
    for key, text in texts:
        try:
            if not seconds(text) and key != "rollup.delay":
                found.append((key, f"{text!r}, expected a duration above 0"))
        except ValueError as error:
            found.append((key, str(error)))
    if found:
        return found
    keep = retention.keep
    for small, large in _MADE_OF:
        shorter: timedelta | None = getattr(keep, small)
        longer: timedelta | None = getattr(keep, large)
        if longer is not None and (shorter is None or shorter > longer):
            found.append((f"retention.{large}", f"expected at least retention.{small}, of which they are made"))
    return found
