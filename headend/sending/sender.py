"""Sending a command: one claim, one permit, one frame; what came of it is written down, then the meter is read.

Nothing is ever sent again. Whatever cannot be told for sure is `unknown`, which only reading settles.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import structlog

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.errors import HeadendError
from headend.safety.command import State
from headend.safety.decision import Verdict, decide
from headend.safety.function import Function
from headend.safety.permit import Claim, permit_for
from headend.safety.request import Request
from headend.safety.verification import settled
from headend.safety.world import Step, World
from headend.sending.book import Asked, Book, Due, Keys, Outlook, Told
from headend.sending.gate import Gate, without_secrets
from headend.sending.telling import Timekeeper
from headend.sending.way import Doing, Prepared, Way
from headend.sending.ways import ways
from protocols.errors import CommunicationError, NotPermitted, Refused
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


@dataclass(eq=False)
class Sender:
    """`settle_for`: how long a meter may show the old state after it said "done"; then it is contradicted."""

    book: Book
    outlook: Outlook
    keys: Keys
    now: Callable[[], datetime]
    settle_for: timedelta = timedelta(seconds=60)
    monotonic: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    clocks: Timekeeper | None = None
    """Without it no meter is told the time."""
    claims: set[str] = field(default_factory=set, init=False)
    """Of commands that this sender is at."""
    _ways: Mapping[Function, Way] = field(init=False)
    _turns: WeakKeyDictionary[Line, asyncio.Lock] = field(default_factory=WeakKeyDictionary, init=False)
    _owed: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._ways = ways(self.keys, self.clocks)

    async def send(self, line: Line, meter: MeterPath, due: Due) -> tuple[Next, State]:
        """Of a command that is released. First the meter is read: one that is silent is not claimed, and may be tried
        again. Raises `StorageError` and `CommunicationError`: then nothing was sent."""
        doing = await self._ways[due.order.function].begin(line, meter, due)
        request = Request(Step.SEND, due.by, due.order, due.approvals, due.key.meter)
        try:
            await self.outlook.refresh(request)
            world = doing.onto(self.outlook.world(request))
            if world.now is None:  # it took too long to read: nothing is known, and it is asked again
                return Next.WAIT, due.state
            asked = Asked(request, world, decide(request, world))
            if not asked.decision.allowed:
                return await self._hold(due, asked)
            async with self._turn(line):
                try:
                    prepared = await doing.prepare(_zone(due, world))
                except NotPermitted as error:
                    return await self._held(due, asked, State.REJECTED, Told(str(error)))
                return await self._claim_and_send(line, meter, due, asked, doing, prepared)
        finally:
            self.outlook.forget(request)

    def _turn(self, line: Line) -> asyncio.Lock:
        """Of what acts on a line, one after the other."""
        return self._turns.setdefault(line, asyncio.Lock())

    async def _claim_and_send(
        self, line: Line, meter: MeterPath, due: Due, asked: Asked, doing: Doing, prepared: Prepared
    ) -> tuple[Next, State]:
        claim = Claim(uuid.uuid4().hex)
        self.claims.add(claim.name)
        try:
            won = await self.book.claim(due, asked, claim.name, Told("claimed", more={"seen": doing.seen.told}))
        except StorageError:  # it may be written down or not: nothing is sent, and reading will tell
            self.claims.discard(claim.name)
            raise
        if not won:
            self.claims.discard(claim.name)
            return Next.NOTHING, due.state
        gate = Gate()
        try:
            await self._pass(line, meter, asked.request, claim, doing, prepared, gate)
        except asyncio.CancelledError:
            await asyncio.shield(self._settle_sent(due, claim, gate, line, "the sender was stopped"))
            raise
        except Refused as error:
            told = Told(str(error), gate.shown(line), {"code": error.code})
            return Next.NOTHING, await self._write(due, claim, State.FAILED, told)
        except (CommunicationError, StorageError, HeadendError) as error:
            after = await self._settle_sent(due, claim, gate, line, str(error))
            return (Next.LOOK if after is State.UNKNOWN else Next.NOTHING), after
        if not gate.is_answered:
            told = Told("no meter answers that: reading it tells", gate.shown(line))
            return Next.LOOK, await self._write(due, claim, State.UNKNOWN, told)
        await self._write(due, claim, State.ACKNOWLEDGED, Told("the meter accepts", gate.shown(line)))
        return Next.LOOK, State.ACKNOWLEDGED

    async def _pass(
        self, line: Line, meter: MeterPath, request: Request, claim: Claim, doing: Doing, prepared: Prepared, gate: Gate
    ) -> None:
        """The frame, under a permit that has looked once more. Raises what kept it back, or its answer."""
        deadline = self.monotonic() + PATIENCE_S
        claimed = replace(request, claim=claim.name)
        done = await prepared(gate)
        gate.is_answered = done.answered
        async with done.around(gate):
            await self.outlook.refresh(claimed)
            gate.permit = permit_for(
                request, claim, done.wire, deadline=deadline, monotonic=self.monotonic,
                look=lambda: doing.onto(self.outlook.world(claimed)),
            )  # fmt: skip
            with line.permitting(gate):
                await line.run(done.start(), meter.name)

    async def _settle_sent(self, due: Due, claim: Claim, gate: Gate, line: Line, why: str) -> State:
        """After a claim that came to no answer: rejected where not one byte went out, else unknown."""
        after = State.UNKNOWN if gate.passed else State.REJECTED
        log = _log.warning if gate.passed else _log.info
        log("no answer to a command", meter=due.key.meter, order=due.key.order, state=after, reason=why)
        return await self._write(due, claim, after, Told(why, gate.shown(line)))

    async def look(self, line: Line, meter: MeterPath, due: Due, since: datetime) -> tuple[Next, State]:
        """Read the meter after a command that was acknowledged or is unknown, `since` when.

        Raises `CommunicationError` where it says nothing: then nothing has changed. Raises `StorageError`.
        """
        way = self._ways[due.order.function]
        found = await way.find(line, meter, due, self._turn(line))
        if not found.is_over:
            return Next.LOOK, due.state
        after = settled(due.state, due.order, found.seen, self.now(), due.earlier)
        is_early = self.now() - since < self.settle_for
        if after is due.state or (is_early and after in (State.CONTRADICTED, State.UNVERIFIABLE)):
            return Next.LOOK, due.state
        if after is State.CONTRADICTED:
            _log.error("the meter shows the contrary of what was ordered", meter=meter.name, order=due.key.order)
        await way.settle(due, after)
        told = Told("read back", without_secrets(line, found.frames), {"seen": found.seen.told, **found.more})
        await self.book.move(due.key, due.state, after, told)
        return Next.NOTHING, after

    async def _hold(self, due: Due, asked: Asked) -> tuple[Next, State]:
        """A released command that may not go out (now)."""
        decision = asked.decision
        told = Told("; ".join(str(r) for r in decision.reasons))
        if decision.verdict is Verdict.WAIT:
            return Next.WAIT, due.state
        if decision.verdict is Verdict.QUARANTINE:
            return await self._held(due, asked, State.QUARANTINED, told)
        found = [_BY_RULE[r.rule] for r in decision.reasons if r.rule in _BY_RULE]
        return await self._held(due, asked, found[0] if found else State.REJECTED, told)

    async def _held(self, due: Due, asked: Asked, after: State, told: Told) -> tuple[Next, State]:
        _log.warning("a command is not sent", meter=due.key.meter, order=due.key.order, state=after, reason=told.why)
        await self.book.hold(due, asked, after, told)
        return Next.NOTHING, after

    async def _write(self, due: Due, claim: Claim, after: State, told: Told) -> State:
        """What happened, written down beside the line's work, however long the database is away. If we die first, the
        command stands as `sent`, and whoever comes next calls that unknown."""
        writing = asyncio.create_task(self._write_at_last(due, claim, after, told))
        self._owed.add(writing)
        writing.add_done_callback(self._owed.discard)
        await asyncio.wait({writing}, timeout=_AWAY_S)
        return after

    async def _write_at_last(self, due: Due, claim: Claim, after: State, told: Told) -> None:
        while True:
            try:
                await self._ways[due.order.function].settle(due, after)
                await self.book.move(due.key, State.SENT, after, told)
                break
            except StorageError as error:
                _log.warning("what came of a command cannot be written down yet", reason=str(error))
                await asyncio.sleep(_AWAY_S)
        self.claims.discard(claim.name)

    async def close(self, patience_s: float = 5.0) -> None:
        """What is owed to the book is written down, as far as it can be in that time."""
        if self._owed:
            await asyncio.wait(self._owed, timeout=patience_s)
        for task in self._owed:
            task.cancel()


def _zone(due: Due, world: World) -> ZoneInfo:
    """Raises `NotPermitted`."""
    zone = (world.zones or {}).get(due.target.area)
    if zone is None:
        raise NotPermitted(f"no zone known of area {due.target.area}")
    return zone
