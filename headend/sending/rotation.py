"""A meter's password is changed: the old one is proved, the new one sealed, told once, and proved.

Proved is what the meter has taken. A silent meter is not tried: first it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import FINAL, State
from headend.safety.one_frame import without_parameters
from headend.safety.order import Order, Target
from headend.safety.passwords import Change, InForce, NewPassword, OneTry, Outcome, Try, found, next_try
from headend.safety.verification import Seen
from headend.safety.world import World
from headend.secrets.held import Held
from headend.sending.acts import Act, no_frame
from headend.sending.book import Due, Keys
from headend.sending.gate import Gate
from headend.sending.look import look
from headend.sending.way import Found, Prepared
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.service import perform
from protocols.errors import CommunicationError, LeaseLost, NotPermitted, Refused

_log = structlog.get_logger("sending")

_NEXT, _CURRENT, _PAST = "next", "current", "past"


def why_not(meter: MeterPath, order: Order, target: Target) -> str:
    """Why a meter's password cannot be changed; empty where it can. Raises `NotPermitted`, `ModelError`."""
    model = meter.model
    if not isinstance(model, Dlt645Model) or model.edition != "2007":
        return no_frame(meter, order)
    without_parameters(order)
    model.check_address(target.address)
    return ""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The way of changing a password."""

    keys: Keys

    async def begin(self, line: Line, meter: MeterPath, due: Due) -> Changing:
        return Changing(self, line, meter, due, await look(line, meter, due.order))

    async def change(self, line: Line, meter: MeterPath, due: Due, frames: list[bytes]) -> Change:
        """Of a change that is claimed: the old password proved, the new one sealed. What went out is added to `frames`.

        Raises `Refused` where the meter does not take what is known, so that nothing has changed; `CommunicationError`,
        `StorageError`.
        """
        old = await self._in_force(line, meter, due, frames)
        return Change(old, await self.keys.make(due.key, old))

    async def _in_force(self, line: Line, meter: MeterPath, due: Due, frames: list[bytes]) -> Access:
        """Where an earlier change came to no end, what was made for it goes first; where one was given up and its frame
        came late, last. Each once."""
        refused: Refused | None = None
        for held in await self.keys.held(meter.name):
            permit = OneTry(due.target, held.access)
            try:
                await _ask(line, meter, permit)
            except Refused as error:
                refused = error
                continue
            finally:
                frames.append(permit.frame)
            await self._is_current(meter, held)
            return held.access
        if refused is None:
            raise NotPermitted(f"no password is known of meter {meter.name}")
        raise Refused(refused.code, f"no password that is known is taken: {refused.meaning}")

    async def _is_current(self, meter: MeterPath, held: Held) -> None:
        if held.state == _CURRENT:
            await self.keys.give_up(meter.name)
            return
        if held.state == _PAST:
            await self.keys.take_up(meter.name)
        await self.keys.confirm(meter.name)

    async def find(self, line: Line, meter: MeterPath, due: Due, turn: asyncio.Lock) -> Found:
        """Of a change that was told, or may have been: one try. Raises `LeaseLost`, `StorageError`, `HeadendError`."""
        await look(line, meter, due.order)
        async with turn:
            made = await self.keys.made(due.key)
            if made is None or made.state == _PAST:  # it was never told, or is given up
                return Found(Seen(password=InForce.OLD))
            tries = await self.keys.tries(due.key)
            if made.state != _NEXT:
                return _found(tries, InForce.NEW)
            which = next_try(tries)
            if which is None:
                return _found(tries, found(tries))
            frame, outcome = await self._try(line, meter, due, which, made.access, len(tries) + 1)
            tries = [*tries, Try(which, outcome)]
            return _found(tries, found(tries), next_try(tries) is None, frame)

    async def _try(
        self, line: Line, meter: MeterPath, due: Due, which: InForce, new: Access, number: int
    ) -> tuple[bytes, Outcome]:
        """Written down before it goes out, and when it is over."""
        access = new if which is InForce.NEW else await self._current(meter)
        await self.keys.begin_try(due.key, number, which)
        permit = OneTry(due.target, access)
        outcome = Outcome.TAKEN
        try:
            await _ask(line, meter, permit)
        except Refused:
            outcome = Outcome.REFUSED
        except (LeaseLost, NotPermitted):
            raise
        except CommunicationError as error:
            outcome = Outcome.SILENT
            _log.warning("a password was tried without an answer", meter=meter.name, reason=str(error))
        await self.keys.end_try(due.key, number, outcome)
        return permit.frame, outcome

    async def _current(self, meter: MeterPath) -> Access:
        return next(held.access for held in await self.keys.held(meter.name) if held.state == _CURRENT)

    async def settle(self, due: Due, after: State) -> None:
        """Before that is written down. Where nothing is proved, or the meter contradicts itself, both are kept."""
        if after is State.VERIFIED:
            await self.keys.confirm(due.key.meter)
        elif after in (State.FAILED, State.REJECTED):
            await self.keys.give_up(due.key.meter, due.key.order)
        elif after in FINAL:
            _log.error("which of two passwords a meter takes is not known", meter=due.key.meter, order=due.key.order)


@dataclass(frozen=True, slots=True)
class Changing:
    """One change at one meter."""

    way: Rotation
    line: Line
    meter: MeterPath
    due: Due
    seen: Seen

    def onto(self, world: World) -> World:
        """What the meter shows says nothing for or against it."""
        return world

    async def prepare(self, zone: ZoneInfo) -> Prepared:
        why = why_not(self.meter, self.due.order, self.due.target)
        if why:
            raise NotPermitted(why)
        if not await self.way.keys.held(self.meter.name):
            raise NotPermitted(f"no password is known of meter {self.meter.name}")
        return self._act

    async def _act(self, gate: Gate) -> Act:
        change = await self.way.change(self.line, self.meter, self.due, gate.before)
        on_line: Any = self.line.wire
        return Act(NewPassword(change), lambda: perform(self.due.target.address, change.request, on_line.preamble))


def _found(tries: Sequence[Try], which: InForce | None, is_over: bool = True, frame: bytes = b"") -> Found:
    told = {"tries": [[one.of, one.outcome] for one in tries]}
    return Found(Seen(password=which), is_over, [frame] if frame else (), told)


async def _ask(line: Line, meter: MeterPath, permit: OneTry) -> None:
    """Whether the meter takes it. Raises `CommunicationError`: `Refused` says that it does not."""
    request = ChangePassword(permit.access, permit.access)
    on_line: Any = line.wire
    with line.permitting(permit):
        await line.run(perform(permit.target.address, request, on_line.preamble), meter.name)
