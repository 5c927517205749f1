"""What the database lets a command become is what the safety core says."""

from __future__ import annotations

import psycopg

from headend.commands.users import user_of
from headend.safety.command import TRANSITIONS
from headend.safety.world import Oversight, Step
from storage.people import Granted, People, Person


async def test_the_tables_are_equal(plain_database: str) -> None:
    with psycopg.connect(plain_database) as connection:
        stored = connection.execute('SELECT before, after, "on" FROM command_step').fetchall()
    assert sorted(stored) == sorted((t.before.value, t.after.value, t.on) for t in TRANSITIONS)


async def test_every_role_is_one_that_the_core_knows(plain_database: str) -> None:
    async with People(plain_database) as people:
        roles = await people.roles()
    assert {role.name for role in roles} == {"reader", "requester", "approver", "operator", "administrator"}
    for role in roles:
        assert role.steps <= {step.value for step in Step}
        assert role.oversight <= {right.value for right in Oversight}
        user = user_of(Person("x", True, (Granted(1, role, None, frozenset("*")),)))
        assert (user is None) is role.administers
