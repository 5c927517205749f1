"""Reading a meter at once, item by item: what `headend read` does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headend.collection.line import Line
from headend.dialect import dialect
from headend.errors import UsageFault
from protocols import modbus, models
from protocols.dlt645.model import Dlt645Model
from protocols.errors import CommunicationError, LinkError, ModelError, NoAnswer, Refused
from protocols.meter_model import MeterModel, Read
from protocols.modbus.reads import parse_unit
from protocols.model import Value
from protocols.quantities import quantity


@dataclass(frozen=True, slots=True)
class Answer:
    """What one item gave: values, or the reason why there are none. `asked` is the item as the user wrote it."""

    asked: str
    values: list[Value]
    received: datetime
    error: CommunicationError | None = None


def model_for(protocol: str, name: str | None, edition: str | None = None) -> MeterModel | None:
    """The named model, or the one that stands in for the protocol and `edition` (of DL/T 645); None where items must
    say everything themselves.

    Raises `ModelError`, or `UsageFault` where model, protocol and edition do not fit.
    """
    if edition is not None and protocol != "dlt645":
        raise UsageFault(f"--edition is of dlt645: {protocol} has none")
    name = name or dialect(protocol).models.get(edition or "")
    if name is None:
        return None
    model = models.load(name)
    if model.head.protocol != protocol:
        raise UsageFault(f"model {name} speaks {model.head.protocol}, not {protocol}")
    if edition is not None and isinstance(model, Dlt645Model) and model.edition != edition:
        raise UsageFault(f"model {name} is of the {model.edition} edition, not {edition}")
    return model


def reads_for(model: MeterModel | None, items: Sequence[str]) -> list[tuple[str, Read]]:
    """(item as written, the read that gives it). Raises `ModelError` for an item that means nothing."""
    if model is not None:
        return [(item, model.read(item)) for item in items]
    return [(item, modbus.raw_read(item)) for item in items]


def address_for(model: MeterModel | None, address: str) -> str:
    """The address in its normal spelling. Raises `ModelError`."""
    if model is not None:
        return model.check_address(address)
    return str(parse_unit(address))


async def read_now(line: Line, address: str, reads: Sequence[tuple[str, Read]]) -> tuple[list[Answer], float]:
    """Every item's answer, and the milliseconds it all took.

    A refused or broken item does not keep the others from being read; silence does, since only more of it would follow.
    Raises `NoAnswer` and `LinkError` where nothing at all was read.
    """
    answers: list[Answer] = []
    began = time.monotonic()
    for asked, read in reads:
        try:
            values = await line.run(read.exchange(address, line.wire))
        except (NoAnswer, LinkError) as error:
            if not any(answer.values for answer in answers):
                raise
            answers.append(Answer(asked, [], datetime.now(UTC), error))
            break
        except CommunicationError as error:
            answers.append(Answer(asked, [], datetime.now(UTC), error))
        else:
            answers.append(Answer(asked, _asked_for(values, asked, read), datetime.now(UTC)))
    return answers, (time.monotonic() - began) * 1000


def _asked_for(values: list[Value], asked: str, read: Read) -> list[Value]:
    """Of a block read for one quantity, that quantity alone; all of it where the block itself was asked for."""
    if asked.upper() == read.label.upper():
        return values
    try:
        wanted = quantity(asked)
    except ModelError:
        return values
    return [value for value in values if value.part.quantity == wanted] or values


def told(value: Value, received: datetime) -> dict[str, Any]:
    """A value as the command line's contract spells it: exact decimal text, the time it was received."""
    return {
        "item": value.part.item,
        "obis": str(value.part.obis) if value.part.obis else None,
        "name": value.part.name,
        "value": None if value.number is None and value.text is None else str(value),
        "unit": str(value.part.unit),
        "quality": value.quality.name.lower(),
        "time": received,
    }


def document(address: str, answers: Sequence[Answer], elapsed_ms: float) -> dict[str, Any]:
    """What a reading at once gave, as the command line's contract spells it; `errors` where items failed."""
    values = [told(value, answer.received) for answer in answers for value in answer.values]
    content: dict[str, Any] = {"address": address, "values": values, "elapsed_ms": round(elapsed_ms, 1)}
    errors = [
        {
            "item": answer.asked,
            "kind": answer.error.label,
            "message": str(answer.error),
            **({"code": answer.error.code} if isinstance(answer.error, Refused) else {}),
        }
        for answer in answers
        if answer.error
    ]
    return content | ({"errors": errors} if errors else {})
