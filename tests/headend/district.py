"""Simulated districts in a database: points, meters, total meters, and hourly registers that count what is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.model import Capture
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewPlan, NewUsagePoint
from storage.registry import Registry
from storage.topology_entries import Area, AreaFeeder, AreaPoint, Feeder, TotalMeter
from storage.writer import Writer
from tests.storage.captures import capture

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
ENERGY: Final = BY_NAME["active_energy_import"]

Floats = NDArray[Any]


async def register(conninfo: str, areas: Mapping[str, Sequence[str]]) -> None:
    """Areas with their members; point P-m of meter m; total meters are named T-area; the areas hang on one feeder, F1,
    without a meter."""
    everyone = [m for members in areas.values() for m in members] + [f"T-{area}" for area in areas]
    points = [(m, area) for area, members in areas.items() for m in members]
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                feeders=(Feeder(name="F1"),),
                areas=tuple(Area(name=area) for area in areas),
                meters=tuple(
                    NewMeter(name=m, address=m, model="dlt645_2007", line="line", created=BEGIN) for m in everyone
                ),
                points=tuple(NewUsagePoint(name=f"P-{m}") for m, _ in points),
                installations=tuple(NewInstallation(point=f"P-{m}", meter=m, start=BEGIN) for m, _ in points),
                area_feeders=tuple(AreaFeeder(area=area, feeder="F1", start=BEGIN) for area in areas),
                area_points=tuple(AreaPoint(point=f"P-{m}", area=area, start=BEGIN) for m, area in points),
                totals=tuple(TotalMeter(meter=f"T-{area}", area=area, start=BEGIN) for area in areas),
            )
        )
        await registry.keep_plans([NewPlan(name="curve", period_s=3600, quantities=(ENERGY,), valid_from=BEGIN)], BEGIN)


async def plant(conninfo: str, areas: Mapping[str, tuple[Mapping[str, Floats], Floats]]) -> None:
    """`areas` is area to (meter to Wh an hour from `BEGIN` on, the same of the total meter)."""
    await register(conninfo, {area: list(members) for area, (members, _) in areas.items()})
    async with Registry(conninfo) as registry:
        known = {meter.name: meter.id for meter in await registry.meters()}
    async with Writer(conninfo) as writer:
        for area, (members, total) in areas.items():
            for name, wh in {**members, f"T-{area}": total}.items():
                await writer.write(_registers(known[name], wh))


def _registers(meter_id: int, wh: Floats) -> list[Capture]:
    """A register in steps of 0.1 Wh at every hour; a gap (NaN) leaves out the register at its end."""
    steps = 10_000_000 + np.concatenate([[0], np.cumsum(np.round(np.nan_to_num(wh) * 10))]).astype(np.int64)
    known = np.concatenate([[True], np.isfinite(wh)])
    return [capture(meter_id, BEGIN + n * HOUR, values=(int(steps[n]),)) for n in range(len(steps)) if known[n]]
