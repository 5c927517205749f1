"""A case as a folder: what it says, its history, and what the readings look like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.theft.grid import gridded
from analytics.theft.profile import population
from headend.theft.cases import told, told_history
from headend.theft.plots import Picture, draw
from headend.theft.stored import Stored, given
from storage.theft import Case, Entry


async def export(conninfo: str, case: Case, history: Sequence[Entry], zone: ZoneInfo, folder: Path) -> list[Path]:
    """`case.json`, `days.png`, `balance.png`; pictures of the last scan's days, where there is one. Raises
    `UsageFault`, `OSError`, storage errors."""
    file = _written(case, history, folder)
    if case.suspicion is None:
        return [file]
    days: tuple[date, date] = (case.suspicion.first, case.suspicion.until)
    area = case.suspicion.evidence.get("area")
    read = await given(conninfo, days, zone, None if area is None else [area])
    picture = _picture(case, read, area)
    return [file] if picture is None else [file, *draw(picture, folder)]


def _written(case: Case, history: Sequence[Entry], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "case.json"
    content = {**told(case), "history": told_history(history)}
    file.write_text(json.dumps(content, ensure_ascii=False, indent=2, default=_spelled) + "\n", encoding="utf-8")
    return file


def _spelled(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _picture(case: Case, read: Stored, area: str | None) -> Picture | None:
    if case.meter not in read.reported.names or not len(read.reported.times):
        return None
    grid = gridded(read.reported, "readings")
    people = population(grid.cells)
    own = grid.cells[grid.names.index(case.meter)]
    supplied = lacking = None
    if read.totals is not None and area in read.totals.names:
        totals = gridded(read.totals, "area meters", like=grid)
        supplied = totals.cells[totals.names.index(str(area))]
        members = [grid.names.index(m) for m, a in read.membership if a == area and m in grid.names]
        lacking = supplied - np.nan_to_num(grid.cells[members]).sum(axis=0)
    assert case.suspicion is not None
    since: Any = case.suspicion.evidence.get("since")
    days = grid.first_day + np.arange(own.shape[0]).astype("timedelta64[D]")
    return Picture(
        case.meter, days, own, people.by_day, supplied, lacking, None if since is None else np.datetime64(since, "D")
    )
