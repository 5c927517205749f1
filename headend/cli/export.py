"""`headend export`: batches of validated values for billing systems, and strict checks of such files."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from headend.cli.output import Output

FORMATS: Final = {
    "csv": "the house format, one row an interval",
    "parquet": "the same columns as Parquet",
    "nem12": "intervals of the Australian market",
    "nem13": "register reads of the Australian market",
    "espi": "Green Button, ESPI 4.0",
    "cmep": "California Metering Exchange Protocol (not there yet)",
    "cim": "IEC 61968-9 MeterReadings (not there yet)",
}
NOT_YET: Final = ("cmep", "cim")
VERBS: Final = {
    "list": "batches, the newest first, and what became of them",
    "show": "a batch: completeness, deliveries, answers",
    "diff": "what differs between two batches, by point and day",
    "release": "somebody lets a batch go out",
    "deliver": "bring a released batch to its targets",
    "ack": "a receiver has taken a batch: its file, or the batch's name",
    "nack": "a receiver has refused a batch: its file, or the batch's name",
}


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    parser.add_argument(
        "--verify", metavar="PATH", type=Path, help="check a batch's folder or manifest, or a single file"
    )
    parser.add_argument(
        "--format", choices=[name for name in FORMATS if name not in NOT_YET],
        help="with --verify: of a single file (default: what it looks like)",
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", metavar="FORMAT|VERB")
    for name, about in (FORMATS | VERBS).items():
        _ADD[name if name in VERBS else "make"](
            verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", parents=[common()])
        )


def _make(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", metavar="T", required=True, help="ISO 8601; nem12, nem13: UTC+10")
    parser.add_argument("--to", dest="end", metavar="T", required=True, help="just before it, ISO 8601")
    parser.add_argument("--point", metavar="P", nargs="+", action="extend", help="usage points (default: all)")
    parser.add_argument("-o", dest="out", metavar="DIR", type=Path, help="the batch's folder is made in it")
    parser.add_argument(
        "--what", choices=("intervals", "registers"), help="default: nem13 holds registers, the others intervals"
    )
    parser.add_argument("--participants", metavar="FROM,TO", help="default: export.sender and export.receiver")
    parser.add_argument("--as-of", metavar="RUN", type=int, help="values as they stood when this run was committed")
    parser.add_argument("--dry-run", action="store_true", help="the completeness report only")
    parser.add_argument("--require", metavar="PERCENT", help="refuse where less of the expected has a value")
    parser.add_argument("--supersedes", metavar="BATCH", help="a correction of that batch; with --reason")
    parser.add_argument("--reason", metavar="TEXT", help="why it is corrected")


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--most", metavar="N", type=int, default=1000, help="at most so many (default: 1000)")


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", metavar="BATCH")
    parser.add_argument("-o", dest="out", metavar="DIR", type=Path, help="write its files once more")


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="A")
    parser.add_argument("second", metavar="B")


def _release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", metavar="BATCH")
    parser.add_argument("--by", metavar="NAME", required=True)
    parser.add_argument("--note", metavar="TEXT", default="")


def _deliver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("batch", metavar="BATCH")
    parser.add_argument("--target", metavar="NAME", nargs="+", action="extend", help="default: all of its format")
    parser.add_argument("--again", action="store_true", help="also where it lies already")


def _answer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="FILE|BATCH")
    parser.add_argument("--by", metavar="NAME", help="who says so, where there is no file")
    parser.add_argument("--reason", metavar="TEXT", action="append", default=[], help="of a refusal; may be repeated")


_ADD: Final[dict[str, Callable[[argparse.ArgumentParser], None]]] = {
    "make": _make, "list": _list, "show": _show, "diff": _diff, "release": _release, "deliver": _deliver,
    "ack": _answer, "nack": _answer,
}  # fmt: skip


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault

    verb = arguments.verb
    if verb is None and arguments.verify is None:
        raise UsageFault("export: expected a format, a verb, or --verify PATH (see headend export --help)")
    if verb is None:
        return _verify(arguments, output)
    if arguments.verify is not None or arguments.format is not None:
        raise UsageFault(f"--verify and --format do not go with {verb}")
    if verb in NOT_YET:
        there = ", ".join(name for name in FORMATS if name not in NOT_YET)
        raise UsageFault(f"{verb} is not there yet, expected one of {there}")
    from headend.cli import export_batches

    return asyncio.run(export_batches.run(arguments, output))


def _verify(arguments: argparse.Namespace, output: Output) -> int:
    from headend.export_check import check

    kind, found = check(arguments.verify, arguments.format)
    sound = not found.findings
    if output.as_json:
        output.document({
            "path": str(arguments.verify),
            "checked": kind,
            "ok": sound,
            "findings": [{"where": f.where, "code": f.code, "message": f.message} for f in found.findings],
            "findings_not_shown": found.passed_over,
            "series": [
                {"key": list(key), "unit": s.unit, "reads": s.reads, "total": s.total, "first": s.first, "last": s.last}
                for key, s in found.sums.items()
            ],
        })  # fmt: skip
        return 0 if sound else 1
    output.table(
        ["series", "reads>", "total>", "unit", "first", "last"],
        [(" ".join(key).strip(), s.reads, s.total, s.unit, s.first, s.last) for key, s in found.sums.items()],
    )
    for finding in found.findings:
        output.failure(f"{arguments.verify}: {finding.where}: {finding.message}")
    if found.passed_over:
        output.failure(f"{arguments.verify}: {found.passed_over} further findings")
    if sound:
        output.text(f"{arguments.verify}: {kind}, nothing found")
    return 0 if sound else 1
