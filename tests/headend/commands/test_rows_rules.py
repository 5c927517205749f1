"""The rows of docs/safety.md about what holds for all, on a real database. Each test is named after its row."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from headend.commands.asked import NewEntry
from headend.commands.errors import Conflict, Denied, Forbidden, Unknown
from headend.commands.policy_file import sample
from headend.safety.function import Function, ReasonCode
from tests.headend.commands.site import HOUR, NOW, POLICY, Site, name


def rules(denied: pytest.ExceptionInfo[Denied]) -> set[str]:
    return {reason.rule for reason in denied.value.reasons}


async def test_s04_who_is_protected_is_not_released(site: Site) -> None:
    desk, bo, cai = site.desk(), await site.who("bo"), await site.who("cai")
    order = await site.approved(meters=(1, 2))
    (entry,) = await desk.protect(bo, [NewEntry(category="life support", meter=name(2), evidence="file 7")])
    assert await desk.protect(bo, [NewEntry(category="life support", meter=name(2), evidence="file 7")]) == [entry]
    for verb in (site.release(order), site.draft(meters=(2,))):
        with pytest.raises(Denied) as denied:
            await verb
        assert [(r.rule, r.meter) for r in denied.value.reasons] == [("protected", name(2))]
    assert (await site.draft(function=Function.CLOSE, meters=(2,))).state == "approved", "it may be given back"
    with pytest.raises(Forbidden):
        await desk.protect(await site.who("ada"), [NewEntry(category="medical", meter=name(3))])
    told = await desk.unlist(bo, entry.id)
    assert (told.done, told.lacks) == (False, 1)
    assert not (await desk.unlist(bo, entry.id)).done, "the same person twice is one"
    assert await desk.protection(bo) == [entry]
    with pytest.raises(Denied):
        await desk.unlist(await site.who("ada"), entry.id)
    assert (await desk.unlist(cai, entry.id)).done
    assert await desk.protection(bo) == []
    assert (await site.release(order)).state == "released"


async def test_s04_an_entry_ends_sooner_by_two_and_by_itself_at_its_end(site: Site) -> None:
    desk, bo, cai = site.desk(), await site.who("bo"), await site.who("cai")
    (entry,) = await desk.protect(bo, [NewEntry(category="medical", point="p00001", until=NOW + 48 * HOUR)])
    for person in (bo, cai):
        told = await desk.unlist(person, entry.id, NOW + HOUR)
    assert told.done
    (shorter,) = await desk.protection(bo)
    assert (shorter.category, shorter.point, shorter.until) == ("medical", "p00001", NOW + HOUR)
    with pytest.raises(Denied):
        await site.draft()
    site.now = NOW + HOUR
    assert (await site.draft()).state == "draft"


async def test_s05_over_a_cap_is_quarantine_until_two_say_so(plain_database: str) -> None:
    policy = POLICY.replace("commands = 200\n", "commands = 3\n", 1)
    site = await Site.build(plain_database, policy=policy)
    first = await site.released(meters=(1, 2))
    assert first.state == "released"
    order = await site.released(meters=(3, 4))
    assert (order.state, order.needs) == ("quarantined", ("over_caps", "over_caps", "release"))
    with pytest.raises(Denied) as denied:
        await site.approve(order, "ada", over_caps=True)
    assert "role" in rules(denied)
    assert (await site.approve(order, over_caps=True)).needs == ("over_caps", "release")
    assert (await site.release(order)).state == "quarantined"
    with pytest.raises(Conflict):
        await site.approve(await site.approved(meters=(5,)), "cai", over_caps=True)
    assert (await site.approve(order, "cai", over_caps=True)).needs == ("release",)
    assert (await site.release(order)).state == "released"
    assert (await site.released(function=Function.CLOSE, meters=(6,), reason=ReasonCode.PAYMENT)).state == "released"
    await site.close()


async def test_s05_two_orders_at_once_do_not_stay_below_together(plain_database: str) -> None:
    site = await Site.build(plain_database, policy=POLICY.replace("commands = 200\n", "commands = 3\n", 1))
    one, two = await site.approved(meters=(1, 2)), await site.approved(meters=(3, 4))
    done = await asyncio.gather(site.release(one), site.release(two))
    assert sorted(order.state for order in done) == ["quarantined", "released"]
    await site.close()


async def test_s05_caps_in_watts_share_and_for_programs(plain_database: str) -> None:
    policy = sample().replace("watts = 2_000_000", "watts = 5000")
    site = await Site.build(plain_database, meters=40, policy=policy)
    assert (await site.released(meters=(1,))).state == "released"
    assert (await site.released(meters=(3, 5))).state == "quarantined", "6 kW in an hour"
    site.now += 2 * HOUR
    assert (await site.released(meters=(7,))).state == "released"
    site.now += 2 * HOUR
    assert (await site.released(meters=(9,))).state == "quarantined", "3 of 20 customers of the north on one day"
    assert (await site.released(meters=(2,))).state == "released"
    site.sql("UPDATE meter_load SET at = %s", NOW - timedelta(days=90))
    site.now += 2 * HOUR
    unknown = await site.released(meters=(4,))
    assert unknown.unknown_loads == 1
    assert unknown.state == "released", "one of unknown load is all that the cap allows"
    assert (await site.released(meters=(6,))).state == "quarantined"
    await site.close()


async def test_s08_what_is_paid_is_recalled(site: Site) -> None:
    desk, ada = site.desk(), await site.who("ada")
    waits, draft = await site.released(meters=(1, 2)), await site.draft(meters=(1,))
    other = await site.released(meters=(1,), reason=ReasonCode.MOVE_OUT)
    site.now += HOUR
    assert await desk.paid(ada, "p00001", "receipt 4711") == 2
    assert site.states(waits.id) == {name(1): "recalled", name(2): "released"}
    assert site.states(draft.id) == {name(1): "recalled"}
    assert site.states(other.id) == {name(1): "released"}, "whoever moves out has nothing to pay"
    with pytest.raises(Unknown):
        await desk.paid(ada, "nowhere", "")
    site.now += HOUR
    later = await site.released(meters=(1,))
    assert later.state == "released", "a debt that came after the payment"


async def test_s08_a_payment_of_before_the_release_is_seen_there(site: Site) -> None:
    order = await site.approved(meters=(1, 2))
    site.sql("INSERT INTO recall (point, by, at) VALUES ('p00001', 'billing', %s)", NOW)
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert [(r.rule, r.meter) for r in denied.value.reasons] == [("recalled", name(1))]


async def test_s08_what_is_over_is_swept_away(site: Site) -> None:
    drafts = [await site.draft(expires=NOW + HOUR), await site.draft()]
    late = await site.released(meters=(3,), expires=NOW + HOUR)
    assert await site.desk().sweep() == 0
    site.now = NOW + HOUR
    with pytest.raises(Denied) as denied:
        await site.approve(drafts[0])
    assert rules(denied) == {"expired"}
    assert await site.desk().sweep() == 2
    assert site.states(drafts[0].id) == {name(1): "expired"}
    assert site.states(late.id) == {name(3): "expired"}
    assert site.states(drafts[1].id) == {name(1): "draft"}


async def test_s08_a_cancelled_order_goes_nowhere(site: Site) -> None:
    order = await site.released(meters=(1, 2))
    with pytest.raises(Forbidden):
        await site.desk().recall(await site.who("eve"), order.id, "no")
    assert (await site.desk().recall(await site.who("ada"), order.id, "a mistake")).state == "recalled"


async def test_s12_one_stops_and_two_resume(site: Site) -> None:
    desk, bo, cai = site.desk(), await site.who("bo"), await site.who("cai")
    waits, draft = await site.released(meters=(1, 2)), await site.draft(meters=(3,))
    site.trusted = False
    stop = await desk.stop(bo, "north", "a storm")
    site.trusted = True
    assert site.states(waits.id) == {name(1): "stopped", name(2): "released"}
    assert site.states(draft.id) == {name(3): "draft"}
    with pytest.raises(Denied) as denied:
        await site.approve(draft)
    assert rules(denied) == {"stopped"}
    assert (await site.released(meters=(4,))).state == "released", "the south goes on"
    anew = site.desk()
    assert [s.area for s in await anew.stops(bo)] == ["north"], "another daemon sees it"
    with pytest.raises(Unknown):
        await desk.stop(bo, "nrth")
    with pytest.raises(Denied):
        await desk.stop(await site.who("ada"), "north")
    assert not (await desk.resume(bo, stop.id)).done
    assert (await desk.stops(bo))[0].awaits == ("bo",)
    with pytest.raises(Denied):
        await anew.resume(await site.who("ada"), stop.id)
    assert not (await desk.resume(bo, stop.id)).done
    assert (await anew.resume(cai, stop.id)).done
    assert await desk.stops(bo) == []
    assert (await site.approve(draft)).state == "approved"
    with pytest.raises(Unknown):
        await desk.resume(bo, stop.id)


async def test_s12_a_stop_everywhere_is_everywhere(site: Site) -> None:
    order = await site.released(meters=(1, 2))
    await site.desk().stop(await site.who("dee"))
    assert set(site.states(order.id).values()) == {"stopped"}
    with pytest.raises(Denied) as denied:
        await site.release(await site.draft("ada", Function.CLOSE))
    assert rules(denied) == {"stopped"}


async def test_s12_a_right_in_one_area_stops_and_does_not_resume(site: Site) -> None:
    site.sql("INSERT INTO person (name, is_person, by) VALUES ('gus', true, 'x')")
    site.sql("INSERT INTO person_grant (person, role, areas, by) VALUES ('gus', 'operator', '{north}', 'x')")
    stop = await site.desk().stop(await site.who("gus"))
    with pytest.raises(Denied):
        await site.desk().resume(await site.who("gus"), stop.id)


async def test_s16_the_watch_holds_what_is_unusual(plain_database: str) -> None:
    watches = """
