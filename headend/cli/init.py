"""`headend init`: write a configuration and set up the database."""

from __future__ import annotations

import argparse
import asyncio
import json
from importlib import resources
from pathlib import Path
from typing import Any

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dsn", metavar="DSN", help="use this server instead of an embedded one")
    parser.add_argument("--admin", metavar="NAME", help="the first administrator, while there are no users")
    parser.add_argument(
        "--token-file", metavar="FILE", help="where his token goes (default: NAME.token beside the configuration)"
    )
    parser.epilog = "An existing configuration is kept as it is; the database is brought up to date. Safe to repeat."


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load, parse
    from headend.errors import UsageFault

    path = Path(arguments.config)
    written = not path.exists()
    if written:
        text = sample(arguments.dsn)
        parse(text, str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageFault(f"{path}: {error.strerror}") from error
    config = load(str(path))
    if arguments.dsn and config.database.dsn != arguments.dsn:
        raise UsageFault(f"{path}: database.dsn differs from --dsn: edit the file, or name another with --config")
    done, lacking = asyncio.run(_migrate(config))
    token = _found(config, arguments) if arguments.admin else None
    output.text(f"{'wrote' if written else 'kept'} {path}")
    output.text(f"database: {done.level.value}, {len(done.applied)} migrations applied")
    if token:
        output.text(f"administrator {arguments.admin}: his token is in {token}")
    if lacking:
        output.text(f"the daemon's role: {lacking}")
    if output.as_json:
        output.document({
            "config": str(path), "written": written, "level": done.level.value, "migrations": list(done.applied),
            "role": lacking or None, "token_file": token,
        })  # fmt: skip
    return 0


def sample(dsn: str | None = None) -> str:
    """The shipped configuration, with every key in it."""
    text = (resources.files("headend") / "sample.toml").read_text(encoding="utf-8")
    if dsn is None:
        return text
    literal = json.dumps(dsn).replace("\x7f", "\\u007f")  # a TOML basic string, too
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith('directory = "database"')]
    return "".join(f"dsn = {literal}\n" if line.startswith("# dsn =") else line for line in lines)


def _found(config: Any, arguments: argparse.Namespace) -> str:
    """Make the first administrator; where his token is."""
    from headend.cli.token import kept
    from headend.errors import UsageFault
    from headend.people.founding import found

    if "/" in arguments.admin:
        raise UsageFault(f"--admin {arguments.admin}: expected a name without /")
    path = Path(arguments.token_file) if arguments.token_file else config.folder / f"{arguments.admin}.token"
    with kept(path) as write:
        write(asyncio.run(_first(config, arguments.admin, found)))
    return str(path)


async def _first(config: Any, name: str, found: Any) -> str:
    from headend.place import store

    async with store(config) as opened:
        secrets: dict[str, str] = await found(opened.conninfo, {name: ["administrator"]})
        return secrets[name]


async def _migrate(config: Any) -> Any:
    """What was done, and what the daemon's role lacks that somebody else must give; empty: nothing."""
    from headend.place import store
    from storage.migrate import migrate
    from storage.roles import RoleMissing, provide

    async with store(config) as opened:
        done = await migrate(opened.conninfo)
        try:
            await provide(opened.conninfo)
        except RoleMissing as error:
            return done, str(error)
        return done, ""
