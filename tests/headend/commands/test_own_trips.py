"""Meters that trip by themselves: told as events where their model says that they do, held where it does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pytest

from protocols import models
from tests.headend.commands.site import HOUR, NOW, POLICY, Site, name


def relays(folder: Path, says: str) -> str:
    """A model file in which the relay does that."""
    shipped = (resources.files(models) / "dlt645_2007.toml").read_text(encoding="utf-8")
    path = folder / f"{says}.toml"
    path.write_text(f"{shipped}\n[dlt645.relay]\n{says} = true\n", encoding="utf-8")
    return str(path)


def happened(site: Site, kind: str, number: int, at: datetime = NOW, *, is_open: bool = True) -> None:
    site.sql(
        "INSERT INTO meter_event (meter_id, kind, source, severity, start, is_open, received, changed)"
        " SELECT id, %s, 1, 1, %s, %s, now(), now() FROM meter WHERE name = %s",
        kind, at, is_open, name(number),
    )  # fmt: skip


async def held_areas(site: Site) -> set[str | None]:
    await site.desk().sweep()
    await site.desk().sweep()
    return {hold.area for hold in await site.desk().holds(await site.who("bo"))}


def own_trips(site: Site) -> set[tuple[Any, ...]]:
    return set(
        site.sql(
            "SELECT m.name, e.contents ->> 'by', e.contents ->> 'alarm_before' FROM meter_event e"
            " JOIN meter m ON m.id = e.meter_id WHERE e.kind = 'own_trip' AND e.source = 4"
        )
    )


ONE_IS_MANY: Final = POLICY.replace("commands = 3\nspan", "commands = 0\nspan")


@pytest.mark.parametrize("kind", ["relay_open", "trip"])
async def test_s16_prepaid_meters_that_trip_by_themselves_hold_nothing(
    plain_database: str, tmp_path: Path, kind: str
) -> None:
    site = await Site.build(plain_database, policy=ONE_IS_MANY)
    site.sql("UPDATE meter SET model = %s WHERE name <= %s", relays(tmp_path, "prepaid"), name(3))
    happened(site, "trip_alarm", 1, NOW - 3 * HOUR)
    for number in (1, 2):
        happened(site, kind, number, is_open=False)
    assert await held_areas(site) == set()
    assert own_trips(site) == {(name(1), "prepayment", "yes"), (name(2), "prepayment", "no")}
    assert site.sql("SELECT count(*) FROM meter_event WHERE kind = 'own_trip'") == [(2,)], "told once"
    happened(site, kind, 4)
    happened(site, "trip_alarm", 4, NOW - HOUR)
    assert await held_areas(site) == {"south"}, "of another kind, whatever it showed before"
    await site.close()


async def test_s16_an_overload_explains_the_trip_of_a_meter_that_acts_on_its_limit(
    plain_database: str, tmp_path: Path
) -> None:
    site = await Site.build(plain_database, policy=ONE_IS_MANY)
    limited = relays(tmp_path, "limit")
    site.sql("UPDATE meter SET model = %s WHERE name = ANY (%s)", limited, [name(1), name(2), name(3)])
    happened(site, "overload_l2", 1, NOW - HOUR / 2, is_open=False)
    happened(site, "relay_open", 1)
    assert await held_areas(site) == set()
    assert own_trips(site) == {(name(1), "overload", "no")}
    happened(site, "overload_l1", 2, NOW - 3 * HOUR, is_open=False)
    happened(site, "relay_open", 2)
    assert await held_areas(site) == {"south"}, "that overload was over long before"
    happened(site, "overload_l1", 5, NOW - HOUR / 2, is_open=False)
    happened(site, "relay_open", 5)
    assert await held_areas(site) == {"north", "south"}, "its model does not say that it acts on it"
    assert own_trips(site) == {(name(1), "overload", "no")}
    await site.close()


@pytest.mark.parametrize(("behind", "held"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
async def test_s16_a_meter_s_record_of_an_ordered_trip_may_be_behind_by_its_clock(
    plain_database: str, behind: timedelta, held: bool
) -> None:
    site = await Site.build(plain_database, policy=ONE_IS_MANY)
    order = await site.released(meters=(1,))
    ((number,),) = site.sql("SELECT max(number) FROM command_transition WHERE key = %s", order.id)
    site.sql(
        "INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)"
        " VALUES (%s, %s, %s, 1, 'released', 'sent', 'x', '', 'daemon one', %s)",
        order.id, name(1), number + 1, site.now,
    )  # fmt: skip
    happened(site, "trip", 1, site.now - behind, is_open=False)
    assert bool(await held_areas(site)) is held
    await site.close()
