"""Leases: never two holders, a token that only grows, and a member that is dead does nothing more."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

import psycopg
import pytest

from storage.entries import Additions, NewLine, NewMeter
from storage.errors import AlreadyThere
from storage.leases import Lease, Leases, Member, Tenure
from storage.registry import Registry


async def plant(conninfo: str, count: int) -> list[int]:
    """The ids of so many lines, each with a meter."""
    lines = tuple(NewLine(name=f"line {n}", url=f"tcp://127.0.0.1:{n}", protocol="dlt645") for n in range(count))
    meters = tuple(NewMeter(name=f"m{n}", address=f"{n:012}", model="x", line=f"line {n}") for n in range(count))
    async with Registry(conninfo) as registry:
        await registry.add(Additions(lines=lines, meters=meters))
        return [line.id for line in await registry.lines()]


async def joined(leases: Leases, name: str = "a", ttl_s: float = 15.0) -> UUID:
    member = Member(uuid4(), name, ttl_s, 0)
    await leases.join(member)
    return member.id


async def seen(leases: Leases, member: UUID) -> Member:
    return next(m for m in await leases.members() if m.id == member)


async def test_what_one_holds_no_other_can_claim(database: str) -> None:
    lines = await plant(database, 3)
    async with Leases(database) as leases:
        first, second = await joined(leases), await joined(leases, "b")
        claimed = await leases.claim(first, lines, 2)
        assert [lease.token for lease in claimed] == [1, 1]
        rest = await leases.claim(second, lines, 9)
        assert {lease.line_id for lease in rest} == set(lines) - {lease.line_id for lease in claimed}
        assert await leases.claim(second, lines, 9) == []
        assert sorted(map(repr, await leases.held(first))) == sorted(map(repr, claimed))
        assert [m.name for m in await leases.members()] == ["a", "b"]


async def test_only_what_was_asked_for_is_claimed(database: str) -> None:
    lines = await plant(database, 3)
    async with Leases(database) as leases:
        member = await joined(leases)
        assert [lease.line_id for lease in await leases.claim(member, [lines[1], 10**6], 9)] == [lines[1]]
        assert await leases.claim(member, lines, 0) == []
        assert await leases.claim(member, [], 9) == []


async def test_what_is_given_back_is_free_with_a_greater_token(database: str) -> None:
    (line,) = await plant(database, 1)
    async with Leases(database) as leases:
        first, second = await joined(leases), await joined(leases, "b")
        (lease,) = await leases.claim(first, [line], 1)
        assert not await leases.release(second, lease)
        assert not await leases.release(first, Lease(line, lease.token + 1))
        assert await leases.release(first, lease)
        assert not await leases.release(first, lease)
        assert await leases.claim(second, [line], 1) == [Lease(line, 2)]
        assert not await leases.release(first, lease)
        assert await leases.held(first) == []


async def test_who_has_renewed_meanwhile_is_not_buried(database: str) -> None:
    (line,) = await plant(database, 1)
    async with Leases(database) as leases:
        member = await joined(leases, ttl_s=0.5)
        await leases.claim(member, [line], 1)
        before = await seen(leases, member)
        assert (before.renewals, before.ttl_s) == (0, 0.5)
        assert await leases.renew(member)
        assert not await leases.bury(before)
        assert await leases.held(member) != []


async def test_who_was_buried_holds_nothing_and_knows_it(database: str) -> None:
    lines = await plant(database, 2)
    async with Leases(database) as leases:
        dead, heir = await joined(leases), await joined(leases, "b")
        await leases.claim(dead, lines[:1], 1)
        assert await leases.bury(await seen(leases, dead))
        assert not await leases.renew(dead)
        assert await leases.held(dead) == []
        assert await leases.claim(dead, lines, 9) == []
        assert await leases.claim(heir, lines[:1], 9) == [Lease(lines[0], 2)]


async def test_who_leaves_frees_all_at_once(database: str) -> None:
    lines = await plant(database, 3)
    async with Leases(database) as leases:
        first, second = await joined(leases), await joined(leases, "b")
        await leases.claim(first, lines, 9)
        await leases.leave(first)
        assert len(await leases.claim(second, lines, 9)) == 3


async def test_a_life_is_joined_once(database: str) -> None:
    async with Leases(database) as leases:
        member = Member(uuid4(), "a", 15.0, 0)
        await leases.join(member)
        with pytest.raises(AlreadyThere):
            await leases.join(member)


async def test_a_caller_is_seen_by_the_holder_until_declined(database: str) -> None:
    lines = await plant(database, 2)
    async with Leases(database) as leases:
        holder, caller = await joined(leases), await joined(leases, "b")
        await leases.claim(holder, lines, 9)
        await leases.call(caller, lines[:1])
        await leases.call(holder, lines)
        assert {lease.line_id: lease.caller for lease in await leases.held(holder)} == {
            lines[0]: caller,
            lines[1]: None,
        }
        await leases.decline(caller, lines)
        assert any(lease.caller for lease in await leases.held(holder))
        await leases.decline(holder, lines)
        assert not any(lease.caller for lease in await leases.held(holder))
        await leases.call(caller, lines)
        await leases.leave(caller)
        assert not any(lease.caller for lease in await leases.held(holder))


async def test_people_see_who_holds_what(database: str) -> None:
    lines = await plant(database, 3)
    async with Leases(database) as leases:
        alive, silent = await joined(leases, "alive"), await joined(leases, "silent", ttl_s=0.001)
        await leases.claim(alive, lines[:1], 1)
        await leases.claim(silent, lines[1:2], 1)
        await asyncio.sleep(0.01)
        assert await leases.tenures() == [
            Tenure("line 0", "alive", 1),
            Tenure("line 1", None, 1),
            Tenure("line 2", None, None),
        ]


async def test_a_line_that_is_deleted_takes_its_lease_along(database: str) -> None:
    lines = await plant(database, 1)
    async with Registry(database) as registry:
        await registry.add(Additions(lines=(NewLine(name="bare", url="tcp://127.0.0.1:1", protocol="dlt645"),)))
        bare = next(line.id for line in await registry.lines() if line.name == "bare")
    async with Leases(database) as leases:
        member = await joined(leases)
        assert len(await leases.claim(member, [*lines, bare], 9)) == 2
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await connection.execute("DELETE FROM line WHERE id = %s", (bare,))
        assert [lease.line_id for lease in await leases.held(member)] == lines


class Believer:
    """One daemon after another at the same work: joins, claims, gives back, dies. `beliefs` is who thinks that it holds
    a line, by line; who dies is silent before anybody buries it, as a holder's deadline wants it."""

    def __init__(self, conninfo: str, lines: list[int], beliefs: dict[int, UUID], tokens: dict[int, int]) -> None:
        self.leases = Leases(conninfo)
        self.lines = lines
        self.beliefs = beliefs
        self.tokens = tokens
        self.silent: list[UUID] = []
        self.claims = 0

    async def work(self, chance: random.Random, others: list[Believer], rounds: int) -> None:
        async with self.leases:
            member = await joined(self.leases)
            for _ in range(rounds):
                match chance.choice(["claim", "claim", "release", "die", "bury", "renew"]):
                    case "claim":
                        for lease in await self.leases.claim(member, self.lines, chance.randint(1, 4)):
                            assert lease.line_id not in self.beliefs, "two hold one line"
                            assert lease.token > self.tokens[lease.line_id], "a token did not grow"
                            self.beliefs[lease.line_id] = member
                            self.tokens[lease.line_id] = lease.token
                            self.claims += 1
                    case "release":
                        for lease in (await self.leases.held(member))[:2]:
                            del self.beliefs[lease.line_id]
                            assert await self.leases.release(member, lease)
                    case "die":
                        for line in [line for line, holder in self.beliefs.items() if holder == member]:
                            del self.beliefs[line]
                        self.silent.append(member)
                        member = await joined(self.leases)
                    case "bury":
                        for other in others:
                            for dead in [m for m in await self.leases.members() if m.id in other.silent]:
                                await self.leases.bury(dead)
                    case _:
                        assert await self.leases.renew(member)
            for line in [line for line, holder in self.beliefs.items() if holder == member]:
                del self.beliefs[line]
            await self.leases.leave(member)


@pytest.mark.parametrize("seed", range(3))
async def test_of_many_that_race_never_two_hold_a_line(plain_database: str, seed: int) -> None:
    lines = await plant(plain_database, 5)
    beliefs: dict[int, UUID] = {}
    tokens = dict.fromkeys(lines, 0)
    believers = [Believer(plain_database, lines, beliefs, tokens) for _ in range(5)]
    async with asyncio.TaskGroup() as group:
        for number, believer in enumerate(believers):
            group.create_task(believer.work(random.Random(f"{seed}/{number}"), believers, 40))
    assert beliefs == {}
    assert sum(tokens.values()) == sum(believer.claims for believer in believers) > 20
