"""What a rating needs beside tariff and determinants: where steps stand, what was chosen, amounts from the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from analytics.billing.bill import Carried


@dataclass(frozen=True, slots=True)
class Context:
    """`carried` and `credits` are the last bill's."""

    carried: Mapping[str, Carried] = field(default_factory=dict)
    credits: Mapping[str, Decimal] = field(default_factory=dict)
    choice: str = ""
    """Which basic charge the customer chose, where the tariff leaves it to him."""
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    """Of the account, by name: an instalment, arrears."""
    indices: Mapping[str, Decimal] = field(default_factory=dict)
    """Of prices that follow an index, by name."""


NOTHING = Context()
