"""`headend user`: who may what, asked for at the daemon by an administrator."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from headend.cli.api_options import asking, change_told, verbs
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client

ROLES: Final = ("reader", "requester", "approver", "operator", "administrator")


def add(parser: argparse.ArgumentParser) -> None:
    verb = verbs(parser, "list|add|disable|enable|grant|revoke|me")
    verb("list", "everybody, and what they may")
    verb("me", "who the token says that you are")
    new = verb("add", "somebody who may nothing yet")
    new.add_argument("--program", action="store_true", help="a program's account: it may only propose")
    for made in (new, verb("disable", "his tokens open nothing any more"), verb("enable", "as he was before")):
        made.add_argument("name", metavar="NAME")
        made.add_argument("--reason", metavar="TEXT", default="no reason given")
    grant = verb("grant", "give a role; one that commands is given when two administrators ask for it")
    grant.add_argument("name", metavar="NAME")
    grant.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    grant.add_argument("--area", metavar="AREA", action="append", help="repeatable (default: all)")
    grant.add_argument("--function", metavar="FUNCTION", action="append", help="repeatable (default: all)")
    verb("revoke", "take a role away again").add_argument("grant", metavar="NUMBER", type=int, help="of the grant")
    parser.epilog = "Who administers people holds no rights over commands."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asking(arguments, output, _VERBS[arguments.verb])


async def _list(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return _told([user async for user in api.items("/v1/users")], output)


async def _me(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return _told([await api.get("/v1/users/me")], output)


def _told(users: list[dict[str, Any]], output: Output) -> int:
    for user in users if output.as_json else ():
        output.document(user)
    rows = []
    for user in users:
        kind = "person" if user["is_person"] else "program"
        for grant in user["grants"] or [{"id": "", "role": "", "functions": None, "areas": []}]:
            functions = "all" if grant["functions"] is None else ", ".join(grant["functions"])
            rows.append(
                (user["name"], kind, user["enabled"], grant["id"], grant["role"], ", ".join(grant["areas"]), functions)
            )
    output.table(["name", "kind", "enabled", "grant>", "role", "areas", "functions"], rows)
    return 0


async def _add(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    return _told([await api.post("/v1/users", {"name": arguments.name, "is_person": not arguments.program})], output)


async def _disable(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    await api.post(f"{_path(arguments)}/disable", {"reason": arguments.reason})
    if output.as_json:
        output.document({"name": arguments.name, "enabled": False})
    output.text(f"{arguments.name} is disabled")
    return 0


async def _enable(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    change = await api.post(f"{_path(arguments)}/enable", {"reason": arguments.reason})
    return change_told(change, f"{arguments.name} is enabled", output)


async def _grant(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    body = {"role": arguments.role, "functions": arguments.function, "areas": arguments.area or ["*"]}
    return change_told(
        await api.post(f"{_path(arguments)}/grants", body), f"{arguments.name}: {arguments.role}", output
    )


async def _revoke(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    await api.delete(f"/v1/grants/{arguments.grant}")
    if output.as_json:
        output.document({"grant": arguments.grant, "ended": True})
    output.text(f"grant {arguments.grant} has ended")
    return 0


def _path(arguments: argparse.Namespace) -> str:
    return f"/v1/users/{quote(arguments.name, safe='')}"


_VERBS: Final = {
    "list": _list, "me": _me, "add": _add, "disable": _disable, "enable": _enable, "grant": _grant, "revoke": _revoke,
}  # fmt: skip
