"""The keeper: every line has one who speaks, whoever dies, hangs or is cut off; and nobody speaks too long."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from headend.cluster.settings import Terms
from tests.headend.cluster.daemons import SPEAKS_S, TERMS, Plant
from tests.headend.virtual_time import virtually

TAKEN_S = TERMS.ttl + 3 * TERMS.renew
"""Until the lines of a dead daemon have been taken, shared and polled again."""


def now() -> float:
    return asyncio.get_running_loop().time()


@virtually
async def test_lines_are_shared_evenly_and_each_has_one_speaker() -> None:
    plant = Plant(7)
    for name in "abc":
        plant.start(name)
    await asyncio.sleep(20)
    lines = [daemon.lines for daemon in plant.daemons.values()]
    assert sorted(map(len, lines)) == [1, 3, 3] or sorted(map(len, lines)) == [2, 2, 3]
    assert set.union(*lines) == set(plant.names)
    assert all(len(who) == 1 for who in plant.since(now() - 5).values())
    assert plant.spoken_over == []
    assert {daemon.keeper.membership.count for daemon in plant.daemons.values()} == {3}
    await plant.end()


@virtually
async def test_who_comes_later_is_given_its_share_when_the_slot_is_over() -> None:
    plant = Plant(6)
    first = plant.start("a")
    await asyncio.sleep(10)
    assert len(first.lines) == 6
    second = plant.start("b")
    await asyncio.sleep(10)
    assert (len(first.lines), len(second.lines)) == (3, 3)
    assert (first.keeper.counters.releases, first.keeper.counters.losses) == (3, 0)
    assert plant.spoken_over == []
    await plant.end()


@virtually
async def test_lines_of_the_dead_are_taken_after_its_time_and_not_before() -> None:
    plant = Plant(4)
    first, second = plant.start("a"), plant.start("b")
    await asyncio.sleep(20)
    gone = set(first.lines)
    await first.kill()
    killed = now()
    await asyncio.sleep(TAKEN_S)
    assert second.lines == set(plant.names)
    assert second.keeper.counters.buried == 1
    for name in gone:
        begun = next(when for when, who in plant.heard[name] if who == "b" and when > killed)
        assert killed + TERMS.ttl - TERMS.renew <= begun
    await plant.end()


@virtually
async def test_who_ends_in_order_leaves_its_lines_at_once() -> None:
    plant = Plant(4)
    first, second = plant.start("a"), plant.start("b")
    await asyncio.sleep(20)
    await first.stop()
    await asyncio.sleep(TERMS.renew + 0.5)
    assert second.lines == set(plant.names)
    assert plant.spoken_over == []
    await plant.end()


async def cut_off(trouble: str) -> None:
    plant = Plant(4)
    first, second = plant.start("a"), plant.start("b")
    await asyncio.sleep(20)
    lost = set(first.lines)
    first.way.trouble = trouble
    cut = now()
    await asyncio.sleep(TAKEN_S)
    assert second.lines == set(plant.names)
    for name in lost:
        last = max(when for when, who in plant.heard[name] if who == "a")
        begun = next(when for when, who in plant.heard[name] if who == "b" and when > cut)
        assert begun - last >= TERMS.margin - SPEAKS_S, "silent before the other begins"
        assert last > cut + TERMS.ttl - TERMS.margin - TERMS.renew - 2 * SPEAKS_S, "and not much earlier"
    assert first.lines == set()
    assert first.keeper.lines == 0
    assert first.keeper.membership.deadline_in_s < 0
    assert first.keeper.counters.losses == 2
    first.way.trouble = ""
    await asyncio.sleep(15)
    assert (len(first.lines), len(second.lines)) == (2, 2)
    assert plant.spoken_over == []
    await plant.end()


@virtually
async def test_who_is_cut_off_from_the_database_is_silent_before_others_begin() -> None:
    await cut_off("away")


@virtually
async def test_a_database_that_says_nothing_is_as_good_as_away() -> None:
    await cut_off("hangs")


@virtually
async def test_a_short_outage_costs_nothing() -> None:
    plant = Plant(2)
    first = plant.start("a")
    await asyncio.sleep(10)
    for trouble in ("away", "hangs"):
        first.way.trouble = trouble
        await asyncio.sleep(TERMS.ttl - TERMS.margin - TERMS.renew - 2.5)
        first.way.trouble = ""
        await asyncio.sleep(TERMS.ttl)
    assert first.keeper.counters.losses == 0
    assert first.lines == set(plant.names)
    gaps = [b[0] - a[0] for heard in plant.heard.values() for a, b in pairwise(heard)]
    assert max(gaps) < 2 * SPEAKS_S
    await plant.end()


@virtually
async def test_after_an_outage_for_all_everybody_goes_on_with_what_he_had() -> None:
    plant = Plant(6)
    daemons = [plant.start(name) for name in "abc"]
    await asyncio.sleep(20)
    before = [daemon.lines for daemon in daemons]
    for daemon in daemons:
        daemon.way.trouble = "away"
    await asyncio.sleep(600)
    quiet = now() - 500
    assert all(who == set() for who in plant.since(quiet).values()), "nobody knows whether another one speaks"
    for daemon in daemons:
        daemon.way.trouble = ""
    await asyncio.sleep(30)
    assert [daemon.lines for daemon in daemons] == before
    assert [daemon.keeper.counters.buried for daemon in daemons] == [0, 0, 0]
    await plant.end()


@virtually
async def test_each_is_judged_by_its_own_time() -> None:
    plant = Plant(2)
    slow = plant.start("slow", Terms(ttl=60.0, renew=20.0, margin=10.0))
    await asyncio.sleep(5)
    quick = plant.start("quick", Terms(ttl=6.0, renew=1.0, margin=1.0))
    await asyncio.sleep(120)
    assert (slow.keeper.counters.losses, quick.keeper.counters.buried) == (0, 0)
    assert (len(slow.lines), len(quick.lines)) == (1, 1)
    await plant.end()


@virtually
async def test_lines_come_and_go_with_the_registry() -> None:
    plant = Plant(3)
    first = plant.start("a")
    first.roster.put(plant.names[:2])
    await asyncio.sleep(10)
    assert first.lines == {"line1", "line2"}
    first.roster.put(plant.names)
    await asyncio.sleep(TERMS.renew + 0.5)
    assert first.lines == set(plant.names)
    first.roster.put(plant.names[:1])
    await asyncio.sleep(TERMS.renew + 2)
    assert first.lines == {"line1"}
    assert first.keeper.lines == 1
    await plant.end()


@virtually
async def test_a_claim_whose_answer_was_lost_is_found_at_the_next_renewal() -> None:
    plant = Plant(1)
    first = plant.start("a")
    first.roster.put([])
    await asyncio.sleep(1)
    assert first.keeper.membership.id is not None
    await first.way.claim(first.keeper.membership.id, [1], 1)
    first.roster.put(plant.names)
    await asyncio.sleep(TERMS.renew + 0.5)
    assert first.lines == {"line1"}
    assert first.keeper.counters.claims == 0
    await plant.end()


@virtually
async def test_a_lease_that_somebody_took_away_is_given_up_at_once() -> None:
    plant = Plant(1)
    first = plant.start("a")
    await asyncio.sleep(5)
    plant.shared.held[1] = (plant.shared.held[1][0], type(plant.shared.held[1][1])(1, 99))
    await asyncio.sleep(TERMS.renew)
    assert first.keeper.counters.losses == 1
    await plant.end()


@virtually
async def test_a_bound_line_is_taken_where_it_is_and_counts_for_nobody() -> None:
    plant = Plant(4, ["bus1", "bus2", "bus3"])
    first, second = plant.start("a"), plant.start("b")
    first.here.at = dict.fromkeys(plant.bound, 0.0)
    await asyncio.sleep(20)
    assert first.lines >= plant.bound
    assert (len(first.lines), len(second.lines)) == (2 + 3, 2)
    del first.here.at["bus1"]
    second.here.at = {"bus1": now()}
    await asyncio.sleep(2 * TERMS.renew + TERMS.margin)
    assert "bus1" in second.lines - first.lines
    assert plant.spoken_over == []
    await plant.end()


@virtually
async def test_a_dtu_that_dials_another_takes_its_line_along() -> None:
    plant = Plant(0, ["dtu"])
    first, second = plant.start("a"), plant.start("b")
    first.here.at["dtu"] = now()
    await asyncio.sleep(10)
    second.here.at["dtu"] = now()  # the first one's connection has not ended: nobody told it
    await asyncio.sleep(TERMS.ttl + 4 * TERMS.renew)
    assert (first.lines, second.lines) == (set(), {"dtu"})
    assert first.here.hung_up == ["dtu"]
    assert plant.spoken_over == []
    await plant.end()


@virtually
async def test_a_dtu_that_dials_two_stays_with_whom_it_speaks() -> None:
    plant = Plant(0, ["dtu"])
    first, second = plant.start("a"), plant.start("b")
    first.here.at["dtu"] = now()
    await asyncio.sleep(10)
    second.here.at["dtu"] = now()
    for _ in range(20):
        await asyncio.sleep(5)
        first.here.at["dtu"] = now()
    assert (first.lines, second.lines) == ({"dtu"}, set())
    await plant.end()
