"""The operating-system account that an embedded server runs as.

PostgreSQL refuses to run as root. Root therefore starts it as an existing unprivileged account: `postgres` where there
is one, else `nobody`. That account must be able to walk to the data directory and to the binaries.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import ServerError

HOME: Final = Path("/var/lib/headend")
"""Where root keeps what the unprivileged account must reach when its wanted place is closed to it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. `switch` is True when we are root and become this account in the child."""

    name: str
    uid: int
    gid: int
    switch: bool

    @property
    def ids(self) -> tuple[int | None, int | None, Sequence[int] | None]:
        """user, group and extra groups as `subprocess` takes them."""
        return (self.uid, self.gid, ()) if self.switch else (None, None, None)

    def own(self, path: Path) -> None:
        """Give `path` to this account where we can."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def closed_directory(self, path: Path) -> Path | None:
        """The first directory on the way to `path` (itself included) that this account may not enter; None if open."""
        path = path.absolute()
        if not self.switch:
            return None
        for directory in (*reversed(path.parents), path):
            if not directory.exists():
                return None
            if not self._may(directory.stat(), stat.S_IXUSR | stat.S_IRUSR if directory == path else stat.S_IXUSR):
                return directory
        return None

    def _may(self, status: os.stat_result, bits: int) -> bool:
        if status.st_uid == self.uid:
            return status.st_mode & bits == bits
        if status.st_gid == self.gid:
            return status.st_mode & (bits >> 3) == bits >> 3
        return status.st_mode & (bits >> 6) == bits >> 6


def account_for(data_dir: Path) -> Account:
    """The owner of an existing data directory, else ourselves, else (as root) an unprivileged account.

    Raises `ServerError`.
    """
    euid = os.geteuid()
    marker = data_dir / "PG_VERSION"
    if euid != 0:
        if marker.exists() and marker.stat().st_uid != euid:
            raise ServerError(f"{data_dir} belongs to user id {marker.stat().st_uid}, not to us ({euid})")
        return Account(_name(euid), euid, os.getegid(), switch=False)
    if marker.exists():
        status = marker.stat()
        if status.st_uid != 0:
            return Account(_name(status.st_uid), status.st_uid, status.st_gid, switch=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise ServerError("PostgreSQL does not run as root and there is neither a user 'postgres' nor 'nobody': create one")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ServerError(f"user id {uid} has no entry in the password file, which initdb needs") from None
