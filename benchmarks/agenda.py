"""Turns of a line with 32, 1,000 and 5,000 meters, a second: whose turn is it, what has ended, when is it looked again.

The peer looks through everything each time (`peers/plain_agenda.py`).

    python -m benchmarks.agenda [--json]
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from statistics import median
from typing import Final

from benchmarks.peers.plain_agenda import PlainAgenda
from benchmarks.report import Row, show
from headend.work.agenda import Agenda
from headend.work.job import due
from headend.work.plan import Plan
from headend.work.schedule import Every

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
PLAN: Final = Plan("quarter", Every(900))
TURNS: Final = 200
ROUNDS: Final = 5


def turns(agenda: Agenda | PlainAgenda, meters: int) -> float:
    """Turns a second, each of a meter that is asked once and has nothing left to do."""
    agenda.add(due(PLAN, range(meters), NOW))
    count = min(TURNS, meters)
    began = time.perf_counter()
    for _ in range(count):
        agenda.expired(NOW)
        agenda.wakes(NOW)
        turn = agenda.turn(NOW, lambda _: True)
        assert turn is not None
        agenda.back(turn[0])
    return count / (time.perf_counter() - began)


def rows() -> list[Row]:
    """Ours and the peer take turns."""
    table = []
    for meters in (32, 1_000, 5_000):
        found = [(turns(Agenda(), meters), turns(PlainAgenda(), meters)) for _ in range(ROUNDS)]
        ours, peer = (median(side) for side in zip(*found, strict=True))
        table.append(Row(f"agenda_{meters}", "turns/s", ours, peer, "looking through everything", None, None))
    return table


if __name__ == "__main__":
    show(rows(), sys.argv)
