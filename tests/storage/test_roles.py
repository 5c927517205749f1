"""The daemon goes on with what it collects, and cannot change what is kept for ever; on both levels of server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo

from storage.audit import Audit, Entry
from storage.circumstances import Circumstances
from storage.class_profiles import ClassProfiles
from storage.clocks import ClockStore, ToTell
from storage.errors import AlreadyThere
from storage.export_entries import Attempt, BatchStatus
from storage.exports import Exports
from storage.migrate import check
from storage.retention import Keep, Retention
from storage.roles import DAEMON, SEEDED, excess, provide
from storage.validated import Validated
from storage.writer import Writer
from tests.storage.captures import slots
from tests.storage.days import RUN, some_days
from tests.storage.test_exports import END, START, made
from tests.storage.test_retention import drop, kept
from tests.storage.test_rollups import MIDNIGHT, quarters, roll, store

KEPT = """
SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'kept_stands' ORDER BY 1
"""
COLUMNS = """
SELECT attrelid::regclass::text, min(attname) FROM pg_attribute
WHERE attrelid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'kept_stands') AND attnum > 0 AND attidentity = ''
  AND attgenerated = ''
GROUP BY 1
"""
FORBIDDEN = (
    "UPDATE {0} SET {1} = {1}",
    "DELETE FROM {0}",
    "TRUNCATE {0} CASCADE",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "ALTER TABLE {0} ADD COLUMN more integer",
    "DROP TRIGGER kept_stands ON {0}",
    "DROP TABLE {0} CASCADE",
    "CREATE TRIGGER more BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION kept_stands()",
    "ALTER TABLE {0} OWNER TO headend_daemon",
)


def as_daemon(conninfo: str) -> str:
    return make_conninfo(conninfo, user=DAEMON)


def kept_tables(conninfo: str) -> list[str]:
    with psycopg.connect(conninfo) as connection:
        return [name for (name,) in connection.execute(KEPT)]


async def test_the_role_changes_nothing_that_is_kept(database: str) -> None:
    names = kept_tables(database)
    with psycopg.connect(database) as connection:
        column: dict[str, str] = dict(connection.execute(COLUMNS).fetchall())
    assert {"audit", "command_transition", "command_order", "approval", "api_token", "stop"} <= set(names)
    assert {
        "export_batch", "export_release", "export_delivery", "export_answer", "vee_parameters", "vee_run", "vee_edit",
        "frozen_day", "point_contract", "tariff_text", "bill",
    } <= set(names)  # fmt: skip
    with psycopg.connect(as_daemon(database), autocommit=True) as connection:
        for name in names:
            for statement in FORBIDDEN:
                with pytest.raises(pg.InsufficientPrivilege):
                    connection.execute(statement.format(name, column[name]).encode())
        for name in SEEDED:
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(f"INSERT INTO {name} SELECT * FROM {name}".encode())
        for function in ("kept_stands()", "audit_chains()", "audit_hash(audit)"):
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(f"DROP FUNCTION {function} CASCADE".encode())
        for statement in ("SET session_replication_role = replica", "CREATE SCHEMA mine", "SET ROLE postgres"):
            with pytest.raises(pg.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert (await excess(as_daemon(database))).found == ()


async def test_a_trigger_says_so_to_everybody_else(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO audit (by, action) VALUES ('ada', 'test')")
        for statement in ("UPDATE audit SET by = 'bo'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(pg.RestrictViolation):
                connection.execute(statement.encode())
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)
    assert ("audit", "DELETE") in (await excess(database)).found


async def test_a_row_of_the_audit_is_numbered_and_chained_by_the_database(database: str) -> None:
    with psycopg.connect(as_daemon(database), autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE audit (LIKE audit INCLUDING DEFAULTS)")
        forged = "(number, at, by, action, role, previous, hash) VALUES (7, now(), 'x', 'x', 'x', 'x', 'x')"
        connection.execute(f"INSERT INTO pg_temp.audit {forged}".encode())
        connection.execute(f"INSERT INTO public.audit {forged}, (99, NULL, 'bo', 'two', '', '', '')".encode())
        rows = connection.execute(
            "SELECT number, by, role, previous, hash, at < clock_timestamp() FROM public.audit ORDER BY number"
        ).fetchall()
    one, two = rows
    assert (one[0], one[2], one[3], one[5]) == (1, DAEMON, "", True)
    assert (two[0], two[1], two[3]) == (2, "bo", one[4])


async def test_partitions_retention_and_rollups_go_on(database: str) -> None:
    daemon = as_daemon(database)
    assert await check(daemon)
    await store(database, quarters(1, MIDNIGHT, 96))
    await store(daemon, quarters(1, MIDNIGHT + timedelta(days=1), 2 * 96 + 1))
    await roll(daemon)
    assert [d.refused for d in await drop(daemon, Keep(captures=timedelta(days=1)))] == [None] * 3
    assert len(await kept(daemon)) == 1


async def test_batches_and_validated_days_are_made_by_the_daemon(database: str) -> None:
    daemon = as_daemon(database)
    async with Exports(daemon) as exports:
        for batch in (made(1), made(2, supersedes="B000001")):
            async with exports.turn() as turn:
                await turn.add(batch)
        assert await exports.release(2, "li")
        await exports.attempt(2, Attempt("t", "folder", "li", START, END, True))
        assert (await exports.state(2)).status is BatchStatus.DELIVERED
    async with Validated(daemon) as validated:
        for version in (1, 2):
            async with validated.writing() as writing:
                days = some_days()
                days.version[:] = version
                await writing.add(RUN, days)
        assert await validated.last_run() == 2
    async with Retention(daemon) as retention:
        gone = await retention.drop(Keep(validated=timedelta(days=35)), datetime(2026, 5, 10, tzinfo=UTC))
    assert [(one.name, one.refused) for one in gone or ()] == [("validated_day_202603", None)]


async def test_the_daemon_reads_vacancies_and_class_profiles_and_changes_none(database: str) -> None:
    daemon = as_daemon(database)
    async with ClassProfiles(daemon) as profiles, Circumstances(daemon) as circumstances:
        assert (await profiles.last(), await profiles.holding(1)) == (0, [])
        assert await circumstances.vacant([1], (START, END)) == []
        assert await circumstances.relays([1], END) == []
    with psycopg.connect(daemon, autocommit=True) as connection:
        for statement in ("UPDATE class_profile SET days = 1", "DELETE FROM point_vacancy"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


async def test_who_was_told_the_time_is_written_down_with_the_audit(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO line (name, url, protocol) VALUES ('l', 'tcp://127.0.0.1:1', 'dlt645')")
        connection.execute(
            "INSERT INTO meter (name, address, model, line_id) SELECT 'm', '1', 'dlt645_2007', id FROM line"
        )
        row = connection.execute("SELECT id FROM meter").fetchone()
        assert row is not None
    at = datetime(2026, 11, 23, 6, tzinfo=UTC)
    entry = Entry("li@desk", "tell_time", "l", {"frame": "68"}, "m")
    async with ClockStore(as_daemon(database)) as clocks:
        assert await clocks.stopped() == frozenset()
        for number in range(2):
            day = at + timedelta(days=number)
            ids = await clocks.reserve([ToTell(row[0], day.date(), 20_000)], day, "single", "l", "Li", entry)
            await (clocks.held_back(ids, at, entry) if number else clocks.sent(ids, at, at, entry))
        with pytest.raises(AlreadyThere):
            await clocks.reserve([ToTell(row[0], at.date(), None)], at, "single", "l", "Li", entry)
        await clocks.tell(entry)
    async with Audit(database) as audit:
        assert not (await audit.verify()).flaws
        rows = await audit.rows()
    assert [(one.by, one.role, one.meter) for one in rows] == [("li@desk", DAEMON, "m")] * 5, "none without its telling"


async def test_whoever_makes_a_partition_it_is_the_daemons(database: str) -> None:
    async with Writer(database) as writer:
        await writer.write(slots(1, 4))
    with psycopg.connect(database) as connection:
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class"
            " WHERE relname ~ '^(capture|_hyper.*chunk)' AND relkind IN ('r', 'p')"
        ).fetchall()
    assert owners == [(DAEMON,)]


async def test_giving_rights_again_takes_in_new_tables(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE later (x integer)")
        connection.execute("CREATE TABLE later_kept (x integer)")
        connection.execute("SELECT keep('later_kept')")
    await provide(database)
    with psycopg.connect(as_daemon(database), autocommit=True) as connection:
        connection.execute("INSERT INTO later VALUES (1)")
        connection.execute("DROP TABLE later")
        connection.execute("INSERT INTO later_kept VALUES (1)")
        with pytest.raises(pg.InsufficientPrivilege):
            connection.execute("DELETE FROM later_kept")
