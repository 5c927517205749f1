"""Who comes to command needs two administrators, and no administrator commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from headend.commands.errors import Conflict, Forbidden, Unknown
from headend.commands.told import ChangeTold
from headend.commands.users import user_of
from headend.errors import UsageFault
from headend.people.founding import found
from headend.people.office import Office
from headend.safety.function import Function
from headend.safety.world import Oversight, Step
from storage.errors import AlreadyThere, Rejected
from storage.people import NewToken, People, Person, digest_of
from storage.roles import DAEMON

DAY = timedelta(days=1)


class Bureau:
    """An office with the daemon's rights; `come` by a person's token."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        daemon = make_conninfo(conninfo, user=DAEMON)
        self.office, self.people, self.secrets = Office(daemon), People(daemon), dict[str, str]()

    async def come(self, name: str) -> Person:
        person = await self.people.by_token(self.secrets[name])
        assert person
        return person

    async def grant(self, by: str, name: str, role: str, **more: Any) -> ChangeTold:
        given: dict[str, Any] = {"functions": None, "areas": ["*"]}
        return await self.office.grant(await self.come(by), name, role, **(given | more))

    async def token(self, by: str, name: str) -> NewToken | ChangeTold:
        made = await self.office.new_token(await self.come(by), name, "", DAY)
        if isinstance(made, NewToken):
            self.secrets[name] = made.secret
        return made


@pytest.fixture
async def bureau(plain_database: str) -> AsyncIterator[Bureau]:
    built = Bureau(plain_database)
    built.secrets |= await found(plain_database, {"fay": ["administrator"]})
    yield built
    await built.office.close()
    await built.people.close()


async def pair(bureau: Bureau) -> Bureau:
    """Two administrators who can both come."""
    fay = await bureau.come("fay")
    await bureau.office.add(fay, "gil")
    made = await bureau.token("fay", "gil")
    assert isinstance(made, NewToken), "he may nothing yet"
    assert (await bureau.grant("fay", "gil", "administrator")).done
    return bureau


async def test_the_first_administrator_is_made_once(bureau: Bureau) -> None:
    fay = await bureau.come("fay")
    assert (fay.administers, fay.commands, user_of(fay)) == (True, False, None)
    with pytest.raises(Conflict):
        await found(bureau.conninfo, {"eve": ["administrator"]})


async def test_s14_a_token_is_kept_as_its_hash_and_ends(bureau: Bureau) -> None:
    secret = bureau.secrets["fay"]
    with psycopg.connect(bureau.conninfo) as connection:
        ((row, digest),) = connection.execute("SELECT api_token::text, digest FROM api_token").fetchall()
    assert secret not in row
    assert digest == digest_of(secret)
    assert await bureau.people.by_token(secret + "x") is None
    assert await bureau.people.by_token("") is None
    fay = await bureau.come("fay")
    own = await bureau.office.new_token(fay, "fay", "laptop", DAY)
    assert isinstance(own, NewToken)
    assert own.secret not in repr(own)
    (first, second) = await bureau.office.tokens(fay)
    assert (second.label, second.ended) == ("laptop", None)
    await bureau.office.end_token(fay, first.id)
    assert await bureau.people.by_token(secret) is None
    with pytest.raises(Conflict):
        await bureau.office.end_token(fay, first.id)
    with psycopg.connect(bureau.conninfo) as connection:
        connection.execute("ALTER TABLE api_token DISABLE TRIGGER USER")
        connection.execute("UPDATE api_token SET at = now() - interval '2 d', expires = now() - interval '1 s'")
    assert await bureau.people.by_token(own.secret) is None, "it has expired"
    with pytest.raises(UsageFault):
        await bureau.office.new_token(fay, "fay", "for ever", timedelta(days=4000))


async def test_who_comes_to_command_needs_two_administrators(bureau: Bureau) -> None:
    await pair(bureau)
    fay = await bureau.come("fay")
    await bureau.office.add(fay, "bo")
    assert (await bureau.grant("fay", "bo", "reader")).done, "one alone lets read"
    assert isinstance(await bureau.token("fay", "bo"), NewToken)
    first = await bureau.grant("fay", "bo", "approver", areas=["north"])
    assert (first.done, first.lacks) == (False, 1)
    assert not (await bureau.grant("fay", "bo", "approver", areas=["north"])).done, "twice the same is one"
    assert not (await bureau.grant("gil", "bo", "approver", areas=["south"])).done, "another one is another one"
    assert (await bureau.grant("gil", "bo", "approver", areas=["north"])).done
    assert await bureau.people.by_token(bureau.secrets["bo"]) is None, "one alone may have kept it"
    assert isinstance(await bureau.token("fay", "bo"), ChangeTold)
    assert isinstance(await bureau.token("gil", "bo"), NewToken)
    user = user_of(await bureau.come("bo"))
    assert user
    assert user.may(Step.APPROVE, Function.TRIP, "north")
    assert not user.may(Step.APPROVE, Function.TRIP, "south")
    assert not user.may(Step.DRAFT, Function.TRIP, "north")
    assert user.oversight == {Oversight.STOP}, "what loosens a rule is for who may everywhere"
    old = await bureau.come("bo")
    assert isinstance(await bureau.office.new_token(old, "bo", "", DAY), NewToken), "one's own old token is enough"


