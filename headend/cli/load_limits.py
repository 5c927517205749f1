"""`headend load limits`: power and energy limits of customers."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from headend.cli.output import Output


async def limits(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.load_control.programme import ProgrammeFault
    from headend.api.client import Client
    from headend.cli.load_events import draft, programme_of
    from headend.config import load
    from headend.errors import UsageFault
    from headend.load_control.limited import orders, wants
    from headend.place import store
    from storage.load_control import LoadControl

    config, now = load(arguments.config), datetime.now(UTC)
    drafted: list[dict[str, Any]] = []
    async with store(config) as opened, LoadControl(opened.conninfo) as kept:
        try:
            programme = await programme_of(kept, arguments.programme)
            found = await wants(kept, opened.conninfo, programme, config.zone, now)
        except ProgrammeFault as error:
            raise UsageFault(str(error)) from error
        if arguments.propose:
            async with Client.of(config, url=arguments.api, token_file=arguments.token_file) as api:
                drafted = await draft(api, orders(programme, found, now))
    if output.as_json:
        output.document({
            "programme": programme.name,
            "members": [
                {"point": f.point, "meter": f.meter, "wants": f.wants, "told": f.told, "why_not": f.why_not}
                for f in found
            ],
            "orders": [{"id": o["id"], "state": o["state"], "needs": o["needs"]} for o in drafted],
        })  # fmt: skip
    output.table(["point", "wants", "told>", "not because"], [(f.point, f.wants, f.told, f.why_not) for f in found])
    if drafted:
        output.table(["order", "state", "needs"], [(o["id"], o["state"], " ".join(o["needs"])) for o in drafted])
    return 0
