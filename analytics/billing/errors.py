"""What keeps an amount from being told.

AnalyticsError
`- BillingError
   |- TariffFault          a tariff file is wrong: file, key, what was expected
   |- DeterminantFault     the values do not give a cycle's determinants
   `- RatingFault          tariff and determinants do not fit each other
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.errors import AnalyticsError


class BillingError(AnalyticsError):
    """No amount can be told, and this is why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, and what was expected."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class TariffFault(BillingError):
    """`problems` holds all that was found, the message the first."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{file}: {problems[0]}{more}")
        self.file = file
        self.problems = tuple(problems)


class DeterminantFault(BillingError):
    """A cycle's quantities cannot be told from what is known of the point."""

    def __init__(self, point: str, message: str) -> None:
        super().__init__(f"point {point}: {message}")
        self.point = point


class RatingFault(BillingError):
    """A tariff asks for what the determinants or the context do not hold."""

    def __init__(self, point: str, key: str, message: str) -> None:
        super().__init__(f"point {point}: {key}: {message}")
        self.point = point
        self.key = key
