"""Asking meters whether they are there: one short question each, all lines side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from analytics.outages import Evidence
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from protocols.errors import CommunicationError, LinkError, NoAnswer
from protocols.meter_model import MeterModel, Read
from protocols.quantities import BY_NAME

_VOLTAGE: Final = BY_NAME["voltage_l1"]


async def ping(lines: Iterable[tuple[Line, Sequence[MeterPath]]], now: Callable[[], datetime]) -> dict[str, Evidence]:
    """Meter to what it said: an answer of any kind is a sign of life, the voltage comes with it where it can. Lines are
    closed behind it."""
    found: dict[str, Evidence] = {}
    async with asyncio.TaskGroup() as group:
        for line, meters in lines:
            group.create_task(_ping_line(line, meters, now, found))
    return found


async def _ping_line(
    line: Line, meters: Sequence[MeterPath], now: Callable[[], datetime], found: dict[str, Evidence]
) -> None:
    name = line.path.name
    try:
        for at, meter in enumerate(meters):
            try:
                values = await line.run(question(meter.model).exchange(meter.address, line.wire), meter.name)
            except LinkError:
                found.update({m.name: Evidence(name, unreachable=now()) for m in meters[at:]})
                return
            except NoAnswer:
                found[meter.name] = Evidence(name, silent_since=now())
            except CommunicationError:
                found[meter.name] = Evidence(name, answered=now())  # it said no, or nonsense: it has supply
            else:
                voltage = next((value.decimal for value in values if value.part.quantity == _VOLTAGE), None)
                found[meter.name] = Evidence(name, answered=now(), voltage=voltage)
    finally:
        await line.close()


def question(model: MeterModel) -> Read:
    """The voltage, or whatever the model gives first."""
    return model.plan([_VOLTAGE if _VOLTAGE in model.quantities else model.quantities[0]])[0]
