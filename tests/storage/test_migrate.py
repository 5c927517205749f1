"""Migrations: from zero and step by step give the same schema; what contradicts ours is refused, never bent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from protocols.model import Layout
from protocols.quantities import LAYOUTS, QUANTITIES
from storage.errors import SchemaMismatch
from storage.migrate import Level, check, migrate, migrations, pending
from storage.roles import DAEMON, provide
from tests.conftest import Servers
from tests.servers import PostgresServer

SCHEMA = """
SELECT 'column', c.table_name, c.column_name, c.data_type, c.is_nullable, c.column_default, c.ordinal_position::text
FROM information_schema.columns c WHERE c.table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'view', viewname, definition, '', '', '', '' FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT 'function', proname, pg_get_functiondef(p.oid), '', '', '', '' FROM pg_proc p
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', '' FROM pg_trigger
WHERE NOT tgisinternal
UNION ALL SELECT 'kind', relname, relkind::text, '', '', '', '' FROM pg_class
WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'migration', version::text, name, checksum, '', '', '' FROM migration
UNION ALL SELECT 'quantity', id::text, name, name_zh, obis, unit || kind, step::text FROM quantity
UNION ALL SELECT 'layout_item', layout::text, pos::text, quantity::text, '', '', '' FROM layout_item
ORDER BY 1, 2, 3, 4
"""


def schema(conninfo: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(SCHEMA).fetchall()


async def test_step_by_step_gives_the_same_schema(postgres: PostgresServer) -> None:
    with postgres.fresh() as at_once, postgres.fresh() as by_steps:
        level = (await migrate(at_once)).level
        names: list[str] = []
        for migration in migrations(level):
            names += (await migrate(by_steps, upto=migration.version)).applied
        assert (await migrate(by_steps)).applied == ()
        assert names == [f"{m.version:04}_{m.name}" for m in migrations(level)]
        assert schema(by_steps) == schema(at_once)
        rows = schema(at_once)
    assert (
        "quantity",
        "1",
        "active_energy_import",
        "正向有功总电能",
        "1-0:1.8.0*255",
        "kWhcumulative",
        "0.0001",
    ) in rows
    assert len([row for row in rows if row[0] == "layout_item"]) == len(QUANTITIES)


def test_both_levels_have_the_same_steps() -> None:
    names = [[(m.version, m.name) for m in migrations(level)] for level in Level]
    assert names[0] == names[1] == names[2]
    versions = [version for version, _ in names[0]]
    assert versions[0] == 1
    assert versions == sorted(set(versions))


async def test_an_owner_who_is_no_superuser_migrates(servers: Servers) -> None:
    """As databases are handed out: the settings of the server are not his to see."""
    server = servers("plain")
    server.execute("DROP ROLE IF EXISTS handed_out")
    server.execute("CREATE ROLE handed_out LOGIN")
    with server.fresh() as conninfo:
        name = conninfo_to_dict(conninfo)["dbname"]
        server.execute(f"ALTER DATABASE {name} OWNER TO handed_out")
        own = make_conninfo(conninfo, user="handed_out")
        done = await migrate(own)
        assert (done.level, len(done.applied)) == (Level.PLAIN, len(migrations(Level.PLAIN)))
        await check(own)
    server.execute("DROP ROLE handed_out")


async def test_an_owner_migrates_what_the_daemon_owns(servers: Servers) -> None:
    """Tables that were handed to the daemon's role before: who gave them away is a member of it."""
    server = servers("plain")
    server.execute("DROP ROLE IF EXISTS upgrading")
    server.execute("CREATE ROLE upgrading LOGIN")
    with server.fresh() as conninfo:
        await migrate(conninfo, upto=30)
        await provide(conninfo)
        name = conninfo_to_dict(conninfo)["dbname"]
        server.execute(f"ALTER DATABASE {name} OWNER TO upgrading")
        server.execute(f"GRANT {DAEMON} TO upgrading")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("ALTER SCHEMA public OWNER TO upgrading")
            for (table,) in connection.execute(OWN.encode()).fetchall():
                connection.execute(f"ALTER TABLE {table} OWNER TO upgrading".encode())
        own = make_conninfo(conninfo, user="upgrading")
        await migrate(own)
        await check(own)
    server.execute("DROP ROLE upgrading")


