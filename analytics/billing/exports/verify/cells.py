"""How cells of the house format are spelt in a CSV."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from analytics.billing.exports.house import DIGITS

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_VALUE: Final = re.compile(r"-?[0-9]{1,15}\.([0-9]{3,6})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


@lru_cache(65_536)  # the same moments come for every point
def seconds(text: str) -> int | None:
    """Since 1970; None where it is no time."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _SECOND
    except ValueError:
        return None


def value(text: str) -> Decimal | None:
    """None where it is none: three to six decimals, 18 digits."""
    return Decimal(text) if _VALUE.fullmatch(text) and len(text.lstrip("-")) <= DIGITS + 1 else None
