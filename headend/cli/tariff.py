"""`headend tariff`: check tariff files, and rate determinants from a file by one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headend.cli.bill_shown import show_lines
from headend.cli.output import Output

if TYPE_CHECKING:
    from analytics.billing.bill import Bill


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="check|rate", required=True)
    sentences = {
        "check": "Whether a tariff file is sound, and what it is understood as.",
        "rate": "The bill for determinants from a file, without a database.",
    }
    made = {
        name: verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        for name, sentence in sentences.items()
    }
    made["check"].add_argument("file", metavar="FILE", nargs="+")
    made["rate"].add_argument("file", metavar="FILE")
    made["rate"].add_argument("--determinants", metavar="FILE.json", required=True, help="see docs/billing.md")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return {"check": _check, "rate": _rate}[arguments.verb](arguments, output)


def _check(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.billing.errors import TariffFault
    from analytics.billing.tariff import load
    from analytics.billing.tariff.told import content

    code = 0
    for file in arguments.file:
        try:
            told = content(load(file))
        except TariffFault as error:
            code = 2
            problems = [{"key": problem.key, "message": problem.message} for problem in error.problems]
            if output.as_json:
                output.document({"file": file, "ok": False, "problems": problems})
            else:
                output.failure(f"{file}: {len(problems)} problems", "usage")
                for problem in error.problems:
                    output.failure(f"{file}: {problem}", "usage")
            continue
        if output.as_json:
            output.document({"file": file, "ok": True, "problems": [], "tariff": told})
        else:
            _show(told, output)
    return code


def _show(told: dict[str, Any], output: Output) -> None:
    output.text(f"{told['name']}: {told['title']} ({told['currency']}, {told['zone']})")
    for version in told["versions"]:
        output.text(f"from {version['valid_from']} to {version['valid_to'] or 'further notice'}")
        for name, dates in version["seasons"].items():
            output.text(f"  season {name}: {', '.join(dates)}")
        if version["bands"]:
            output.table(["season", "day", "hours"], [tuple(row.values()) for row in version["bands"]])
        output.table(["rule", "charge", "says"], [tuple(row.values()) for row in version["charges"]])
        output.text("  rounding: " + ", ".join(f"{key} {value}" for key, value in version["rounding"].items()))
        output.text("  needs: " + ", ".join(version["needs"]))


def _rate(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.billing.determinants_file import parse
    from analytics.billing.errors import DeterminantFault, TariffFault
    from analytics.billing.rating import rate
    from analytics.billing.tariff import load
    from analytics.errors import AnalyticsError
    from headend.errors import HeadendError, UsageFault

    path = Path(arguments.determinants)
    try:
        tariff = load(arguments.file)
        given, context = parse(path.read_text(encoding="utf-8"), str(path))
        bill = rate(given, tariff, context)
    except (TariffFault, DeterminantFault) as error:
        raise UsageFault(str(error)) from error
    except AnalyticsError as error:
        raise HeadendError(str(error)) from error
    show(bill, output)
    return 0


def show(bill: Bill, output: Output, **more: Any) -> None:
    """A bill with every line explained; `more` goes into the JSON."""
    if output.as_json:
        output.document(bill.content() | more)
        return
    show_lines(bill.content(), output)
