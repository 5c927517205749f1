"""How requests stand on an open line: RTU or TCP framing. One wire per line.

RTU also over TCP sockets: a transparent gateway or DTU carries RTU frames as they are.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Final, Literal, Protocol, TypeAlias

from protocols.errors import ModelError
from protocols.exchange import Ask, FrameReader
from protocols.modbus import rtu, tcp
from protocols.modbus.pdu import Request
from protocols.modbus.rtu import RtuFrame, RtuReader
from protocols.modbus.tcp import TcpFrame, TcpReader

ModbusFrame: TypeAlias = RtuFrame | TcpFrame


class RtuWire:
    """A reply says neither address nor transaction: unit, function and length are all that tells it from another."""

    __slots__ = ()

    framing: ClassVar[Literal["rtu"]] = "rtu"

    def reader(self) -> FrameReader[RtuFrame]:
        return RtuReader("reply")

    def ask(self, unit: int, request: Request) -> Ask[RtuFrame]:
        """Raises `ModelError` for unit 0: it is the broadcast, which nobody answers."""
        if unit == 0:
            raise ModelError("address 0 is the broadcast on a serial line: expected 1..255")
        answered_by = request.answered_by

        def answers(frame: RtuFrame) -> bool:
            return frame.unit == unit and answered_by(frame.pdu)

        size = request.reply_size
        return Ask(
            rtu.encode(unit, request.encode()),
            answers,
            size + rtu.OVERHEAD,
            (unit, request.function, size),
            request.repeatable,
            request.acts,
        )


class _Numbered:
    """Knows the answer by its numbers. Not a closure: that is five objects, and thousands of reads wait at a time."""

    __slots__ = ("_transaction", "_unit")

    def __init__(self, transaction: int, unit: int) -> None:
        self._transaction = transaction
        self._unit = unit

    def __call__(self, frame: TcpFrame) -> bool:
        return frame.transaction == self._transaction and frame.unit == self._unit


class TcpWire:
    """The transaction number tells an answer from every other; what then does not fit the request is a bad answer."""

    __slots__ = ("_transaction",)

    framing: ClassVar[Literal["tcp"]] = "tcp"

    def __init__(self) -> None:
        self._transaction = 0

    def reader(self) -> FrameReader[TcpFrame]:
        return TcpReader()

    def ask(self, unit: int, request: Request) -> Ask[TcpFrame]:
        transaction = self._transaction = (self._transaction + 1) & 0xFFFF
        return Ask(
            tcp.encode(transaction, unit, request.encode()),
            _Numbered(transaction, unit),
            request.reply_size + tcp.OVERHEAD,
            None,
            request.repeatable,
            request.acts,
        )


class ModbusWire(Protocol):
    """What a conversation needs of either wire."""

    @property
    def framing(self) -> Literal["rtu", "tcp"]: ...

    def ask(self, unit: int, request: Request) -> Ask[RtuFrame] | Ask[TcpFrame]: ...


WIRES: Final[dict[str, type[RtuWire] | type[TcpWire]]] = {"rtu": RtuWire, "tcp": TcpWire}


def transact(
    unit: int, request: Request, wire: ModbusWire
) -> Generator[Ask[RtuFrame] | Ask[TcpFrame], ModbusFrame, bytes]:
    """One request and its registers' bytes. Raises `Refused` and `BadAnswer`."""
    frame = yield wire.ask(unit, request)
    return request.decode_reply(frame.pdu)
