"""The tables of a Modbus model file as they are written; an unknown key is an error in every one."""

from __future__ import annotations

from typing import Literal

import msgspec

from protocols.modbus.pdu import MAX_READ
from protocols.modbus.writes import Safety

Words = Literal["high", "low"]
Bytes = Literal["big", "little"]
Function = Literal[1, 2, 3, 4]


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """Unknown keys are errors."""


class Block(Table):
    first: int
    last: int
    function: Function | None = None


class Defaults(Table):
    function: Function | None = None
    type: str | None = None
    word_order: Words = "high"
    byte_order: Bytes = "big"
    address_base: int = 0
    max_registers: int = MAX_READ
    holes: bool | int = False
    not_available: list[str] | dict[str, list[str] | str] = []
    block: list[Block] = []


class Row(Table):
    address: int
    quantity: str | None = None
    name: str | None = None
    obis: str | None = None
    function: Function | None = None
    type: str | None = None
    word_order: Words | None = None
    byte_order: Bytes | None = None
    scale: str | None = None
    scale_register: int | None = None
    unit: str | None = None
    not_available: list[str] | None = None


class Write(Table):
    name: str
    address: int
    safety: Safety = msgspec.field(name="class")
    function: int = 16
    type: str | None = None
    word_order: Words | None = None
    byte_order: Bytes | None = None
    scale: str | None = None
    values: dict[str, str] = {}


class IdentifyRegister(Table):
    address: int
    equals: list[str]
    function: Literal[3, 4] = 3
    type: str = "u16"


class Identify(Table):
    vendor: list[str] = []
    product: list[str] = []
    register: list[IdentifyRegister] = []


class Tables(Table):
    modbus: Defaults
    register: list[Row]
    write: list[Write] = []
    identify: Identify = msgspec.field(default_factory=Identify)
