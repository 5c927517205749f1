"""Usage points with a meter each whose registers rise by known steps, in a real database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from headend.validation.commit import Order, Outcome
from headend.validation.run import validate
from headend.validation.settings import Rules, VeeTable, rules_of
from protocols.model import Capture, Source
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.validated import Validated, Which
from storage.validated_days import Days
from storage.writer import Writer
from tests.storage.captures import capture

IMPORT = BY_NAME["active_energy_import"]
EXPORT = BY_NAME["active_energy_export"]
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
RULES = replace(rules_of(VeeTable(calendar=""), None), near=timedelta(minutes=1))  # type: ignore[arg-type]
ORDER = Order("Li", RULES.parameters.version, RULES.contents)


def midnight(day: date, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def energies(count: int, seed: int = 0) -> list[int]:
    """Steps by interval that nothing is found wrong with: no two neighbours alike, no peak."""
    return [2000 + 100 * ((at * 7 + seed) % 13) for at in range(count)]


@dataclass
class Site:
    """`start`: of the first interval; registers begin at 5,000 kWh."""

    conninfo: str
    start: datetime
    zone: ZoneInfo = SHANGHAI
    ids: dict[str, int] = field(default_factory=dict)
    """Of meters."""
    points: dict[str, int] = field(default_factory=dict)

    async def build(self, count: int = 1, installed: datetime = LONG_AGO, **point: object) -> None:
        """Points p1... with the meters m1... at them from then on."""
        names = range(1, count + 1)
        added = Additions(
            lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
            meters=tuple(
                NewMeter(name=f"m{n}", address=str(n), model="dlt645_2007", line="line", created=LONG_AGO)
                for n in names
            ),
            points=tuple(NewUsagePoint(name=f"p{n}", **point) for n in names),  # type: ignore[arg-type]
            installations=tuple(NewInstallation(point=f"p{n}", meter=f"m{n}", start=installed) for n in names),
        )
        async with Registry(self.conninfo) as registry:
            await registry.add(added)
            self.ids = {meter.name: meter.id for meter in await registry.meters()}
        async with Validated(self.conninfo) as session, session.use() as connection:
            rows = await (await connection.execute("SELECT name, id FROM usage_point")).fetchall()
            self.points = dict(rows)

    def captures(
        self, meter: str, steps: Sequence[int], missing: Iterable[int] = (), export: Sequence[int] | None = None
    ) -> list[Capture]:
        """Registers at the boundaries of `steps`, but for those `missing`."""
        gone = set(missing)
        registers = [50_000_000 + sum(steps[:at]) for at in range(len(steps) + 1)]
        other = [sum(export[:at]) for at in range(len(steps) + 1)] if export is not None else [None] * len(registers)
        return [
            capture(
                self.ids[meter], self.start + at * QUARTER, values=(registers[at], None, None, None, None, other[at])
            )
            for at in range(len(registers))
            if at not in gone
        ]

    async def store(self, captures: Sequence[Capture]) -> None:
        async with Writer(self.conninfo) as writer:
            await writer.write(list(captures))

    async def vee(
        self, first: date, until: date, names: Sequence[str] | None = None, rules: Rules = RULES, order: Order = ORDER
    ) -> Outcome:
        return await validate(self.conninfo, rules, self.zone, names, (first, until), order)

    async def days(
        self, first: date, until: date, names: Sequence[str] | None = None, as_of: int | None = None
    ) -> Days:
        points = None if names is None else [self.points[name] for name in names]
        which = Which(points, [IMPORT, EXPORT], 900, first, until)
        async with Validated(self.conninfo) as validated:
            return Days.joined(900, [batch async for batch in validated.days(which, as_of, whole=True)])


def recorded(captures: Sequence[Capture]) -> list[Capture]:
    """The same, read later from what the meter had kept."""
    return [replace(one, source=Source.RECORD) for one in captures]


def kwh(steps: int) -> Decimal:
    return IMPORT.value(steps)
