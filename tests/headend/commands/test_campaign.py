"""An order on its way: who holds it back, who lets it go on, how far it is told to be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headend.commands.errors import Conflict, Forbidden, Unknown
from headend.safety.function import Function
from storage import sending
from storage.connection import Session
from tests.headend.commands.site import NOW, Site, name


async def waiting(site: Site) -> list[str]:
    async with Session(site.conninfo) as session, session.use() as connection:
        return [row.meter for row in await sending.waiting(connection, [name(n) for n in range(1, 13)])]


async def claimed(site: Site, order: str, meter: str) -> bool:
    step = sending.Step(
        key=order, meter=meter, before="released", after="sent", by="daemon x", why="", action="send", body="{}",
        claim=f"claim {meter}",
    )  # fmt: skip
    async with Session(site.conninfo) as session, session.use() as connection:
        return await sending.go_on(connection, step)


async def test_one_pauses_and_who_may_release_continues(site: Site) -> None:
    order = await site.released(meters=(1, 2))
    desk = site.desk()
    assert await waiting(site) == [name(1), name(2)]
    assert await claimed(site, order.id, name(1))
    with pytest.raises(Forbidden):
        await desk.pause(await site.who("eve"), order.id, "")
    assert (await desk.pause(await site.who("ada"), order.id, "a complaint")).paused
    assert (await desk.pause(await site.who("bo"), order.id, "again")).paused
    assert await waiting(site) == [name(1)], "what was sent is looked after"
    assert not await claimed(site, order.id, name(2)), "a sender that had it in hand does not get it"
    for who in ("ada", "bo", "eve"):
        with pytest.raises(Forbidden):
            await desk.go_on(await site.who(who), order.id, "")
    assert not (await desk.go_on(await site.who("dee"), order.id, "settled")).paused
    assert await claimed(site, order.id, name(2))
    with pytest.raises(Conflict):
        await desk.go_on(await site.who("dee"), order.id, "")
    with pytest.raises(Conflict):
        await desk.pause(await site.who("ada"), order.id, "too late")
    with pytest.raises(Unknown):
        await desk.pause(await site.who("ada"), "nothing", "")
    assert site.audited("pause") == [("ada", order.id)]
    assert site.audited("continue") == [("dee", order.id)]


async def test_what_is_paused_still_expires_and_is_recalled(site: Site) -> None:
    order = await site.released(meters=(1, 2))
    await site.desk().pause(await site.who("ada"), order.id, "")
    site.now = order.expires + timedelta(seconds=1)
    assert await site.desk().sweep() == 2
    assert set(site.states(order.id).values()) == {"expired"}


async def test_progress_counts_rates_and_tells_troubles(site: Site) -> None:
    order = await site.released(meters=range(1, 7))
    desk, ada = site.desk(), await site.who("ada")
    before = await desk.progress(ada, order.id)
    assert (before.done, before.meters, before.states, before.ends) == (0, 6, {"released": 6}, None)
    moves = [(1, "sent", "", 0), (1, "failed", "refused", 60), (2, "sent", "", 0), (2, "failed", "refused", 60),
             (3, "sent", "", 0), (3, "acknowledged", "", 1), (3, "verified", "read back", 60)]  # fmt: skip
    for number, after, why, late in moves:
        site.sql(
            "INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)"
            " SELECT key, meter, number + 1, version, state, %s, CASE %s WHEN 'sent' THEN meter ELSE '' END, %s,"
            " 'x', %s"
            " FROM command_state WHERE key = %s AND meter = %s",
            after, after, why, NOW + timedelta(seconds=late), order.id, name(number),
        )  # fmt: skip
    site.now = NOW + timedelta(seconds=60)
    told = await desk.progress(ada, order.id)
    assert (told.done, told.states) == (3, {"failed": 2, "released": 3, "verified": 1})
    assert (told.began, told.per_minute, told.ends) == (NOW, 3.0, NOW + timedelta(seconds=120))
    (trouble,) = told.troubles
    assert (trouble.state, trouble.why, trouble.count, trouble.meters) == ("failed", "refused", 2, (name(1), name(2)))
    await desk.pause(ada, order.id, "")
    assert (await desk.progress(ada, order.id)).ends is None
    page = await desk.fates(ada, order.id, limit=3)
    assert [(fate.meter, fate.state, fate.why) for fate in page] == [
        (name(1), "failed", "refused"), (name(2), "failed", "refused"), (name(3), "verified", "read back"),
    ]  # fmt: skip
    assert [step.state for step in page[2].steps][-3:] == ["sent", "acknowledged", "verified"]
    assert [fate.meter for fate in await desk.fates(ada, order.id, after=page[-1].meter)] == [
        name(n) for n in (4, 5, 6)
    ]


async def test_who_does_not_see_the_order_sees_no_progress(site: Site) -> None:
    order = await site.draft("ada", Function.TRIP, meters=(1,))
    site.sql("INSERT INTO person (name, is_person, by) VALUES ('gus', true, 'x')")
    site.sql("INSERT INTO person_grant (person, role, areas, by) VALUES ('gus', 'reader', '{south}', 'x')")
    gus = await site.who("gus")
    for ask in (site.desk().progress, site.desk().fates):
        with pytest.raises(Unknown):
            await ask(gus, order.id)
