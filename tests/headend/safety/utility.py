"""A utility that does everything wrong that can be done: dispatchers that send whatever they find, frames for somebody
else, senders that die or wake up again, clocks that are set, lists that change or cannot be read.

Only the core and its permit stand between it and the wire. What is true is kept apart from what the core is told, and
every frame that gets out is held against it.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from headend.safety.command import Command, CommandKey, NoTransition, State
from headend.safety.decision import decide
from headend.safety.function import Effect, Function, Source
from headend.safety.ledger import Dealt, Rows
from headend.safety.meaning import Dlt645
from headend.safety.order import Approval, Order, binding
from headend.safety.permit import Claim, OneFrame, permit_for
from headend.safety.policy import Cap, Ramp
from headend.safety.request import Request
from headend.safety.verification import Seen, settled
from headend.safety.world import Clock, Entry, Holds, MeterClock, ProtectionList, Recalls, Step, Stops, World
from protocols.dlt645.services.control import Command as Control
from protocols.errors import NotPermitted
from tests.headend.safety.frames import control
from tests.headend.safety.site import NOW, POLICY, WORLD, order, target

SECOND: Final = timedelta(seconds=1)
METERS: Final = tuple(target(number, "north" if number % 2 else "south") for number in range(1, 7))
BY_ADDRESS: Final = {meter.address: meter for meter in METERS}
MAY_APPROVE: Final = frozenset({"bo", "cai", "dee"})
PEOPLE: Final = ("ada", "bo", "cai", "dee", "robot")
FUNCTIONS: Final = {
    Function.TRIP: Control.TRIP,
    Function.CLOSE: Control.CLOSE,
    Function.UNPROTECT: Control.UNPROTECT,
    Function.PERMIT_CLOSE: Control.PERMIT_CLOSE,
}
HARMFUL: Final = frozenset({0x1A, 0x1D, 0x1E, 0x3B})
"""N1 of what takes supply, or the meter's own guard of it."""
NO_WINDOWS: Final = {reason: replace(rule, windows=False) for reason, rule in POLICY.reasons.items()}
MODEL_POLICY: Final = replace(
    POLICY,
    automatic_live=True,
    reasons=NO_WINDOWS,
    caps=(Cap("a", Effect.CUTS, timedelta(minutes=5), commands=8), Cap("b", Effect.RESTORES, SECOND * 300, commands=9)),
    ramps={Effect.CUTS: Ramp(3, 9_000), Effect.RESTORES: Ramp(4, 12_000)},
)


@dataclass
class Sending:
    """A frame that waits for its line."""

    permit: OneFrame
    order: Order
    meter: str


