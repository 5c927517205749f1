"""`headend load`: load control programmes, their members, events, settlement, and cost control by the balance."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from typing import Any

from headend.cli.output import Output

_EPILOG = """\
Nothing here switches. `event propose` and `accounts --propose` ask for orders at the daemon, as the token says who
asks; people approve and release them (headend command). See docs/load-control.md.
"""


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    verbs = parser.add_subparsers(
        dest="verb", metavar="programme|member|event|balance|notice|accounts|limits", required=True
    )
    _programme(verbs, common)
    _member(verbs, common)
    _event(verbs, common)
    _cost(verbs, common)


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli import load_cost, load_events, load_limits, load_members

    arguments.by = getattr(arguments, "by", None) or getpass.getuser()
    if getattr(arguments, "file", None):
        arguments.text = _text(arguments.file)
    table: dict[str, Any] = {
        "programme": load_members.programme, "member": load_members.member, "event": load_events.event,
        "balance": load_cost.balance, "notice": load_cost.notice, "accounts": load_cost.accounts,
        "limits": load_limits.limits,
    }  # fmt: skip
    code: int = asyncio.run(table[arguments.verb](arguments, output))
    return code


def _text(path: str) -> str:
    """Of a file that the user named. Raises `UsageFault`."""
    from headend.errors import UsageFault

    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        raise UsageFault(f"{path}: is not UTF-8") from None


def _programme(verbs: Any, common: Any) -> None:
    about = "Programmes as TOML files: what members agreed to."
    parser = verbs.add_parser("programme", help=about, description=about, parents=[common()])
    inner = parser.add_subparsers(dest="what", metavar="check|set|list|show", required=True)
    for name, about in (("check", "read a file, say what is wrong"), ("set", "it holds from now on")):
        one = inner.add_parser(name, help=about, description=about, parents=[common()])
        one.add_argument("file", metavar="FILE")
        if name == "set":
            _by(one)
    inner.add_parser("list", help="all of them", parents=[common()])
    inner.add_parser("show", help="the document", parents=[common()]).add_argument("name", metavar="PROGRAMME")


def _member(verbs: Any, common: Any) -> None:
    about = "Who belongs to a programme; who opted out of an event."
    parser = verbs.add_parser("member", help=about, description=about, parents=[common()])
    inner = parser.add_subparsers(dest="what", metavar="add|remove|opt-out|list", required=True)
    for name, about in (
        ("add", "usage points join"),
        ("remove", "usage points leave"),
        ("opt-out", "usage points want no part in one event"),
    ):
        one = inner.add_parser(name, help=about, description=about, parents=[common()])
        one.add_argument("programme", metavar="PROGRAMME")
        one.add_argument("points", metavar="POINT", nargs="+")
        if name == "opt-out":
            one.add_argument("--event", metavar="ID", required=True)
        one.add_argument("--reason", metavar="TEXT", default="", help="why, or who asked for it")
        _by(one)
    inner.add_parser("list", help="its members", parents=[common()]).add_argument("programme", metavar="PROGRAMME")


def _event(verbs: Any, common: Any) -> None:
    about = "Demand response events: whom they would call, orders, settlement."
    parser = verbs.add_parser("event", help=about, description=about, parents=[common()])
    inner = parser.add_subparsers(dest="what", metavar="plan|propose|list|show|cancel|settle", required=True)
    for name, about in (
        ("plan", "whom the events of a file would call, and why not the others; nothing is kept"),
        ("propose", "the same, kept, with orders drafted at the daemon"),
    ):
        one = inner.add_parser(name, help=about, description=about, parents=[common()])
        one.add_argument("file", metavar="FILE", help="TOML or JSON, see docs/load-control.md")
        if name == "propose":
            _by(one)
            _api(one)
    inner.add_parser("list", help="all of them, newest first", parents=[common()])
    inner.add_parser("show", help="one, with whom it called", parents=[common()]).add_argument("event", metavar="ID")
    cancelled = inner.add_parser("cancel", help="recall its orders that are not sent", parents=[common()])
    cancelled.add_argument("event", metavar="ID")
    cancelled.add_argument("--why", metavar="TEXT", required=True)
    _by(cancelled)
    _api(cancelled)
    about = "Baseline, use, delivered energy and amount of every call: kept, and written to a file."
    settled = inner.add_parser("settle", help=about, description=about, parents=[common()])
    settled.add_argument("event", metavar="ID")
    settled.add_argument("-o", "--output", metavar="FILE", help="CSV")
    settled.add_argument("--dry-run", action="store_true", help="keep nothing")
    _by(settled)


def _cost(verbs: Any, common: Any) -> None:
    about = "Balances as the billing system tells them: CSV point, balance, at."
    parser = verbs.add_parser("balance", help=about, description=about, parents=[common()])
    one = parser.add_subparsers(dest="what", metavar="import", required=True).add_parser(
        "import", help=about, parents=[common()]
    )
    one.add_argument("file", metavar="FILE")
    one.add_argument("--dry-run", action="store_true", help="read and check, store nothing")
    _by(one)
    about = "Write down that a customer was warned or given notice, with the proof of it."
    parser = verbs.add_parser("notice", help=about, description=about, parents=[common()])
    parser.add_argument("point", metavar="POINT")
    parser.add_argument("--kind", choices=["warned", "noticed"], required=True)
    parser.add_argument("--proof", metavar="REF", required=True, help="letter, message or receipt")
    parser.add_argument("--at", metavar="T", help="when it reached him (default: now)")
    _by(parser)
    about = "Which members of a power or energy limit want to be warned, cut or given back."
    parser = verbs.add_parser("limits", help=about, description=about, parents=[common()])
    parser.add_argument("programme", metavar="PROGRAMME")
    parser.add_argument("--propose", action="store_true", help="draft the orders for cuts and for giving back")
    _by(parser)
    _api(parser)
    about = "Which accounts of a programme of cost control want to be warned, given notice, cut or given back."
    parser = verbs.add_parser("accounts", help=about, description=about, parents=[common()])
    parser.add_argument("programme", metavar="PROGRAMME")
    parser.add_argument("--fresh", metavar="SPAN", default="1h", help="how old a balance may be (default: 1h)")
    parser.add_argument("--propose", action="store_true", help="draft the orders for cuts and for giving back")
    _by(parser)
    _api(parser)


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who does it (default: the account's name)")


def _api(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--token-file", metavar="FILE", help="the token of who asks (default: $HEADEND_TOKEN)")
    parser.add_argument("--api", metavar="URL", help="the daemon's API (default: the configured one)")
