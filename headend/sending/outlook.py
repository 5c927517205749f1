"""What is known for a last look: all of it read once a second for an order's commands in an area, and for each command
anew what is its own, in one question. What people or rules have changed since makes it be read wholly again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from headend.commands.gather import Gathering, clock_seen
from headend.commands.ledger import Sums
from headend.commands.policy_file import Rules
from headend.safety.command import Command, CommandKey, State
from headend.safety.ledger import Use, place_of
from headend.safety.order import Target
from headend.safety.policy import Cap
from headend.safety.request import Request
from headend.safety.world import Entry, MeterClock, ProtectionList, Recalls, World
from storage import sending
from storage.connection import Session
from storage.sending import Connection, Glance

FRESH_S: Final = 3.0
"""How long what was read may be looked at; then nothing is known any more."""
_READ_S: Final = 1.0
_PART: Final = 20
"""What was read wholly is good for this many times as long as reading it took, at least `_READ_S`."""


@dataclass(frozen=True, slots=True)
class _Base:
    """The world of one command of the order, and what was marked when it was read."""

    world: World
    rules: Rules | None
    target: Target
    key: CommandKey
    marks: tuple[int, ...]
    at: float
    until: float


class StoredOutlook(Session):
    """`sent` must be told of each command that is claimed, so that ramps count it at once."""

    def __init__(
        self, source: str | Session, gathering: Gathering, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(source)
        self._gathering = gathering
        self._monotonic = monotonic
        self._bases: dict[tuple[str, str, str], _Base] = {}
        self._known: dict[CommandKey, tuple[World, float]] = {}
        self._sent: deque[tuple[float, Request]] = deque()

    async def refresh(self, request: Request) -> None:
        self.forget(request)
        (target,) = request.targets
        async with self.use() as connection:
            began = self._monotonic()
            glance = await sending.glance(connection, request.order.key, target.meter, target.point)
            base = self._bases.get((request.order.key, request.by, target.area))
            if base is None or base.marks != glance.marks or began >= base.until:
                base = await self._read(connection, request, target, glance)
        self._known[request.key] = self._own(request, target, base, glance), began

    def world(self, request: Request) -> World:
        world, at = self._known.get(request.key, (World(), 0.0))
        gone = self._monotonic() - at
        if world.now is None or gone >= FRESH_S:
            return World()
        return replace(world, now=world.now + timedelta(seconds=gone))

    def forget(self, request: Request) -> None:
        self._known.pop(request.key, None)

    def sent(self, request: Request) -> None:
        self._sent.append((self._monotonic(), request))
        while self._sent and self._sent[0][0] < self._monotonic() - 120.0:
            self._sent.popleft()

    async def _read(self, connection: Connection, request: Request, target: Target, glance: Glance) -> _Base:
        began = self._monotonic()
        world = await self._gathering.world(connection, request, glance.now)
        rules = await self._gathering.rules(connection)
        took = self._monotonic() - began
        base = _Base(world, rules, target, request.key, glance.marks, began, began + max(_READ_S, _PART * took))
        self._bases[request.order.key, request.by, target.area] = base
        for key in [key for key, old in self._bases.items() if old.until < began - 60.0]:
            del self._bases[key]
        return base

    def _own(self, request: Request, target: Target, base: _Base, glance: Glance) -> World:
        now, world = glance.now, base.world
        found = None if glance.meter is None else _target(glance.meter)
        entries = tuple(
            Entry(category, meter, point, evidence, None if until is None else datetime.fromisoformat(until))
            for category, meter, point, evidence, until in glance.protection
        )
        key = request.key
        command = (
            None if glance.state is None else Command(key, request.order.digest, State(glance.state), glance.claim)
        )
        return replace(
            world,
            now=now,
            clock=self._gathering.trust(now),
            registry={} if found is None else {found.meter: found},
            protection=ProtectionList(entries, now),
            recalls=Recalls(
                frozenset({request.order.key} if glance.cancelled else ()),
                frozenset({target.point} if glance.paid else ()),
            ),
            commands={} if command is None else {key: command},
            meter_clocks=_clocks(glance, base.rules, now),
            ledger=self._ledger(request, target, base, glance),
        )

    def _ledger(self, request: Request, target: Target, base: _Base, glance: Glance) -> Sums | None:
        """What was counted without the base's own command, counted without this one: and what has been sent since."""
        sums = base.world.ledger
        if not isinstance(sums, Sums) or base.rules is None:
            return None
        caps = {cap.name: cap for cap in base.rules.policy.caps}
        uses = {name: dict(places) for name, places in sums.uses.items()}
        if base.key != request.key:
            for name, places in uses.items():
                _add(places, caps[name], base.target, 1)
                _add(places, caps[name], target, -1)
        within, flying = sums.within_minute, sums.flying
        traits = request.order.traits
        for at, other in self._sent:
            if at < base.at or other.key == request.key or other.order.traits.effect is not traits.effect:
                continue
            flying += 1
            if other.order.traits.moves:
                within = within.with_load(other.targets[0].load_w)
        latest = max((t for t in (sums.latest, glance.latest) if t is not None), default=None)
        unsettled = {} if glance.unsettled is None else {target.meter: CommandKey(glance.unsettled, target.meter)}
        return Sums(request.key, latest, uses, sums.effect, within, flying, unsettled)


def _add(places: dict[str, Use], cap: Cap, target: Target, sign: int) -> None:
    place = place_of(cap, target)
    use, load = places.get(place, Use()), target.load_w
    places[place] = Use(
        max(0, use.commands + sign), max(0, use.watts + sign * (load or 0)), max(0, use.unknown + sign * (load is None))
    )


def _target(cells: Sequence[str | None]) -> Target:
    name, address, line, point, area, feeder, label, watts, _ = cells
    return Target(
        str(name), str(address), str(line), point or "", area or "", feeder or "", label or "",
        None if watts is None else int(watts),
    )  # fmt: skip


def _clocks(glance: Glance, rules: Rules | None, now: datetime) -> dict[str, MeterClock] | None:
    if rules is None or glance.meter is None:
        return None
    name, protocol = str(glance.meter[0]), glance.meter[8]
    if protocol != "dlt645":
        return {name: MeterClock.NONE}
    if glance.clock_at is None:
        return {}
    return {name: clock_seen(glance.clock_at, glance.clock_offset_ms, rules, now)}
