"""The class profiles that a run goes by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.vee.frame import Profiles, Steps
from storage.class_profiles import ClassProfiles


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """As of a version; 0: there is none. `days` by `klass` and day type."""

    version: int
    days: Profiles


def klass(category: str, quantity: int) -> str:
    """What the class of a row is called; empty without a category."""
    return f"{quantity} {category}" if category else ""


async def newest(conninfo: str, step_s: int) -> Classes:
    """Raises storage errors."""
    async with ClassProfiles(conninfo) as profiles:
        version = await profiles.last()
        days: dict[str, dict[str, Steps]] = {}
        for _, one in await profiles.holding(version, step_s) if version else ():
            days.setdefault(klass(one.category, one.quantity.id), {})[one.day_type] = np.array(one.steps, np.int64)
    return Classes(version, days)
