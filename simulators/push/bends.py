"""What customers of a fleet that pushes do, as exact corrections of the closed form of their energy.

Energy is counted in watts x per cent x seconds: the integral of a meter's own watts times the day's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from simulators.customers import VACANT, inside
from simulators.deeds import Deed
from simulators.load import mixed
from simulators.wiring import ALL, HONEST, THEFTS, Wiring

WHOLE: Final = 1000
UNIT: Final = WHOLE * ALL
"""Of bent energies in one of plain ones."""
_DAY_S: Final = 86_400
_PHASES: Final = 1
_SPLIT: Final = (100, 0, 0)

Integral = Callable[[int], int]
"""The shape up to a second of the local time, in per cent x seconds."""


class Now(NamedTuple):
    """What holds at a moment: `watts` of its own, `use` thousandths of them, and how they are measured."""

    watts: int
    use: int
    wiring: Wiring


@dataclass(frozen=True, slots=True)
class Bend:
    """From `begin` to `end` (None: for good), local seconds; in `window` of each day, if there is one."""

    begin: int
    end: int | None
    watts: int
    use: int
    wiring: Wiring
    window: tuple[int, int] | None

    def holds(self, second: int) -> bool:
        return self.begin <= second and (self.end is None or second < self.end)

    def steals(self, second: int) -> bool:
        return self.window is None or inside(self.window, second % _DAY_S)

    def corrections(self, own_watts: int, second: int, integral: Integral) -> tuple[int, int]:
        """Of what is used and of what is counted up to `second`, in `UNIT` parts."""
        end = second if self.end is None else min(second, self.end)
        if end <= self.begin:
            return 0, 0
        whole = integral(end) - integral(self.begin)
        stolen = whole
        if self.window is not None:
            stolen = _windowed(integral, self.window, end) - _windowed(integral, self.window, self.begin)
        used = self.watts * self.use
        lacks = used * stolen * (ALL - self.wiring.counted(_SPLIT, _PHASES))
        more = (used - own_watts * WHOLE) * whole * ALL
        return more, more - lacks


def _windowed(integral: Integral, window: tuple[int, int], second: int) -> int:
    """The shape within the daily window up to `second`."""
    begin, end = window
    if begin > end:
        return integral(second) - _windowed(integral, (end, begin), second)
    day, rest = divmod(second, _DAY_S)
    start = integral(0)
    each = integral(end) - integral(begin)
    return day * each + (integral(min(max(rest, begin), end)) - start) - (integral(begin) - start)


def bends_of(
    deeds: Iterable[Deed], own_watts: Callable[[int], int], local: Callable[[datetime], int]
) -> Mapping[int, tuple[Bend, ...]]:
    """By the meter's number: its time cut where something begins or ends. `local`: a moment as a local second."""
    by_meter: dict[int, list[Deed]] = {}
    for deed in deeds:
        by_meter.setdefault(deed.customer.number, []).append(deed)
    return {
        number: tuple(_bends(own, own_watts, local)) for number, own in by_meter.items()
    }  # fmt: skip


def _bends(own: list[Deed], own_watts: Callable[[int], int], local: Callable[[datetime], int]) -> Iterable[Bend]:
    spans = [(deed, local(deed.begin), None if deed.end is None else local(deed.end)) for deed in own]
    cuts = sorted({edge for _, begin, end in spans for edge in (begin, end) if edge is not None})
    for begin, stop in zip(cuts, [*cuts[1:], None], strict=True):
        active = [deed for deed, since, end in spans if since <= begin and (end is None or begin < end)]
        if not active:
            continue
        watts, use, wiring, window = own_watts(own[0].customer.number), WHOLE, HONEST, None
        for deed in active:
            if deed.what == "theft":
                wiring, window = THEFTS[deed.kind].wire(deed.phase, deed.table.per_mille), deed.window
            elif deed.kind == "tenant":
                watts = 60 + mixed(deed.customer.seed, 31 + int(deed.begin.timestamp())) % 2000
            else:
                use = {"vacancy": VACANT, "growth": WHOLE + deed.table.per_mille}.get(
                    deed.kind, WHOLE - deed.table.per_mille
                )
        yield Bend(begin, stop, watts, use, wiring, window)
