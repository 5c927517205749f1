"""A usage point's names in the Australian market, from its options and the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from analytics.billing.exports.nem import nmi_problem
from analytics.billing.exports.series import Register
from headend.batches.settings import ExportTable
from headend.errors import UsageFault
from protocols.model import Quantity
from storage.entries import UsagePoint

_SUFFIX = re.compile(r"[A-Z][0-9A-Z]")


def registers(point: UsagePoint, quantities: Sequence[Quantity], table: ExportTable) -> dict[int, Register]:
    """By quantity's id, without serial numbers. Options: `nmi`, and `nem_suffixes` (quantity to suffix),
    `nem_registers` (quantity to RegisterID; the suffix else), `nem_datastream`, `nem_next_read` (ccyymmdd).

    Raises `UsageFault` naming point and option.
    """
    options = point.options
    nmi = str(options.get("nmi", ""))
    if not nmi:
        raise UsageFault(f"point {point.name} has no option nmi, which NEM12 and NEM13 need")
    problem = nmi_problem(nmi)
    if problem is not None:
        raise UsageFault(f"point {point.name}, option nmi: {problem}")
    suffixes = {**table.suffixes, **_texts(point, "nem_suffixes")}
    ids = _texts(point, "nem_registers")
    found: dict[int, str] = {}
    for quantity in quantities:
        suffix = suffixes.get(quantity.name, "")
        if not _SUFFIX.fullmatch(suffix):
            raise UsageFault(
                f"point {point.name}: no NMI suffix for {quantity.name}: {suffix!r}, expected two characters such as "
                "E1 in the option nem_suffixes or in [export.suffixes]"
            )
        if suffix in found.values():
            raise UsageFault(f"point {point.name}: suffix {suffix} stands for two quantities")
        found[quantity.id] = suffix
    configuration = "".join(sorted(found.values()))
    next_read = str(options.get("nem_next_read", ""))
    if next_read and not re.fullmatch(r"\d{8}", next_read):
        raise UsageFault(f"point {point.name}, option nem_next_read: {next_read!r}, expected such as 20261231")
    return {
        quantity.id: Register(
            nmi,
            found[quantity.id],
            configuration,
            ids.get(quantity.name, found[quantity.id]),
            str(options.get("nem_datastream", table.datastream)),
            "",
            next_read,
        )
        for quantity in quantities
    }


def serial(meter: str, address: str) -> str:
    """What fits twelve characters: the meter's name, else the end of its address."""
    return meter if len(meter) <= 12 and meter.isascii() and not set(meter) & set(',"\r\n') else address[-12:]


def _texts(point: UsagePoint, option: str) -> Mapping[str, str]:
    given: Any = point.options.get(option, {})
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        raise UsageFault(f"point {point.name}, option {option}: expected a table of texts by quantity")
    return given
