"""A point whose readings were forgotten: its validated days are gone, and no run makes them up again."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from storage.privacy import Points
from tests.headend.validation.site import SHANGHAI, Site, energies, midnight

FIRST = date(2026, 3, 2)
UNTIL = date(2026, 3, 9)
MOVED = date(2026, 3, 5)
WEEK = [date(2026, 3, day) for day in range(2, 9)]


async def test_validated_days_go_with_the_readings_and_are_not_estimated_again(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build(2)
    for meter in ("m1", "m2"):
        await site.store(site.captures(meter, energies(7 * 96)))
    await site.vee(FIRST, UNTIL)
    before = await site.days(FIRST, UNTIL, ["p1"])
    async with Points(database) as points:
        await points.forget("p1", "li", "moved out", zone=SHANGHAI, delete_until=midnight(MOVED) + timedelta(hours=10))
    assert (await site.days(FIRST, UNTIL, ["p1"])).day.tolist() == WEEK[4:]
    assert (await site.days(FIRST, UNTIL, ["p2"])).day.tolist() == WEEK
    await site.vee(FIRST, UNTIL)
    after = await site.days(FIRST, UNTIL, ["p1"])
    assert after.day.tolist() == WEEK[3:], "the day on which it was forgotten holds what is left of it"
    kept = 40
    assert not after.present[0, :kept].any()
    assert after.steps[0, kept:].tolist() == before.steps[3, kept:].tolist()
    assert after.steps[1:].tolist() == before.steps[4:].tolist()


async def test_other_rows_stand(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build()
    await site.store(site.captures("m1", energies(7 * 96)))
    await site.vee(FIRST, UNTIL)
    async with Points(database) as points:
        await points.forget("p1", "li", "asked for it", zone=SHANGHAI)
        await points.forget("p1", "li", "moved out", zone=SHANGHAI, delete_until=midnight(MOVED))
    with psycopg.connect(database, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match="forgotten"):
            connection.execute("DELETE FROM validated_day")
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
            connection.execute("UPDATE validated_day SET version = 9")
    assert (await site.days(FIRST, UNTIL)).day.tolist() == WEEK[3:]
