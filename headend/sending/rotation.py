"""A meter's password is changed: the old one is proved, the new one sealed, told once, and proved.

Proved is what the meter has taken. A silent meter is not tried: first it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import FINAL, State
from headend.safety.function import Function
from headend.safety.passwords import Change, InForce, OneTry, Outcome, Try, found, next_try
from headend.secrets.held import Held
from headend.sending.acts import is_possible
from headend.sending.book import Due, Keys
from protocols.dlt645.services.access import Access
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.service import perform
from protocols.errors import CommunicationError, LeaseLost, NotPermitted, Refused

_log = structlog.get_logger("sending")

_NEXT, _CURRENT, _PAST = "next", "current", "past"


@dataclass(frozen=True, slots=True)
class Proof:
    """What all tries say so far, and the frame of the last. `is_over`: no more are made."""

    found: InForce | None
    is_over: bool
    tries: tuple[Try, ...] = ()
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class Rotation:
    keys: Keys

    async def ready(self, meter: MeterPath, due: Due) -> None:
        """Before a change is claimed. Raises `NotPermitted`, `StorageError`, `HeadendError`."""
        why = is_possible(meter, due.order, due.target)
        if why:
            raise NotPermitted(why)
        if not await self.keys.held(meter.name):
            raise NotPermitted(f"no password is known of meter {meter.name}")

    async def begin(self, line: Line, meter: MeterPath, due: Due, frames: list[bytes]) -> Change:
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

    async def prove(self, line: Line, meter: MeterPath, due: Due) -> Proof:
        """Of a change that was told, or may have been: one try. Raises `LeaseLost`, `StorageError`, `HeadendError`."""
        made = await self.keys.made(due.key)
        if made is None or made.state == _PAST:  # it was never told, or is given up
            return Proof(InForce.OLD, True)
        tries = await self.keys.tries(due.key)
        which = next_try(tries) if made.state == _NEXT else None
        if which is None:
            return Proof(found(tries) if made.state == _NEXT else InForce.NEW, True, tuple(tries))
        access = made.access if which is InForce.NEW else await self._current(meter)
        number = len(tries) + 1
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
        tries = [*tries, Try(which, outcome)]
        return Proof(found(tries), next_try(tries) is None, tuple(tries), permit.frame)

    async def _current(self, meter: MeterPath) -> Access:
        return next(held.access for held in await self.keys.held(meter.name) if held.state == _CURRENT)

    async def settle(self, due: Due, after: State) -> None:
        """Before that is written down. Where nothing is proved, or the meter contradicts itself, both are kept."""
        if due.order.function is not Function.CHANGE_PASSWORD:
            return
        if after is State.VERIFIED:
            await self.keys.confirm(due.key.meter)
        elif after in (State.FAILED, State.REJECTED):
            await self.keys.give_up(due.key.meter, due.key.order)
        elif after in FINAL:
            _log.error("which of two passwords a meter takes is not known", meter=due.key.meter, order=due.key.order)


async def _ask(line: Line, meter: MeterPath, permit: OneTry) -> None:
    """Whether the meter takes it. Raises `CommunicationError`: `Refused` says that it does not."""
    request = ChangePassword(permit.access, permit.access)
    on_line: Any = line.wire
    with line.permitting(permit):
        await line.run(perform(permit.target.address, request, on_line.preamble), meter.name)