async def test_an_administrator_holds_no_rights_over_commands(bureau: Bureau) -> None:
    await pair(bureau)
    for by in ("fay", "gil"):
        with pytest.raises(Forbidden):
            await bureau.grant(by, "gil", "approver")
    await bureau.office.add(await bureau.come("fay"), "bo")
    await bureau.grant("fay", "bo", "operator")
    assert (await bureau.grant("gil", "bo", "operator")).done
    with pytest.raises(Forbidden):
        await bureau.grant("fay", "bo", "administrator")
    await bureau.office.add(await bureau.come("fay"), "robot", is_person=False)
    with pytest.raises(Forbidden):
        await bureau.grant("fay", "robot", "administrator")


async def test_nobody_comes_to_act_alone_by_removing_the_others(bureau: Bureau) -> None:
    await pair(bureau)
    fay = await bureau.come("fay")
    with pytest.raises(Forbidden):
        await bureau.office.disable(fay, "gil", "on my way")
    (gil,) = [p for p in await bureau.office.people(fay) if p.name == "gil"]
    with pytest.raises(Forbidden):
        await bureau.office.end_grant(fay, gil.grants[0].id)
    await bureau.office.add(fay, "hal")
    await bureau.grant("fay", "hal", "administrator")
    assert (await bureau.grant("gil", "hal", "administrator")).done
    await bureau.office.disable(fay, "gil", "left")
    assert await bureau.people.by_token(bureau.secrets["gil"]) is None
    assert not (await bureau.office.enable(fay, "gil", "back")).done


async def test_only_administrators_change_people(bureau: Bureau) -> None:
    fay = await bureau.come("fay")
    await bureau.office.add(fay, "eve")
    await bureau.grant("fay", "eve", "reader")
    await bureau.token("fay", "eve")
    eve = await bureau.come("eve")
    for verb in (
        bureau.office.people(eve),
        bureau.office.add(eve, "x"),
        bureau.office.disable(eve, "fay", ""),
        bureau.office.grant(eve, "eve", "approver", functions=None, areas=["*"]),
        bureau.office.new_token(eve, "fay", "", DAY),
        bureau.office.end_grant(eve, eve.grants[0].id),
    ):
        with pytest.raises(Forbidden):
            await verb
    assert [token.person for token in await bureau.office.tokens(eve)] == ["eve"]
    with pytest.raises(Unknown):
        await bureau.office.end_token(eve, 1)


async def test_what_there_is_not_is_told(bureau: Bureau) -> None:
    fay = await bureau.come("fay")
    await bureau.office.add(fay, "eve")
    with pytest.raises(AlreadyThere):
        await bureau.office.add(fay, "eve")
    for name in ("", " eve", "a*", "x" * 101):
        with pytest.raises(Rejected):
            await bureau.office.add(fay, name)
    with pytest.raises(Unknown):
        await bureau.grant("fay", "nobody", "reader")
    with pytest.raises(Unknown):
        await bureau.grant("fay", "eve", "king")
    with pytest.raises(UsageFault):
        await bureau.grant("fay", "eve", "requester", functions=["fly"])
    with pytest.raises(UsageFault):
        await bureau.grant("fay", "eve", "requester", areas=[])
    with pytest.raises(Unknown):
        await bureau.office.end_grant(fay, 99)


async def test_two_administrators_at_once_are_one_grant(bureau: Bureau) -> None:
    await pair(bureau)
    await bureau.office.add(await bureau.come("fay"), "bo")
    other = Office(bureau.conninfo)
    fay, gil = await bureau.come("fay"), await bureau.come("gil")
    given: dict[str, Any] = {"functions": None, "areas": ["*"]}
    done = await asyncio.gather(
        bureau.office.grant(fay, "bo", "approver", **given), other.grant(gil, "bo", "approver", **given)
    )
    await other.close()
    assert sorted(change.done for change in done) == [False, True]
    with psycopg.connect(bureau.conninfo) as connection:
        assert connection.execute("SELECT count(*) FROM person_grant WHERE person = 'bo'").fetchone() == (1,)
        audited = [row[0] for row in connection.execute("SELECT action FROM audit ORDER BY number").fetchall()]
    assert audited[-3:] == ["propose", "agree", "grant"]
