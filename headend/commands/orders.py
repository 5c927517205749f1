"""What people do with orders, each in a transaction that has the order to itself.

A verb gives what the core has against it, after that was written down, or None.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from headend.commands.able import unable
from headend.commands.asked import Asked
from headend.commands.errors import Conflict, Denied, Forbidden, Impossible, Unknown
from headend.commands.gather import Gathering, approvals_of, order_of
from headend.commands.policy_file import Rules
from headend.commands.users import user_of
from headend.commands.watch import watch
from headend.commands.where import resolved
from headend.commands.writing import TOLD, move_all, write_decision
from headend.errors import UsageFault
from headend.frames.items import is_secret
from headend.safety.checks_people import needed
from headend.safety.command import State
from headend.safety.decision import Verdict, decide
from headend.safety.function import Source
from headend.safety.order import Approval, Order, Target, binding
from headend.safety.request import Request, valid_approvals
from headend.safety.world import Step, World
from storage import commands
from storage.audit import append
from storage.commands import ApprovalRow, CommandRow, Connection, OrderRow, TargetRow
from storage.people import Person

_CHANGEABLE = frozenset({State.DRAFT, State.APPROVED})


@dataclass(frozen=True, slots=True)
class Acting:
    """On one order, now."""

    connection: Connection
    key: str
    now: datetime


@dataclass
class Orders:
    gathering: Gathering

    async def draft(self, acting: Acting, person: Person, asked: Asked) -> Denied | None:
        first = await commands.first_asked(acting.connection, acting.key)
        if first is not None:
            if first[0] != asked.digest:
                raise Conflict(f"{acting.key!r} is another order's key")
            return None
        return await self._draw_up(acting, person, asked, version=1)

    async def edit(self, acting: Acting, person: Person, asked: Asked) -> Denied | None:
        old, version = await self._order(acting)
        if person.name != old.requester:
            raise Forbidden(f"{acting.key} is {old.requester}'s: he alone changes it")
        found = await commands.commands_of(acting.connection, acting.key)
        kept = {meter: row for meter, row in found.items() if meter in old.by_meter}
        if any(State(row.state) not in _CHANGEABLE for row in kept.values()):
            raise Conflict(f"{acting.key} is not a draft any more, nor only approved")
        return await self._draw_up(acting, person, asked, version=version + 1, before=found)

    async def _draw_up(
        self, acting: Acting, person: Person, asked: Asked, *, version: int, before: dict[str, CommandRow] | None = None
    ) -> Denied | None:
        connection, key, now = acting.connection, acting.key, acting.now
        if is_secret(asked.parameters.get("item", "").upper()):
            raise UsageFault("a password does not belong into an order")
        rules = await self._rules(acting)
        order = await self._resolved(acting, person, asked, rules)
        request = Request(Step.DRAFT, person.name, order)
        world = await self.gathering.world(connection, request, now)
        if before is not None:
            world = _withdrawn(world)
        decision = decide(request, world)
        if not decision.allowed:
            await write_decision(connection, request, version, world, decision)
            return Denied(decision)
        against = await unable(connection, order)
        if against is not None:
            told = [[reason.meter, reason.why] for reason in against.reasons[:TOLD]]
            body = {"function": order.function, "digest": order.digest, "against": len(against.reasons), "told": told}
            await append(connection, person.name, "impossible", key, body=body)
            return Impossible(against)
        assert order.not_before is not None
        assert order.expires is not None
        row = OrderRow(
            key=key, version=version, digest=order.digest, asked=asked.digest, function=order.function,
            parameters=dict(order.parameters), reason=order.reason, notice=order.notice, requester=order.requester,
            source=order.source, not_before=order.not_before, expires=order.expires, at=now,
        )  # fmt: skip
        await commands.add_order(connection, row, [_row(t) for t in order.targets], person.name)
        await self._begin(acting, order, version, person.name, before or {})
        if not needed(request, world):
            await self._move(acting, {State.DRAFT}, State.APPROVED, "system", "needs no approval")
        await watch(connection, rules, self.gathering.timezone, person, order, now)
        await write_decision(connection, request, version, world, decision, targets=len(order.targets))
        return None

    async def _begin(self, acting: Acting, order: Order, version: int, by: str, before: dict[str, CommandRow]) -> None:
        """New meters begin as drafts, those that stay are drafts again, those that are left out are rejected."""
        connection, key, now = acting.connection, acting.key, acting.now
        gone = {meter: row for meter, row in before.items() if meter not in order.by_meter}
        await move_all(connection, key, gone, _CHANGEABLE, State.REJECTED, by=by, at=now, why="left out by an edit")
        stay = {meter: row for meter, row in before.items() if meter in order.by_meter}
        await move_all(connection, key, stay, {State.APPROVED}, State.DRAFT, by=by, at=now, why="edited")
        ended = [meter for meter, row in stay.items() if State(row.state) not in _CHANGEABLE]
        if ended:
            raise Conflict(f"{key} was ended at {ended[0]}: ask for that anew, under another key")
        fresh = [meter for meter in order.by_meter if meter not in before]
        await commands.begin(connection, key, version, fresh, by, now)

    async def approve(
        self, acting: Acting, person: Person, bound: str, *, over_caps: bool, expires: datetime | None
    ) -> Denied | None:
        connection, key, now = acting.connection, acting.key, acting.now
        order, version = await self._order(acting)
        rules = await self._rules(acting)
        if bound != binding(order, rules.policy.version):
            raise Conflict("the order or the policy has changed since it was shown: look at it again")
        found = await commands.commands_of(connection, key, list(order.by_meter))
        if over_caps and any(row.state != State.QUARANTINED for row in found.values()):
            raise Conflict(f"{key} is not in quarantine")
        given = Approval(person.name, bound, now, expires or now + rules.usual, over_caps)
        if given.expires <= now:
            raise UsageFault(f"an approval that ended at {given.expires.isoformat()}")
        before = await approvals_of(connection, key)
        request = Request(Step.APPROVE, person.name, order, before)
        world = await self.gathering.world(connection, request, now)
        decision = decide(request, world)
        if decision.allowed:
            row = ApprovalRow(given.by, given.bound, given.at, given.expires, given.over_caps)
            await commands.add_approval(connection, key, version, row)
            request = Request(Step.APPROVE, person.name, order, (*before, given))
            if len(valid_approvals(request, world)) >= needed(request, world):
                await move_all(connection, key, found, {State.DRAFT}, State.APPROVED, by=person.name, at=now)
        request = Request(Step.APPROVE, person.name, order, before)
        await write_decision(
            connection, request, version, world, decision, over_caps=over_caps, until=given.expires, asked=bound
        )
        return None if decision.allowed else Denied(decision)

    async def reject(self, acting: Acting, person: Person, why: str) -> Denied | None:
        order, _ = await self._order(acting)
        user = user_of(person)
        may = user is not None and all(
            user.may(Step.APPROVE, order.function, area) or user.may(Step.RELEASE, order.function, area)
            for area in order.areas
        )
        if not may and person.name != order.requester:
            raise Forbidden(
                f"{person.name} may neither approve nor release {order.function} everywhere in {acting.key}"
            )
        states = {State.DRAFT, State.APPROVED, State.QUARANTINED}
        if not await self._move(acting, states, State.REJECTED, person.name, why):
            raise Conflict(f"nothing of {acting.key} can be rejected any more")
        await append(acting.connection, person.name, "reject", acting.key, body={"why": why, "digest": order.digest})
        return None

    async def release(self, acting: Acting, person: Person) -> Denied | None:
        connection, key, now = acting.connection, acting.key, acting.now
        await commands.lock_release(connection)
        order, version = await self._order(acting)
        request = Request(Step.RELEASE, person.name, order, await approvals_of(connection, key))
        world = await self.gathering.world(connection, request, now)
        decision = decide(request, world)
        if decision.allowed:
            await self._move(acting, {State.APPROVED, State.QUARANTINED}, State.RELEASED, person.name, "")
        elif decision.verdict is Verdict.QUARANTINE:
            why = "; ".join(dict.fromkeys(reason.why for reason in decision.reasons))
            await self._move(acting, {State.APPROVED}, State.QUARANTINED, person.name, why[:_WHY])
        await write_decision(connection, request, version, world, decision)
        return None if decision.verdict in (Verdict.ALLOWED, Verdict.QUARANTINE) else Denied(decision)

    async def _move(self, acting: Acting, before: set[State], after: State, by: str, why: str) -> int:
        found = await commands.commands_of(acting.connection, acting.key)
        return await move_all(acting.connection, acting.key, found, before, after, by=by, at=acting.now, why=why)

    async def _order(self, acting: Acting) -> tuple[Order, int]:
        found = await order_of(acting.connection, acting.key)
        if found is None:
            raise Unknown(f"no order {acting.key!r}")
        return found

    async def _rules(self, acting: Acting) -> Rules:
        found = await self.gathering.rules(acting.connection)
        if found is None:
            raise UsageFault("there is no policy: headend policy set FILE")
        return found

    async def _resolved(self, acting: Acting, person: Person, asked: Asked, rules: Rules) -> Order:
        """Meters as the registry has them; what it does not know stands there without address, for the core to
        refuse."""
        meters = await resolved(acting.connection, asked.meters, asked.where, acting.now)
        known = await self.gathering.targets(acting.connection, meters, acting.now)
        not_before = asked.not_before or acting.now
        return Order(
            key=acting.key,
            function=asked.function,
            targets=tuple(known.get(meter) or Target(meter, "", "", "", "") for meter in meters),
            reason=asked.reason,
            requester=person.name,
            notice=asked.notice,
            not_before=not_before,
            expires=asked.expires or not_before + rules.usual,
            source=Source.PERSON if person.is_person else Source.AUTOMATIC,
            parameters=tuple(sorted(asked.parameters.items())),
        )


_WHY = 500


def _withdrawn(world: World) -> World:
    """What is edited is a draft again first."""
    commands = {
        key: command.to(State.DRAFT) if command.state is State.APPROVED else command
        for key, command in (world.commands or {}).items()
    }
    return replace(world, commands=commands)


def _row(t: Target) -> TargetRow:
    return TargetRow(t.meter, t.address, t.line, t.point, t.area, t.feeder, t.label, t.load_w)
