"""Some usage points p0, p1, ... in one area, each with a meter m0, m1, ... that has stood there since `began`."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg

from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.topology_entries import Area, AreaPoint


async def settle(conninfo: str, count: int, began: datetime) -> dict[str, int]:
    """Meter's name to its id."""
    numbers = range(count)
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                areas=(Area(name="TR01"),),
                points=tuple(NewUsagePoint(name=f"p{n}") for n in numbers),
                meters=tuple(
                    NewMeter(name=f"m{n}", address=f"{n + 1:012}", model="dlt645_2007", line="line", created=began)
                    for n in numbers
                ),
                installations=tuple(NewInstallation(meter=f"m{n}", point=f"p{n}", start=began) for n in numbers),
                area_points=tuple(AreaPoint(point=f"p{n}", area="TR01", start=began) for n in numbers),
            )
        )
        return {meter.name: meter.id for meter in await registry.meters()}


_STEPS = ("draft", "approved", "released", "sent", "acknowledged", "verified")


def command(conninfo: str, key: str, point: str, function: str, state: str, *, at: datetime) -> None:
    """An order for load control at one point that has come as far as `state`, or was rejected."""
    _order(conninfo, key, [point], function, state, at)


def seen_cut(conninfo: str, key: str, points: list[str], *, at: datetime, state: str = "verified") -> None:
    """The order of an event, and what became of it at these points."""
    _order(conninfo, key, points, "trip", state, at)


def _order(conninfo: str, key: str, points: list[str], function: str, state: str, at: datetime) -> None:
    steps = ("draft", "rejected") if state == "rejected" else _STEPS[: _STEPS.index(state) + 1]
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("INSERT INTO person (name, is_person, by) VALUES ('li', true, 'test') ON CONFLICT DO NOTHING")
        db.execute(
            "INSERT INTO command_order (key, version, digest, asked, function, reason, requester, source, not_before,"
            " expires, by, at) VALUES (%s, 1, '', '', %s, 'load_control', 'li', 'person', %s, %s, 'li', %s)",
            (key, function, at, at + timedelta(hours=1), at),
        )
        for point in points:
            meter = point.replace("p", "m")
            db.execute(
                "INSERT INTO command_target (key, version, meter, address, line, point, area, feeder, label)"
                " VALUES (%s, 1, %s, '', '', %s, '', '', '')",
                (key, meter, point),
            )
            for number, after in enumerate(steps):
                before, claim = (steps[number - 1] if number else None), (f"{key}-{meter}" if after == "sent" else "")
                db.execute(
                    "INSERT INTO command_transition (key, meter, number, version, before, after, claim, by, at)"
                    " VALUES (%s, %s, %s, 1, %s, %s, %s, 'li', %s)",
                    (key, meter, number, before, after, claim, at + timedelta(seconds=number)),
                )
