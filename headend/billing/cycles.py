"""Billing cycles: a month of a tariff's zone, and what part of it a point was supplied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from analytics.billing.stretches import midnight
from headend.errors import UsageFault
from storage.cycle_reads import Stay

Span = tuple[datetime, datetime]


def cycle_of(text: str) -> date:
    """The first day of the month ``2026-11``. Raises `UsageFault`."""
    match = re.fullmatch(r"(\d{4})-(\d\d)", text, re.ASCII)
    if match is None or not 1 <= int(match[2]) <= 12 or not 1970 <= int(match[1]) < 9999:
        raise UsageFault(f"--cycle {text!r}, expected a month such as 2026-11")
    return date(int(match[1]), int(match[2]), 1)


def span_of(cycle: date, zone: ZoneInfo) -> Span:
    """From its local midnight to that of the next month's first day, in UTC."""
    following = date(cycle.year + cycle.month // 12, cycle.month % 12 + 1, 1)
    return midnight(cycle, zone), midnight(following, zone)


def supplied(stays: Sequence[Stay], span: Span) -> tuple[Span, list[str]]:
    """The cycle without what lies before a point's first meter and behind its last; notes say so.

    Where no meter stood at all in the cycle it is left as it is, for billing to refuse.
    """
    start, end = span
    within = [stay for stay in stays if stay.start < end and (stay.end is None or stay.end > start)]
    if not within:
        return span, []
    notes = []
    first = min(stay.start for stay in stays)
    if first > start:
        notes.append(f"supplied from {first.isoformat()}, when its first meter was put up")
        start = first
    if all(stay.end is not None for stay in stays):
        last = max(stay.end for stay in stays if stay.end is not None)
        if last < end:
            notes.append(f"supplied until {last.isoformat()}, when its last meter was taken down")
            end = last
    return (start, end), notes
