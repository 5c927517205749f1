"""The meters of a batch, each once, by number."""

from __future__ import annotations

from protocols.push.arrivals import MeterKey


class Keys:
    """Numbers meters in the order in which they are met."""

    def __init__(self) -> None:
        self._number: dict[MeterKey, int] = {}

    def number(self, key: MeterKey) -> int:
        return self._number.setdefault(key, len(self._number))

    def all(self) -> tuple[MeterKey, ...]:
        return tuple(self._number)
