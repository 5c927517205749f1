"""A small network with readings behind the API, and people with tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import msgspec
from starlette.types import ASGIApp

from headend.api.app import build
from headend.api.caller import Caller
from headend.api.house import House
from headend.config import Config, Database
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.people import Granted, Person, Role
from storage.registry import Registry
from storage.topology_entries import Area, AreaPoint, TotalMeter
from storage.writer import Writer
from tests.storage.captures import capture

T0: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEGAN: Final = T0 - timedelta(days=30)
AREAS: Final = ("east", "west")


@dataclass
class Keys:
    """Knows a handful of tokens."""

    held: dict[str, Caller] = field(default_factory=dict)

    async def caller(self, secret: str) -> Caller | None:
        return self.held.get(secret)


def person(name: str, number: int, *grants: tuple[Role, str]) -> Person:
    """With one area a grant."""
    granted = tuple(Granted(n, role, None, frozenset({area})) for n, (role, area) in enumerate(grants))
    return Person(name, is_person=True, grants=granted, token=number)


ROLES: Final = {
    name: Role(name, frozenset(steps), frozenset(oversight), administers=name == "administrator")
    for name, steps, oversight in (
        ("reader", (), ()),
        ("operator", ("release",), ("stop",)),
        ("administrator", (), ()),
    )
}
KEYS: Final = {
    token: Caller.of(one)
    for token, one in {
        "everything-token-0": person("root", 1, (ROLES["operator"], "*"), (ROLES["administrator"], "*")),
        "reader-of-all-tok1": person("anna", 2, (ROLES["reader"], "*")),
        "reader-of-east-t02": person("emil", 3, (ROLES["reader"], "east")),
        "nothing-at-all-tk3": person("nils", 4, (ROLES["administrator"], "*")),
    }.items()
}
ALL, READER, EAST, NOTHING = KEYS


def configured(conninfo: str, **api: Any) -> Config:
    table = msgspec.convert(api, type(Config().api))
    return Config(database=Database(dsn=conninfo), api=table, path="headend.toml")


@asynccontextmanager
async def client(app: ASGIApp, token: str | None = ALL) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the application without a socket."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as asking:
        yield asking


@asynccontextmanager
async def opened(config: Config, now: datetime = T0 + timedelta(hours=1)) -> AsyncIterator[ASGIApp]:
    house = House(config, config.database.dsn, lambda: now)
    try:
        yield build(house, Keys(dict(KEYS)))
    finally:
        await house.close()


async def furnish(conninfo: str, meters: int = 4, slots: int = 4, days: int = 1) -> None:
    """Meters m-01, m-02 ...: odd ones stand in the east, even ones in the west; m-t measures the east, and s-00 stands
    nowhere. All of them gave seven values in `slots` quarter-hours from T0 on, on each of `days`."""
    names = [f"m-{number:02}" for number in range(1, meters + 1)]
    everyone = [*names, "m-t", "s-00"]
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="bus", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(name=name, address=f"{number:012}", model="dlt645_2007", line="bus", created=BEGAN)
                    for number, name in enumerate(everyone, 1)
                ),
                points=tuple(NewUsagePoint(name=f"p-{name}") for name in names),
                installations=tuple(NewInstallation(point=f"p-{n}", meter=n, start=BEGAN) for n in names),
                areas=tuple(Area(name=name) for name in AREAS),
                area_points=tuple(
                    AreaPoint(point=f"p-{name}", area=AREAS[number % 2], start=BEGAN)
                    for number, name in enumerate(names)
                ),
                totals=(TotalMeter(meter="m-t", area="east", start=BEGAN),),
            )
        )
        ids = [meter.id for meter in await registry.meters()]
    async with Writer(conninfo) as writer:
        await writer.write(
            [
                capture(
                    number,
                    T0 + timedelta(days=day, minutes=15 * slot),
                    values=[number * 1000 + slot + k for k in range(7)],
                )
                for number in ids
                for day in range(days)
                for slot in range(slots)
            ]
        )
