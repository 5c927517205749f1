"""Bills a second on one core: 100,000 usage points for a month are to take less than a minute.

Three kinds of points, in one run: households with steps of the year upon peak and valley; large industry (two-part
tariff, four bands, power factor); a flat price. Each point has determinants of its own, made before the clock runs; the
bills with their lines are kept, as for an export. `bill_points` is the mixture of nine households and one industry, the
limit is the rate that the target asks for.

    python -m benchmarks.billing [--json] [--database] [POINTS]

`--database`: through a database instead, see `benchmarks.billing_database`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import resources
from time import process_time
from typing import Final
from zoneinfo import ZoneInfo

from analytics.billing.bill import Carried
from analytics.billing.context import Context
from analytics.billing.determinants import Capacity, Demand, Determinants, Part
from analytics.billing.rating import rate as rated
from analytics.billing.tariff import Tariff, parse
from benchmarks import billing_database
from benchmarks.report import Row, rate, show

POINTS: Final = 100_000
ROUNDS: Final = 3
TARGET: Final = POINTS / 60
ZONE: Final = ZoneInfo("Asia/Shanghai")
START: Final = datetime(2025, 3, 1, tzinfo=ZONE)
END: Final = datetime(2025, 4, 1, tzinfo=ZONE)
FLAT: Final = """
name = "flat"
currency = "CNY"
zone = "Asia/Shanghai"
[[version]]
valid_from = 2020-01-01
[[version.energy]]
prices = { total = 0.5469 }
"""

Work = tuple[Determinants, Tariff, Context]


def sample(name: str) -> Tariff:
    return parse((resources.files("analytics.billing.tariffs") / name).read_text(encoding="utf-8"), name)


def household(number: int, tariff: Tariff) -> Work:
    peak, valley = Decimal(number * 7919 % 40_000) / 100, Decimal(number * 104_729 % 20_000) / 100
    part = Part(START, END, {"total": peak + valley, "peak": peak, "valley": valley})
    position = Carried(date(2025, 1, 1), Decimal(number * 31 % 5000))
    return Determinants(f"P{number}", START, END, (part,)), tariff, Context(carried={"tier": position})


def industry(number: int, tariff: Tariff) -> Work:
    bands = {
        band: Decimal(number * prime % 9_000_000) / 100
        for band, prime in (("peak", 7919), ("flat", 104_729), ("valley", 1_299_709))
    }
    part = Part(START, END, {"total": sum(bands.values(), Decimal(0)), **bands})
    given = Determinants(
        f"P{number}", START, END, (part,), demand={"total": Demand(Decimal(400 + number % 400))},
        reactive=Decimal(number * 17 % 60_000), capacity=(Capacity(Decimal(630), START, END),),
        contract_kw=Decimal(600),
    )  # fmt: skip
    return given, tariff, Context(choice="demand" if number % 2 else "capacity")


def flat(number: int, tariff: Tariff) -> Work:
    return (
        Determinants(f"P{number}", START, END, (Part(START, END, {"total": Decimal(number % 900)}),)),
        tariff,
        Context(),
    )


def seconds(work: Sequence[Work]) -> float:
    """CPU seconds to rate all of it; the bills are held until the clock has stopped."""
    began = process_time()
    bills = [rated(*each) for each in work]
    took = process_time() - began
    if any(bill.exact != sum(line.amount for line in bill.lines if line.post == "bill") for bill in bills):
        raise SystemExit("a bill's lines do not add up")
    return took


def rows(points: int) -> list[Row]:
    """Measure."""
    homes, plants, one = sample("cn_residential_year_steps.toml"), sample("cn_large_industry.toml"), parse(FLAT, "flat")
    mixture = [industry(n, plants) if n % 10 == 0 else household(n, homes) for n in range(points)]
    few = points // 5
    kinds = {
        "bill_points": mixture,
        "bill_households": [household(n, homes) for n in range(few)],
        "bill_industry": [industry(n, plants) for n in range(few)],
        "bill_flat": [flat(n, one) for n in range(few)],
    }
    return [
        Row(
            name,
            "bills/s",
            rate(len(work), [seconds(work) for _ in range(ROUNDS)]),
            limit=TARGET,
            limit_name="100,000 points in 60 s",
        )
        for name, work in kinds.items()
    ]


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    measured = billing_database.rows if "--database" in sys.argv else rows
    show(measured(numbers[0] if numbers else POINTS), sys.argv)
