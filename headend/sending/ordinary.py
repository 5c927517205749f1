"""The way of most orders: one frame that says what is to be done, and reading whether it was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from headend.collection.line import Line
from headend.collection.survey import MeterPath
from headend.safety.command import State
from headend.safety.verification import Seen
from headend.safety.world import World
from headend.sending.acts import Act, act, wants_password
from headend.sending.book import Due, Keys
from headend.sending.gate import Gate
from headend.sending.look import look
from headend.sending.way import Found, Prepared


@dataclass(frozen=True, slots=True)
class Ordinary:
    keys: Keys

    async def begin(self, line: Line, meter: MeterPath, due: Due) -> OneFrameDoing:
        return OneFrameDoing(self.keys, line, meter, due, await look(line, meter, due.order))

    async def find(self, line: Line, meter: MeterPath, due: Due, turn: asyncio.Lock) -> Found:
        return Found(await look(line, meter, due.order))

    async def settle(self, due: Due, after: State) -> None:
        """Nothing is kept elsewhere."""


@dataclass(frozen=True, slots=True)
class OneFrameDoing:
    keys: Keys
    line: Line
    meter: MeterPath
    due: Due
    seen: Seen

    def onto(self, world: World) -> World:
        limit = self.seen.limit_kw
        return replace(world, load_limits={} if limit is None else {self.meter.name: limit})

    async def prepare(self, zone: ZoneInfo) -> Prepared:
        """With the password of this moment."""
        due, meter = self.due, self.meter
        access = await self.keys.access(meter) if wants_password(meter, due.order) else None
        done = act(meter, due.order, due.target, zone, self.line.wire, access)

        async def known(gate: Gate) -> Act:
            return done

        return known