[[watch]]
kind = "rate"
effect = "cuts"
commands = 3
span = "1h"
[[watch]]
kind = "hours"
effect = "cuts"
commands = 0
start = 09:00:00
end = 12:00:00
"""
    policy = POLICY[: POLICY.index("[[watch]]")] + watches
    site = await Site.build(plain_database, policy=policy)
    desk, bo = site.desk(), await site.who("bo")
    first = await site.draft(meters=(1, 2))
    assert await desk.holds(bo) == []
    await site.draft(meters=(3, 4))
    (hold,) = await desk.holds(bo)
    assert (hold.person, hold.rule) == ("ada", "rate")
    with pytest.raises(Denied) as denied:
        await site.approve(first)
    assert rules(denied) == {"held"}
    for who in ("ada", "eve"):
        with pytest.raises(Forbidden):
            await desk.release_hold(await site.who(who), hold.id, "it is me")
    assert (await desk.release_hold(bo, hold.id, "month's end")).id == hold.id
    assert (await site.approve(first)).state == "approved"
    site.now += 2 * HOUR
    await site.draft(meters=(5,))
    assert [h.rule for h in await desk.holds(bo)] == ["hours"]
    await site.close()


async def test_s16_who_is_new_or_elsewhere_is_held(plain_database: str) -> None:
    watches = """
