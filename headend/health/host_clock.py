"""How good this machine's own clock is: what the kernel says of its synchronisation, and whether it was set.

Slots, received times and clock drift are all measured by it, so whoever judges or sets a meter's clock asks here first.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import structlog

from headend.cluster.boottime import boottime

_log = structlog.get_logger("clock")

STEP_S: Final = 0.5
"""A jump of the wall clock against the clock that nobody sets, from which on it is told; slewing moves both alike."""
SPREAD_S: Final = 0.05
"""Between the two looks of one sample; a longer one (the process was stopped in between) says nothing."""
LOOK_EVERY_S: Final = 10.0
ERROR_LIMIT_S: Final = 5.0
"""A bound of error above this is told; the kernel lets it grow by 500 ppm while nobody sets the clock right."""

_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5


@dataclass(frozen=True, slots=True)
class Discipline:
    """What the kernel says. `synchronised` None: it does not tell (not Linux, or forbidden)."""

    synchronised: bool | None
    max_error_s: float | None = None

    @property
    def problem(self) -> str | None:
        """Why the clock is not to be trusted; None where nothing speaks against it."""
        if self.synchronised is False:
            return "this machine's clock is not synchronised: run chrony, ntpd or systemd-timesyncd"
        if self.max_error_s is not None and self.max_error_s > ERROR_LIMIT_S:
            return f"this machine's clock may be wrong by {self.max_error_s:.1f} s, as the kernel says"
        return None

    @property
    def is_trusted(self) -> bool:
        """Whether it is known to be synchronised closely enough to set other clocks by it."""
        return self.synchronised is True and self.problem is None


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2); the fields behind `tick` are not asked for."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


@cache
def _adjtimex() -> Callable[[Any], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    found: Any = getattr(ctypes.CDLL(ctypes.util.find_library("c") or None), "adjtimex", None)
    if found is None:
        return None
    found.restype = ctypes.c_int
    return found  # type: ignore[no-any-return]


def discipline(adjtimex: Callable[[Any], int] | None = None) -> Discipline:
    """Asks the kernel; changes nothing, needs no privilege."""
    ask = adjtimex or _adjtimex()
    if ask is None:
        return Discipline(None)
    told = _Timex()  # modes 0: only read
    state = ask(ctypes.byref(told))
    if state < 0:
        return Discipline(None)
    return Discipline(state != _TIME_ERROR and not told.status & _STA_UNSYNC, told.maxerror / 1e6)


class StepWatch:
    """Told the wall clock and the clock that nobody sets, again and again; says by how much the first was set."""

    def __init__(self, step_s: float = STEP_S) -> None:
        self._step_s = step_s
        self._offset: float | None = None

    def look(self, real: float, boot: float) -> float | None:
        """Seconds by which the wall clock was set since the last step (negative: back); None: it was not.

        Steps below the limit add up until together they reach it.
        """
        offset = real - boot
        if self._offset is None:
            self._offset = offset
            return None
        stepped = offset - self._offset
        if abs(stepped) < self._step_s:
            return None
        self._offset = offset
        return stepped


def sample() -> tuple[float, float] | None:
    """Wall clock and boot clock of one moment; None where the two looks are too far apart."""
    before = boottime()
    real = time.time()
    after = boottime()
    return (real, (before + after) / 2) if after - before < SPREAD_S else None


class HostClock:
    """Looks now and then; what it has seen is in `counters` and, as it changes, in the log."""

    def __init__(
        self,
        ask: Callable[[], Discipline] = discipline,
        sample: Callable[[], tuple[float, float] | None] = sample,
    ) -> None:
        self._ask = ask
        self._sample = sample
        self._watch = StepWatch()
        self._told: str | None = None
        self.discipline = Discipline(None)
        self.steps = 0
        self.last_step_s: float | None = None
        self.last_step: datetime | None = None

    @property
    def counters(self) -> dict[str, Any]:
        """For the sign of life."""
        return {
            "synchronised": self.discipline.synchronised,
            "max_error_s": self.discipline.max_error_s,
            "steps": self.steps,
            "last_step_s": self.last_step_s,
            "last_step": None if self.last_step is None else self.last_step.isoformat(),
        }

    def look(self) -> None:
        self.discipline = self._ask()
        problem = self.discipline.problem
        if problem is not None and self._told is None:
            _log.warning("the host's clock is not to be trusted", reason=problem)
        elif problem is None and self._told is not None:
            _log.info("the host's clock is in order again")
        self._told = problem
        taken = self._sample()
        stepped = None if taken is None else self._watch.look(*taken)
        if taken is not None and stepped is not None:
            self.steps += 1
            self.last_step_s = round(stepped, 3)
            self.last_step = datetime.fromtimestamp(taken[0], UTC)
            _log.warning("the host's clock was set", by_s=self.last_step_s)

    async def run(self, every_s: float = LOOK_EVERY_S) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(every_s)


@asynccontextmanager
async def watched_clock() -> AsyncIterator[HostClock]:
    """Looked at now, and every `LOOK_EVERY_S` beside the block."""
    clock = HostClock()
    clock.look()
    task = asyncio.create_task(clock.run(), name="host clock")
    try:
        yield clock
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
