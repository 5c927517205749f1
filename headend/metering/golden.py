"""A model's evidence: its golden conversations decode to the values that stand beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from protocols.errors import CommunicationError, ModelError
from protocols.meter_model import Golden, MeterModel


@dataclass(frozen=True, slots=True)
class GoldenResult:
    """`number` counts from 1; `problem` is None when every value came out as stated."""

    model: str
    number: int
    problem: str | None


def check(model: MeterModel) -> Iterator[GoldenResult]:
    """Decode every golden conversation; a model without one is a problem of its own."""
    if not model.head.golden:
        yield GoldenResult(model.head.name, 0, "has no golden conversation")
    for number, golden in enumerate(model.head.golden, start=1):
        yield GoldenResult(model.head.name, number, _problem(model, golden))


def _problem(model: MeterModel, golden: Golden) -> str | None:
    try:
        values = model.decode_golden(golden)
    except (CommunicationError, ModelError) as error:
        return str(error)
    got = {value.part.name: value for value in values}
    got |= {value.part.quantity.name: value for value in values if value.part.quantity}
    for name, expected in golden.values.items():
        if name not in got:
            return f"{name} does not come out"
        value = got[name]
        try:
            same = value.text == expected if value.decimal is None else value.decimal == Decimal(expected)
        except InvalidOperation:
            return f"{name} is stated as {expected!r}, which is no number"
        if not same:
            return f"{name} is {value}, stated {expected}"
    return None
