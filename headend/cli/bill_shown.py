"""A bill for people, out of what JSON holds of it: the registers that it rests on, and every line explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headend.cli.output import Output

_REGISTERS = ["register", "band", "meter", "start>", "read", "stop>", "read", "multiplier>", "kWh>"]


def show_registers(registers: Sequence[Mapping[str, Any]], output: Output) -> None:
    def ends(use: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(use[end][key] for end in ("start", "stop") for key in ("value", "type"))

    rows = [(u["register"], u["band"], u["meter"], *ends(u), u["multiplier"], u["energy"]) for u in registers]
    output.table(_REGISTERS, rows)


def show_lines(bill: Mapping[str, Any], output: Output) -> None:
    """`bill` as `Bill.content` has it."""
    output.text(f"{bill['point']}, {bill['tariff']}: {bill['from']} to {bill['to']}")
    rows = []
    for each in bill["lines"]:
        amount = each["amount"] if each["post"] == "bill" else f"({each['amount']})"
        rows.append((each["label"], amount, each["formula"], each["rule"]))
    output.table(["line", "amount>", "how", "rule"], rows)
    for each in bill["lines"]:
        for note in each["notes"]:
            output.text(f"{each['label']}: {note}")
    for note in bill["notes"]:
        output.text(note)
    for name, carried in bill["carried"].items():
        output.text(f"{name}: {carried['kwh']} kWh since {carried['since']}")
    output.text(f"total: {bill['total']} {bill['currency']}")
