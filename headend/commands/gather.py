"""What is known when a decision is taken, read in a few questions, however many meters it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headend.clock.policy import USUAL, ClockPolicy
from headend.commands.ledger import Sums
from headend.commands.policy_file import Rules, read
from headend.commands.time_rules import time_rules
from headend.commands.users import user_of
from headend.safety.command import Command, CommandKey, State
from headend.safety.function import TRAITS, Function, ReasonCode, Source
from headend.safety.ledger import MINUTE, Use
from headend.safety.order import Approval, Order, Target
from headend.safety.policy import Cap
from headend.safety.request import Request
from headend.safety.world import (
    EVERYWHERE,
    Clock,
    Entry,
    Holds,
    MeterClock,
    ProtectionList,
    Recalls,
    Step,
    Stops,
    Weather,
    World,
)
from storage import commands
from storage.commands import Connection
from storage.people import persons
from storage.statements import load

SQL = load("world")
_SKEW: Final = timedelta(seconds=5)
"""By how much this machine's clock and the database's may differ before neither is trusted."""


@dataclass
class Gathering:
    """`timezone`: of areas that state none. `clock`: whether this machine's is right. `now`: for tests. `clocks`: by
    which meters are told the time."""

    timezone: str
    clock: Callable[[], Clock]
    now: Callable[[], datetime] | None = None
    host_now: Callable[[], datetime] | None = None
    clocks: ClockPolicy = USUAL
    _rules: dict[str, Rules] = field(default_factory=dict, init=False)

    async def moment(self, connection: Connection) -> datetime:
        """By the clock that all daemons share, the database's."""
        return await commands.now(connection) if self.now is None else self.now()

    def trust(self, now: datetime) -> Clock:
        told = self.clock()
        if told.trusted and self.host_now is not None and abs(self.host_now() - now) > _SKEW:
            return Clock(False, "this machine's clock and the database's differ")
        return told

    async def rules(self, connection: Connection, version: str | None = None) -> Rules | None:
        """The policy that holds, or that version; None where there is none."""
        if version is None:
            found = await _rows(connection, "policy")
            if not found:
                return None
            version, document = found[0][:2]
        elif version not in self._rules:
            found = await _rows(connection, "policy_of", version=version)
            document = found[0][0]
        if version not in self._rules:
            self._rules[version] = read(document)
        return self._rules[version]

    async def targets(self, connection: Connection, meters: Collection[str], now: datetime) -> dict[str, Target]:
        """As the registry has them, active meters alone."""
        return {t.meter: t for t, _, _ in await self._registry(connection, meters, now)}

    async def world(self, connection: Connection, request: Request, now: datetime) -> World:
        """For exactly this request."""
        order, targets = request.order, request.targets
        rules = await self.rules(connection)
        meters = [target.meter for target in targets]
        points = [target.point for target in targets]
        areas = sorted({target.area for target in targets})
        found = await self._registry(connection, meters, now)
        zones = {t.area: self._zone(zone) for t, zone, _ in found if t.area}
        names = {request.by, order.requester, *(approval.by for approval in request.approvals)}
        users = {name: user_of(person) for name, person in (await persons(connection, names)).items()}
        policy = None if rules is None else rules.policy
        return World(
            now=now,
            clock=self.trust(now),
            policy=policy,
            users={name: user for name, user in users.items() if user is not None},
            registry={t.meter: t for t, _, _ in found},
            protection=await _protection(connection, meters, points, now),
            stops=await stops(connection),
            recalls=await _recalls(connection, order.key, points, now),
            holds=await _holds(connection, names, areas),
            commands=await _commands(connection, order.key, meters),
            ledger=await self._ledger(connection, request, rules, now),
            customers=await _customers(connection, rules, now),
            zones={area: zone for area, zone in zones.items() if zone is not None},
            holidays=None if rules is None else rules.holidays,
            weather=None if rules is None else await _weather(connection, areas, rules),
            meter_clocks=None if rules is None else await _clocks(connection, found, rules, now),
            time_rules=await time_rules(connection, order, targets, zones, self.clocks, now),
        )

    async def _registry(
        self, connection: Connection, meters: Collection[str], now: datetime
    ) -> list[tuple[Target, str | None, str]]:
        """Each with its area's zone and its line's protocol."""
        rows = await _rows(connection, "registry", meters=list(meters), now=now)
        return [(Target(*row[:8]), row[8], row[9]) for row in rows]

    def _zone(self, name: str | None) -> ZoneInfo | None:
        try:
            return ZoneInfo(name or self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None

    async def _ledger(
        self, connection: Connection, request: Request, rules: Rules | None, now: datetime
    ) -> Sums | None:
        if rules is None:
            return None
        order, effect = request.order, request.order.traits.effect
        is_sent = request.step is Step.SEND
        besides: CommandKey | str = request.key if is_sent else order.key
        without = {"order": "" if is_sent else order.key, "command_key": order.key, "command_meter": request.meter}
        mine = {"command_key": order.key, "command_meter": request.meter}
        functions = [f.value for f, traits in TRAITS.items() if traits.effect is effect]
        moving = [f.value for f, traits in TRAITS.items() if traits.effect is effect and traits.moves]
        uses: dict[str, Mapping[str, Use]] = {}
        within, flying, unsettled = Use(), 0, {}
        if request.step in (Step.RELEASE, Step.SEND):
            for cap in rules.policy.caps:
                if cap.effect is effect and cap.source in (None, order.source):
                    uses[cap.name] = await _used(connection, cap, functions, now, without)
        if is_sent:
            ((count, watts, unknown),) = await _rows(connection, "sent", since=now - MINUTE, functions=moving, **mine)
            within = Use(count, watts, unknown)
            flying = (await _rows(connection, "in_flight", functions=functions, **mine))[0][0]
            found = await _rows(connection, "unsettled", meters=[request.meter], **mine)
            unsettled = {meter: CommandKey(key, meter) for meter, key in found}
        latest = (await _rows(connection, "latest"))[0][0]
        return Sums(besides, latest, uses, effect, within, flying, unsettled)


async def order_of(connection: Connection, key: str, version: int | None = None) -> tuple[Order, int] | None:
    """As it was hashed, and its version."""
    row = await commands.order_of(connection, key, version)
    if row is None:
        return None
    targets = await commands.targets_of(connection, key, row.version)
    return assembled(row, targets), row.version


def assembled(row: commands.OrderRow, targets: Collection[commands.TargetRow]) -> Order:
    return Order(
        key=row.key,
        function=Function(row.function),
        targets=tuple(
            Target(t.meter, t.address, t.line, t.point, t.area, t.feeder, t.label, t.load_w) for t in targets
        ),
        reason=None if row.reason is None else ReasonCode(row.reason),
        requester=row.requester,
        notice=row.notice,
        not_before=row.not_before,
        expires=row.expires,
        source=Source(row.source),
        parameters=tuple(sorted(row.parameters.items())),
    )


async def approvals_of(connection: Connection, key: str) -> tuple[Approval, ...]:
    found = await commands.approvals_of(connection, key)
    return tuple(Approval(a.by, a.bound, a.at, a.expires, a.over_caps) for a in found)


async def stops(connection: Connection) -> Stops:
    areas = {row[1] for row in await _rows(connection, "stops")}
    return Stops(EVERYWHERE in areas, frozenset(areas - {EVERYWHERE}))


async def _protection(
    connection: Connection, meters: Collection[str], points: Collection[str], now: datetime
) -> ProtectionList:
    rows = await _rows(connection, "protection", meters=list(meters), points=[p for p in points if p], now=now)
    return ProtectionList(
        tuple(
            Entry(category, meter, point, evidence, until) for _, category, meter, point, evidence, until, *_ in rows
        ),
        now,
    )


async def _recalls(connection: Connection, key: str, points: Collection[str], now: datetime) -> Recalls:
    asked = await commands.first_asked(connection, key)
    since = now if asked is None else asked[1]
    cancelled = (await _rows(connection, "cancelled", key=key))[0][0]
    paid = await _rows(connection, "paid", points=list(points), since=since)
    return Recalls(frozenset({key} if cancelled else ()), frozenset(point for (point,) in paid))


async def _holds(connection: Connection, names: Collection[str], areas: Collection[str]) -> Holds:
    rows = await _rows(connection, "holds")
    return Holds(
        {person: why for _, person, _, _, why, _ in rows if person in names},
        {area: why for _, _, area, _, why, _ in rows if area in areas},
    )


async def _commands(connection: Connection, key: str, meters: Collection[str]) -> dict[CommandKey, Command]:
    found = await commands.commands_of(connection, key, meters)
    return {
        (name := CommandKey(key, meter)): Command(name, row.digest, State(row.state), row.claim)
        for meter, row in found.items()
    }


async def _used(
    connection: Connection, cap: Cap, functions: list[str], now: datetime, without: dict[str, str]
) -> dict[str, Use]:
    source = None if cap.source is None else cap.source.value
    rows = await _rows(
        connection, "used", per=cap.per, since=now - cap.window, functions=functions, source=source, **without
    )
    return {place: Use(count, watts, unknown) for place, count, watts, unknown in rows}


async def _customers(connection: Connection, rules: Rules | None, now: datetime) -> dict[str, int] | None:
    """Counted only where a cap is a share of them."""
    if rules is None or not any(cap.permille is not None for cap in rules.policy.caps):
        return None
    found: dict[str, int] = {"": 0}
    for area, feeder, count in await _rows(connection, "customers", now=now):
        for place in {"", area, feeder}:
            found[place] = found.get(place, 0) + count
    return found


async def _weather(connection: Connection, areas: Collection[str], rules: Rules) -> dict[str, Weather]:
    return {
        area: Weather(low <= rules.cold_c or high >= rules.hot_c, at)
        for area, low, high, at in await _rows(connection, "weather", areas=list(areas))
    }


async def _clocks(
    connection: Connection, found: list[tuple[Target, str | None, str]], rules: Rules, now: datetime
) -> dict[str, MeterClock]:
    """Modbus meters have none whose time a frame depends on."""
    told = {t.meter: MeterClock.NONE for t, _, protocol in found if protocol != "dlt645"}
    asked = [t.meter for t, _, protocol in found if protocol == "dlt645"]
    for meter, at, offset_ms in await _rows(connection, "meter_clocks", meters=asked):
        told[meter] = clock_seen(at, offset_ms, rules, now)
    return told


def clock_seen(at: datetime, offset_ms: int | None, rules: Rules, now: datetime) -> MeterClock:
    """By the last look at it."""
    is_fresh = now - at <= rules.clock_fresh
    is_right = offset_ms is not None and is_fresh and abs(timedelta(milliseconds=offset_ms)) <= rules.clock_off
    return MeterClock.RIGHT if is_right else MeterClock.DOUBTFUL


async def _rows(connection: Connection, statement: str, **given: Any) -> list[Any]:
    return await commands.rows(connection, SQL[statement], **given)
