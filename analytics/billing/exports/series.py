"""What is exported: intervals of one channel as columns, and the batch that they go out in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
UNKNOWN: Final = -1
"""In a column of times: not known."""


class Quality(StrEnum):
    """The letters are those of the Australian market (MDFF, appendix C)."""

    ACTUAL = "A"
    ESTIMATED = "E"
    """Ahead of the reading: to be replaced."""
    SUBSTITUTED = "S"
    FINAL = "F"
    """A substitute that will not be replaced."""


@dataclass(frozen=True, slots=True)
class Flag:
    """How some values came about. `method` and `reason` are the receiver's codes; `rule` is the rule of validation or
    estimation, `version` that of the value."""

    quality: Quality = Quality.ACTUAL
    method: str = ""
    reason: str = ""
    note: str = ""
    source: str = ""
    rule: str = ""
    version: int = 1


ACTUAL: Final = Flag()


class Register(msgspec.Struct, frozen=True, gc=False):
    """How the Australian market names a channel (MDFF 4.3)."""

    nmi: str
    suffix: str
    configuration: str
    """All suffixes of the point, such as ``E1B1Q1``."""
    register: str = ""
    datastream: str = ""
    serial: str = ""
    next_read: str = ""
    """ccyymmdd, or empty."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody read or worked at the meter (MDFF 500): `code` is a TransCode, `index` the register as it was read."""

    time: int
    code: str
    order: str = ""
    index: str = ""


class Channel(msgspec.Struct, frozen=True, gc=False):
    """`channel` is an OBIS code or data identifier, `tou` the rate (empty: total). `ratio`: that of the transformers,
    exact text; whether it is in the values already, `multiplied` says."""

    point: str
    meter: str
    channel: str
    unit: str
    decimals: int
    step_s: int
    tou: str = ""
    multiplied: bool = True
    ratio: str = "1"
    register: Register | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.decimals <= 9:
            raise ValueError(f"{self.decimals} decimals, expected 0..9")
        if self.step_s <= 0 or 86400 % self.step_s:
            raise ValueError(f"an interval of {self.step_s} s does not divide a day")


@dataclass(frozen=True, slots=True)
class Series:
    """Intervals of one channel, ascending. `start`: seconds since 1970 UTC at which each begins; `value`: counts of
    10^-decimals of the unit; `flag`: which of `flags` holds. `read`, `collected`: times, `UNKNOWN` where not known.

    Writers take many of them as one `Bundle`, which looks whether they are in order."""

    channel: Channel
    start: Ints
    value: Ints
    flag: Ints
    flags: tuple[Flag, ...] = (ACTUAL,)
    read: Ints | None = None
    collected: Ints | None = None
    visits: tuple[Visit, ...] = ()

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Batch:
    """One delivery. `start` to `end`: the period, aware; `created` goes into the files, so a batch made again is the
    same; `decimals`: of the house formats. `seed`: a URL or name of the sender's own, from which identifiers come."""

    batch_id: str
    sequence: int
    start: datetime
    end: datetime
    created: datetime
    zone: ZoneInfo
    sender: str = "HEADEND"
    receiver: str = "BILLING"
    cut_off: datetime | None = None
    """Up to when readings were taken in; None: `created`."""
    generator: str = "headend"
    previous: str | None = None
    """SHA-256 of the manifest before this one; None: the first."""
    supersedes: str | None = None
    reason: str = ""
    decimals: int = 6
    seed: str = "urn:headend"

    def __post_init__(self) -> None:
        if any(time.tzinfo is None for time in (self.start, self.end, self.created)):
            raise ValueError("a batch's times carry a zone")
        if self.start >= self.end:
            raise ValueError("a batch's period ends before it begins")
        if not 3 <= self.decimals <= 6:
            raise ValueError(f"{self.decimals} decimals, expected 3..6")


@lru_cache(4096)
def moment(seconds: int) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
