"""Final bills: kept with everything that they rest on, never changed; a further version supersedes one.

What is JSON comes and goes as text or decoded: its numbers are strings holding exact decimals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from storage.connection import Row, Session
from storage.reader import array
from storage.statements import load
from storage.validated import Freezing, freeze

SQL = load("bills")


@dataclass(frozen=True, slots=True)
class NewBill:
    """In the order of the table. `tariff`: the digest of its text; `digest`: of what makes two bills the same."""

    point_id: int
    cycle: date
    version: int
    start: datetime
    end: datetime
    tariff: bytes
    currency: str
    total: Decimal
    exact: Decimal
    arrears: Decimal
    energy: Decimal
    estimated: Decimal
    completeness: Decimal
    digest: bytes
    determinants: str
    registers: str
    lines: str
    context: str
    carried: str
    actor: str
    reason: str = ""
    difference: str | None = None


_FIELDS = tuple(field.name for field in fields(NewBill))


@dataclass(frozen=True, slots=True)
class Before:
    """What the next cycle's bill goes on from."""

    id: int
    version: int
    registers: list[dict[str, Any]]
    carried: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Current:
    """The newest version of a bill."""

    id: int
    version: int
    digest: bytes
    total: Decimal
    told: dict[str, dict[str, str]]
    """What a person stated when it was made."""


@dataclass(frozen=True, slots=True)
class KeptBill:
    """`tariff_digest` in hexadecimal digits. `superseded`: there is a newer version."""

    id: int
    point: str
    cycle: date
    version: int
    start: datetime
    end: datetime
    tariff: str
    tariff_digest: str
    currency: str
    total: Decimal
    exact: Decimal
    arrears: Decimal
    energy: Decimal
    estimated: Decimal
    completeness: Decimal
    actor: str
    reason: str
    made: datetime
    superseded: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bill consists of, as JSON holds it."""

    determinants: dict[str, Any]
    registers: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    context: dict[str, Any]
    carried: dict[str, Any]
    difference: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class TariffText:
    digest: bytes
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ContractRow:
    """What is agreed from `start` on."""

    start: datetime
    capacity_kva: Decimal | None
    contract_kw: Decimal | None
    basic_charge: str
    actor: str
    reason: str
    entered: datetime


class Bills(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def before(self, points: Collection[int], moment: datetime) -> dict[int, Before]:
        """By point, the newest final bills that end there."""
        rows = await self._rows("before", {"points": array(points), "moment": moment})
        return {point: Before(*rest) for point, *rest in rows}

    async def current(self, points: Collection[int], cycle: date) -> dict[int, Current]:
        rows = await self._rows("current", {"points": array(points), "cycle": cycle})
        return {point: Current(*rest) for point, *rest in rows}

    async def keep(
        self, bills: Sequence[NewBill], tariff: TariffText, freezing: Mapping[int, Freezing] | None = None
    ) -> None:
        """All of them or none, of one cycle. `freezing`: by point, the days that its bill stands on.

        Raises `AlreadyThere` where somebody kept one of them meanwhile, `Rejected` where such a day was validated anew.
        """
        if not bills:
            return
        given = {"digest": tariff.digest, "name": tariff.name, "text": tariff.text}
        async with self.transaction() as connection:
            await connection.execute(SQL["keep_tariff"], given)
            async with connection.cursor() as cursor, cursor.copy(SQL["keep"]) as copy:
                for bill in bills:
                    await copy.write_row([getattr(bill, name) for name in _FIELDS])
            if freezing:
                which = {"cycle": bills[0].cycle, "points": array(freezing)}
                numbers = dict(await (await connection.execute(SQL["kept"], which)).fetchall())
                for point, days in sorted(freezing.items()):
                    await freeze(connection, replace(days, bill=numbers[point]))

    async def bills(
        self,
        *,
        ids: Collection[int] | None = None,
        points: Collection[str] | None = None,
        cycle: date | None = None,
        superseded: bool = False,
        limit: int = 1000,
    ) -> list[KeptBill]:
        """The latest cycle first; `superseded`: those, too."""
        given = {
            "ids": array(ids), "points": None if points is None else list(points), "cycle": cycle,
            "all": superseded or ids is not None, "limit": limit,
        }  # fmt: skip
        return [KeptBill(*row) for row in await self._rows("bills", given)]

    async def contents(self, ids: Collection[int]) -> dict[int, Contents]:
        return {number: Contents(*rest) for number, *rest in await self._rows("contents", {"ids": array(ids)})}

    async def tariff(self, digest: str) -> TariffText:
        """By its digest in hexadecimal digits, as a bill has it."""
        ((name, text),) = await self._rows("tariff_text", {"digest": digest})
        return TariffText(bytes.fromhex(digest), name, text)

    async def agree(self, point: str, row: ContractRow) -> bool:
        """Whether there is such a point. Raises `AlreadyThere` where something is agreed from that moment on."""
        given = {
            "point": point, "start": row.start, "kva": row.capacity_kva, "kw": row.contract_kw,
            "choice": row.basic_charge, "actor": row.actor, "reason": row.reason,
        }  # fmt: skip
        return bool(await self._rows("add_contract", given))

    async def agreed(self, point: str) -> list[ContractRow]:
        """By time."""
        return [ContractRow(*row) for row in await self._rows("contracts", {"point": point})]

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
