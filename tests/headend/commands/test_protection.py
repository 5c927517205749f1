"""What is told of names that nobody has: it would protect nobody, or be weather nowhere."""

from __future__ import annotations

import pytest

from headend.commands.asked import NewEntry
from headend.commands.errors import Forbidden, Unknown
from headend.errors import UsageFault
from tests.headend.commands.site import Site, name


async def test_s04_a_name_that_nobody_has_is_refused(site: Site) -> None:
    desk, bo = site.desk(), await site.who("bo")
    entries = [NewEntry(category="medical", meter=name(1)), NewEntry(category="medical", meter="m0001", point="p1")]
    with pytest.raises(Unknown, match="m0001, p1; nobody was added"):
        await desk.protect(bo, entries)
    assert await desk.protection(bo) == []
    assert len(await desk.protect(bo, entries[:1])) == 1
    for entry in (NewEntry(category="", meter=name(1)), NewEntry(category="medical")):
        with pytest.raises(UsageFault):
            await desk.protect(bo, [entry])


async def test_s07_the_weather_is_told_of_areas(site: Site) -> None:
    desk, ada = site.desk(), await site.who("ada")
    await desk.weather(ada, "north", "-5.5", "2")
    await desk.weather(ada, "north", "-7", "2.5")
    assert [(str(low), str(high)) for low, high in site.sql("SELECT low_c, high_c FROM area_weather")] == [
        ("-7.0", "2.5")
    ]
    with pytest.raises(Unknown):
        await desk.weather(ada, "nrth", "1", "2")
    for low, high in (("3", "2"), ("x", "2"), ("1", "NaN")):
        with pytest.raises(UsageFault):
            await desk.weather(ada, "north", low, high)
    with pytest.raises(Forbidden):
        await desk.weather(await site.who("eve"), "north", "1", "2")