OWN = f"""
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relowner <> '{DAEMON}'::regrole
"""


async def test_again_changes_nothing(empty_database: str) -> None:
    first = await migrate(empty_database)
    before = schema(empty_database)
    second = await migrate(empty_database)
    assert (first.level, second.applied) == (second.level, ())
    assert schema(empty_database) == before
    assert await check(empty_database) == first.level


async def test_two_at_once_wait_for_each_other(empty_database: str) -> None:
    done = await asyncio.gather(*(migrate(empty_database) for _ in range(3)))
    assert sorted(len(each.applied) for each in done) == [0, 0, len(migrations(done[0].level))]


async def test_an_empty_or_half_migrated_database_is_named(plain_empty: str) -> None:
    with pytest.raises(SchemaMismatch, match="headend init"):
        await check(plain_empty)
    await migrate(plain_empty, upto=2)
    with pytest.raises(SchemaMismatch, match="migration 3"):
        await check(plain_empty)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE migration SET checksum = 'x' WHERE version = 2", "other contents"),
        ("INSERT INTO migration (version, name, checksum) VALUES (9999, 'tomorrow', '')", "newer"),
        ("UPDATE quantity SET step = 0.01 WHERE id = 1", "active_energy_import"),
        ("UPDATE quantity SET obis = '1-0:99.99.99*255' WHERE id = 7", "ids never change"),
        ("UPDATE layout SET name = 'other' WHERE id = 3", "ids never change"),
        ("UPDATE layout_item SET pos = 8 WHERE layout = 1 AND pos = 7", "layouts never change"),
    ],
)
async def test_what_differs_is_refused(plain_database: str, change: str, said: str) -> None:
    with psycopg.connect(plain_database) as connection:
        connection.execute(change.encode())
    with pytest.raises(SchemaMismatch, match=said):
        await migrate(plain_database)
    with pytest.raises(SchemaMismatch, match=said):
        await check(plain_database)


async def test_a_database_that_knows_no_times_of_demands_gets_them(plain_database: str) -> None:
    with psycopg.connect(plain_database) as connection:  # as an earlier headend left it
        connection.execute("DELETE FROM layout_item WHERE layout = 9")
        connection.execute("DELETE FROM layout WHERE id = 9")
        connection.execute("DELETE FROM quantity WHERE kind = 'time'")
    assert (await pending(plain_database)).vocabulary == 4 + 1 + 4
    with pytest.raises(SchemaMismatch, match="lacks quantities"):
        await check(plain_database)
    assert (await migrate(plain_database)).applied == ()
    assert await check(plain_database) == Level.PLAIN
    assert ("layout_item", "9", "1", "57") in [row[:4] for row in schema(plain_database)]


async def test_a_new_layout_comes_in_and_a_grown_one_does_not(plain_database: str) -> None:
    first = replace(QUANTITIES[0], id=1001, name="new_one", obis=QUANTITIES[0].obis._replace(f=1))
    second = replace(first, id=1002, name="new_two", obis=first.obis._replace(f=2))
    with pytest.raises(SchemaMismatch, match="lacks quantities"):
        await check(plain_database, [*LAYOUTS, Layout(99, "new", (first,))])
    await migrate(plain_database, layouts=[*LAYOUTS, Layout(99, "new", (first,))])
    assert await check(plain_database, [*LAYOUTS, Layout(99, "new", (first,))]) == Level.PLAIN
    with pytest.raises(SchemaMismatch, match="layouts never change"):
        await migrate(plain_database, layouts=[*LAYOUTS, Layout(99, "new", (first, second))])
    assert ("quantity", "1002") not in [row[:2] for row in schema(plain_database)]
