"""Line loss out of the database: a piece at a time, on one core or two, it says to the bit what all at once does."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.lineloss import Input, Member, Place, Report, line_loss
from analytics.theft import Frame
from headend.errors import UsageFault
from headend.lineloss.stored import report
from headend.series.stored import EXPORT, energies
from simulators.theft import District, district, homes
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registers import Of
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import Area, AreaFeeder, AreaPoint, Feeder, TotalMeter
from storage.writer import Writer
from tests.headend.district import BEGIN, HOUR, plant
from tests.storage.captures import capture

DAYS, SLOTS, COUNT, AREAS = 21, 24, 8, 7
SPAN = date(2026, 3, 2), date(2026, 3, 23)
FLOATS = NDArray[Any]
UTC_ZONE = ZoneInfo("UTC")


def districts() -> list[District]:
    used = homes(COUNT * AREAS, DAYS, SLOTS, 5)
    made = []
    for a in range(AREAS):
        thieves = {3: ("interruptions", 10)} if a % 2 else {}
        made.append(district(used[a * COUNT : (a + 1) * COUNT], thieves, a))
    return made


async def planted(conninfo: str) -> None:
    """Gaps, a member on the wrong list, an area that loses far more than others, meters that feed in, a feeder of its
    own meter, an area of the feeder's name, an area without members, a point without an area."""
    rng = np.random.default_rng(3)
    given: dict[str, tuple[dict[str, FLOATS], FLOATS]] = {}
    for a, part in enumerate(districts()):
        lines = {f"m{a}{k}": part.reported[k].ravel().astype(float) for k in range(COUNT)}
        for line in lines.values():
            line[rng.random(len(line)) < 0.02] = np.nan
        total = part.total.ravel() * (1.1 if a == 2 else 1.0)
        given[f"A{a}" if a else "F2"] = (lines, total)
    for area, name in (("A1", "m14"), ("A2", "m24")):
        given["A6"][0][name] = given[area][0].pop(name)
    await plant(conninfo, given)
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                feeders=(Feeder(name="F2"),),
                areas=(Area(name="empty"), Area(name="blind")),
                meters=tuple(
                    NewMeter(name=n, address=n, model="dlt645_2007", line="line", created=BEGIN)
                    for n in ("T-F2-own", "T-empty", "alone")
                ),
                points=tuple(NewUsagePoint(name=name) for name in ("P-alone", "P-bare")),
                installations=(NewInstallation(point="P-alone", meter="alone", start=BEGIN),),
                area_feeders=(AreaFeeder(area="empty", feeder="F2", start=BEGIN),),
                area_points=(AreaPoint(point="P-bare", area="blind", start=BEGIN),),
                totals=(
                    TotalMeter(meter="T-F2-own", feeder="F1", start=BEGIN),
                    TotalMeter(meter="T-empty", area="empty", start=BEGIN),
                ),
            )
        )
        ids = {meter.name: meter.id for meter in await registry.meters()}
    whole = sum((total for _, total in given.values()), np.zeros(DAYS * SLOTS))
    async with Writer(conninfo) as writer:
        for name, wh in (("T-F2-own", whole * 1.01), ("T-empty", whole * 0.1), ("alone", whole * 0.01)):
            steps = np.concatenate([[0], np.cumsum(np.round(wh * 10))]).astype(np.int64)
            await writer.write([capture(ids[name], BEGIN + n * HOUR, values=(int(s),)) for n, s in enumerate(steps)])
        for name in ("m40", "m42", "T-A4"):
            steps = np.cumsum(rng.integers(0, 3000, DAYS * SLOTS + 1) * (rng.random(DAYS * SLOTS + 1) < 0.3))
            rows = [((None,) * 5 + (int(s),), n) for n, s in enumerate(steps)]
            await writer.write([capture(ids[name], BEGIN + n * HOUR, values=row) for row, n in rows])


