"""Validated values in the form that billing takes."""

from __future__ import annotations

from decimal import Decimal

from analytics.billing.from_intervals import Interval
from analytics.vee.validated import Source, ValidatedFrame


def bill_intervals(values: ValidatedFrame, row: int, decimals: int = 4) -> list[Interval]:
    """Of one row. What is not the meter's own counts as estimated; what has no value is left out, for billing to refuse
    or to take from the registers.
    """
    return [
        Interval(values.raw.grid.start(at), Decimal(steps).scaleb(-decimals), source != Source.ACTUAL)
        for at, (steps, source) in enumerate(zip(values.steps[row].tolist(), values.source[row].tolist(), strict=True))
        if source != Source.NONE
    ]
