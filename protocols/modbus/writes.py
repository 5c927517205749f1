"""Registers that a meter lets be written: described, put into requests and read back out of them. Nothing here sends.

What a write does to people decides its class: `relay` takes their power or gives it back, `limit` says above how many
kW the meter itself takes it, `clock` moves their tariff, `reset` destroys what was counted, `parameter` changes how the
meter is set up (its address, its baud rate).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, TypeAlias

from protocols.errors import ModelError
from protocols.modbus.bits import WRITE_COIL, WRITE_COILS, WriteBit, WriteBits, packed
from protocols.modbus.pdu import WRITE_REGISTER, WRITE_REGISTERS, Request, WriteRegister, WriteRegisters
from protocols.modbus.registers import Register

WRITE_FUNCTIONS: Final = (WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS)

WriteRequest: TypeAlias = WriteRegister | WriteRegisters | WriteBit | WriteBits


class Safety(StrEnum):
    """What a write does to people."""

    RELAY = "relay"
    LIMIT = "limit"
    CLOCK = "clock"
    RESET = "reset"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True)
class WritePoint:
    """One thing that can be written. `register.function` is the writing one."""

    name: str
    safety: Safety
    register: Register
    words: Mapping[str, Decimal]
    """What the model calls certain values: "trip", "close"."""

    def request(self, value: str) -> WriteRequest:
        """The request that would write `value`: one of `words`, a text or a number in the register's unit.

        Raises `ModelError` for what the register cannot hold.
        """
        register = self.register
        try:
            number = self.words[value] if value in self.words else value if register.form.text else Decimal(value)
            raw = register.encode(number)
        except InvalidOperation:
            known = f"expected a number{''.join(f' or {word!r}' for word in self.words)}"
            raise ModelError(f"{self.name}: {value!r}, {known}") from None
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}") from error
        if register.function in (WRITE_COIL, WRITE_COILS):
            on = bool(int.from_bytes(raw, "big"))
            return WriteBit(register.address, on) if register.function == WRITE_COIL else _one_bit(register, on)
        if register.function == WRITE_REGISTER:
            return WriteRegister(register.address, int.from_bytes(raw, "big"))
        return WriteRegisters(register.address, raw)

    def read_back(self, request: Request) -> str | None:
        """What `request` would write here, as `request` was told it; None for a request to something else."""
        register = self.register
        if getattr(request, "function", None) != register.function or request.encode()[1:3] != self._place:
            return None
        if isinstance(request, WriteBit):
            raw = bytes((0, request.on))
        elif isinstance(request, WriteBits):
            raw = bytes((0, request.data[0] & 1))
        elif isinstance(request, WriteRegister):
            raw = request.value.to_bytes(2, "big")
        elif isinstance(request, WriteRegisters):
            raw = request.data
        else:
            return None
        if len(raw) != register.form.size:
            return None
        value = register.decode(raw)
        return next((word for word, number in self.words.items() if number == value.decimal), str(value))

    @property
    def _place(self) -> bytes:
        return self.register.address.to_bytes(2, "big")


def _one_bit(register: Register, on: bool) -> WriteBits:
    return WriteBits(register.address, 1, packed([on]))
