"""The safe of who sends: passwords for orders, and both of a meter while one is changed.

The new one is sealed before the meter is told, and both are kept until the meter has taken one.
"""

from __future__ import annotations

from headend.collection.survey import MeterPath
from headend.safety.command import CommandKey
from headend.safety.passwords import InForce, Outcome, Try
from headend.secrets.held import Held
from headend.secrets.making import new_password
from headend.secrets.safe import CONTROL, Entry, Safe
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.signer import PlainPassword
from protocols.errors import NotPermitted
from storage.secrets import SecretRow


class Vault(Safe):
    """`Keys` of who sends. Raises `StorageError`, `NotOpened`, `UsageFault` where no key is configured."""

    async def access(self, meter: MeterPath) -> Access | None:
        if await self.table.get(meter.name, CONTROL, "next") is not None:
            raise NotPermitted(
                f"a change of {meter.name}'s password came to no end: which of two it takes, another change finds out"
            )
        found = await self.password(meter.name)
        return None if found is None else found.access

    async def held(self, meter: str) -> list[Held]:
        rows = [await self.table.get(meter, CONTROL, state) for state in ("next", "current")]
        if rows[0] is None:
            rows.append(await self.table.given_up(meter, CONTROL))
        return [self._held(row) for row in rows if row is not None]

    async def make(self, key: CommandKey, old: Access) -> Access:
        password = new_password(PlainPassword(old.level, old.secret[::-1].hex().upper()))
        sealed = self.sealed(Entry(key.meter, CONTROL, password))
        kept = await self.table.make(
            key.meter, CONTROL, key.order, sealed.key_id, sealed.wrapped, sealed.data, "the daemon"
        )
        if not kept:
            raise NotPermitted("the command is not being sent any more, or another password is under way")
        return password.access

    async def made(self, key: CommandKey) -> Held | None:
        row = await self.table.made(key.meter, CONTROL, key.order)
        return None if row is None else self._held(row)

    async def take_up(self, meter: str) -> None:
        row = await self.table.given_up(meter, CONTROL)
        if row is not None:
            await self.table.take_up(row.id)

    async def give_up(self, meter: str, order: str = "") -> None:
        await self.table.give_up(meter, CONTROL, order)

    async def tries(self, key: CommandKey) -> list[Try]:
        return [Try(InForce(of), Outcome(outcome)) for of, outcome in await self.table.tries(key.order, key.meter)]

    async def begin_try(self, key: CommandKey, number: int, of: InForce) -> None:
        await self.table.begin_try(key.order, key.meter, number, of)

    async def end_try(self, key: CommandKey, number: int, outcome: Outcome) -> None:
        await self.table.end_try(key.order, key.meter, number, outcome)

    def _held(self, row: SecretRow) -> Held:
        return Held(row.state, self.opened(row).access)
