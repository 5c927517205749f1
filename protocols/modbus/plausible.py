"""Whether what a meter gives can be so: a wrong map, scale or order of words shows in voltage and frequency first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, NamedTuple

from protocols.modbus.reads import RegisterRead
from protocols.modbus.registers import Order, Register
from protocols.model import Kind, Quality, Value

_RANGES: Final = {
    "frequency": (Decimal(45), Decimal(65)),
    "voltage": (Decimal(80), Decimal(300)),
    "power": (Decimal(-1), Decimal(1)),
}
"""Hz, V between phase and neutral, power factor."""
_TELLING: Final = frozenset({"frequency", "voltage"})
"""A meter on the grid has these; all else may well be zero."""


class Verdict(NamedTuple):
    """`telling`: the value speaks for the map, not merely not against it."""

    plausible: bool
    telling: bool
    expected: str


def judge(value: Value) -> Verdict | None:
    """Of one value; None for one that says nothing: a zero, a text, not available, a quantity without known bounds."""
    quantity = value.part.quantity
    if quantity is None or value.quality is Quality.NOT_AVAILABLE:
        return None
    if value.quality is Quality.OUT_OF_RANGE:
        return Verdict(False, False, "a number that can be kept")
    number = value.decimal
    if not number:
        return None
    word = quantity.name.partition("_")[0]
    if quantity.name.startswith(("frequency", "voltage", "power_factor")):
        low, high = _RANGES[word]
        return Verdict(low <= number <= high, word in _TELLING, f"{low}..{high} {quantity.unit.value}".strip())
    if quantity.kind is Kind.CUMULATIVE and quantity.name != "active_energy_combined":
        return Verdict(number > 0, False, "not negative")
    return None


def judged(read: RegisterRead, data: bytes) -> list[tuple[Value, Verdict | None]]:
    """The values of an answer with their verdicts. A voltage or frequency that comes to zero although its registers are
    not is a number in another order of bytes, far too small to be seen."""
    found = []
    for register, value in zip(read.registers, read.decode(data), strict=True):
        verdict = judge(value)
        if verdict is None and value.number == 0 and _word(register) in _TELLING and any(_raw(register, read, data)):
            verdict = Verdict(False, True, "no such small number")
        found.append((value, verdict))
    return found


def _raw(register: Register, read: RegisterRead, data: bytes) -> bytes:
    first = read.request.address
    return data[2 * (register.address - first) : 2 * (register.end - first)]


def looks_like(answers: Sequence[tuple[RegisterRead, bytes]]) -> Order | None:
    """The order of bytes in which all voltages and frequencies would be plausible, where in the model's own they are
    not; None where no other order explains them either."""
    marks = [
        (register, _raw(register, read, data))
        for read, data in answers
        for register in read.registers
        if register.factor is None and not register.form.text and _word(register) in _TELLING
    ]
    marks = [(register, raw) for register, raw in marks if any(raw)]
    if not marks or all(_fits(register, raw) for register, raw in marks):
        return None
    for order in Order:
        if all(_fits(replace(register, order=order), raw) for register, raw in marks):
            return order
    return None


def _word(register: Register) -> str:
    quantity = register.part.quantity
    return quantity.name.partition("_")[0] if quantity is not None else ""


def _fits(register: Register, raw: bytes) -> bool:
    verdict = judge(register.decode(raw))
    return verdict is not None and verdict.plausible
