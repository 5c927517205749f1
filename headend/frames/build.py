"""DL/T 645 frames put together: requests and the meter's answers. Nothing is sent."""

from __future__ import annotations

from typing import Any, TypeVar

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import encode
from protocols.dlt645.services.answer import accept, refuse
from protocols.dlt645.services.service import Request

T = TypeVar("T")


def request_frame(request: Request[Any], address: str, preamble: int) -> bytes:
    """Raises `ValueError`, and `ModelError` for what is no address."""
    return encode(addresses.to_wire(address), request.function, request.data, _preamble(preamble))


def answer(request: Request[T], own: str, value: T, preamble: int, follows: bool = False) -> bytes:
    """The normal answer of the meter `own`. Raises `ValueError`, `ModelError`."""
    return accept(addresses.to_wire(own), request, value, follows=follows, preamble=_preamble(preamble))


def refusal(request: Request[Any], own: str, error: str, preamble: int) -> bytes:
    """The refusal of the meter `own`; `error` are its bits in hex. Raises `ValueError`, `ModelError`."""
    size = 2 if request.function == 0x03 and request.edition == "2007" else 1
    try:
        bits = int(error, 16)
    except ValueError:
        bits = -1
    if not 0 <= bits < 1 << 8 * size:
        raise ValueError(f"--refuse is {error!r}, expected error bits in hex, {size} byte{'s' if size > 1 else ''}")
    return refuse(addresses.to_wire(own), request, bits, _preamble(preamble))


def _preamble(count: int) -> bytes:
    if not 0 <= count <= 16:
        raise ValueError(f"--preamble is {count}, expected 0..16 bytes FE")
    return b"\xfe" * count
