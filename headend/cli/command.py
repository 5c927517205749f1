"""`headend command`: orders to meters, asked for at the daemon with a personal token. Nothing is sent from here."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any, Final

from headend.cli import command_campaign, command_draft
from headend.cli.api_options import asking, change_told, verbs
from headend.cli.command_shown import order_told, rows_told, show_order, states_of, where_told
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client

_ON_ONE: Final = {
    "show": "an order with its meters, and what it needs",
    "approve": "say yes to exactly what is shown",
    "reject": "say no",
    "release": "let it go to the senders",
    "recall": "what is not sent yet is never sent",
}


def add(parser: argparse.ArgumentParser) -> None:
    verb = verbs(parser, "trip|close|write|...|list|show|approve|...")
    command_draft.add_drafts(verb)
    command_campaign.add_campaigns(verb)
    listed = verb("list", "orders, the newest first")
    listed.add_argument("--state", metavar="STATE", help="of which some meters are in that state")
    listed.add_argument("--limit", metavar="N", type=int, default=50)
    made = {name: verb(name, sentence) for name, sentence in _ON_ONE.items()}
    for name, parser_of in made.items():
        parser_of.add_argument("id", metavar="ID")
        if name in ("reject", "recall"):
            parser_of.add_argument("--why", metavar="TEXT", default="")
    made["show"].add_argument("--meters", action="store_true", help="all of them, with their states")
    approve = made["approve"]
    approve.add_argument("--bound", metavar="HASH", help="as `show` told it; else what is shown now is approved")
    approve.add_argument("--over-caps", action="store_true", help="out of quarantine, over a cap")
    approve.add_argument("--expires", metavar="T", help="how long the approval is good (default: as the policy says)")
    stop = verb("stop", "send nothing, everywhere or in an area, and end what waits")
    stop.add_argument("area", metavar="AREA", nargs="?", default="*")
    stop.add_argument("--why", metavar="TEXT", default="")
    stop.add_argument("--local", action="store_true", help="in the database itself, when no daemon answers")
    resume = verb("resume", "release a stop: done when two persons ask for it")
    resume.add_argument("stop", metavar="STOP", nargs="?", help="its number or area (default: the only one)")
    verb("stops", "what is stopped")
    paid = verb("paid", "a usage point's debt is paid: cuts that wait are recalled")
    paid.add_argument("point", metavar="POINT")
    paid.add_argument("--why", metavar="TEXT", default="")
    verb("changes", "changes of rules and people that wait for another person")
    verb("holds", "whom and which areas the anomaly watch holds")
    free = verb("release-hold", "somebody has looked: it is all right")
    free.add_argument("hold", metavar="NUMBER", type=int)
    free.add_argument("--why", metavar="TEXT", required=True)


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "stop" and arguments.local:
        return asyncio.run(_stop_here(arguments, output))
    name = "draft" if arguments.verb in command_draft.FUNCTIONS else arguments.verb
    return asking(arguments, output, _VERBS[name])


async def _list(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    rows: list[dict[str, Any]] = []
    async for order in api.items("/v1/commands", state=arguments.state, limit=min(arguments.limit, 100)):
        rows.append(order)  # it stops between two pages
        if len(rows) >= arguments.limit:
            break
    for order in rows if output.as_json else ():
        output.document(order)
    columns = ["id", "state", "function", "meters", "watts", "reason", "requester", "expires"]
    output.table(columns, [tuple(states_of(o) if name == "state" else o[name] for name in columns) for o in rows])
    return 0


async def _show(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    order = await api.get(f"/v1/commands/{arguments.id}")
    targets: list[dict[str, Any]] = []
    if arguments.meters:
        targets = [t async for t in api.items(f"/v1/commands/{arguments.id}/targets", limit=1000)]
        order["targets"] = targets
    show_order(order, output)
    cells = [(t["meter"], t["label"], t["area"], t["load_w"], t["state"], t["at"], t["why"]) for t in targets]
    if targets:
        output.table(["meter", "label", "area", "W>", "state", "at", "why"], cells)
    return 0


async def _approve(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    bound = arguments.bound
    if bound is None:
        shown = await api.get(f"/v1/commands/{arguments.id}")
        bound = shown["bound"]
        order_told(shown, output)
    body = {
        "bound": bound,
        "over_caps": arguments.over_caps,
        "expires": command_draft.time_of(arguments, arguments.expires),
    }
    return show_order(await api.post(f"/v1/commands/{arguments.id}/approve", body), output)


async def _say(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    body = {"why": arguments.why} if hasattr(arguments, "why") else None
    return show_order(await api.post(f"/v1/commands/{arguments.id}/{arguments.verb}", body), output)


async def _stop(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    stop = await api.post("/v1/stops", {"area": arguments.area, "why": arguments.why})
    if output.as_json:
        output.document(stop)
    output.text(f"stop {stop['id']}: {where_told(stop['area'])}")
    return 0


async def _stop_here(arguments: argparse.Namespace, output: Output) -> int:
    from headend.commands.local_stop import stop_here
    from headend.config import load
    from headend.place import store

    config = load(arguments.config)
    async with store(config) as opened:
        number = await stop_here(opened.conninfo, arguments.area, arguments.why)
    if output.as_json:
        output.document({"id": number, "area": arguments.area})
    output.text(f"stop {number}: {where_told(arguments.area)}")
    return 0


async def _resume(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    from headend.errors import HeadendError

    held = [stop async for stop in api.items("/v1/stops")]
    mine = [s for s in held if arguments.stop is None or arguments.stop in (str(s["id"]), s["area"])]
    if len(mine) != 1:
        told = ", ".join(f"{s['id']} ({where_told(s['area'])})" for s in held)
        raise HeadendError(f"which stop? There {'are ' + told if told else 'is none'}")
    change = await api.post(f"/v1/stops/{mine[0]['id']}/resume")
    return change_told(change, f"release of stop {mine[0]['id']} ({where_told(mine[0]['area'])})", output)


async def _stops(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return await rows_told(output, api, "/v1/stops", ["id", "area", "why", "by", "at", "awaits"])


async def _paid(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    told = await api.post("/v1/payments", {"point": arguments.point, "why": arguments.why})
    if output.as_json:
        output.document(told)
    output.text(f"{told['recalled']} cuts recalled")
    return 0


async def _changes(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return await rows_told(output, api, "/v1/changes", ["id", "kind", "by", "at", "expires", "lacks", "what"])


async def _holds(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return await rows_told(output, api, "/v1/holds", ["id", "person", "area", "rule", "why", "at"])


async def _release_hold(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    hold = await api.post(f"/v1/holds/{arguments.hold}/release", {"why": arguments.why})
    if output.as_json:
        output.document(hold)
    output.text(f"{hold['person'] or hold['area']} is held no more")
    return 0


_VERBS: Final = {
    **command_campaign.VERBS,
    "draft": command_draft.draft,
    "list": _list,
    "show": _show,
    "approve": _approve,
    "reject": _say,
    "release": _say,
    "recall": _say,
    "stop": _stop,
    "resume": _resume,
    "stops": _stops,
    "paid": _paid,
    "changes": _changes,
    "holds": _holds,
    "release-hold": _release_hold,
}
