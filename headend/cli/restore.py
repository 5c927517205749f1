"""`headend restore`: a backup into an empty database."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="what `headend backup` made")
    parser.add_argument("--check", action="store_true", help="only verify the files; no database is needed")
    parser.epilog = (
        "The database of the configuration must be empty, of whatever level. All is verified first and loaded in one "
        "transaction: when it fails, there is no row."
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_restore(arguments, output))


async def _restore(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.backup import progress, told
    from storage.backup.manifest import read, verify
    from storage.backup.restore import restore

    directory = Path(arguments.directory)
    if arguments.check:
        manifest = await asyncio.to_thread(read, directory)
        await asyncio.to_thread(verify, directory, manifest)
    else:
        from headend.config import load
        from headend.place import store
        from storage.roles import provide

        config = load(arguments.config)
        async with store(config) as opened:
            manifest = await restore(opened.conninfo, directory, progress(output))
            await provide(opened.conninfo)
    word = "is sound" if arguments.check else "restored"
    output.text(
        f"backup of {manifest.created.isoformat()}: {manifest.rows} rows of {len(manifest.tables)} tables {word}"
    )
    if output.as_json:
        output.document(told(manifest, arguments.directory) | {"restored": not arguments.check})
    return 0
