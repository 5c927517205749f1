"""What a Modbus PDU says, whatever frames it: RTU and TCP differ in their frames alone."""

from __future__ import annotations

from typing import Any, Final

from headend.frames.document import error, plain_value
from protocols.modbus.pdu import EXCEPTIONS

SERVICES: Final = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write single coil",
    6: "write single register",
    15: "write multiple coils",
    16: "write multiple registers",
}
_TABLES: Final = {3: "holding", 4: "input", 6: "holding", 16: "holding"}
_EXCEPTION: Final = 0x80


class Conversation:
    """Frames of one paste in order: a reply is understood by the request before it."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: tuple[int, bytes] | None = None

    def document(self, protocol: str, unit: int, pdu: bytes, raw: bytes, checksum: str | None) -> dict[str, Any]:
        """`checksum` is "ok" or "bad"; None where the framing has none."""
        function = pdu[0] & ~_EXCEPTION
        is_reply = _is_reply(pdu) if pdu[0] != 6 else self._asked == (unit, pdu)
        asked = self._asked[1] if is_reply and self._asked and self._asked[0] == unit else b""
        if asked and asked[0] != function:
            asked = b""
        self._asked = None if is_reply else (unit, pdu)
        content = _refused(pdu) if pdu[0] & _EXCEPTION else _content(pdu, is_reply, asked)
        return {
            "protocol": protocol,
            "edition": None,
            "direction": "reply" if is_reply else "request",
            "address": str(unit),
            "control": f"{pdu[0]:02X}",
            "service": SERVICES.get(function, "unknown"),
            "item": content.pop("item", None),
            "values": content.pop("values", []),
            "follows": False,
            "error": content.pop("error", None),
            "checksum": checksum,
            "hex": raw.hex().upper(),
        } | content


def plausible(pdu: bytes) -> bool:
    """Whether function code and length fit each other."""
    function = pdu[0]
    if function & _EXCEPTION:
        return function & ~_EXCEPTION in SERVICES and len(pdu) == 2
    if function in (1, 2, 3, 4):
        return len(pdu) == 5 or (len(pdu) > 2 and len(pdu) == 2 + pdu[1])
    if function in (15, 16):
        return len(pdu) == 5 or (len(pdu) > 6 and len(pdu) == 6 + pdu[5])
    return function in SERVICES and len(pdu) == 5


def _is_reply(pdu: bytes) -> bool:
    function = pdu[0]
    if function & _EXCEPTION:
        return True
    if function in (15, 16):
        return len(pdu) == 5
    return function in (1, 2, 3, 4) and len(pdu) == 2 + pdu[1]


def _refused(pdu: bytes) -> dict[str, Any]:
    code = pdu[1] if len(pdu) > 1 else 0
    return {"error": error(f"{code:02X}", EXCEPTIONS.get(code, "exception code that the standard does not know"))}


def _content(pdu: bytes, is_reply: bool, asked: bytes) -> dict[str, Any]:
    function = pdu[0]
    table = _TABLES.get(function)
    if table is None or (len(pdu) < 5 and not (is_reply and function in (3, 4))):
        return {"data": pdu[1:].hex().upper()}
    if is_reply and function in (3, 4):
        first = int.from_bytes(asked[1:3], "big") if asked else None
        data = pdu[2:]
        return {
            "item": _item(table, first, len(data) // 2) if first is not None else None,
            "values": _registers(data, first or 0),
        } | ({} if asked else {"note": "a reply does not say which registers it holds: counted from 0"})
    address, word = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
    if function == 6:
        return {"item": _item(table, address, 1), "values": _registers(pdu[3:5], address)}
    return {"item": _item(table, address, word), "values": _registers(pdu[6:], address) if function == 16 else []}


def _registers(data: bytes, first: int) -> list[dict[str, Any]]:
    """Whole registers as unsigned numbers: what they mean is the matter of a model."""
    return [
        plain_value(f"register_{first + at // 2}", str(int.from_bytes(data[at : at + 2], "big")))
        for at in range(0, len(data) - 1, 2)
    ]


def _item(table: str, first: int, count: int) -> str:
    return f"{table} {first}" if count == 1 else f"{table} {first}..{first + count - 1}"
