"""Sending a command: one claim, one permit, one frame; what came of it is written down, then the meter is read.

Nothing is ever sent again. Whatever cannot be told for sure is `unknown`, which only reading settles.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import Command, State
from headend.safety.decision import Decision, Verdict, decide
from headend.safety.permit import Claim, OneFrame, permit_for
from headend.safety.request import Request
from headend.safety.verification import Seen, settled
from headend.safety.world import Step, World
from headend.sending.acts import Act, act
from headend.sending.book import Book, Due, Keys, Outlook, Told
from headend.sending.look import look
from protocols.dlt645.services.mask import masked
from protocols.errors import CommunicationError, NotPermitted, Refused
from protocols.exchange import Ask
from storage.errors import StorageError

_log = structlog.get_logger("sending")

PATIENCE_S: Final = 10.0
"""How long a claimed command waits for its line; then its permit is over and it is not sent."""
_AWAY_S: Final = 1.0


class Next(Enum):
    """What a command wants after this turn."""

    NOTHING = "nothing"
    WAIT = "wait"
    """It was not its time; ask again."""
    LOOK = "look"
    """Read the meter (again)."""


_BY_RULE: Final = {"expired": State.EXPIRED, "recalled": State.RECALLED, "stopped": State.STOPPED}


@dataclass(slots=True)
class _Gate:
    """The line's permit, remembering whether it let the frame through: from then on nobody knows what the meter did."""

    permit: OneFrame
    frame: bytes = b""
    passed: bool = False

    def __call__(self, ask: Ask[Any]) -> None:
        self.permit(ask)
        self.frame, self.passed = ask.data, True


