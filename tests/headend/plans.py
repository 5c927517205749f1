"""Plans for tests, of one try unless they say more."""

from __future__ import annotations

from headend.work.plan import Plan
from headend.work.schedule import Every
from protocols.quantities import BY_NAME


def every(name: str, seconds: int, *quantities: str, tries: int = 1) -> Plan:
    return Plan(name, Every(seconds), tuple(BY_NAME[one] for one in quantities), tries=tries)
