"""The rows of docs/safety.md that orders and approvals answer, on a real database. Each test is named after its row."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from headend.commands.errors import Conflict, Denied, Forbidden
from headend.safety.function import Function
from tests.headend.commands.site import HOUR, NOW, PAST, POLICY, Site, name


def rules(denied: pytest.ExceptionInfo[Denied]) -> set[str]:
    return {reason.rule for reason in denied.value.reasons}


async def test_s01_a_missing_field_is_refused(site: Site) -> None:
    for more, rule in (
        ({"reason": None}, "complete"),
        ({"notice": ""}, "reason"),
        ({"expires": NOW - HOUR}, "expired"),
        ({"expires": NOW + timedelta(days=30)}, "expired"),
        ({"meters": ()}, "complete"),
        ({"meters": (name(1), name(1))}, "complete"),
        ({"meters": ("nobody",)}, "registered"),
        ({"parameters": {"password": "1"}}, "secret"),
    ):
        with pytest.raises(Denied) as denied:
            await site.draft(**more)
        assert rule in rules(denied)
    assert site.sql("SELECT count(*) FROM command_order") == [(0,)]
    assert len(site.audited("draft")) == 8, "a no is written down, too"
    order = await site.draft(meters=(1, 2))
    assert (order.state, order.meters, order.watts, order.areas) == ("draft", 2, 4000, {"north": 1, "south": 1})
    assert order.labels == ("m00001: No. 1", "m00002: No. 2")
    assert order.needs == ("approval", "release")


async def test_s02_roles_are_for_functions_and_areas(site: Site) -> None:
    with pytest.raises(Denied) as denied:
        await site.draft("eve")
    assert rules(denied) == {"role"}
    site.sql("INSERT INTO person (name, is_person, by) VALUES ('gus', true, 'x')")
    site.sql(
        "INSERT INTO person_grant (person, role, functions, areas, by)"
        " VALUES ('gus', 'requester', '{trip}', '{north}', 'x')"
    )
    assert (await site.draft("gus", meters=(1,))).state == "draft"
    for asked in ({"meters": (2,)}, {"function": Function.UNPROTECT}):
        with pytest.raises(Denied) as denied:
            await site.draft("gus", **asked)
        assert rules(denied) == {"role"}


async def test_s02_an_edit_voids_approvals_and_makes_it_a_draft(site: Site) -> None:
    order = await site.approved(meters=(1, 2))
    assert (order.state, order.needs) == ("approved", ("release",))
    ada = await site.who("ada")
    edited = await site.desk().edit(ada, order.id, site.asked(meters=(2, 3)))
    assert (edited.state, edited.version, edited.needs) == ("draft", 2, ("approval", "release"))
    assert edited.bound != order.bound
    assert [approval.counts for approval in edited.approvals] == [False]
    assert site.states(order.id) == {name(1): "rejected", name(2): "draft", name(3): "draft"}
    with pytest.raises(Conflict):
        await site.approve(order)
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert "approved" in rules(denied)
    assert (await site.release(await site.approve(edited))).state == "released"
    with pytest.raises(Conflict):
        await site.desk().edit(ada, order.id, site.asked(meters=(4,)))
    with pytest.raises(Forbidden):
        await site.desk().edit(await site.who("cai"), order.id, site.asked(meters=(4,)))


async def test_s02_another_policy_voids_approvals(site: Site) -> None:
    order = await site.approved()
    document = POLICY.replace("bulk = 10 ", "bulk = 11 ")
    assert not (await site.desk().set_policy(await site.who("bo"), document)).done
    assert (await site.desk().set_policy(await site.who("cai"), document)).done
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert rules(denied) == {"approved"}
    shown = await site.desk().show(await site.who("bo"), order.id)
    assert (await site.approve(shown)).approvals[-1].counts
    assert (await site.release(order)).state == "released"


async def test_s02_nobody_approves_his_own(site: Site) -> None:
    site.sql("INSERT INTO person_grant (person, role, areas, by) VALUES ('bo', 'requester', '{*}', 'x')")
    order = await site.draft("bo")
    with pytest.raises(Denied) as denied:
        await site.approve(order, "bo")
    assert rules(denied) == {"not own"}
    assert (await site.approve(order, "cai")).state == "approved"


async def test_s03_two_persons_cut_and_one_reconnects(site: Site) -> None:
    order = await site.draft()
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert {"approved", "once"} <= rules(denied)
    site.sql("INSERT INTO person_grant (person, role, areas, by) VALUES ('dee', 'requester', '{*}', 'x')")
    back = await site.draft("dee", Function.CLOSE)
    assert (back.state, back.needs) == ("approved", ("release",))
    assert (await site.release(back, "dee")).state == "released"
    bulk = await site.draft("dee", Function.CLOSE, meters=range(1, 13))
    assert (bulk.state, bulk.needs) == ("draft", ("approval", "release"))


async def test_s03_approvals_end(site: Site) -> None:
    order = await site.approved()
    site.now = NOW + timedelta(hours=23)
    assert (await site.desk().show(await site.who("bo"), order.id)).approvals[0].counts
    short = await site.approve(await site.draft(meters=(3,)), expires=site.now + HOUR)
    site.now += 2 * HOUR
    with pytest.raises(Denied) as denied:
        await site.release(short)
    assert rules(denied) == {"approved"}


async def test_s09_the_same_key_is_one_order(site: Site) -> None:
    first, second = [await site.draft(key="retry-1", meters=(1,)) for _ in range(2)]
    assert first == second
    assert site.sql("SELECT count(*) FROM command_transition") == [(1,)]
    with pytest.raises(Conflict):
        await site.draft(key="retry-1", meters=(2,))
    found = await asyncio.gather(*(site.draft(key="retry-2", meters=(3,)) for _ in range(4)))
    assert {order.digest for order in found} == {found[0].digest}
    assert site.sql("SELECT count(*) FROM command_order WHERE key = 'retry-2'") == [(1,)]


async def test_s09_two_who_release_at_once_are_one(site: Site) -> None:
    order = await site.approved()
    done = await asyncio.gather(site.release(order, "dee"), site.release(order, "cai"), return_exceptions=True)
    denied = [d for d in done if isinstance(d, Denied)]
    assert len(denied) == 1
    assert {reason.rule for reason in denied[0].reasons} == {"once"}
    assert site.sql("SELECT count(*) FROM command_transition WHERE after = 'released'") == [(1,)]


async def test_s09_two_who_approve_at_once_move_it_once(site: Site) -> None:
    order = await site.draft()
    done = await asyncio.gather(site.approve(order, "bo"), site.approve(order, "cai"), return_exceptions=True)
    assert not [d for d in done if isinstance(d, BaseException)]
    assert site.sql("SELECT count(*) FROM command_transition WHERE after = 'approved'") == [(1,)]


async def test_s13_programs_only_propose(site: Site) -> None:
    site.sql("INSERT INTO person (name, is_person, by) VALUES ('robot', false, 'x')")
    for role in ("requester", "approver", "operator"):
        site.sql("INSERT INTO person_grant (person, role, areas, by) VALUES ('robot', %s, '{*}', 'x')", role)
    order = await site.draft("robot", Function.CLOSE)
    assert (order.source, order.state, order.needs) == ("automatic", "draft", ("approval", "release"))
    mine = await site.draft()
    for verb in (site.approve(mine, "robot"), site.release(await site.approved(meters=(3,)), "robot")):
        with pytest.raises(Denied) as denied:
            await verb
        assert "source" in rules(denied)
    with pytest.raises(Denied) as denied:
        await site.release(await site.approve(order), "dee")
    assert rules(denied) == {"source"}


async def test_s17_a_doubtful_clock_refuses(site: Site) -> None:
    order = await site.approved()
    site.trusted = False
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert rules(denied) == {"clock"}
    site.trusted = True
    site.now -= HOUR
    with pytest.raises(Denied) as denied:
        await site.release(order)
    assert "clock" in rules(denied), "time does not go back behind what has happened"


async def test_s17_a_meter_with_a_doubtful_clock_is_not_released(site: Site) -> None:
    of = "WHERE meter_id = (SELECT id FROM meter WHERE name = %s)"
    site.sql(f"DELETE FROM clock_survey {of}", name(2))
    site.sql(f"UPDATE clock_survey SET offset_ms = 900000 {of}", name(3))
    site.sql(f"UPDATE clock_survey SET at = %s {of}", PAST, name(4))
    with pytest.raises(Denied) as denied:
        await site.release(await site.approved(meters=(1, 2, 3, 4)))
    assert [(r.rule, r.meter) for r in denied.value.reasons] == [
        ("meter clock", name(2)), ("meter clock", name(3)), ("meter clock", name(4)),
    ]  # fmt: skip
