"""What a meter teaches by refusing: its own copy of its kind's model."""

from __future__ import annotations

from protocols.errors import CommunicationError, Refused
from protocols.meter_model import MeterModel, Read
from protocols.modbus import ModbusModel, RegisterRead

_PLACE_OR_LENGTH = frozenset({"02", "03"})


def learnt(model: MeterModel, read: Read, error: CommunicationError) -> MeterModel | None:
    """The model of one meter that refused `read`: to be read in smaller parts, or without what it turns out not to
    have. None where the refusal says nothing of the kind."""
    refused = isinstance(error, Refused) and error.code in _PLACE_OR_LENGTH
    if refused and isinstance(model, ModbusModel) and isinstance(read, RegisterRead):
        return model.without(read)
    return None
