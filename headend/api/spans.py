"""Spans of time in a query: half-open, each end with its offset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from headend.api.problem import Problem

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_UNQUOTED: Final = re.compile(r" (?=\d\d:\d\d$)")
"""A + that was not written as %2B."""
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)


def moment(text: Any) -> datetime:
    """RFC 3339; beyond what a database can hold, the end of that. Raises `ValueError`."""
    if isinstance(text, datetime):
        return text
    spelled = _UNQUOTED.sub("+", text) if isinstance(text, str) else ""
    if not _RFC3339.fullmatch(spelled):
        raise ValueError("expected RFC 3339 with an offset, such as 2026-11-22T00:00:00+08:00")
    whole, _, rest = spelled.partition(".")
    if rest:
        digits = re.match(r"\d+", rest)
        assert digits is not None
        spelled = f"{whole}.{digits.group()[:6].ljust(6, '0')}{rest[digits.end() :]}"
    try:
        return min(max(datetime.fromisoformat(spelled.upper()), FIRST), LAST)
    except OverflowError:
        return FIRST if spelled.startswith("0") else LAST


Moment = Annotated[
    datetime, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
From = Annotated[Moment | None, Query(alias="from", description="first moment, RFC 3339 (default: a day before `to`)")]
To = Annotated[Moment | None, Query(description="the moment after the last (default: now)")]


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime
    end: datetime


def span(start: datetime | None, end: datetime | None, now: datetime, longest: timedelta | None = None) -> Span:
    """Raises `Problem` where it ends before it begins, or is longer than `longest`."""
    until = end or now
    since = start or until - timedelta(days=1)
    if since > until:
        raise Problem("invalid", f"from {since.isoformat()} is after to {until.isoformat()}")
    if longest is not None and until - since > longest:
        raise Problem("invalid", f"from {since.isoformat()} to {until.isoformat()} is longer than {longest.days} days")
    return Span(since, until)
