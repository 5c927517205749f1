"""`headend load programme|member`."""

from __future__ import annotations

import argparse

from headend.cli.output import Output


async def programme(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.load_control.programme import ProgrammeFault, parse
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from storage.errors import NotFound
    from storage.load_control import LoadControl

    if arguments.what in ("check", "set"):
        try:
            made = parse(arguments.text, arguments.file)
        except ProgrammeFault as error:
            raise UsageFault(str(error)) from error
        if arguments.what == "check":
            output.text(f"{arguments.file}: {made.kind} programme {made.name}")
            if output.as_json:
                output.document({"file": arguments.file, "name": made.name, "kind": made.kind})
            return 0
    async with store(load(arguments.config)) as opened, LoadControl(opened.conninfo) as kept:
        if arguments.what == "set":
            await kept.add_programme(made.name, arguments.text, arguments.by)
            output.text(f"programme {made.name} holds")
            if output.as_json:
                output.document({"name": made.name, "kind": made.kind})
            return 0
        name = arguments.name if arguments.what == "show" else None
        rows = await kept.programmes(name)
        if name is not None and not rows:
            raise NotFound(f"no programme {name!r}")
        if output.as_json:
            for row in rows:
                output.document({"name": row.name, "document": row.document, "by": row.by, "at": row.at})
        elif name is not None:
            output.text(rows[0].document.rstrip("\n"))
        else:
            output.table(
                ["programme", "kind", "since", "by"],
                [(row.name, parse(row.document).kind, row.at, row.by) for row in rows],
            )
    return 0


async def member(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.errors import NotFound
    from storage.load_control import LoadControl

    async with store(load(arguments.config)) as opened, LoadControl(opened.conninfo) as kept:
        if not await kept.programmes(arguments.programme):
            raise NotFound(f"no programme {arguments.programme!r}")
        if arguments.what == "list":
            rows = await kept.members(arguments.programme)
            if output.as_json:
                for row in rows:
                    output.document({"point": row.point, "since": row.since, "by": row.by, "out_of": row.out_of})
            else:
                output.table(
                    ["point", "since", "by", "opted out of"],
                    [(row.point, row.since, row.by, " ".join(row.out_of)) for row in rows],
                )
            return 0
        await kept.change_members(
            arguments.programme,
            arguments.points,
            joined=arguments.what == "add",
            by=arguments.by,
            event=arguments.event if arguments.what == "opt-out" else None,
            reason=arguments.reason,
        )
        output.text(f"{arguments.programme}: {len(set(arguments.points))} points")
        if output.as_json:
            output.document({"programme": arguments.programme, "points": sorted(set(arguments.points))})
    return 0
