"""Meters told by where they are become the list that is shown and hashed."""

from __future__ import annotations

import pytest

from headend.commands import where as module
from headend.commands.errors import Conflict, Denied, Unknown
from headend.commands.where import Where
from headend.errors import UsageFault
from tests.headend.commands.site import Site, name


async def targets(site: Site, order: str) -> list[str]:
    return [t.meter for t in await site.desk().targets(await site.who("ada"), order)]


async def test_a_group_is_what_it_comes_to_now(site: Site) -> None:
    site.sql("UPDATE usage_point SET tariff = 'farm' WHERE name IN ('p00003', 'p00004', 'p00005')")
    site.sql("UPDATE meter SET state = 'suspended' WHERE name = %s", name(5))
    order = await site.draft(meters=(), where=Where(area="north", tariff="farm"), key="k-1")
    assert await targets(site, order.id) == [name(3)]
    assert (order.meters, order.watts, order.areas) == (1, 2000, {"north": 1})
    named = await site.draft(meters=(2, 3), where=Where(area="north", tariff="farm"))
    assert await targets(site, named.id) == [name(2), name(3)]
    site.sql("UPDATE meter SET state = 'active' WHERE name = %s", name(5))
    again = await site.draft(meters=(), where=Where(area="north", tariff="farm"), key="k-1")
    assert (again.version, again.meters) == (1, 1), "the same request is the same order, whatever stands there now"
    with pytest.raises(Conflict):
        await site.draft(meters=(), where=Where(area="north"), key="k-1")


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (Where(feeder="f1"), 12),
        (Where(line="bus", area="south"), 6),
        (Where(model="dlt645_2007"), 12),
    ],
)
async def test_places(site: Site, where: Where, count: int) -> None:
    assert (await site.draft(meters=(), where=where)).meters == count


async def test_who_is_nowhere_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (Where(area="nowhere"), Where(feeder="f9"), Where(line="b")):
        with pytest.raises(Unknown):
            await site.draft(meters=(), where=where)
    with pytest.raises(Denied, match="no meter"):
        await site.draft(meters=(), where=Where(model="dlt645_1997"))
    monkeypatch.setattr(module, "MOST", 3)
    with pytest.raises(UsageFault, match="more than 3"):
        await site.draft(meters=(), where=Where(area="north"))
