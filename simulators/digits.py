"""How finely a meter keeps a number: what its register or display can show, read off its model.

A meter cuts off what it cannot show; it does not round. A float register is taken for a display of six significant
digits (fifteen for a double): that many survive the register and come back as the same decimal (C's FLT_DIG).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from protocols.dlt645.formats import Number
from protocols.dlt645.model import Dlt645Model
from protocols.meter_model import MeterModel
from protocols.modbus.model import ModbusModel
from protocols.modbus.registers import Register
from protocols.model import Kind, Quantity, Unit
from protocols.quantities import BY_NAME

_SINGLE_DIGITS: Final = 6
_DOUBLE_DIGITS: Final = 15


@dataclass(frozen=True, slots=True)
class Digits:
    """Whole multiples of mantissa * 10**-decimals below `capacity` multiples (0: no end), where a counter starts again
    from 0; of these at most `significant` digits (0: all). Not `signed`: it shows sizes only, as meters of 1997 do."""

    decimals: int
    mantissa: int = 1
    capacity: int = 0
    significant: int = 0
    signed: bool = True

    @property
    def units(self) -> int:
        """Of the last decimal in one of the quantity's unit."""
        return int(10**self.decimals)

    def shown(self, number: int, over: int, *, counts: bool = False) -> Decimal:
        """number / over, cut to these digits towards zero. `counts`: it starts again when it overflows.

        Raises `ValueError` where a number that does not count is too large: the meter is the wrong one for the load.
        """
        size, unit = abs(number) * 10**self.decimals, over * self.mantissa
        multiples = size // unit
        if self.capacity and multiples >= self.capacity:
            if not counts:
                raise ValueError(f"{number}/{over} is more than the meter can show")
            multiples %= self.capacity
        multiples *= self.mantissa
        if self.significant and (more := len(str(multiples)) - self.significant) > 0:
            multiples = multiples // 10**more * 10**more
        return Decimal(multiples if number >= 0 or not self.signed else -multiples).scaleb(-self.decimals)


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What all meters of a kind share."""

    model: MeterModel
    digits: Mapping[Quantity, Digits]
    by_rate: bool
    """Whether it keeps an energy register for each rate."""

    @classmethod
    def of(cls, model: MeterModel) -> Nameplate:
        """Raises `ValueError` for a model that cannot be simulated."""
        digits = digits_of(model)
        return cls(model, digits, BY_NAME["active_energy_import_t1"] in digits)


def digits_of(model: MeterModel) -> Mapping[Quantity, Digits]:
    """Every quantity of the model. Raises `ValueError` for a model of a protocol that is not simulated."""
    if isinstance(model, Dlt645Model):
        found: dict[Quantity, Digits] = {}
        for read in model.reads.values():
            for part, form in read.item.parts:
                if part.quantity is not None and part.quantity not in found:
                    found[part.quantity] = _of_number(form) if isinstance(form, Number) else Digits(0)
        return found
    if isinstance(model, ModbusModel):
        return {quantity: _of_register(model.register(quantity), quantity) for quantity in model.quantities}
    raise ValueError(f"model {model.head.name}: nothing simulates {model.head.protocol}")


def _of_number(form: Number) -> Digits:
    return Digits(form.decimals, 1, (8 if form.signed else 10) * 10 ** (2 * form.length - 1), signed=form.signed)


def _of_register(register: Register, quantity: Quantity) -> Digits:
    form = register.form
    if form.floating:
        return Digits(quantity.decimals, significant=_SINGLE_DIGITS if form.words == 2 else _DOUBLE_DIGITS)
    mantissa, exponent = register.scale
    if register.factor is not None:
        exponent += factor_of(register)
    if -exponent > quantity.decimals:
        raise ValueError(f"register of {quantity.name} is finer than the quantity's step")
    values = 10 ** (2 * form.size) if form.bcd else 1 << (8 * form.size - form.signed)
    if quantity.kind is Kind.CUMULATIVE and not form.signed and not form.bcd:
        values = 10 ** (len(str(values)) - 1)  # counters turn over where their decimal display does
    if exponent > 0:
        mantissa, exponent = mantissa * 10**exponent, 0
    return Digits(-exponent, abs(mantissa), values - len(register.absent))


_SHOWN: Final = {Unit.VOLT: -1, Unit.AMPERE: -2, Unit.HERTZ: -2, Unit.NONE: -3}
"""Power of ten of the last digit that a meter with scale factors shows; everything else in thousandths."""


def factor_of(register: Register) -> int:
    """What the scale-factor register of `register` holds in a simulated meter."""
    return _SHOWN.get(register.part.unit, -3) - register.scale[1]
