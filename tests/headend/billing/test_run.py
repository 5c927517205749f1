"""A run on several processes, two runs at once, and one that is broken off: every point has one bill, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from headend.billing.cycles import span_of
from headend.billing.keeping import Order, Outcome
from headend.billing.reckoning import NOTHING
from headend.billing.run import Site, bill_all, pieces
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.billing.site import TARIFF
from tests.storage.captures import capture

CYCLE = date(2026, 1, 1)
ORDER = Order(CYCLE, "li", True, "", NOTHING)
POINTS = 7


def prepared(conninfo: str, folder: Path) -> tuple[Site, list[tuple[int, str]]]:
    """Seven points whose meters showed 100 kWh more after January, T2 and T4 alike; the last meter was not read."""
    (folder / "any.toml").write_text(TARIFF, encoding="utf-8")
    asyncio.run(_prepare(conninfo))
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("SELECT id, tariff FROM usage_point ORDER BY id").fetchall()
    return Site(conninfo, folder, timedelta(hours=1)), [(number, tariff) for number, tariff in rows]


async def _prepare(conninfo: str) -> None:
    start, end = span_of(CYCLE, ZoneInfo("Asia/Shanghai"))
    names = range(POINTS)
    async with Registry(conninfo) as registry, Writer(conninfo) as writer:
        await registry.add(
            Additions(
                lines=(NewLine(name="bus", url="tcp://192.0.2.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(name=f"m{n}", address=str(n), model="dlt645_2007", line="bus", created=start)
                    for n in names
                ),
                points=tuple(NewUsagePoint(name=f"p{n}", tariff="step") for n in names),
                installations=tuple(NewInstallation(point=f"p{n}", meter=f"m{n}", start=start) for n in names),
            )
        )
        ids = [(await registry.meter(f"m{n}")).id for n in names]
        for time, total, rate in ((start, 0, 0), (end, 1_000_000, 500_000)):
            await writer.write([capture(i, time, values=(total, None, rate, None, rate)) for i in ids[:-1]])


async def ran(site: Site, wanted: Sequence[tuple[int, str]], cores: int = 1) -> list[Outcome]:
    return [each async for outcomes in bill_all(site, wanted, ORDER, cores) for each in outcomes]


def states(outcomes: list[Outcome]) -> list[str]:
    return [each.state for each in sorted(outcomes, key=lambda each: each.point)]


def kept(conninfo: str) -> tuple[int, int]:
    """Bills, and points that have one."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT usage_point_id) FROM bill").fetchone()
    assert row is not None
    return row[0], row[1]


def test_pieces_hold_points_of_one_tariff() -> None:
    found = pieces([(1, "a"), (2, "b"), (3, "a"), (4, "a")], 2)
    assert [(piece.tariff, piece.points) for piece in found] == [("a", (1, 3)), ("a", (4,)), ("b", (2,))]


def test_processes_bill_every_point_once(conninfo: str, tmp_path: Path) -> None:
    site, wanted = prepared(conninfo, tmp_path)
    assert states(asyncio.run(ran(site, wanted, 2))) == ["billed"] * 6 + ["refused"]
    assert kept(conninfo) == (6, 6)
    assert states(asyncio.run(ran(site, wanted))) == ["unchanged"] * 6 + ["refused"]


def test_two_runs_at_once_keep_one_bill_of_each(conninfo: str, tmp_path: Path) -> None:
    site, wanted = prepared(conninfo, tmp_path)

    async def both() -> tuple[list[Outcome], list[Outcome]]:
        return await asyncio.gather(ran(site, wanted), ran(site, wanted))

    first, second = asyncio.run(both())
    assert sorted([states(first)[0], states(second)[0]]) in (["billed", "unchanged"], ["unchanged", "unchanged"])
    assert kept(conninfo) == (6, 6)


def test_a_run_that_is_broken_off_goes_on(conninfo: str, tmp_path: Path) -> None:
    site, wanted = prepared(conninfo, tmp_path)
    (tmp_path / "other.toml").write_text(TARIFF.replace('"step"', '"other"'), encoding="utf-8")
    two = [(number, "other" if at < 3 else "step") for at, (number, _) in enumerate(wanted)]

    async def broken_off() -> int:
        async with aclosing(bill_all(site, two, ORDER, 1)) as run:
            async for outcomes in run:
                return len(outcomes)
        return 0

    assert asyncio.run(broken_off()) == 3
    assert kept(conninfo) == (3, 3)
    assert states(asyncio.run(ran(site, two))) == ["unchanged"] * 3 + ["billed"] * 3 + ["refused"]
