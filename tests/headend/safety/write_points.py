"""Registers that a Modbus meter lets be written."""

from __future__ import annotations

from decimal import Decimal

from protocols.modbus.registers import TYPES, Register
from protocols.modbus.writes import Safety, WritePoint
from protocols.model import Part, Unit


def point(name: str, safety: Safety, address: int, words: dict[str, Decimal]) -> WritePoint:
    part = Part(name, name, name, None, Unit.NONE, 0, None)
    return WritePoint(name, safety, Register(6, address, TYPES["u16"], part), words)


def parameter(name: str, safety: Safety) -> WritePoint:
    return point(name, safety, 0x20, {})


RELAY = point("relay", Safety.RELAY, 0x10, {"trip": Decimal(1), "close": Decimal(0)})