async def at_once(conninfo: str) -> Report:
    """The same of everything that is stored, held in memory."""

    async def of(kind: Of, **more: Any) -> Any:
        return await energies(conninfo, kind, None, SPAN, UTC_ZONE, step_minutes=60, **more)

    async with Topology(conninfo) as topology:
        links, fed = await topology.area_points(), await topology.area_feeders()
    points, areas, feeders = [await of(kind) for kind in (Of.POINT, Of.AREA, Of.FEEDER)]
    spelled = {name: f"{name} (feeder)" if name in areas.names else name for name in ("F1", "F2")}

    def frame(read: Any, more: Any = None) -> Frame:
        if more is None:
            return Frame(read.names, read.wall, read.wh)
        names = (*read.names, *(spelled[name] for name in more.names))
        return Frame(names, read.wall, np.concatenate([read.wh, more.wh], axis=1))

    def fed_in(whole: Frame) -> Frame | None:
        held = np.nonzero(np.isfinite(whole.values).any(axis=0))[0].tolist()
        return Frame([whole.names[k] for k in held], whole.times, whole.values[:, held]) if held else None

    return line_loss(
        Input(
            frame(points),
            frame(areas, feeders),
            [Member(x.point, x.area, np.datetime64(x.start.replace(tzinfo=None), "s"), None) for x in links],
            fed_in(frame(await of(Of.POINT, quantity=EXPORT))),
            fed_in(frame(await of(Of.AREA, quantity=EXPORT), await of(Of.FEEDER, quantity=EXPORT))),
            {x.area: spelled[x.feeder] for x in fed},
        )
    )


def told(place: Place) -> tuple[Any, ...]:
    return place.level, place.name, place.feeder, place.summed, place.technical, place.days, place.anomalies


def test_pieces_say_the_same_to_the_bit(conninfo: str) -> None:
    asyncio.run(planted(conninfo))
    whole = asyncio.run(at_once(conninfo))
    small = DAYS * SLOTS * 7
    for cores, piece in ((1, 10**9), (1, small), (2, small)):
        found = asyncio.run(report(conninfo, SPAN, UTC_ZONE, cores, piece))
        assert [told(place) for place in found.places] == [told(place) for place in whole.places]
        assert found.notes == whole.notes
    codes = {one.code for place in whole.places for one in place.anomalies}
    assert {"high_constant_loss", "wrong_area"} <= codes, "what takes the other areas to tell"
    (fed_in,) = [place for place in whole.places if place.name == "A4"]
    assert fed_in.total("fed_in") > 0
    levels = {(place.level, place.name, place.summed) for place in whole.places}
    assert ("feeder", "F1", False) in levels
    assert len(whole.notes) == 3


def test_a_point_alone_is_never_read_alone(conninfo: str) -> None:
    """One more than fits: the last two pieces are one."""
    asyncio.run(planted(conninfo))
    whole = asyncio.run(at_once(conninfo))
    points = COUNT * AREAS + 1
    found = asyncio.run(report(conninfo, SPAN, UTC_ZONE, 1, DAYS * SLOTS * (points - 1)))
    assert [told(place) for place in found.places] == [told(place) for place in whole.places]


def test_what_is_missing_is_told(conninfo: str) -> None:
    with pytest.raises(UsageFault, match="no area has a total meter"):
        asyncio.run(report(conninfo, SPAN, UTC_ZONE))

    async def without_points() -> None:
        async with Registry(conninfo) as registry:
            await registry.add(
                Additions(
                    lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                    areas=(Area(name="A"),),
                    meters=(NewMeter(name="T", address="1", model="dlt645_2007", line="line", created=BEGIN),),
                    totals=(TotalMeter(meter="T", area="A", start=BEGIN),),
                )
            )

    asyncio.run(without_points())
    with pytest.raises(FrameUnusable, match="readings"):
        asyncio.run(report(conninfo, SPAN, UTC_ZONE))
