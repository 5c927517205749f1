"""A line loss report as rows: a day of a place, and a place."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

from analytics.lineloss import Place

ENERGIES: Final = ("supplied", "fed_in", "metered", "loss", "technical", "unexplained", "estimated")
COLUMNS: Final = (
    "level", "name", "feeder", "day", *(f"{what}_kwh" for what in ENERGIES), "loss_percent", "technical_percent",
    "covered_percent", "meters", "missing", "reasons",
)  # fmt: skip


def daily(places: Sequence[Place], wh: float) -> Iterable[dict[str, Any]]:
    """A row a place and day; `wh` is what one unit of the readings is in Wh."""
    for place in places:
        for day in place.days:
            yield {
                "level": place.level,
                "name": place.name,
                "feeder": place.feeder,
                "day": str(day.day),
                **{f"{what}_kwh": _kwh(getattr(day, what), wh) for what in ENERGIES},
                "loss_percent": _percent(day.loss, day.supplied),
                "technical_percent": _percent(day.technical, day.supplied),
                "covered_percent": round(100 * day.covered, 1),
                "meters": day.meters,
                "missing": day.missing,
                "reasons": list(day.codes),
            }


def summary(place: Place, wh: float) -> dict[str, Any]:
    """A place over the period, with its anomalies."""
    supplied = place.total("supplied")
    return {
        "level": place.level,
        "name": place.name,
        "feeder": place.feeder,
        "summed": place.summed,
        **{f"{what}_kwh": _kwh(place.total(what), wh) for what in ENERGIES},
        "loss_percent": _percent(place.total("loss"), supplied),
        "technical_percent": _percent(place.total("technical"), supplied),
        "anomalies": [
            {
                "code": one.code,
                "text": one.text,
                "meter": one.meter,
                "since": None if one.day is None else str(one.day),
                "kwh": _kwh(one.energy, wh),
            }
            for one in place.anomalies
        ],
    }


def write_csv(rows: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "reasons": "; ".join(row["reasons"])})


def _kwh(energy: float, wh: float) -> float:
    return round(energy * wh / 1000, 3) + 0.0


def _percent(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 3) if whole > 0 else None
