"""A conformance run from opening the line to the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from headend.collection.line import LinePath
from headend.conform import dlt645_checks, modbus_checks
from headend.conform.check import Finding, perform
from headend.conform.dlt645_bench import Dlt645Bench
from headend.conform.modbus_checks import ModbusBench
from headend.conform.probe import Patience, Probe
from headend.conform.report import Report
from headend.dialect import dialect, framing_of, wire
from headend.errors import UsageFault
from protocols.dlt645.model import Dlt645Model
from protocols.links.open import open_link
from protocols.modbus import ModbusModel


async def conform(
    path: LinePath,
    address: str,
    model: Any,
    patience: Patience,
    *,
    only: tuple[str, ...] = (),
    refusals: bool = False,
    told: Callable[[Finding], None] = lambda finding: None,
) -> Report:
    """All checks, or `only` those keys. Reads alone; with `refusals` also orders without a password.

    Raises `UsageFault` for an unknown key and `LinkError`.
    """
    framing = framing_of(path.protocol, path.url, path.framing)
    table: Any = dlt645_checks.CHECKS[model.edition] if path.protocol == "dlt645" else modbus_checks.CHECKS[framing]
    if refusals and path.protocol == "dlt645":
        table = (*table, *dlt645_checks.REFUSALS[model.edition])
    unknown = set(only) - {check.key for check in table}
    if unknown:
        raise UsageFault(f"no check {', '.join(sorted(unknown))}: expected some of {', '.join(c.key for c in table)}")
    started = datetime.now(UTC)
    link = await open_link(path.url, defaults=dialect(path.protocol).link)
    try:
        probe = Probe(link, wire(path.protocol, path.url, path.framing).reader(), patience)
        bench: Any
        if isinstance(model, Dlt645Model):
            bench = Dlt645Bench(probe, address, model)
        else:
            assert isinstance(model, ModbusModel)
            bench = ModbusBench(probe, int(address), model, framing)
        checks = [check for check in table if not only or check.key in only]
        findings = await perform(checks, bench, probe, told)
    finally:
        await link.close()
    return Report(path.url, path.protocol, address, model.head.name, started, datetime.now(UTC), findings)
