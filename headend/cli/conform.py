"""`headend conform`: a table of checks against a meter on a line; see docs/conformance.md."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from headend.cli import at_link
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.conform.check import Finding

_EPILOG = """\
Reads alone: nothing is sent that acts on a meter. Exit code 0 where nothing failed, 1 where something did.
The report is written as JSON, or as Markdown where FILE ends in .md.

examples:
  headend conform --link serial:///dev/ttyUSB0 --protocol dlt645 --address 121078563412 -o report.json -o report.md
  headend conform --link tcp://192.0.2.7:502 --protocol modbus --address 1 --model eastron_sdm630
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    at_link.add_options(parser, latency="200ms", retries=0)
    parser.add_argument("--protocol", choices=["dlt645", "modbus"], required=True)
    parser.add_argument("--address", required=True, help="of the meter")
    parser.add_argument("--edition", choices=["2007", "1997"], default="2007", help="of DL/T 645 (default: 2007)")
    parser.add_argument("--model", metavar="M", help="a meter model or its file (default: the protocol's)")
    parser.add_argument("--only", metavar="CHECK", action="append", default=[], help="this check alone; repeatable")
    parser.add_argument(
        "--refusals", action="store_true", help="also: orders without a password and without contents are refused"
    )
    parser.add_argument("-o", "--output", metavar="FILE", action="append", default=[], help="write the report there")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.collection.line import LinePath
    from headend.conform.probe import Patience
    from headend.conform.run import conform
    from headend.dialect import dialect
    from headend.duration import seconds
    from headend.errors import UsageFault
    from protocols.links.url import parse_link
    from protocols.models import load

    if not arguments.link:
        raise UsageFault("conform needs --link URL")
    if arguments.echo or arguments.trace or arguments.retries:
        raise UsageFault(
            "conform asks once, on a line without echo, and reports every byte: no --echo, --retries, --trace"
        )
    path = LinePath("command line", arguments.link, arguments.protocol, arguments.framing)
    parse_link(path.url)
    name = arguments.model or dialect(arguments.protocol).models.get(arguments.edition)
    if name is None:
        raise UsageFault("a Modbus meter is checked by its model: --model M (see headend model list)")
    model = load(name)
    if model.head.protocol != arguments.protocol:
        raise UsageFault(f"{name} speaks {model.head.protocol}, not {arguments.protocol}")
    address = model.check_address(arguments.address)
    try:
        patience = Patience(seconds(arguments.timeout), seconds(arguments.latency), path.bits_per_second, path.pause)
    except ValueError as error:
        raise UsageFault(str(error)) from error

    def told(finding: Finding) -> None:
        output.text(f"{finding.result:13} {finding.title}" + (f": {finding.why}" if finding.why else ""))

    only = tuple(arguments.only)
    report = await conform(path, address, model, patience, only=only, refusals=arguments.refusals, told=told)
    counted = ", ".join(f"{count} {result}" for result, count in report.counts.items())
    output.text(f"{'conforms' if report.conforms else 'does not conform'}: {counted}")
    for file in arguments.output:
        _write(report, Path(file))
    if output.as_json:
        output.document(report.document())
    return 0 if report.conforms else 1


def _write(report: object, path: Path) -> None:
    from headend.conform.report import Report

    assert isinstance(report, Report)
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".md":
            file.write(report.page())
        else:
            Output(True, file).document(report.document())
