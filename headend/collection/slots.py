"""Slots: the moments that a plan asks for, multiples of its period since 1970-01-01T00:00Z. Pure functions of `now`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_of(now: datetime, period_s: int) -> datetime:
    """The slot that holds `now`."""
    seconds = (now - _EPOCH) // timedelta(seconds=1)
    return _EPOCH + timedelta(seconds=seconds - seconds % period_s)


def next_slot(now: datetime, period_s: int) -> datetime:
    """The first slot that begins at `now` or after it."""
    slot = slot_of(now, period_s)
    return slot if slot == now else slot + timedelta(seconds=period_s)