@dataclass(eq=False)
class Sender:
    """`settle_for`: how long a meter may show the old state after it said "done"; then it is contradicted."""

    book: Book
    outlook: Outlook
    keys: Keys
    now: Callable[[], datetime]
    settle_for: timedelta = timedelta(seconds=60)
    monotonic: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    claims: set[str] = field(default_factory=set, init=False)
    """Of commands that this sender is at."""
    _turns: WeakKeyDictionary[Line, asyncio.Lock] = field(default_factory=WeakKeyDictionary, init=False)

    async def send(self, line: Line, meter: MeterPath, due: Due) -> tuple[Next, State]:
        """Of a command that is released. First the meter is read: one that is silent is not claimed, and may be tried
        again. Raises `StorageError` and `CommunicationError`: then nothing was sent."""
        before = await look(line, meter, due.order)
        await self.outlook.refresh(due)
        request = Request(Step.SEND, due.by, due.order, due.approvals, due.key.meter)
        decision = decide(request, self.outlook.world(due))
        if not decision.allowed:
            return await self._hold(due, decision)
        zone = (self.outlook.world(due).zones or {}).get(due.target.area)
        try:
            access = await self.keys.access(meter)
            if zone is None:
                raise NotPermitted(f"no zone known of area {due.target.area}")
            done = act(meter, due.order, due.target, zone, line.wire, access)
        except NotPermitted as error:
            return await self._moved(due, State.RELEASED, State.REJECTED, Told(str(error)))
        async with self._turns.setdefault(line, asyncio.Lock()):
            claim = Claim(uuid.uuid4().hex)
            self.claims.add(claim.name)
            try:
                return await self._claim_and_send(line, meter, due, request, done, before, claim)
            finally:
                self.claims.discard(claim.name)

    async def _claim_and_send(
        self, line: Line, meter: MeterPath, due: Due, request: Request, done: Act, before: Seen, claim: Claim
    ) -> tuple[Next, State]:
        deadline = self.monotonic() + PATIENCE_S
        if not await self.book.claim(due, claim.name, Told("claimed", more={"seen": _told(before)})):
            return Next.NOTHING, due.state
        gate: _Gate | None = None
        try:
            gate = _Gate(
                permit_for(
                    request, claim, done.wire, deadline=deadline, monotonic=self.monotonic,
                    look=lambda: self._world(due, claim.name),
                )
            )  # fmt: skip
            with line.permitting(gate):
                await line.run(done.start(), meter.name)
        except asyncio.CancelledError:
            await asyncio.shield(self._settle_sent(due, gate, "the sender was stopped"))
            raise
        except Refused as error:
            told = Told(str(error), self._frames(line, gate), {"code": error.code})
            return await self._written(due, State.SENT, State.FAILED, told)
        except CommunicationError as error:
            after = await self._settle_sent(due, gate, str(error), line)
            return (Next.LOOK if after is State.UNKNOWN else Next.NOTHING), after
        await self._written(due, State.SENT, State.ACKNOWLEDGED, Told("the meter accepts", self._frames(line, gate)))
        return Next.LOOK, State.ACKNOWLEDGED

    def _world(self, due: Due, claim: str) -> World:
        """As it is known at this very moment; that the command is sent by `claim` is what the book has just said."""
        mine = Command(due.key, due.order.digest, State.SENT, claim)
        return replace(self.outlook.world(due), commands={due.key: mine})

    async def _settle_sent(self, due: Due, gate: _Gate | None, why: str, line: Line | None = None) -> State:
        """After a claim that came to no answer: rejected where not one byte went out, else unknown."""
        after = State.UNKNOWN if gate is not None and gate.passed else State.REJECTED
        if after is State.UNKNOWN:
            _log.warning("no answer to a command: what it did is unknown", meter=due.key.meter, order=due.key.order)
        _, state = await self._written(due, State.SENT, after, Told(why, self._frames(line, gate)))
        return state

    async def look(self, line: Line, meter: MeterPath, due: Due, since: datetime) -> tuple[Next, State]:
        """Read the meter after a command that was acknowledged or is unknown, `since` when.

        Raises `CommunicationError` where it says nothing: then nothing has changed. Raises `StorageError`.
        """
        seen = await look(line, meter, due.order)
        after = settled(due.state, due.order, seen, self.now())
        is_early = self.now() - since < self.settle_for
        if after is due.state or (is_early and after in (State.CONTRADICTED, State.UNVERIFIABLE)):
            return Next.LOOK, due.state
        if after is State.CONTRADICTED:
            _log.error("the meter shows the contrary of what was ordered", meter=meter.name, order=due.key.order)
        await self.book.move(due.key, due.state, after, Told("read back", more={"seen": _told(seen)}))
        return Next.NOTHING, after

    async def _hold(self, due: Due, decision: Decision) -> tuple[Next, State]:
        """A released command that may not go out (now)."""
        told = Told("; ".join(str(r) for r in decision.reasons), more={"rules": [r.rule for r in decision.reasons]})
        if decision.verdict is Verdict.WAIT:
            return Next.WAIT, due.state
        if decision.verdict is Verdict.QUARANTINE:
            return await self._moved(due, State.RELEASED, State.QUARANTINED, told)
        found = [_BY_RULE[r.rule] for r in decision.reasons if r.rule in _BY_RULE]
        return await self._moved(due, State.RELEASED, found[0] if found else State.REJECTED, told)

    async def _moved(self, due: Due, before: State, after: State, told: Told) -> tuple[Next, State]:
        _log.warning("a command is not sent", meter=due.key.meter, order=due.key.order, state=after, reason=told.why)
        await self.book.move(due.key, before, after, told)
        return Next.NOTHING, after

    async def _written(self, due: Due, before: State, after: State, told: Told) -> tuple[Next, State]:
        """What happened is written down, however long the database is away. If we die first, the command stands as
        `sent`, and whoever comes next calls that unknown."""
        while True:
            try:
                await self.book.move(due.key, before, after, told)
                return Next.NOTHING, after
            except StorageError as error:
                _log.warning("what came of a command cannot be written down yet", reason=str(error))
                await asyncio.sleep(_AWAY_S)

    def _frames(self, line: Line | None, gate: _Gate | None) -> tuple[tuple[str, str], ...]:
        if gate is None or not gate.frame:
            return ()
        is_645 = line is None or line.path.protocol == "dlt645"
        return ((">", masked(gate.frame) if is_645 else gate.frame.hex(" ").upper()),)


def _told(seen: Seen) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in Seen.__slots__ if getattr(seen, name) is not None}
