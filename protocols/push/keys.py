"""The meters of a batch, each once, by number."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.push.arrivals import MeterKey


class Keys:
    """Numbers meters in the order in which they are met."""

    def __init__(self) -> None:
        # Tuples instead of the keys, which they equal: cheaper to make.
        self._number: dict[tuple[str, str, str], int] = {}

    def number(self, name: str, address: str, line: str) -> int:
        return self._number.setdefault((name, address, line), len(self._number))

    def numbers(self, names: Sequence[str], addresses: Sequence[str], line: str) -> list[int]:
        """One for each; -1 where both name and address are empty, or one has a NUL."""
        known, found = self._number, []
        for name, address in zip(names, addresses, strict=True):
            told = (name, address, line)
            number = known.get(told)
            if number is None:
                if not (name or address) or "\0" in name or "\0" in address:
                    found.append(-1)
                    continue
                number = known[told] = len(known)
            found.append(number)
        return found

    def addresses(self, addresses: Sequence[str], line: str) -> list[int]:
        """The same for addresses that are digits."""
        known, count = self._number, self._number.__len__
        return [known.setdefault(("", address, line), count()) for address in addresses]

    def all(self) -> tuple[MeterKey, ...]:
        return tuple(map(MeterKey._make, self._number))
