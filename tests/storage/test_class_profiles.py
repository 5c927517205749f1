"""Class profiles come in versions; of each the newest holds, as of any version."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from protocols.quantities import BY_NAME
from storage.class_profiles import ClassProfile, ClassProfiles, NewClassVersion
from storage.errors import Rejected
from storage.validated import Validated
from tests.storage.days import RUN, some_days

IMPORT = BY_NAME["active_energy_import"]
IMPORTED = NewClassVersion(actor="Li", reason="yearly", file="slp.csv")


def _profile(value: int, category: str = "home", day_type: str = "workday", step_s: int = 3600) -> ClassProfile:
    steps = (value,) * (86_400 // step_s)
    return ClassProfile(category=category, quantity=IMPORT, step_s=step_s, day_type=day_type, steps=steps)


async def test_what_a_version_lacks_the_one_before_it_tells(database: str) -> None:
    built = ClassProfile(
        category="home", quantity=IMPORT, step_s=3600, day_type="workday", steps=(7,) * 24, points=20, days=90
    )
    async with ClassProfiles(database) as profiles, Validated(database) as validated:
        assert await profiles.last() == 0
        assert await profiles.add(IMPORTED, [_profile(1), _profile(2, "shop"), _profile(3, step_s=900)]) == 1
        async with validated.writing() as writing:
            await writing.add(RUN, some_days())
        new = NewClassVersion(actor="Li", since=date(2026, 3, 1), until=date(2026, 4, 1), as_of=1, least=15)
        assert await profiles.add(new, [built, _profile(4, day_type="weekend")]) == 2
        found = await profiles.holding(2, 3600)
        assert [(number, one.category, one.day_type, one.steps[0]) for number, one in found] == [
            (2, "home", "weekend", 4), (2, "home", "workday", 7), (1, "shop", "workday", 2),
        ]  # fmt: skip
        assert found[1][1] == built
        assert [one.steps[0] for _, one in await profiles.holding(1, 3600)] == [1, 2]
        assert len(await profiles.holding(2)) == 4
        first, second = await profiles.versions()
        assert (first.number, first.file, first.reason, first.profiles, first.since) == (
            1,
            "slp.csv",
            "yearly",
            3,
            None,
        )
        assert (second.as_of, second.least, second.profiles, second.file) == (1, 15, 2, None)


async def test_rows_stand_and_are_whole(plain_database: str) -> None:
    async with ClassProfiles(plain_database) as profiles:
        await profiles.add(IMPORTED, [_profile(1)])
        for broken in (
            ClassProfile(category="home", quantity=IMPORT, step_s=900, day_type="workday", steps=(1,) * 95),
            ClassProfile(category="home", quantity=IMPORT, step_s=3600, day_type="workday", steps=(1,) * 23 + (-1,)),
            _profile(1, day_type="monday"),
        ):
            with pytest.raises(Rejected):
                await profiles.add(IMPORTED, [broken])
        assert await profiles.last() == 1
    with psycopg.connect(plain_database, autocommit=True) as connection:
        for statement in ("UPDATE class_profile SET steps = '{1}'", "DELETE FROM class_version"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="added, never changed"):
                connection.execute(statement)
