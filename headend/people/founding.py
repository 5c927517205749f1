"""The first people, while there is nobody: by who owns the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from headend.commands.errors import Conflict
from headend.commands.policy_file import read, version_of
from storage import people, rules
from storage.audit import append
from storage.connection import Session
from storage.people import EVERYWHERE

FOUNDER = "founder"
LIFE = timedelta(days=90)


async def found(
    conninfo: str, given: Mapping[str, Sequence[str]], policy: str | None = None, life: timedelta = LIFE
) -> dict[str, str]:
    """Name to the secret of his token. `given`: name to his roles, everywhere. `policy`: the first one, as TOML.

    Raises `Conflict` where there are users, `UsageFault` for what is no policy.
    """
    if policy is not None:
        read(policy)
    secrets: dict[str, str] = {}
    async with Session(conninfo) as session, session.transaction() as connection:
        await people.lock(connection)
        if await people.persons(connection):
            raise Conflict("there are users already: an administrator adds others, headend user add")
        for name, roles in given.items():
            await people.add_person(connection, name, is_person=True, by=FOUNDER)
            for role in roles:
                await people.add_grant(connection, name, role, functions=None, areas=[EVERYWHERE], by=FOUNDER)
            made = await people.new_token(connection, name, "the first", life, FOUNDER)
            secrets[name] = made.secret
            await append(connection, FOUNDER, "found", name, body={"roles": list(roles), "token": made.id})
        if policy is not None:
            version = version_of(policy)
            await rules.set_policy(connection, version, policy, None, FOUNDER)
            await append(connection, FOUNDER, "policy", version, body={"document": policy})
    return secrets
