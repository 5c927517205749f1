"""Meters by what others call them: a name, an address on a line, an address alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.connection import Session
from storage.statements import load

SQL = load("meter_keys")


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """A meter that a key leads to. `is_active`: not suspended."""

    id: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Found:
    """`by_place`: by line and address. `by_address`: two where the address stands on several lines."""

    by_name: dict[str, FoundMeter] = field(default_factory=dict)
    by_place: dict[tuple[str, str], FoundMeter] = field(default_factory=dict)
    by_address: dict[str, list[FoundMeter]] = field(default_factory=dict)


class MeterKeys(Session):
    """One connection. Meters that are not yet, or no longer, there are not found."""

    async def find(self, names: Sequence[str], places: Sequence[tuple[str, str]], addresses: Sequence[str]) -> Found:
        """`places` are line and address. Raises `StorageError`."""
        given = {
            "names": list(names),
            "lines": [line for line, _ in places],
            "places": [address for _, address in places],
            "addresses": list(addresses),
        }
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["find"], given)).fetchall()
        found = Found()
        for kind, key, line, number, state in rows:
            meter = FoundMeter(number, state == "active")
            if kind == "name":
                found.by_name[key] = meter
            elif kind == "place":
                found.by_place[line, key] = meter
            else:
                found.by_address.setdefault(key, []).append(meter)
        return found

    async def revision(self) -> tuple[int, ...]:
        """As long as it stays the same, so does whatever `find` answers. Raises `StorageError`."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["revision"])).fetchone()
        assert row is not None
        return tuple(int(number) for number in row)
