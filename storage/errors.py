"""The one error tree of this layer.

    StorageError
    |- DatabaseUnreachable     no connection, or it was lost; what was not acknowledged may be written again
    |- ServerError             the embedded server could not be provided; says what to do
    |  |- VersionMismatch      a data directory of one PostgreSQL major version, binaries of another
    |- SchemaMismatch          what is in the database contradicts this program's migrations, quantities or layouts
    |- BackupFault             a backup is damaged or of another version, or what it would go into is not empty
    |- SpoolRefused            the spool cannot take a batch: full by its bound or the disk, read-only, broken
    |- SpoolInUse              another process has the spool's directory
    |- Rejected                the database refused a row: `constraint` names the rule
       |- AlreadyThere         a name or key that exists
       |- NotFound             a name that does not exist

A wrong call of ours stays `ValueError` and crashes loudly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg


class StorageError(Exception):
    """The database did not do what was asked, and this is why."""


class DatabaseUnreachable(StorageError):
    """No connection, or it was lost while we worked. Writing is idempotent: the same batch may be given again."""


class ServerError(StorageError):
    """The embedded server could not be provided."""


class VersionMismatch(ServerError):
    """A data directory belongs to one major version of PostgreSQL."""


class SchemaMismatch(StorageError):
    """Stored migrations, quantities or layouts differ from this program's."""


class BackupFault(StorageError):
    """A backup cannot be made there, or not be restored; nothing was changed."""


class SpoolRefused(StorageError):
    """The spool took nothing; the batch is the caller's still. It may be offered again."""


class SpoolInUse(StorageError):
    """Two processes never share a spool."""


class Rejected(StorageError):
    """The database refused a row."""

    def __init__(self, message: str, constraint: str | None = None) -> None:
        super().__init__(message)
        self.constraint = constraint


class AlreadyThere(Rejected):
    """A name or key that exists already."""


class NotFound(Rejected):
    """A name that does not exist."""


_LOST = (
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.IdleInTransactionSessionTimeout,
    pg.TooManyConnections,
)


def is_lost(error: psycopg.Error, connection: psycopg.AsyncConnection[object] | None = None) -> bool:
    """Whether the connection is gone, as against a statement that was refused on a sound one.

    libpq reports a broken connection as an `OperationalError` without an SQLSTATE; class 08 is "connection exception".
    """
    if isinstance(error, _LOST) or (connection is not None and connection.closed):
        return True
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or error.sqlstate.startswith("08")
    return False


_OVERLAPS = {
    "meter_installation_overlap": "the meter is installed somewhere in that time already",
    "area_feeder_overlap": "the area belongs to a feeder in that time already",
    "area_point_overlap": "the usage point belongs to an area in that time already",
    "total_meter_overlap": "the meter is a total meter in that time already",
}


def translated(error: psycopg.Error) -> StorageError:
    """This layer's error for the driver's."""
    text = str(error).strip() or type(error).__name__
    if is_lost(error):
        return DatabaseUnreachable(f"database not reachable: {text}")
    constraint = error.diag.constraint_name
    if isinstance(error, pg.UniqueViolation):
        return AlreadyThere(f"already there: {error.diag.message_detail or text}", constraint)
    if isinstance(error, pg.ForeignKeyViolation):
        return NotFound(f"not found: {error.diag.message_detail or text}", constraint)
    if isinstance(error, pg.ExclusionViolation):
        return Rejected(_OVERLAPS.get(constraint or "", f"refused by the database: {text}"), constraint)
    if isinstance(error, pg.UndefinedTable | pg.UndefinedColumn | pg.UndefinedFunction):
        return SchemaMismatch(f"the database is not migrated, run `headend init`: {text.splitlines()[0]}")
    if isinstance(error, pg.IntegrityError | pg.DataError):
        return Rejected(f"refused by the database: {text}", constraint)
    return StorageError(text)


@contextmanager
def translating() -> Iterator[None]:
    """Driver errors that leave the block become this layer's."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(error) from error
