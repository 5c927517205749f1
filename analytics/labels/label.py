"""Labels of customers, from a table of energies and what befell them. Pure; by parts on all cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.day_types import Calendar
from analytics.errors import FrameUnusable
from analytics.forecast.panel import panel
from analytics.labels import judge
from analytics.labels.days import Days
from analytics.labels.rules import Rules, shipped
from analytics.labels.words import Label, Labelled, Outage
from analytics.theft.words import Frame

BY_LOAD: Final = ("load_shape", "base_load", "peak_hour", "pv_owner", "flexible_load")
_PART: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """What is known beside the energies. `category`: of a customer, as registered; `exports`: what was fed in, a table
    like the energies'; `supplied`: those of whom outages would be known, None: nobody."""

    exports: Frame | None = None
    outages: Sequence[Outage] = ()
    supplied: Sequence[str] | None = None
    category: Mapping[str, str] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()


def label(
    energies: Frame,
    wh: float,
    at: datetime,
    calendar: Calendar | None = None,
    further: Further | None = None,
    rules: Rules | None = None,
    pool: Executor | None = None,
) -> Labelled:
    """By name and label. `wh`: what one unit of the energies is in Wh; `at`: from when on the labels hold.

    Raises `FrameUnusable`.
    """
    rules, further = rules or shipped(), further or Further()
    placed, notes = panel(energies, calendar, 0, None, further.holidays)
    if placed.slots < 4:
        raise FrameUnusable(
            f"readings: a step of {placed.step_s} s tells no shape of a day, expected six hours or less"
        )
    exported = _exported(further.exports, wh, notes)
    size = max(_PART // max(placed.days * placed.slots, 1), 1)

    def part(first: int) -> tuple[dict[str, judge.Found], tuple[str, ...], int]:
        w = placed.cells[first : first + size] * (wh * 3600 / placed.step_s)
        full = np.asarray(np.isfinite(w).mean(axis=2) >= rules.read_share)
        enough = np.nonzero(full.sum(axis=1) >= rules.least_days)[0]
        names = tuple(placed.names[first + int(k)] for k in enough)
        days = Days(names, w[enough], full[enough], placed.kind > 0, placed.step_s)
        base, found = judge.base_load(days, rules.base_load)
        return {
            "load_shape": judge.load_shape(days, rules.load_shape),
            "base_load": found,
            "peak_hour": judge.peak_hour(days, rules.peak_hour),
            "pv_owner": judge.pv_owner(days, rules.pv_owner, exported),
            "flexible_load": judge.flexible_load(days, rules.flexible_load, base),
        }, names, len(w)  # fmt: skip

    places = range(0, len(placed.names), size)
    made: list[Label] = []
    known: list[str] = []
    for by_label, names, _ in (pool.map if pool is not None and len(places) > 1 else map)(part, places):
        known.extend(names)
        for kind, found in by_label.items():
            made += [_label(names[k], kind, value, why, rules, at) for k, (value, why) in found.items()]
    if len(known) < len(placed.names):
        notes.append(
            f"readings: of {len(placed.names) - len(known)} there are fewer than {rules.least_days} days that were "
            "read, they are not labelled by their load"
        )
    judged = dict.fromkeys(BY_LOAD, tuple(sorted(known)))
    if further.supplied is not None:
        made += _sensitive(further, rules, at)
        judged["outage_sensitive"] = tuple(sorted(set(further.supplied)))
    made.sort(key=lambda one: (one.name, one.label))
    return Labelled(tuple(made), judged, tuple(notes))


def _label(name: str, kind: str, value: str, evidence: Mapping[str, str], rules: Rules, at: datetime) -> Label:
    expires = at + timedelta(days=getattr(rules, kind).valid_days)
    return Label(name, kind, value, kind, rules.version, dict(evidence), at, expires)


def _exported(given: Frame | None, wh: float, notes: list[str]) -> dict[str, NDArray[np.float64]]:
    """kWh by day."""
    if given is None or not given.names:
        return {}
    placed, more = panel(given, None, 0)
    notes += more
    cells: Any = placed.cells
    daily = np.where(np.isfinite(cells), cells, 0).sum(axis=2, dtype=np.float64) * wh / 1000
    return dict(zip(placed.names, daily, strict=True))


def _sensitive(further: Further, rules: Rules, at: datetime) -> list[Label]:
    rule = rules.outage_sensitive
    since = at - timedelta(days=rule.window_days)
    by_name: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in further.outages:
        start, end = max(one.start, since), min(one.end or at, at)
        if start < end:
            by_name.setdefault(one.name, []).append((start, end))
    made = []
    for name in sorted(set(further.supplied or ())):
        spans = _merged(by_name.get(name, []))
        hours = sum(((end - start) / timedelta(hours=1) for start, end in spans), 0.0)
        category = further.category.get(name, "")
        evidence = {"outages": str(len(spans)), "hours": judge.number(hours, 1), "days": str(rule.window_days)}
        if category in rule.categories:
            made.append(_label(name, "outage_sensitive", "registered", {**evidence, "category": category}, rules, at))
        elif len(spans) >= rule.least_outages or hours >= rule.least_hours:
            made.append(_label(name, "outage_sensitive", "suffered", evidence, rules, at))
    return made


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Outages of a meter, its branch and its district that overlap are one."""
    made: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], end)
        else:
            made.append((start, end))
    return made
