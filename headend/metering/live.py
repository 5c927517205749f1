"""Holding a model against a meter on a line: whether what comes can be so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headend.collection.line import Line
from protocols.errors import CommunicationError, LinkError, NoAnswer
from protocols.meter_model import MeterModel
from protocols.modbus import ModbusModel, RegisterRead
from protocols.modbus.plausible import judge, judged, looks_like
from protocols.modbus.registers import Order
from protocols.modbus.wire import transact
from protocols.model import Value


@dataclass(frozen=True, slots=True)
class Judged:
    """`problem` is None for what is plausible or says nothing."""

    value: Value
    problem: str | None


@dataclass(slots=True)
class LiveCheck:
    """What a meter gave to a whole plan of a model."""

    values: list[Judged] = field(default_factory=list)
    failures: list[tuple[str, CommunicationError]] = field(default_factory=list)
    """Label of the read, and why it gave nothing."""
    order: Order | None = None
    """The order of bytes that would make voltages and frequency plausible, where the model's own does not."""

    @property
    def problems(self) -> int:
        return len(self.failures) + sum(judged.problem is not None for judged in self.values)


async def check_live(line: Line, address: str, model: MeterModel) -> LiveCheck:
    """Read everything that the model gives. Raises `NoAnswer` and `LinkError`: a silent meter proves nothing."""
    found = LiveCheck()
    answers: list[tuple[RegisterRead, bytes]] = []
    for read in model.plan(model.quantities):
        try:
            if isinstance(model, ModbusModel) and isinstance(read, RegisterRead):
                wire: Any = line.wire
                data = await line.run(transact(int(address), read.request, wire))
                answers.append((read, data))
                verdicts = judged(read, data)
            else:
                verdicts = [(value, judge(value)) for value in await line.run(read.exchange(address, line.wire))]
        except (NoAnswer, LinkError):
            raise
        except CommunicationError as error:
            found.failures.append((read.label, error))
            continue
        for value, verdict in verdicts:
            wrong = verdict is not None and not verdict.plausible
            found.values.append(Judged(value, f"expected {verdict.expected}" if verdict and wrong else None))
    found.order = looks_like(answers)
    return found
