"""Deeds as they come true at meters: what they measure, what they use, and what they notice of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Final

from simulators.customers import VACANT
from simulators.deeds import Deed, Step
from simulators.dlt645 import Dlt645Station
from simulators.load import SHAPES, Curve, Load, Shape, draw_load, mixed
from simulators.meter import VirtualMeter
from simulators.wiring import HONEST, SWAP, THEFTS

_COVER_S: Final = 600
_WHOLE: Final = 1000


def perform(step: Step, station: Dlt645Station | None) -> None:
    """`station`: of a DL/T 645 meter, which writes down what it notices."""
    deed, at = step.deed, step.moment
    meter = deed.customer.meter
    assert meter is not None
    if station is not None:
        station.memory(at).catch_up(at)
    if deed.what == "change":
        load, use = changed(deed, meter) if step.on else (meter.load, _WHOLE)
        meter.change(at, load=load, use=use)
        return
    kind = THEFTS[deed.kind]
    if station is not None and step.opened and getattr(deed.table, "covers", False):
        station.happen(kind.cover, at, _COVER_S)
    if deed.kind == SWAP:
        _swap(deed, meter, at, step.on)
        return
    meter.rewire(at, kind.wire(deed.phase, deed.table.per_mille) if step.on else HONEST)
    if station is not None and step.on and kind.event:
        lasts = None if step.ends is None else (step.ends - at).total_seconds()
        station.happen(kind.event.format(n=deed.phase + 1), at, lasts)


def _swap(deed: Deed, meter: VirtualMeter, at: datetime, on: bool) -> None:
    other = deed.partner.meter if deed.partner is not None else None
    assert other is not None
    era = other.era(at)
    meter.change(at, seen=era.load if on else None, seen_use=era.use)


def changed(deed: Deed, meter: VirtualMeter) -> tuple[Load, int]:
    """What is used from now on, and thousandths of it. The meter's wiring stays."""
    return _CHANGES[deed.kind](deed, meter)


def _tenant(deed: Deed, meter: VirtualMeter) -> tuple[Load, int]:
    moved = draw_load(mixed(deed.customer.seed, 31 + int(deed.begin.timestamp())), deed.customer.load)
    return replace(meter.load, taken=moved.taken, given=moved.given), _WHOLE


def _rooftop(deed: Deed, meter: VirtualMeter) -> tuple[Load, int]:
    taken = meter.load.taken
    assert isinstance(taken, Curve)
    seed = mixed(deed.customer.seed, 41)
    given = Curve(SHAPES["sun"], 10 + seed % 60, mixed(seed, 1))
    return replace(meter.load, taken=Curve(_shaded(taken.shape), taken.scale, taken.seed), given=given), _WHOLE


@cache
def _shaded(shape: Shape) -> Shape:
    """In the sun nothing is taken."""
    sun = SHAPES["sun"].hours
    return Shape([0 if sun[hour] else watts for hour, watts in enumerate(shape.hours)])


_CHANGES: Final[Mapping[str, Callable[[Deed, VirtualMeter], tuple[Load, int]]]] = {
    "vacancy": lambda _, meter: (meter.load, VACANT),
    "tenant": _tenant,
    "rooftop": _rooftop,
    "efficiency": lambda deed, meter: (meter.load, _WHOLE - deed.table.per_mille),
    "growth": lambda deed, meter: (meter.load, _WHOLE + deed.table.per_mille),
}
