"""Making a data directory."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from storage.account import HOME, Account
from storage.binaries import Binaries
from storage.errors import ServerError

log = logging.getLogger(__name__)

SETTINGS: Final = """
# --- written by headend when the directory was made; yours to change ---
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
max_connections = 50
jit = off                    # costs more than it gives on short queries over many partitions
fsync = on
synchronous_commit = on      # acknowledged means committed
timezone = 'UTC'
log_timezone = 'UTC'
"""


def create(data_dir: Path, found: Binaries, account: Account) -> None:
    """`initdb` beside the wanted place, then one rename: a directory is whole or not there.

    Where `account` cannot walk to `data_dir`, the data lies under `HOME` and `data_dir` becomes a link to it.
    Raises `ServerError`.
    """
    real = data_dir.resolve()
    if real.exists() and any(real.iterdir()):
        raise ServerError(f"{data_dir} is neither empty nor a PostgreSQL data directory")
    target = real
    target.parent.mkdir(parents=True, exist_ok=True)
    closed = account.closed_directory(target.parent)
    if closed is not None:
        HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        target = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}-", dir=HOME))
        log.warning(
            "user %s, who runs PostgreSQL, may not enter %s: the data lies in %s, %s is a link to it",
            account.name, closed, target, data_dir,
        )  # fmt: skip
    unfinished = target.with_name(f".{target.name}.initdb")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    account.own(unfinished)
    user, group, extra = account.ids
    command = [
        "-D",
        str(unfinished),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--data-checksums",
    ]
    made = subprocess.run(  # noqa: S603 -- found by `binaries`
        [found.bindir / "initdb", *command, "--no-instructions"],
        capture_output=True, text=True, check=False, cwd="/", env=environment(),
        user=user, group=group, extra_groups=extra,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ServerError(f"initdb in {target}: {made.stderr.strip() or made.stdout.strip()}")
    with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    unfinished.replace(target)
    if target != real:
        if data_dir.exists():
            data_dir.rmdir()
        data_dir.symlink_to(target)


def environment() -> dict[str, str]:
    """Ours without what would lead PostgreSQL elsewhere (PGDATA, PGPORT ...) or change its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "HOME": "/"}