[[watch]]
kind = "new_user"
effect = "cuts"
commands = 1
span = "36500d"
[[watch]]
kind = "unusual_area"
effect = "cuts"
commands = 0
span = "90d"
"""
    site = await Site.build(plain_database, policy=POLICY[: POLICY.index("[[watch]]")] + watches)
    site.sql("ALTER TABLE person DISABLE TRIGGER kept_stands; UPDATE person SET at = '2026-11-01'")
    site.sql("ALTER TABLE person ENABLE TRIGGER kept_stands")
    await site.draft(meters=(1,))
    assert await site.desk().holds(await site.who("bo")) == []
    site.now += HOUR
    await site.draft(meters=(2,))
    held = await site.desk().holds(await site.who("bo"))
    assert sorted(h.rule for h in held) == ["new_user", "unusual_area"]
    await site.close()


async def test_s16_switching_that_nobody_ordered_holds_the_area(plain_database: str) -> None:
    policy = POLICY.replace("commands = 3\nspan", "commands = 1\nspan")
    site = await Site.build(plain_database, policy=policy)
    happened = "INSERT INTO meter_event (meter_id, kind, source, severity, start, is_open, received, changed)" \
               " SELECT id, 'relay_open', 1, 1, %s, true, now(), now() FROM meter WHERE name = %s"  # fmt: skip
    site.sql(happened, NOW, name(1))
    await site.desk().sweep()
    assert await site.desk().holds(await site.who("bo")) == []
    site.sql(happened, NOW, name(3))
    site.sql(happened, NOW, name(2))
    await site.desk().sweep()
    await site.desk().sweep()
    (hold,) = await site.desk().holds(await site.who("bo"))
    assert (hold.area, hold.rule) == ("north", "unsolicited")
    with pytest.raises(Denied) as denied:
        await site.approved(meters=(5,))
    assert rules(denied) == {"held"}
    assert (await site.approved(meters=(4,))).state == "approved"
    await site.close()


async def test_ten_thousand_meters_are_one_order(plain_database: str) -> None:
    policy = POLICY.replace("commands = 200\n", "commands = 20000\n").replace("watts = 2_000_000", "watts = 40_000_000")
    policy = policy.replace("commands = 20\n", "commands = 20000\n")
    site = await Site.build(plain_database, meters=10_000, policy=policy)
    order = await site.draft(meters=range(1, 10_001))
    assert (order.meters, order.watts, order.areas) == (10_000, 20_000_000, {"north": 5000, "south": 5000})
    assert (await site.approve(order)).state == "approved"
    assert (await site.release(order)).state == "released"
    await site.desk().stop(await site.who("dee"), "south")
    shown = await site.desk().show(await site.who("bo"), order.id)
    assert shown.states == {"released": 5000, "stopped": 5000}
    await site.close()
