"""From readings to determinants: the whole way in values."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.billing.errors import DeterminantFault
from analytics.billing.from_intervals import from_intervals
from analytics.billing.tariff import parse
from analytics.intervals.cumulative import series
from analytics.intervals.words import Mounting, Reading
from analytics.vee.for_bills import bill_intervals
from analytics.vee.from_series import from_series
from analytics.vee.run import run
from tests.analytics.vee.frames import PLAIN, SHIPPED, days

FLAT = """
name = "flat"
currency = "EUR"
zone = "Europe/Berlin"
[[version]]
valid_from = 2020-01-01
[[version.energy]]
prices = { total = 0.30 }
"""
HOUR = timedelta(hours=1)


def test_a_gap_on_the_day_of_25_hours_is_billed_to_the_last_step() -> None:
    on = days(date(2026, 10, 25), 1, ZoneInfo("Europe/Berlin"))
    start, end = on.start(0), on.start(len(on))
    readings = [Reading("m", on.start(at), Decimal(at * at) / 100) for at in range(26) if at not in (3, 4, 5, 6, 7)]
    made = run(from_series({"P1": series(readings, [Mounting("m", start, end, Decimal(30))], on)}, 4), SHIPPED, PLAIN)
    found = from_intervals(
        "P1", start, end, bill_intervals(made, 0), parse(FLAT, "flat"), step=HOUR, register=Decimal("187.5")
    )
    assert found.energy == Decimal("187.5")  # 6.25 x 30
    assert found.parts[0].estimated == (Decimal("0.64") - Decimal("0.04")) * 30
    assert found.completeness == 1


def test_what_has_no_value_is_not_billed_as_nothing() -> None:
    on = days(date(2026, 6, 1), 1, ZoneInfo("Europe/Berlin"))
    start, end = on.start(0), on.start(24)
    readings = [Reading("m", on.start(at), Decimal(at)) for at in range(20)]
    made = run(from_series({"P1": series(readings, [Mounting("m", start, end)], on)}, 4), SHIPPED, PLAIN)
    assert len(bill_intervals(made, 0)) == 19
    with pytest.raises(DeterminantFault, match="5 intervals are missing"):
        from_intervals("P1", start, end, bill_intervals(made, 0), parse(FLAT, "flat"), step=HOUR)
