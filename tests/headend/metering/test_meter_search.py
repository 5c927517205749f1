"""Looking for meters on a line: the rate, the budget, a pseudo-terminal in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from headend.collection.line import Line, LinePath
from headend.metering.line_rates import rates
from headend.metering.meter_search import Budget, Hailed, MeterSearch
from protocols.dlt645.search import Branch, Hail, Search, Step, Terms
from protocols.dlt645.services.edition import Edition
from protocols.errors import LinkClosed, LinkUnreachable, ModelError
from protocols.links.memory import MemoryLink, memory_pair
from protocols.links.open import SCHEMES
from protocols.links.pty import pty_pair
from protocols.timing import Timing
from simulators.bus import Bus, Manners
from simulators.serve import serve
from tests.headend.virtual_time import virtually
from tests.protocols.dlt645.search.line import Meters, named, serving, stations

BOTH: tuple[Edition, ...] = ("2007", "1997")
TWO: Meters = [("2007", "123456789012"), ("2007", "123456789013"), ("1997", "000000000016")]
NAMES = ["2400E", "9600E", "4800E", "1200E", "19200E", "600E", "300E"]


USUAL = Timing(latency=0.05, retries=1)
ENDLESS = Budget()


def opening(timing: Timing = USUAL) -> Callable[[str], Line]:
    return lambda url: Line(LinePath("line", url, "dlt645"), timing)


def search_on(url: str, budget: Budget = ENDLESS, *, deep: bool = False, stubborn: bool = False) -> MeterSearch:
    return MeterSearch(rates(url, deep=deep), opening(), Search(), BOTH, budget, stubborn=stubborn)


class Port:
    """`serial://` in memory: its meters understand one rate and parity, and hear nothing at all others."""

    def __init__(self, meters: Meters, rate: str) -> None:
        self.bus = Bus(stations(meters), Manners())
        self.rate = rate
        self.opened: list[str] = []
        self.refused: set[str] = set()
        self._serving: list[asyncio.Task[None]] = []

    async def open(self, url: str, defaults: Mapping[str, str]) -> MemoryLink:
        stated = dict(defaults) | {key: values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
        rate = stated["baudrate"] + stated["parity"]
        self.opened.append(rate)
        if rate in self.refused:
            raise LinkUnreachable("the port does not take these settings")
        near, far = memory_pair()
        if rate == self.rate:
            self._serving.append(asyncio.create_task(serving(self.bus.line(), far)))
        return near


async def heard(search: MeterSearch) -> list[Hailed | Step]:
    return [event async for event in search.run()]


def test_the_likeliest_rate_comes_first() -> None:
    assert [rate.name for rate in rates("serial:///dev/ttyUSB0")] == NAMES
    assert rates("serial:///dev/ttyUSB0")[0].url == "serial:///dev/ttyUSB0"
    assert rates("serial:///dev/ttyUSB0")[1].url == "serial:///dev/ttyUSB0?baudrate=9600&parity=E"


def test_what_is_stated_is_tried_before() -> None:
    url = "serial:///dev/ttyUSB0?baudrate=1200&stopbits=2"
    found = rates(url)
    assert [rate.name for rate in found] == ["1200E", "2400E", "9600E", "4800E", "19200E", "600E", "300E"]
    assert (found[0].url, found[1].url) == (url, "serial:///dev/ttyUSB0?stopbits=2&baudrate=2400&parity=E")
    assert [rate.name for rate in rates("serial:///dev/x?parity=N", deep=True)][:3] == ["2400N", "2400E", "9600E"]
    assert len(rates("serial:///dev/x", deep=True)) == 14


def test_a_link_without_a_rate_has_one() -> None:
    assert [(rate.name, rate.url) for rate in rates("tcp://192.0.2.1:4001", deep=True)] == [
        ("", "tcp://192.0.2.1:4001")
    ]
    with pytest.raises(ModelError):
        rates("serial:///dev/x?baudrate=fast")


@pytest.mark.parametrize(("rate", "deep", "tried"), [("2400E", False, 1), ("19200E", False, 5), ("1200N", True, 11)])
def test_the_rate_is_found(monkeypatch: pytest.MonkeyPatch, rate: str, deep: bool, tried: int) -> None:
    @virtually
    async def run() -> None:
        port = Port(TWO, rate)
        monkeypatch.setitem(SCHEMES, "serial", port.open)
        search = search_on("serial:///dev/x", deep=deep)
        events = await heard(search)
        assert search.rate.name == rate
        assert [event.said for event in events if isinstance(event, Hailed)][:-1] == [Hail.SILENCE] * (tried - 1)
        assert port.opened == [*[r.name for r in rates("serial:///dev/x", deep=deep)][:tried], rate]
        assert named(search.search.found.values()) == sorted(TWO)
        assert search.requests > 400
        assert search.spent is None

    run()


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_silent_line_is_searched_by_the_stubborn_alone(monkeypatch: pytest.MonkeyPatch, stubborn: bool) -> None:
    @virtually
    async def run() -> None:
        port = Port(TWO, "none")
        monkeypatch.setitem(SCHEMES, "serial", port.open)
        search = search_on("serial:///dev/x", stubborn=stubborn)
        await heard(search)
        assert [hailed.rate.name for hailed in search.hailed] == NAMES
        assert port.opened == ([*NAMES, "2400E"] if stubborn else NAMES)
        assert not search.search.found

    run()


@virtually
async def test_a_rate_that_the_port_refuses_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port(TWO, "4800E")
    port.refused = {"9600E"}
    monkeypatch.setitem(SCHEMES, "serial", port.open)
    search = search_on("serial:///dev/x")
    await heard(search)
    assert [hailed.rate.name for hailed in search.hailed] == ["2400E", "4800E"]
    port.refused = set(NAMES)
    with pytest.raises(LinkUnreachable, match="does not take"):
        await heard(search_on("serial:///dev/x"))


@pytest.mark.parametrize(
    ("budget", "said"), [(Budget(requests=50), "50 requests"), (Budget(seconds=20.0), "20 s"), (Budget(), None)]
)
def test_a_budget_ends_it_and_says_so(monkeypatch: pytest.MonkeyPatch, budget: Budget, said: str | None) -> None:
    @virtually
    async def run() -> None:
        monkeypatch.setitem(SCHEMES, "serial", Port(TWO, "2400E").open)
        search = search_on("serial:///dev/x", budget)
        await heard(search)
        assert search.spent == said
        assert bool(search.search.pending) == bool(said)
        if said:
            assert (search.requests, search.seconds) < (100, 30)
            left = [Branch.parse(str(branch)) for branch in search.search.pending]
            again = MeterSearch(rates("serial:///dev/x"), opening(), Search(left), BOTH, Budget())
            await heard(again)
            assert set(named([*search.search.found.values(), *again.search.found.values()])) == set(TWO)

    run()


@virtually
async def test_a_budget_that_is_spent_on_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMES, "serial", Port(TWO, "300E").open)
    search = search_on("serial:///dev/x", Budget(requests=10))
    await heard(search)
    assert (search.spent, len(search.hailed), len(search.search.found)) == ("10 requests", 3, 0)


async def test_32_meters_on_a_pseudo_terminal() -> None:
    """In real time, with collisions: of both editions, some with the same last digits, one ending in 16."""
    meters: list[tuple[Edition, str]] = [("2007", f"9{n:02}0000001{n:02}") for n in range(3, 25)]
    meters += [("1997", f"0000{n:02}6816{n:02}") for n in range(12, 18)]
    meters += [("2007", "777700000016"), ("2007", "777700010016"), ("2007", "000000000001"), ("1997", "168068166817")]
    assert len(set(meters)) == 32
    link, path = pty_pair()
    line = Bus(stations(meters), Manners(turnaround_s=0.0)).line()
    far = asyncio.create_task(serve(line, link, lambda: datetime.now(UTC)))
    timing = Timing(response=0.008, latency=0.0, gap=0.008, pause=0.0, retries=3, bits_per_second=1_000_000)
    one = rates(f"serial://{path}?baudrate=1000000")[:1]
    search = MeterSearch(one, opening(timing), Search(terms=Terms(tries=2)), BOTH, Budget())
    try:
        await heard(search)
    finally:
        far.cancel()
        with suppress(asyncio.CancelledError, LinkClosed):
            await far
        await link.close()
    assert named(search.search.found.values()) == sorted(meters)
    assert search.search.noise > 0
