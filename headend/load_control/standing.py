"""Where a programme's members stand, and what keeps them from being switched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headend.safety.function import ReasonCode
from storage.load_control import LoadControl, Place


@dataclass(frozen=True, slots=True)
class Site:
    """A member's place. `cut_since`: its relay was seen open for the reason of the programme. `ordered` waits there."""

    point: str
    places: tuple[Place, ...]
    cut_since: datetime | None = None
    ordered: str = ""

    @property
    def meter(self) -> str:
        """Empty where there is not exactly one."""
        return self.places[0].meter if len(self.places) == 1 else ""

    def against(self, *, cut: bool) -> str:
        """Why it is not switched; empty where it may be asked for."""
        if len(self.places) != 1:
            return "several meters" if self.places else "no active meter"
        if self.ordered:
            return f"order {self.ordered} waits"
        return self.places[0].protected if cut else ""


async def sites(store: LoadControl, points: Sequence[str], reason: ReasonCode, now: datetime) -> dict[str, Site]:
    """By usage point; `reason`: for which the programme cuts."""
    places: dict[str, list[Place]] = {point: [] for point in points}
    for place in await store.places(points, now):
        places[place.point].append(place)
    cut, ordered = await store.cut_since(points, reason), await store.ordered(points)
    return {point: Site(point, tuple(found), cut.get(point), ordered.get(point, "")) for point, found in places.items()}
