"""What people do to the rules: stops, the protection list, payments, holds, the policy, the weather."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from headend.commands.agreeing import Agreed, agree
from headend.commands.asked import NewEntry
from headend.commands.ending import STOPPABLE, UNSENT, end
from headend.commands.errors import Denied, Forbidden, Unknown
from headend.commands.gather import Gathering
from headend.commands.policy_file import read, version_of
from headend.commands.told import ChangeTold, EntryTold, HoldTold, PolicyTold, StopTold
from headend.commands.users import user_of
from headend.commands.watch import watch_events
from headend.errors import UsageFault
from headend.safety.command import State
from headend.safety.function import TRAITS, Effect, Function, ReasonCode
from headend.safety.oversight import Change, decide_change
from headend.safety.world import EVERYWHERE, Oversight, World
from storage import commands, rules
from storage.audit import append
from storage.commands import Connection
from storage.connection import Session
from storage.people import Person, persons

SYSTEM: Final = "system"
_NAMED: Final = 5


@dataclass
class Ruling:
    """`urgent` is for stops alone: they wait for nothing."""

    session: Session
    urgent: Session
    gathering: Gathering

    # -- stops

    async def stop(self, person: Person, area: str, why: str) -> StopTold:
        async with self.urgent.transaction() as connection:
            user = user_of((await persons(connection, [person.name]))[person.name])
            change = Change(Oversight.STOP, area, person.name)
            decision = decide_change(change, World(users={} if user is None else {person.name: user}))
            if not decision.allowed:
                raise Denied(decision)
            if area != EVERYWHERE and not await _rows(connection, "has_area", area=area):
                raise Unknown(f"no area named {area!r}")
            row = await rules.add_stop(connection, area, why, person.name)
            await append(connection, person.name, "stop", area, body={"stop": row.id, "why": why})
        await self._end_stopped(area, person.name, row.at)
        return StopTold(row.id, row.area, row.why, row.by, row.at)

    async def _end_stopped(self, area: str, by: str, at: datetime) -> int:
        async with self.session.use() as connection:
            found = await commands.open_commands(connection, STOPPABLE, area=area)
            now = await self.gathering.moment(connection)
        return await end(self.session, found, State.STOPPED, by=by, at=now, action="stopped", why="a stop")

    async def resume(self, person: Person, number: int) -> ChangeTold:
        async with self.session.transaction() as connection:
            held = {row.id: row for row in await rules.stops(connection)}
            if number not in held:
                raise Unknown(f"no stop {number} holds")
            agreed = await self._agree(connection, person, Oversight.RELEASE_STOP, {"stop": number})
            if agreed.done:
                await rules.end_stop(connection, number, agreed.row.id, person.name)
                told = {"stop": number, "change": agreed.row.id}
                await append(connection, person.name, "resume", held[number].area, body=told)
        return agreed.told

    async def stops(self) -> list[StopTold]:
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            waits: dict[str, tuple[str, ...]] = {}
            for change in await rules.changes(connection, now):
                waits[change.what] = (change.by, *(by for by, _ in change.others))
            return [
                StopTold(s.id, s.area, s.why, s.by, s.at, waits.get(_what({"stop": s.id}), ()))
                for s in await rules.stops(connection)
            ]

    # -- the protection list

    async def protect(self, person: Person, entries: Sequence[NewEntry]) -> list[EntryTold]:
        self._overseer(person, Oversight.STOP, "protect anybody")
        async with self.session.transaction() as connection:
            await rules.lock(connection)
            now = await self.gathering.moment(connection)
            await _existing(connection, entries)
            there = {_same(e): e for e in await rules.protection(connection, now)}
            found = []
            for new in entries:
                if not new.category or not (new.meter or new.point):
                    raise UsageFault("an entry has a category, and a meter or a usage point")
                old = there.get(_same(new))
                row = old or await rules.add_entry(
                    connection, new.category, new.meter, new.point, new.evidence, new.until, person.name
                )
                if old is None:
                    told = {**asdict(new), "entry": row.id}
                    await append(connection, person.name, "protect", new.meter or new.point, body=told)
                found.append(_entry(row))
        return found

    async def unlist(self, person: Person, number: int, until: datetime | None) -> ChangeTold:
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            held = {row.id: row for row in await rules.protection(connection, now)}
            if number not in held:
                raise Unknown(f"no entry {number} of the protection list")
            row = held[number]
            if until is not None and (until <= now or (row.until is not None and until >= row.until)):
                raise UsageFault("expected a time to come, before that at which the entry ends anyway")
            what = {"entry": number, "until": None if until is None else until.isoformat()}
            agreed = await self._agree(connection, person, Oversight.UNLIST, what)
            if agreed.done:
                await rules.end_entry(connection, number, agreed.row.id, person.name)
                if until is not None:
                    await rules.add_entry(
                        connection, row.category, row.meter, row.point, row.evidence, until, person.name
                    )
                await append(connection, person.name, "unlist", row.meter or row.point, body=what)
        return agreed.told

    async def protection(self) -> list[EntryTold]:
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            return [_entry(row) for row in await rules.protection(connection, now)]

    # -- payments and cancellations

    async def recall(self, person: Person, key: str, why: str) -> int:
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            order = await commands.order_of(connection, key)
            if order is None:
                raise Unknown(f"no order {key!r}")
            user = user_of((await persons(connection, [person.name]))[person.name])
            areas = {EVERYWHERE, *(t.area for t in await commands.targets_of(connection, key, order.version))}
            function = Function(order.function)
            may = user is not None and any(
                function in grant.functions and not grant.areas.isdisjoint(areas) for grant in user.grants
            )
            if person.name != order.requester and not may:
                raise Forbidden(f"{person.name} has nothing to do with {key}")
            await rules.recall(connection, key, None, why, person.name, now)
            await append(connection, person.name, "recall", key, body={"why": why})
            found = await commands.open_commands(connection, UNSENT, key=key)
        return await end(self.session, found, State.RECALLED, by=person.name, at=now, action="recalled", why=why)

    async def paid(self, person: Person, point: str, why: str) -> int:
        user = user_of(person)
        if user is None or not (user.grants or user.oversight):
            raise Forbidden(f"{person.name} may not tell of payments")
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            if not await _rows(connection, "has_point", point=point):
                raise Unknown(f"no usage point named {point!r}")
            await rules.recall(connection, None, point, why, person.name, now)
            await append(connection, person.name, "paid", point, body={"why": why})
            found = [
                row
                for row in await commands.open_commands(connection, UNSENT, point=point)
                if row.reason == ReasonCode.NON_PAYMENT and TRAITS[Function(row.function)].effect is Effect.CUTS
            ]
        return await end(self.session, found, State.RECALLED, by=person.name, at=now, action="recalled", why="paid")

    # -- policy, holds, weather

    async def policy(self) -> PolicyTold | None:
        async with self.session.use() as connection:
            row = await rules.policy(connection)
        return None if row is None else PolicyTold(row.version, row.document, row.by, row.at)

    async def set_policy(self, person: Person, document: str) -> ChangeTold:
        read(document)
        what = {"policy": version_of(document), "document": document}
        async with self.session.transaction() as connection:
            agreed = await self._agree(connection, person, Oversight.CAPS, what)
            if agreed.done:
                version = version_of(document)
                await rules.set_policy(connection, version, document, agreed.row.id, person.name)
                told = {"change": agreed.row.id, "document": document}
                await append(connection, person.name, "policy", version, body=told)
        return agreed.told

    async def changes(self) -> list[ChangeTold]:
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            return [Agreed(row, done=False).told for row in await rules.changes(connection, now)]

    async def holds(self) -> list[HoldTold]:
        async with self.session.use() as connection:
            return [HoldTold(h.id, h.person, h.area, h.rule, h.why, h.at) for h in await rules.holds(connection)]

    async def release_hold(self, person: Person, number: int, why: str) -> HoldTold:
        self._overseer(person, Oversight.RELEASE_STOP, "release a hold")
        async with self.session.transaction() as connection:
            held = {hold.id: hold for hold in await rules.holds(connection)}
            if number not in held:
                raise Unknown(f"no hold {number}")
            hold = held[number]
            if hold.person == person.name or not person.is_person:
                raise Forbidden("who is held, or is no person, releases no hold")
            now = await self.gathering.moment(connection)
            await rules.end_hold(connection, number, why, person.name, now)
            told = {"hold": number, "why": why}
            await append(connection, person.name, "release_hold", hold.person or hold.area or "", body=told)
        return HoldTold(hold.id, hold.person, hold.area, hold.rule, hold.why, hold.at)

    async def weather(self, person: Person, area: str, low_c: str, high_c: str) -> None:
        user = user_of(person)
        if user is None or not (user.grants or user.oversight):
            raise Forbidden(f"{person.name} may not tell of the weather")
        try:
            low, high = Decimal(low_c), Decimal(high_c)
        except InvalidOperation as error:
            raise UsageFault('low_c and high_c are numbers such as "-5.5"') from error
        if not (low.is_finite() and high.is_finite() and low <= high):
            raise UsageFault("expected low_c not above high_c")
        async with self.session.transaction() as connection:
            if not await _rows(connection, "has_area", area=area):
                raise Unknown(f"no area named {area!r}")
            now = await self.gathering.moment(connection)
            await rules.set_weather(connection, area, low, high, person.name, now)
            told = {"low_c": str(low), "high_c": str(high)}
            await append(connection, person.name, "weather", area, body=told)

    # --

    async def sweep(self) -> int:
        """End what has waited beyond its time, or was stopped while it was on its way into the database; hold areas in
        which something is unusual."""
        async with self.session.transaction() as connection:
            now = await self.gathering.moment(connection)
            late = await commands.open_commands(connection, UNSENT, expired=now)
            areas = {stop.area for stop in await rules.stops(connection)}
            found = await self.gathering.rules(connection)
            if found is not None:
                await watch_events(connection, found, now)
        done = await end(self.session, late, State.EXPIRED, by=SYSTEM, at=now, action="expired", why="its time is over")
        for area in sorted(areas):
            done += await self._end_stopped(area, SYSTEM, now)
        return done

    async def _agree(self, connection: Connection, person: Person, kind: Oversight, what: dict[str, Any]) -> Agreed:
        now = await self.gathering.moment(connection)
        return await agree(connection, self.gathering, person, kind, _what(what), now)

    def _overseer(self, person: Person, right: Oversight, what: str) -> None:
        user = user_of(person)
        if user is None or right not in user.oversight:
            raise Forbidden(f"{person.name} may not {what}")


async def _existing(connection: Connection, entries: Sequence[NewEntry]) -> None:
    """A name that nobody has protects nobody. Raises `Unknown`."""
    given = {"meters": [e.meter for e in entries if e.meter], "points": [e.point for e in entries if e.point]}
    strangers = [name for (name,) in await _rows(connection, "strangers", **given)]
    if strangers:
        more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
        raise Unknown(f"no meter or usage point named {', '.join(strangers[:_NAMED])}{more}; nobody was added")


def _what(told: dict[str, Any]) -> str:
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _same(entry: NewEntry | rules.EntryRow) -> tuple[Any, ...]:
    return (entry.category, entry.meter, entry.point, entry.evidence, entry.until)


def _entry(row: rules.EntryRow) -> EntryTold:
    return EntryTold(row.id, row.category, row.meter, row.point, row.evidence, row.until, row.by, row.at)


async def _rows(connection: Connection, statement: str, **given: Any) -> list[Any]:
    return await commands.rows(connection, rules.SQL[statement], **given)
