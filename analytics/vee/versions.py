"""When a day that was validated anew is a new version, and when that changes what was billed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.vee.frame import Mask, Steps


class Kind(StrEnum):
    """Why a version was made."""

    FIRST = "first"
    RERUN = "rerun"
    EDIT = "edit"
    CORRECTION = "correction"
    """Changes what was billed; the reason is told."""


class Days(Protocol):
    """Rows are days of points, columns their intervals: all tables are 0 where there is nothing."""

    @property
    def steps(self) -> Steps: ...
    @property
    def present(self) -> Mask: ...
    @property
    def raw(self) -> Steps: ...
    @property
    def raw_present(self) -> Mask: ...
    @property
    def source(self) -> NDArray[np.uint8]: ...
    @property
    def method(self) -> NDArray[np.uint8]: ...
    @property
    def reason(self) -> NDArray[np.uint8]: ...
    @property
    def failed(self) -> NDArray[np.uint32]: ...


_AMOUNTS: Final = ("steps", "present")
_ALL: Final = (*_AMOUNTS, "raw", "raw_present", "source", "method", "reason", "failed")


def differs(before: Days, after: Days) -> Mask:
    """Which days are another version: by a value, by what came, or by what is told of it."""
    return _differs(before, after, _ALL)


def bills_differ(before: Days, after: Days) -> Mask:
    """Which days come to other amounts: only a correction may bring them where they were billed."""
    return _differs(before, after, _AMOUNTS)


def _differs(before: Days, after: Days, tables: tuple[str, ...]) -> Mask:
    found: Mask = np.zeros(len(before.steps), np.bool_)
    for name in tables:
        found |= (getattr(before, name) != getattr(after, name)).any(axis=1)
    return found
