"""Asking meters whether they are there through the daemon that works their lines: no line is opened a second time."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from analytics.outages import Evidence
from headend.collection.poller import utc_now
from protocols.errors import BadAnswer, FrameError, LinkClosed, LinkError, LinkUnreachable, NoAnswer, Refused
from storage import entries
from storage.requests import Answered, RequestState, RequestTable

_LOOK_S: Final = 0.5
_AWAY: Final = frozenset({LinkError.label, LinkUnreachable.label, LinkClosed.label})
_SPOKE: Final = frozenset({Refused.label, BadAnswer.label, FrameError.label})


async def ask_ping(conninfo: str, meters: Sequence[entries.Meter], patience: timedelta) -> dict[str, Evidence]:
    """Meter to what it said. A meter that nobody took to ask within `patience` is left out: nothing is known of it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    found: dict[str, Evidence] = {}
    async with RequestTable(conninfo) as table:
        asked = {await table.ask("ping", meter.id, (), getpass.getuser(), patience): meter for meter in meters}
        while asked and loop.time() < end:
            await asyncio.sleep(_LOOK_S)
            for number, meter in list(asked.items()):
                answer = await table.answer(number)
                if answer.state.is_over:
                    del asked[number]
                    if (evidence := _evidence(meter.line, answer, utc_now())) is not None:
                        found[meter.name] = evidence
        for number in asked:
            await table.finish(number, RequestState.EXPIRED, None, None)
    return found


def _evidence(line: str, answer: Answered, now: datetime) -> Evidence | None:
    if answer.state is RequestState.DONE and answer.result is not None:
        return Evidence(line, answered=now, voltage=_voltage(answer.result.get("values", ())))
    kind = answer.error["kind"] if answer.error is not None else ""
    if kind == NoAnswer.label:
        return Evidence(line, silent_since=now)
    if kind in _AWAY:
        return Evidence(line, unreachable=now)
    return Evidence(line, answered=now) if kind in _SPOKE else None  # it said no, or nonsense: it has supply


def _voltage(values: Sequence[Any]) -> Decimal | None:
    return next((Decimal(v["value"]) for v in values if v["name"] == "voltage_l1" and v["value"] is not None), None)
