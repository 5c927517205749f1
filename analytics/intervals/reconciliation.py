"""A load profile held against the registers of the same span."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`difference`: intervals less registers, in the quantity's unit; they agree within `tolerance`."""

    intervals: Decimal
    registers: Decimal
    tolerance: Decimal

    @property
    def difference(self) -> Decimal:
        return self.intervals - self.registers

    @property
    def agrees(self) -> bool:
        return abs(self.difference) <= self.tolerance


def reconciled(
    intervals: Decimal, registers: Decimal, *, unit: Decimal, percent: Decimal = Decimal(0)
) -> Reconciliation:
    """Both multiplied. `unit`: what one last digit of the register is worth, multiplied. The wider of both holds."""
    return Reconciliation(intervals, registers, max(unit, abs(registers) * percent / 100))
