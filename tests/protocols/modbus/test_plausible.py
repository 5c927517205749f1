"""What can be so, and which order of bytes would explain what cannot."""

from __future__ import annotations

from decimal import Decimal

import pytest

from protocols import models
from protocols.modbus import ModbusModel
from protocols.modbus.plausible import judge, looks_like
from protocols.modbus.reads import RegisterRead, part_of
from protocols.modbus.registers import TYPES, Order, Register
from protocols.quantities import quantity


def value(name: str, number: str | None) -> Register:
    return Register(3, 0, TYPES["float64"], part_of(3, 0, quantity(name)))


@pytest.mark.parametrize(
    ("name", "number", "plausible"),
    [
        ("frequency", "50", True),
        ("frequency", "44.9", False),
        ("frequency", "65.1", False),
        ("frequency", "0", None),
        ("voltage_l2", "80", True),
        ("voltage_l2", "300.1", False),
        ("voltage_l3", "0", None),
        ("power_factor_l1", "-1", True),
        ("power_factor", "1.01", False),
        ("active_energy_import", "-0.1", False),
        ("active_energy_import", "0.1", True),
        ("active_energy_combined", "-5", None),
        ("active_power", "-5", None),
        ("current_l1", "100000", None),
        ("frequency", None, None),
    ],
)
def test_what_can_be(name: str, number: str | None, plausible: bool | None) -> None:
    one = value(name, number)
    verdict = judge(one.decode(one.encode(None if number is None else Decimal(number))))
    assert (None if verdict is None else verdict.plausible) is plausible


def answers(order: Order, name: str = "inepro_pro380") -> list[tuple[RegisterRead, bytes]]:
    """What a meter gives that keeps its numbers in another order than the model says."""
    kind = models.load(name)
    assert isinstance(kind, ModbusModel)
    found = []
    for read in kind.plan([q for q in kind.quantities if q.name in ("voltage_l1", "voltage_l2", "frequency")]):
        data = bytearray(2 * read.request.count)
        for register in read.registers:
            number = Decimal("49.98") if register.part.name == "frequency" else Decimal("231.7")
            at = 2 * (register.address - read.request.address)
            raw = Register(3, 0, register.form, register.part, order, register.scale).encode(number)
            data[at : at + len(raw)] = raw
        found.append((read, bytes(data)))
    return found


@pytest.mark.parametrize("order", [Order.CDAB, Order.BADC, Order.DCBA])
def test_a_swapped_order_is_recognised(order: Order) -> None:
    assert looks_like(answers(order)) is order


def test_the_right_order_is_no_news() -> None:
    assert looks_like(answers(Order.ABCD)) is None


def test_nonsense_has_no_order() -> None:
    read, data = answers(Order.ABCD)[0]
    assert looks_like([(read, b"\x41" * len(data))]) is None
    assert looks_like([(read, bytes(len(data)))]) is None
