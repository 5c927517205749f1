"""Registers of Modbus as rows of a document: by the names of a model, and as they are where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headend.frames.document import Document, Row, plain_value, value_of
from protocols.modbus.reads import part_of
from protocols.modbus.registers import KINDS, Register


@dataclass(frozen=True, slots=True)
class Map:
    """The registers of a model; none where no model was named."""

    registers: tuple[Register, ...] = ()

    def rows(self, function: int, first: int, data: bytes) -> list[Row]:
        """What the registers from `first` on say. A value is told where all its registers are there, and its scale
        factor's too; registers that belong to no such value are whole unsigned numbers."""
        end = first + len(data) // 2
        told: list[tuple[int, Row]] = []
        covered: set[int] = set()
        for register in self._inside(function, first, end):
            power = 0
            if register.factor is not None:
                at = 2 * (register.factor - first)
                power = int.from_bytes(data[at : at + 2], "big", signed=True)
                covered.add(register.factor)
            raw = data[2 * (register.address - first) : 2 * (register.end - first)]
            told.append((register.address, value_of(register.decode(raw, power)) | _place(register)))
            covered.update(range(register.address, register.end))
        for address in range(first, end):
            if address not in covered:
                at = 2 * (address - first)
                number = int.from_bytes(data[at : at + 2], "big")
                told.append((address, plain_value(f"register_{address}", str(number))))
        return [row for _, row in sorted(told, key=lambda place: place[0])]

    def bit_rows(self, function: int, first: int, bits: Sequence[bool]) -> list[Row]:
        known = {register.address: register for register in self._inside(function, first, first + len(bits))}
        rows = []
        for address, bit in enumerate(bits, first):
            register = known.get(address)
            if register is None:
                rows.append(plain_value(f"{KINDS[function]}_{address}", str(int(bit))))
            else:
                rows.append(value_of(register.decode(bytes((0, bit)))) | _place(register))
        return rows

    def names(self, function: int, first: int, count: int) -> list[Document]:
        """What a read asks for, in the model's words."""
        inside = self._inside(function, first, first + count)
        return [{"name": register.part.name, "zh": register.part.name_zh} for register in inside]

    def _inside(self, function: int, first: int, end: int) -> list[Register]:
        return [r for r in self.registers if r.function == function and first <= r.low and r.high <= end]


def _place(register: Register) -> Document:
    """Where a named value stands: ``input 52..53``."""
    place = part_of(register.function, register.address).item
    return {"register": place if register.form.words == 1 else f"{place}..{register.end - 1}"}
