"""S15: the audit is a chain that tells what was done to it, and decisions are taken once more from it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from headend.commands.asked import NewEntry
from headend.commands.errors import Denied
from headend.commands.replay import replay
from storage.audit import Audit, Head
from tests.headend.command import Headend
from tests.headend.commands.site import Site, name

UNGUARDED = "ALTER TABLE audit DISABLE TRIGGER USER"


async def flaws(site: Site, *kept: Head) -> list[str]:
    async with Audit(site.conninfo) as audit:
        return (await audit.verify(kept)).flaws or []


async def head(site: Site) -> Head:
    async with Audit(site.conninfo) as audit:
        return await audit.head()


async def test_s15_a_whole_chain_is_whole(site: Site) -> None:
    await site.released()
    kept = await head(site)
    await site.draft(meters=(2,))
    assert await flaws(site, kept, await head(site)) == []
    assert [by for by, _ in site.audited("release")] == ["dee"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE audit SET by = 'bo' WHERE number = 3", "row 3 is not what was hashed"),
        ("UPDATE audit SET body = replace(body, 'ada', 'eve') WHERE number = 8", "row 8 is not what was hashed"),
        ("UPDATE audit SET by = 'bo', hash = 'f' WHERE number = 3", "row 4 does not follow row 3"),
        ("UPDATE audit a SET by = 'bo' WHERE number = 3; UPDATE audit a SET hash = audit_hash(a) WHERE number = 3",
         "row 4 does not follow row 3"),
        ("DELETE FROM audit WHERE number = 5", "row 5 is missing"),
        ("UPDATE audit SET number = -number; UPDATE audit SET number = CASE number WHEN -4 THEN 5 WHEN -5 THEN 4"
         " ELSE -number END", "row 4 does not follow row 3"),
    ],
)  # fmt: skip
async def test_s15_what_is_changed_is_found(site: Site, change: str, said: str) -> None:
    await site.draft()
    site.sql(f"ALTER TABLE audit DROP CONSTRAINT audit_number_check; {UNGUARDED}; {change}")
    assert said in " ".join(await flaws(site))


async def test_s15_a_row_that_is_cut_off_is_found_by_a_kept_head(site: Site) -> None:
    await site.draft()
    kept = await head(site)
    site.sql(f"{UNGUARDED}; DELETE FROM audit WHERE number = {kept.number}")
    assert await flaws(site) == []
    assert await flaws(site, kept) == [f"row {kept.number} was there and is gone: the chain ends at {kept.number - 1}"]
    site.sql("ALTER TABLE audit ENABLE TRIGGER USER")
    await site.draft(meters=(2,))
    assert await flaws(site, kept) == [f"row {kept.number} is another one than was kept elsewhere"]


async def test_s15_writers_at_once_are_one_chain(site: Site) -> None:
    await asyncio.gather(*(site.draft(meters=(n,)) for n in range(1, 9)))
    assert await flaws(site) == []
    assert len(site.audited("draft")) == 8


async def test_s15_every_decision_is_taken_again_from_what_was_known(site: Site) -> None:
    order = await site.approved(meters=(1, 2))
    await site.desk().protect(await site.who("bo"), [NewEntry(category="medical", meter=name(2))])
    with pytest.raises(Denied):
        await site.release(order)
    await site.desk().edit(await site.who("ada"), order.id, site.asked(meters=(1,)))
    await site.release(await site.approve(await site.desk().show(await site.who("bo"), order.id)))
    with pytest.raises(Denied):
        await site.draft(key="never", meters=(2,))
    again, fates = await replay(site.conninfo, order.id)
    assert [(a.step, a.by, a.decision and a.decision.verdict, a.differs) for a in again] == [
        ("draft", "ada", "allowed", ""), ("approve", "bo", "allowed", ""), ("release", "dee", "refused", ""),
        ("draft", "ada", "allowed", ""), ("approve", "bo", "allowed", ""), ("release", "dee", "allowed", ""),
    ]  # fmt: skip
    assert again[2].decision
    assert [(r.rule, r.meter) for r in again[2].decision.reasons] == [("protected", name(2))]
    assert {f.meter: f.steps[-1][1:] for f in fates} == {
        name(1): ("released", "", "dee"), name(2): ("rejected", "left out by an edit", "ada"),
    }  # fmt: skip
    ((refused,), ()) = await replay(site.conninfo, "never")
    assert (refused.differs, refused.decision and refused.decision.verdict) == ("", "refused")


async def test_s15_a_replay_tells_what_was_tampered_with(site: Site) -> None:
    order = await site.approved()
    site.sql("ALTER TABLE command_target DISABLE TRIGGER USER")
    site.sql("UPDATE command_target SET meter = %s", name(2))
    again, _ = await replay(site.conninfo, order.id)
    assert "another one than was decided on" in again[1].differs
    site.sql(
        "ALTER TABLE decision DISABLE TRIGGER USER;"
        "UPDATE decision SET document = (SELECT document FROM decision LIMIT 1)"
    )
    again, _ = await replay(site.conninfo, order.id)
    assert any("is something else now" in a.differs for a in again)


async def test_the_command(site: Site, headend: Headend, tmp_path: Path) -> None:
    order = await site.released()
    config, file = tmp_path / "headend.toml", tmp_path / "audit.jsonl"
    config.write_text(f'[database]\ndsn = "{site.conninfo}"\n')

    async def ran(*argv: object) -> tuple[int, str]:
        done = await asyncio.to_thread(headend, "audit", *argv, "--config", config)
        return done.code, done.out

    code, told = await ran("head")
    kept = told.strip()
    assert (code, kept.split(":")[1]) == (0, (await head(site)).hash)
    assert (await ran("verify", "--head", kept))[0] == 0
    assert (await ran("export", "-o", file))[0] == 0
    assert (await ran("verify", "--file", file, "--head", kept))[0] == 0
    assert len(file.read_text().splitlines()) == int(kept.split(":")[0])
    code, told = await ran("show", "--order", order.id)
    assert code == 0
    assert "approve" in told
    code, told = await ran("replay", order.id)
    assert code == 0
    assert "released" in told
    assert (await ran("replay", "nothing"))[0] == 1
    assert (await ran("verify", "--head", "x"))[0] == 2
    file.write_text("".join(line + "\n" for line in file.read_text().splitlines() if '"number":2,' not in line))
    code, told = await ran("verify", "--file", file)
    assert (code, "row 2 is missing" in told) == (1, True)
    site.sql(f"{UNGUARDED}; UPDATE audit SET meter = 'x' WHERE number = 2")
    code, told = await ran("verify", "--json")
    assert (code, '"ok": false' in told) == (1, True)
