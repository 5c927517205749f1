"""Looking for the DL/T 645 meters of a line: first at which rate anybody understands, then who they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from headend.collection.line import Line
from headend.metering.line_rates import Rate
from protocols.dlt645.search import Hail, Search, Step, hail
from protocols.dlt645.services.edition import Edition
from protocols.errors import LinkUnreachable


@dataclass(frozen=True, slots=True)
class Budget:
    """`requests` and `seconds` at most, for all rates together; None: as many as it takes. Asked between two steps, so
    that the last one may go a little beyond."""

    requests: int | None = None
    seconds: float | None = None

    def spent(self, requests: int, seconds: float) -> str | None:
        """What has been spent, in words; None while there is some left."""
        if self.requests is not None and requests >= self.requests:
            return f"{self.requests} requests"
        if self.seconds is not None and seconds >= self.seconds:
            return f"{self.seconds:g} s"
        return None


@dataclass(frozen=True, slots=True)
class Hailed:
    """A rate was tried."""

    rate: Rate
    said: Hail


class MeterSearch:
    """`opening` makes the line at a URL, not yet open. Who found what stands in `search`, however it ended."""

    def __init__(
        self,
        rates: Sequence[Rate],
        opening: Callable[[str], Line],
        search: Search,
        editions: Sequence[Edition],
        budget: Budget,
        *,
        stubborn: bool = False,
    ) -> None:
        self.search = search
        self.rate = rates[0]
        """At which the meters were looked for."""
        self.hailed: list[Hailed] = []
        self.spent: str | None = None
        """The budget that ended it before its time."""
        self.requests = 0
        self._rates = rates
        self._opening = opening
        self._editions = editions
        self._budget = budget
        self._stubborn = stubborn
        self._began = 0.0

    @property
    def seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def run(self) -> AsyncIterator[Hailed | Step]:
        """Every rate that was tried, then every step. A silent line is not searched, unless `stubborn`, then at its
        first rate. Raises `LinkError`."""
        self._began = asyncio.get_running_loop().time()
        if len(self._rates) > 1:
            async for hailed in self._hails():
                yield hailed
            if self.spent or not (self._stubborn or self._understood()):
                return
        line = self._opening(self.rate.url)
        before = self.requests
        try:
            while self.search.pending:
                self.spent = self._budget.spent(self.requests, self.seconds)
                if self.spent:
                    return
                try:
                    step = await line.run(self.search.step())
                finally:
                    self.requests = before + line.counters.requests
                yield step
        finally:
            await line.close()

    def _understood(self) -> bool:
        return any(hailed.said in (Hail.FRAME, Hail.NOISE) for hailed in self.hailed)

    async def _hails(self) -> AsyncIterator[Hailed]:
        """Until somebody understands. A rate that the port does not take is passed over, if it takes another."""
        refused: LinkUnreachable | None = None
        for rate in self._rates:
            self.spent = self._budget.spent(self.requests, self.seconds)
            if self.spent:
                return
            line = self._opening(rate.url)
            try:
                hailed = Hailed(rate, await line.run(hail(self._editions)))
            except LinkUnreachable as error:
                refused = error
                continue
            finally:
                self.requests += line.counters.requests
                await line.close()
            self.hailed.append(hailed)
            yield hailed
            if self._understood():
                self.rate = rate
                return
        if refused is not None and not self.hailed:
            raise refused
