"""What the total meter of an area sees: what its members really use, stolen or not, and what the lines lose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from simulators.customers import AreaTable
from simulators.load import RATE_BY_HOUR, RATES, Counts, Flow, Load
from simulators.meter import VirtualMeter
from simulators.past import Way

_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_MILLION: Final = 1_000_000


class Supply(Flow):
    """One direction: import is what members take and what is lost, export what they give. So both may flow at once, and
    their difference is the area's."""

    __slots__ = ("_loss_ppm", "_loss_w", "_offset_s", "_ratio", "_way", "members")

    def __init__(self, table: AreaTable, way: Way, members: Sequence[VirtualMeter], offset_s: int) -> None:
        """`offset_s`: by how much the total meter's seconds are wrong."""
        super().__init__()
        self.members = list(members)
        self._way: Way = way
        self._offset_s = offset_s
        self._ratio = table.ratio
        loses = way == "import"
        self._loss_w = table.loss_w * loses
        self._loss_ppm = round(table.loss_share * _MILLION) * loses

    @property
    def most(self) -> int:
        flows = (m.load.taken if self._way == "import" else m.load.given for m in self.members)
        return self._with_loss(sum(flow.most for flow in flows)) // self._ratio

    def watts(self, second: int) -> int:
        watts = 0
        for member in self.members:
            at = second - self._offset_s + member.clock_offset_s
            era = member.past.at_second(at)
            load = member.load if era is None else era.load
            if era is not None and not era.flows:
                continue
            if self._way == "export":
                watts += load.given.watts(at)
            else:
                watts += load.taken.watts(at) * (1000 if era is None else era.use) // 1000
        return self._with_loss(watts) // self._ratio

    def _with_loss(self, watts: int) -> int:
        return watts + watts * self._loss_ppm // _MILLION + self._loss_w

    def energies(self, second: int) -> Counts:
        sums = [0] * RATES
        for member in self.members:
            used = member.past.used(self._way, second - self._offset_s + member.clock_offset_s)
            sums = [had + more for had, more in zip(sums, used, strict=True)]
        one, two, three, four = (
            (ws + ws * self._loss_ppm // _MILLION + self._loss_w * _seconds(second, rate)) // self._ratio
            for rate, ws in enumerate(sums, 1)
        )
        return one, two, three, four


def _seconds(second: int, rate: int) -> int:
    """Seconds of the rate since the epoch."""
    day, rest = divmod(second, _DAY_S)
    hour, within = divmod(rest, _HOUR_S)
    done = RATE_BY_HOUR[:hour].count(rate) * _HOUR_S + (within if RATE_BY_HOUR[hour] == rate else 0)
    return day * RATE_BY_HOUR.count(rate) * _HOUR_S + done


@dataclass(frozen=True, slots=True, eq=False)
class PlannedArea:
    """`total` measures what `members` use."""

    table: AreaTable
    total: VirtualMeter
    members: tuple[VirtualMeter, ...]

    def joined(self, meters: Iterable[VirtualMeter]) -> None:
        """Those belong to it, too: what comes in the place of members."""
        for flow in (self.total.load.taken, self.total.load.given):
            assert isinstance(flow, Supply)
            flow.members += meters

    def changed(self) -> None:
        """Of something that happens to a member the demand of the month knows nothing yet."""
        self.total.load.taken.forget()
        self.total.load.given.forget()


def total_meter(meter: VirtualMeter, table: AreaTable, members: Sequence[VirtualMeter]) -> PlannedArea:
    """`meter` as it measures them."""
    taken, given = (Supply(table, way, members, meter.clock_offset_s) for way in ("import", "export"))
    return PlannedArea(table, replace(meter, load=Load(taken, given)), tuple(members))
