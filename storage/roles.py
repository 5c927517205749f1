"""The daemon's database role: it owns what it collects, and can only read and add where rows are kept for ever.

Those are the tables with the trigger `kept_stands`. What they and `SEEDED` say is not the daemon's to change, nor are
their triggers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import errors as pg
from psycopg import sql

from storage.connection import Row, Session
from storage.errors import StorageError
from storage.statements import load

SQL = load("roles")
DAEMON: Final = "headend_daemon"
SEEDED: Final = ("command_step", "migration", "role")
"""Filled by migrations: to be read alone."""


class RoleMissing(StorageError):
    """The role is not there, and who is connected may not make it."""


@dataclass(frozen=True, slots=True)
class Excess:
    """What `role` may do and should not: (table, privilege)."""

    role: str
    found: tuple[tuple[str, str], ...]


async def provide(conninfo: str) -> None:
    """Make the role where there is none, and give it what it needs and no more. May be repeated: new tables come in.

    As the owner of the tables. Raises `RoleMissing` with what a database administrator must run.
    """
    async with Session(conninfo) as session, session.use() as connection:
        try:
            await _join(connection)
        except pg.InsufficientPrivilege as error:
            who = (await _rows(connection, "who"))[0][0]
            raise RoleMissing(
                f"{who} may not make the role {DAEMON}: have an administrator of the server run "
                f'CREATE ROLE {DAEMON} LOGIN; GRANT {DAEMON} TO "{who}"; then `headend init` again'
            ) from error
        schema = (await _rows(connection, "schema"))[0][0]
        await _give(connection, schema)


async def excess(conninfo: str) -> Excess:
    """Of the role that `conninfo` connects as."""
    async with Session(conninfo) as session, session.use() as connection:
        who = (await _rows(connection, "who"))[0][0]
        rows = await (await connection.execute(SQL["excess"], {"seeded": list(SEEDED)})).fetchall()
        return Excess(who, tuple((table, privilege) for table, privilege in rows))


async def _join(connection: psycopg.AsyncConnection[Row]) -> None:
    await connection.execute(SQL["make"])
    if not (await _rows(connection, "is_member"))[0][0]:
        await connection.execute(SQL["join"])


async def _give(connection: psycopg.AsyncConnection[Row], schema: str) -> None:
    """Each statement by itself: thousands of partitions at once would be more locks than a server has room for."""
    daemon = sql.Identifier(DAEMON)
    place = sql.Identifier(schema)
    await connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(place, daemon))
    for name, is_kept, is_owned in await _rows(connection, "tables"):
        table = sql.Identifier(schema, name)
        if not is_kept and name not in SEEDED:
            if not is_owned:
                await connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(table, daemon))
            continue
        rights = sql.SQL("SELECT" if name in SEEDED else "SELECT, INSERT")
        async with connection.transaction():
            if is_owned:
                await connection.execute(sql.SQL("ALTER TABLE {} OWNER TO CURRENT_USER").format(table))
            await connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}, PUBLIC").format(table, daemon))
            await connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(rights, table, daemon))
    for (name,) in await _rows(connection, "views"):
        view = sql.Identifier(schema, name)
        await connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(view, daemon))
    for (function,) in await _rows(connection, "makers"):
        await _make_maker(connection, place, sql.SQL(function))


async def _make_maker(connection: psycopg.AsyncConnection[Row], place: sql.Identifier, function: sql.SQL) -> None:
    daemon = sql.Identifier(DAEMON)
    async with connection.transaction():
        for statement in (
            "ALTER FUNCTION {function} SET search_path = {place}, pg_temp",
            "ALTER FUNCTION {function} SECURITY DEFINER",
            "REVOKE ALL ON FUNCTION {function} FROM PUBLIC",
            "ALTER FUNCTION {function} OWNER TO {daemon}",
        ):
            await connection.execute(sql.SQL(statement).format(function=function, place=place, daemon=daemon))


async def _rows(connection: psycopg.AsyncConnection[Row], statement: str) -> list[Row]:
    return await (await connection.execute(SQL[statement])).fetchall()