@dataclass
class Utility:
    now: datetime = NOW
    ticks: float = 0.0
    version: int = 1
    trusted: bool = True
    readable: bool = True
    stale: bool = False
    stopped: set[str] = field(default_factory=set)
    protected: dict[str, datetime | None] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    orders: deque[Order] = field(default_factory=lambda: deque(maxlen=6))
    approvals: dict[str, list[Approval]] = field(default_factory=dict)
    saw: set[tuple[str, str, str]] = field(default_factory=set)
    """Who said yes to what: key, everything that the order says as text, and who."""
    commands: dict[CommandKey, Command] = field(default_factory=dict)
    rows: dict[CommandKey, Dealt] = field(default_factory=dict)
    waiting: list[Sending] = field(default_factory=list)
    old: deque[Sending] = field(default_factory=lambda: deque(maxlen=5))
    wire: set[CommandKey] = field(default_factory=set)
    frames: int = 0
    held_back: int = 0
    count: int = 0

    def world(self) -> World:
        as_of = self.now - MODEL_POLICY.protection_fresh - SECOND if self.stale else self.now
        entries = tuple(Entry("life support", meter=meter, until=until) for meter, until in self.protected.items())
        since = self.now - timedelta(minutes=10)
        return replace(
            WORLD,
            now=self.now,
            clock=Clock(self.trusted, "as the kernel says"),
            policy=replace(MODEL_POLICY, version=str(self.version)),
            registry={meter.meter: meter for meter in METERS},
            protection=ProtectionList(entries, as_of) if self.readable else None,
            stops=Stops("*" in self.stopped, frozenset(self.stopped - {"*"})),
            recalls=Recalls(points=frozenset(self.paid)),
            holds=Holds({}, {}),
            commands=self.commands,
            ledger=Rows([row for row in self.rows.values() if row.at > since]),
            meter_clocks={meter.meter: MeterClock.RIGHT for meter in METERS},
        )

    # -- what people do

    def draft(self, function: int, first: int, many: int, who: int, minutes: int) -> None:
        self.count += 1
        kind = tuple(FUNCTIONS)[function % len(FUNCTIONS)]
        targets = tuple(METERS[(first + number) % len(METERS)] for number in range(1 + many % 3))
        requester = PEOPLE[who % len(PEOPLE)]
        is_robot = requester == "robot"
        what = order(
            kind,
            key=f"o{self.count}",
            targets=targets,
            requester=requester,
            source=Source.AUTOMATIC if is_robot else Source.PERSON,
            not_before=self.now - SECOND,
            expires=self.now + timedelta(minutes=1 + minutes % 30),
        )
        if decide(Request(Step.DRAFT, requester, what), self.world()).allowed:
            self._forget(what)
            self.orders.append(what)
            self.commands |= {self._key(what, t.meter): Command(self._key(what, t.meter), what.digest) for t in targets}

    def approve(self, which: int, who: int, over_caps: bool) -> None:
        """Often written down though the core said no: who may not approve must not count later either."""
        if (what := self._pick(which)) is None:
            return
        by = PEOPLE[who % len(PEOPLE)]
        given = Approval(by, binding(what, str(self.version)), self.now, self.now + timedelta(minutes=20), over_caps)
        held = self.approvals.setdefault(what.key, [])
        allowed = decide(Request(Step.APPROVE, by, what, tuple(held)), self.world()).allowed
        if allowed or who % 2:
            held.append(given)
            if by in MAY_APPROVE:
                self.saw.add((what.key, repr(what), by))
        for key in self._keys(what):
            if self.commands[key].state is State.DRAFT:
                self.commands[key] = self.commands[key].to(State.APPROVED)

    def edit(self, which: int, meter: int, proper: bool) -> None:
        """Properly it is a draft again; improperly only the order is changed, under everybody's feet."""
        if (what := self._pick(which)) is None:
            return
        added = METERS[meter % len(METERS)]
        targets = tuple({t.meter: t for t in (*what.targets, added)}.values())
        after = replace(what, targets=targets, parameters=what.parameters)
        self.orders[self.orders.index(what)] = after
        for key in (self._key(after, t.meter) for t in targets):
            command = self.commands.get(key, Command(key, after.digest))
            with suppress(NoTransition):
                command = command.to(State.DRAFT) if command.state is not State.DRAFT else command
            digest = after.digest if not proper or command.state is State.DRAFT else command.digest
            self.commands[key] = replace(command, digest=digest)

    def release(self, which: int, who: int) -> None:
        if (what := self._pick(which)) is None:
            return
        request = Request(Step.RELEASE, PEOPLE[who % len(PEOPLE)], what, self._approvals(what))
        if decide(request, self.world()).allowed:
            for key in self._keys(what):
                with suppress(NoTransition):
                    self.commands[key] = self.commands[key].to(State.RELEASED)
                    self._deal(what, key)

    def work(self, which: int, who: int) -> None:
        """As it should be: approved, released, and on its way to the line."""
        self.approve(which, 1 + who % 3, over_caps=False)
        self.release(which, 1 + who % 2)
        for meter in range(3):
            self.send(which, meter, dies=False)

    def stop(self, where: str) -> None:
        self.stopped ^= {where}

    def protect(self, meter: int, minutes: int | None) -> None:
        until = None if minutes is None else self.now + timedelta(minutes=minutes)
        self.protected[METERS[meter % len(METERS)].meter] = until

    def unprotect(self, meter: int) -> None:
        self.protected.pop(METERS[meter % len(METERS)].meter, None)

    def pay(self, meter: int) -> None:
        self.paid ^= {METERS[meter % len(METERS)].point}

    def change_policy(self) -> None:
        self.version += 1

    # -- what machines do

    def send(self, which: int, meter: int, dies: bool) -> None:
        """Some node picks any command at all, claims it where the table lets it, and queues its frame."""
        if (what := self._pick(which)) is None:
            return
        name = what.targets[meter % len(what.targets)].meter
        key = self._key(what, name)
        request = Request(Step.SEND, "bo", what, self._approvals(what), name)
        if not decide(request, self.world()).allowed:
            self.held_back += 1
            if self.commands[key].state is not State.SENT or meter % 2:
                return
        self.count += 1
        claim = Claim(f"c{self.count}")
        with suppress(NoTransition):
            self.commands[key] = self.commands[key].claimed(claim.name)
            self._deal(what, key)
        if dies:
            return
        with suppress(NotPermitted):
            one = permit_for(
                request, claim, Dlt645(), deadline=self.ticks + 30, monotonic=lambda: self.ticks, look=self.world
            )
            self.waiting.append(Sending(one, what, name))

    def line_is_free(self, which: int, wrong_meter: int, wrong_function: int, again: bool) -> None:
        """A frame goes, often the ordered one; sometimes of a permit that was used before."""
        queue = list(self.old) if again else self.waiting
        if not queue:
            return
        sending = queue[which % len(queue)]
        if not again:
            self.waiting.remove(sending)
            self.old.append(sending)
        whom = sending.order.by_meter[sending.meter] if wrong_meter % 4 else METERS[wrong_meter % len(METERS)]
        function = sending.order.function if wrong_function % 4 else Function.TRIP
        ask = control(sending.order, whom, FUNCTIONS[function])
        try:
            sending.permit(ask)
        except NotPermitted:
            self.held_back += 1
            return
        self._went(ask.data, sending)

    def told(self, which: int, meter: int, how: int) -> None:
        """An answer, silence, or another node that finds a dead one's command."""
        if (what := self._pick(which)) is None:
            return
        key = self._key(what, what.targets[meter % len(what.targets)].meter)
        with suppress(NoTransition):
            state = (State.ACKNOWLEDGED, State.UNKNOWN, State.FAILED)[how % 3]
            self.commands[key] = self.commands[key].to(state)
        command = self.commands[key]
        if how % 2 and command.state in (State.ACKNOWLEDGED, State.UNKNOWN):
            after = settled(command.state, what, Seen(relay_open=bool(how % 4 == 1)), self.now)
            self.commands[key] = command.to(after) if after is not command.state else command
        if key in self.rows:
            self.rows[key] = replace(self.rows[key], state=self.commands[key].state)

    def step_clock(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds

    def toggle(self, what: str) -> None:
        setattr(self, what, not getattr(self, what))

    # -- what must be true of every frame

    def _went(self, raw: bytes, sending: Sending) -> None:
        body = raw.lstrip(b"\xfe")
        address, n1 = body[6:0:-1].hex(), body[18] - 0x33 & 0xFF
        what, key = sending.order, self._key(sending.order, sending.meter)
        assert BY_ADDRESS[address].meter == sending.meter, "it went to somebody else"
        assert n1 == FUNCTIONS[what.function], "it did something else"
        assert key not in self.wire, "a command acted twice"
        self.wire.add(key)
        self.frames += 1
        assert self.stopped.isdisjoint(("*", BY_ADDRESS[address].area)), "it went in spite of a stop"
        assert self.trusted, "it went by a doubtful clock"
        assert what.expires is not None
        assert self.now < what.expires, "it went too late"
        if n1 in HARMFUL:
            until = self.protected.get(sending.meter, self.now)
            assert until is not None, "a protected meter was cut"
            assert self.now >= until, "a protected meter was cut"
            assert BY_ADDRESS[address].point not in self.paid, "it was cut after it was paid"
            people = {who for key, text, who in self.saw if key == what.key and text == repr(what)}
            assert people - {what.requester}, "nobody else had said yes to exactly this"

    def _pick(self, which: int) -> Order | None:
        return self.orders[which % len(self.orders)] if self.orders else None

    def _keys(self, what: Order) -> list[CommandKey]:
        return [self._key(what, t.meter) for t in what.targets]

    @staticmethod
    def _key(what: Order, meter: str) -> CommandKey:
        return CommandKey(what.key, meter)

    def _approvals(self, what: Order) -> tuple[Approval, ...]:
        return tuple(self.approvals.get(what.key, ()))

    def _deal(self, what: Order, key: CommandKey) -> None:
        whom = what.by_meter[key.meter]
        self.rows[key] = Dealt(key, what.function, whom, what.source, self.commands[key].state, self.now)

    def _forget(self, what: Order) -> None:
        """The oldest order, to make room: a walk may be long. Its frames that still wait come without a command."""
        if len(self.orders) < (self.orders.maxlen or 0):
            return
        gone = self.orders[0]
        for key in self._keys(gone):
            self.commands.pop(key, None)
            self.rows.pop(key, None)
        self.approvals.pop(gone.key, None)
        self.saw = {seen for seen in self.saw if seen[0] != gone.key}
