"""Meters' passwords in the database, opened by who has the keys."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from headend.errors import UsageFault
from headend.secrets.envelope import Sealed, rewrap, seal, unseal
from headend.secrets.keyring import Keyring
from protocols.dlt645.services.signer import PlainPassword
from storage.secrets import SecretRow, SecretTable

CONTROL: Final = "control"
"""The password with which a meter takes orders."""
COLUMNS: Final = ("meter", "kind", "level", "password")


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One meter's password for one use."""

    meter: str
    kind: str
    password: PlainPassword

    def __repr__(self) -> str:
        return f"Entry({self.meter!r}, {self.kind!r})"


class Safe:
    """Errors name the meter, never the secret."""

    def __init__(self, table: SecretTable, keyring: Keyring | None) -> None:
        self.table = table
        self._keyring = keyring

    async def password(self, meter: str, kind: str = CONTROL, state: str = "current") -> PlainPassword | None:
        """None where none is known. Raises `StorageError`, `NotOpened`, `UsageFault` where no key is configured."""
        row = await self.table.get(meter, kind, state)
        return None if row is None else self.opened(row)

    def opened(self, row: SecretRow) -> PlainPassword:
        level, _, digits = unseal(self._keys, row.meter, row.kind, _sealed(row)).decode("ascii").partition(":")
        return PlainPassword(int(level), digits)

    def sealed(self, entry: Entry) -> Sealed:
        plain = f"{entry.password.level}:{entry.password.password}".encode("ascii")
        return seal(self._keys, entry.meter, entry.kind, plain)

    async def put(self, entry: Entry, by: str) -> None:
        """As people brought it: the current one before is past."""
        sealed = self.sealed(entry)
        await self.table.put(entry.meter, entry.kind, sealed.key_id, sealed.wrapped, sealed.data, by)

    async def confirm(self, meter: str, kind: str = CONTROL) -> bool:
        """False where no next one was."""
        return await self.table.confirm(meter, kind)

    async def rewrap(self) -> int:
        """All of them under the current key, past ones too; how many were under another. An old key may go then."""
        count = 0
        for row in await self.table.all():
            if row.key_id != self._keys.current:
                sealed = rewrap(self._keys, row.meter, row.kind, _sealed(row))
                count += await self.table.rewrap(row.id, row.key_id, sealed.key_id, sealed.wrapped)
        return count

    @property
    def _keys(self) -> Keyring:
        if self._keyring is None:
            raise UsageFault("no key opens meters' passwords: set secrets.key_file, or the variable secrets.key_env")
        return self._keyring


def _sealed(row: SecretRow) -> Sealed:
    return Sealed(row.key_id, bytes(row.wrapped), bytes(row.data))


def read_csv(lines: Iterable[str], name: str) -> Iterator[Entry]:
    """Columns meter, kind (empty: control), level, password (six hex digits, P2 first). Raises `UsageFault`, in which
    no password is shown."""
    rows = csv.DictReader(lines)
    if rows.fieldnames is None or set(rows.fieldnames) != set(COLUMNS):
        raise UsageFault(f"{name}: expected the columns {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, 2):
        meter, kind = row["meter"] or "", row["kind"] or CONTROL
        try:
            password = PlainPassword(int(row["level"] or ""), row["password"] or "")
        except ValueError:
            raise UsageFault(f"{name}: line {number}: expected a level from 0 to 9 and six hex digits") from None
        if not meter:
            raise UsageFault(f"{name}: line {number}: no meter")
        yield Entry(meter, kind, password)
