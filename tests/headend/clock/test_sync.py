"""Telling a bus the time: proven by reading the clocks back; refused, and nothing sent, where a rule is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from headend.clock.permit import OnlyTime, Stale
from headend.clock.policy import ClockPolicy
from headend.clock.sync import AUTOMATIC
from headend.health.host_clock import Discipline
from protocols.dlt645.address import BROADCAST
from protocols.dlt645.services.clock import SetTime, set_time
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.service import announce
from protocols.errors import NotPermitted
from storage.clocks import ClockStore
from tests.headend.clock.site import START, Site, site

pytestmark = pytest.mark.postgres


@pytest.fixture
async def clocks(plain_database: str) -> AsyncIterator[ClockStore]:
    async with ClockStore(plain_database) as store:
        yield store


async def results(one: Site) -> dict[str, tuple[str, str]]:
    assert one.store is not None
    found = await one.store.syncs(START - timedelta(days=9))
    return {row.meter: (row.result, row.actor) for row in reversed(found)}


@pytest.mark.parametrize("edition", ["2007", "1997"])
async def test_a_bus_is_told_the_time(plain_database: str, clocks: ClockStore, edition: str) -> None:
    """Of five meters one is right, one far off, which the meter itself does not take; the others are right after it."""
    off = {0: 20.0, 1: -45.0, 2: 0.0, 3: 900.0, 4: 7.0}
    async with site(5, edition=edition, conninfo=plain_database, off=off, store=clocks) as one:
        await one.survey()
        done = await one.sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert (done.refused, done.unread) == ([], [])
        assert done.told is not None
        assert all(abs(one.is_off(number)) < 1.5 for number in (0, 1, 2, 4))
        assert one.is_off(3) > 890
        by_name = await results(one)
        names = [meter.name for meter in one.meters]
        assert [by_name[name] for name in names] == [
            ("taken", AUTOMATIC), ("taken", AUTOMATIC), ("taken", AUTOMATIC), ("not_taken", AUTOMATIC),
            ("taken", AUTOMATIC),
        ]  # fmt: skip
        one.off(0, 20.0)
        await one.survey()
        again = await one.sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert again.told is None
        assert "once a day" in {rule.rule for rule in again.refused}
        assert one.is_off(0) > 19


async def test_a_far_clock_comes_nearer_by_a_step_a_day(plain_database: str, clocks: ClockStore) -> None:
    async with site(2, conninfo=plain_database, off={0: -150.0, 1: 30.0}, store=clocks) as one:
        left = []
        for _ in range(4):
            await one.survey()
            done = await one.sync.single(one.line, one.meters[0], "Li")
            left.append((done.told is not None, round(one.is_off(0) / 2) * 2))
            one.now.wait(days=1)
        assert left == [(True, -90), (True, -30), (True, 0), (False, 0)]
        assert one.is_off(1) > 29, "it was not told"
        assert {row.way for row in await clocks.syncs(START)} == {"single"}


@pytest.mark.parametrize(
    ("policy", "host", "off", "hours", "rule"),
    [
        (ClockPolicy(), Discipline(False, 0.001), 20.0, 0.0, "host clock"),
        (ClockPolicy(), Discipline(None), 20.0, 0.0, "host clock"),
        (ClockPolicy(), Discipline(True, 0.001), 2.0, 0.0, "needed"),
        (ClockPolicy(), Discipline(True, 0.001), 100.0, 0.0, "step"),
        (ClockPolicy(), Discipline(True, 0.001), 301.0, 0.0, "needed"),
        (ClockPolicy(), Discipline(True, 0.001), 20.0, 9.6, "keep clear"),
        (ClockPolicy(fresh=timedelta(0)), Discipline(True, 0.001), 20.0, 0.0, "needed"),
    ],
)
async def test_nothing_is_sent_where_a_rule_is_broken(
    plain_database: str, clocks: ClockStore, policy: ClockPolicy, host: Discipline, off: float, hours: float, rule: str
) -> None:
    async with site(1, conninfo=plain_database, off={0: off}, store=clocks) as one:
        one.policy, one.host = policy, host
        one.now.wait(hours=hours)
        await one.survey()
        requests = one.line.counters.requests
        done = await one.sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert rule in {one.rule for one in done.refused}
        assert (done.told, one.line.counters.requests) == (None, requests)
        assert await results(one) == {}


async def test_a_clock_that_was_never_read_is_not_told(plain_database: str, clocks: ClockStore) -> None:
    async with site(1, conninfo=plain_database, off={0: 20.0}, store=clocks) as one:
        done = await one.sync.single(one.line, one.meters[0], "Li")
        assert {rule.rule for rule in done.refused} == {"offset known"}
        assert one.line.counters.requests == 0


async def test_a_dry_run_sends_nothing(plain_database: str, clocks: ClockStore) -> None:
    async with site(1, conninfo=plain_database, off={0: 20.0}, store=clocks) as one:
        await one.survey()
        requests = one.line.counters.requests
        done = await one.sync.broadcast(one.line, one.meters, "Li", dry_run=True)
        assert (done.refused, done.told, one.line.counters.requests) == ([], None, requests)
        assert await results(one) == {}


async def test_what_changes_at_the_last_moment_holds_it_back(plain_database: str, clocks: ClockStore) -> None:
    """Our clock is doubtful just when the frame is to go out: nothing goes, and the day is not used up."""
    async with site(1, conninfo=plain_database, off={0: 20.0}, store=clocks) as one:
        await one.survey()
        words = iter([Discipline(True, 0.001), Discipline(False, 16.0)])
        sync = one.sync
        sync._host = lambda: next(words)
        requests = one.line.counters.requests
        done = await sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert [rule.rule for rule in done.refused] == ["last look"]
        assert (done.told, one.line.counters.requests) == (None, requests)
        assert await results(one) == {one.meters[0].name: ("held_back", AUTOMATIC)}
        assert one.is_off(0) > 19
        done = await one.sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert (done.refused, await results(one)) == ([], {one.meters[0].name: ("taken", AUTOMATIC)})


async def test_outside_of_it_the_line_still_only_reads(plain_database: str, clocks: ClockStore) -> None:
    async with site(1, conninfo=plain_database, off={0: 20.0}, store=clocks) as one:
        await one.survey()
        done = await one.sync.broadcast(one.line, one.meters, AUTOMATIC)
        assert done.told is not None
        requests = one.line.counters.requests
        with pytest.raises(NotPermitted, match="only reads"):
            await one.line.run(set_time("2026-11-23T14:20:00"))
        assert one.line.counters.requests == requests


def permit(reasons: list[str] | None = None, late_s: float = 0.0) -> OnlyTime:
    return OnlyTime(
        BROADCAST, "2026-11-23T14:20:31", START + timedelta(seconds=1), timedelta(0),
        lambda: START + timedelta(seconds=1 + late_s), lambda _at: reasons or [],
    )  # fmt: skip


async def test_the_permit_lets_that_frame_go_once_and_nothing_else() -> None:
    right = next(announce(SetTime("2026-11-23T14:20:31")))
    one = permit()
    one(right)
    with pytest.raises(NotPermitted, match="once"):
        one(right)
    others = [
        next(announce(SetTime("2026-11-23T14:20:32"))),
        next(announce(SetTime("2026-11-23T14:20:31"), "000000000001")),
        next(announce(Freeze())),
        replace(right, data=right.data + right.data),
        replace(right, data=b""),
    ]
    for other in others:
        one = permit()
        with pytest.raises(NotPermitted):
            one(other)
        assert not one.used
    with pytest.raises(NotPermitted, match="it is midnight"):
        permit(["it is midnight"])(right)
    with pytest.raises(Stale):
        permit(late_s=0.6)(right)


async def test_what_cannot_be_read_back_is_settled_by_the_next_reading(plain_database: str, clocks: ClockStore) -> None:
    async with site(1, conninfo=plain_database, off={0: 20.0}, store=clocks) as one:
        await one.survey()
        sync = one.sync
        silent = replace(one.meters[0], address="000000000099")

        done = await sync.broadcast(one.line, [silent], AUTOMATIC)
        assert (done.unread, done.settled) == ([silent.name], [])
        assert await results(one) == {silent.name: ("sent", AUTOMATIC)}
        await one.survey()
        assert await results(one) == {silent.name: ("taken", AUTOMATIC)}
