"""A message between the socket and the commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Origin(Protocol):
    """The connection that a message came over, which alone can acknowledge it: ids are used again by the next one."""

    def acknowledge(self, numbers: Sequence[int]) -> None: ...


class Held(NamedTuple):
    """`number`: the packet id, 0 where the broker wants no acknowledgement (QoS 0)."""

    topic: str
    payload: bytes
    received_us: int
    repeated: bool
    number: int
    origin: Origin

    @property
    def weight(self) -> int:
        """Bytes that count against the bound."""
        return len(self.payload) + len(self.topic)
