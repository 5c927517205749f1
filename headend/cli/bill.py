"""`headend bill`: what a usage point owes for a month, every line explained; final bills are kept and superseded."""

from __future__ import annotations

import argparse
import asyncio

from headend.cli.bill_order import given_away, order_of, tariffs
from headend.cli.output import Output

VERBS = ("run", "list", "show", "diff")
EPILOG = """\
headend bill POINT --cycle YYYY-MM tells one point's bill, and with --final it is kept. A point that is named run, list,
show or diff is named with --point: headend bill --point run --cycle 2026-11
"""


class _Forms(dict[str, argparse.ArgumentParser]):
    """The parsers of the verbs; whatever is none of them is a usage point."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> argparse.ArgumentParser:
        found = self["POINT"]
        found.prog = found.prog.replace("POINT", name)
        return found


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    parser.epilog = EPILOG
    forms = parser.add_subparsers(dest="verb", metavar=f"POINT|{'|'.join(VERBS)}")

    def form(name: str, sentence: str) -> argparse.ArgumentParser:
        return forms.add_parser(name, help=sentence, description=sentence, parents=[common()])

    _add_bill(parser, None)
    parser.add_argument("--point", metavar="POINT", help="a usage point that is named as one of the verbs")
    _add_bill(form("POINT", "What a usage point owes for a month, every line explained."), argparse.SUPPRESS)
    ran = form(
        "run", "Final bills of a month, of all points with a tariff or of some; goes on where it was broken off."
    )
    ran.add_argument("--cycle", metavar="YYYY-MM", default=argparse.SUPPRESS, help="a month in each tariff's time zone")
    ran.add_argument("--point", metavar="P", action="append", dest="points", help="only this one (again for more)")
    ran.add_argument(
        "--tariff-area", metavar="A", action="append", help="only points that are in it now (again for more)"
    )
    ran.add_argument("--dry-run", action="store_true", help="tell what it would do, and keep nothing")
    listed = form("list", "Kept bills, the latest month first.")
    listed.add_argument("--cycle", metavar="YYYY-MM", default=argparse.SUPPRESS)
    listed.add_argument("--point", metavar="P", action="append", dest="points", help="only this one (again for more)")
    listed.add_argument("--superseded", action="store_true", help="those that were superseded, too")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many (default: 1000)")
    shown = form("show", "A kept bill, every line explained.")
    shown.add_argument("id", metavar="ID", type=int, help="as headend bill list numbers them")
    shown.add_argument("--tariff-text", action="store_true", help="the tariff's file instead, as it was then")
    differing = form("diff", "What two kept bills differ by, line by line.")
    differing.add_argument("old", metavar="OLD", type=int, help="as headend bill list numbers them")
    differing.add_argument("new", metavar="NEW", type=int)
    for each in (forms.choices["run"], forms.choices["POINT"], parser):
        default = None if each is parser else argparse.SUPPRESS
        each.add_argument("--supersede", metavar="REASON", default=default, help="what changed gets a further version")
        each.add_argument("--by", metavar="NAME", default=default, help="who makes it final (default: who you are)")
        each.add_argument(
            "--amount", metavar="NAME=AMOUNT", action="append", default=default,
            help="an amount of the account or an index that the tariff asks for; may be repeated",
        )  # fmt: skip
    forms.choices = forms._name_parser_map = _Forms(forms.choices)


def _add_bill(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--cycle", metavar="YYYY-MM", default=default, help="a month in the tariff's time zone")
    parser.add_argument(
        "--tariff", metavar="FILE", default=default, help="default: the point's, from the folder billing.tariffs"
    )
    parser.add_argument(
        "--carried", metavar="NAME=KWH", action="append", default=default,
        help="where yearly or monthly steps stand, where neither a kept bill nor the registers tell; may be repeated",
    )  # fmt: skip
    parser.add_argument("--final", action="store_true", default=default or False, help="keep the bill")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli import bill_kept, bill_run
    from headend.errors import UsageFault

    forms = {"run": bill_run.run, "list": bill_kept.listed, "show": bill_kept.show, "diff": bill_kept.diff}
    if arguments.verb in forms:
        return asyncio.run(forms[arguments.verb](arguments, output))
    points = [name for name in (arguments.verb, arguments.point) if name is not None]
    if len(points) != 1:
        raise UsageFault(f"name one usage point, or one of {', '.join(VERBS)} (see headend bill --help)")
    return asyncio.run(_bill(points[0], arguments, output))


async def _bill(name: str, arguments: argparse.Namespace, output: Output) -> int:
    from analytics.billing.determinants_file import content, registers
    from analytics.billing.errors import TariffFault
    from headend.billing.keeping import keep
    from headend.billing.reckoning import Refused, reckon
    from headend.billing.run import sources
    from headend.billing.tariffs import load_file, load_folder
    from headend.cli.bill_shown import show_registers
    from headend.cli.tariff import show
    from headend.config import load
    from headend.errors import HeadendError, UsageFault
    from headend.place import store
    from storage.errors import NotFound

    config = load(arguments.config)
    order = order_of(arguments, final=arguments.final)
    async with store(config) as opened, sources(opened.conninfo, config.billing.tolerance) as desk:
        found = await desk.reads.points(names=[name])
        if not found:
            raise NotFound(f"no usage point named {name!r}")
        (point,) = found
        if arguments.tariff is None and not point.tariff:
            raise UsageFault(f"point {name} has no tariff in the registry: name a file with --tariff")
        try:
            if arguments.tariff is not None:
                file = load_file(arguments.tariff)
            else:
                file = load_folder(tariffs(config)).named(str(point.tariff), name)
            kept = await desk.bills.current([point.id], order.cycle)
            await given_away(config, opened, name, arguments.cycle)
            (made,) = await reckon(desk, [point], file.tariff, order.cycle, order.told, kept)
            if isinstance(made, Refused):
                raise HeadendError(f"point {name}, {arguments.cycle}: {made.reason}")
            outcome = (await keep(desk, [point], file, order))[0] if order.final else None
        except TariffFault as error:
            raise UsageFault(str(error)) from error
    show_registers(registers(made.given), output)
    more = {"determinants": content(made.given), "registers": registers(made.given)}
    if outcome is None:
        show(made.bill, output, **more)
        return 0
    told = {"state": outcome.state, "version": outcome.version, "difference": outcome.difference}
    show(made.bill, output, **more, **told)
    output.text(f"{outcome.state}, version {outcome.version}")
    if outcome.state == "changed":
        output.failure(f"the kept bill is over {outcome.before}, it would be {outcome.total} now: --supersede REASON")
        return 1
    return 0
