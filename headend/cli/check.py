"""`headend check`: verify configuration, database, lines and models."""

from __future__ import annotations

import argparse
import asyncio

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--links", action="store_true", help="open every line's link, too (brokers are always tried)")
    parser.epilog = "Every finding is told; the exit code is the gravest: 3 before 2 before 1."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_check(arguments, output))


async def _check(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.inspection import Finding, inspect

    config = load(arguments.config)
    findings = [Finding("configuration", f"{config.path} is well formed")]
    findings += [finding async for finding in inspect(config, links=arguments.links)]
    for finding in findings if output.as_json else ():
        output.document({"subject": finding.subject, "ok": finding.exit_code == 0, "detail": finding.detail})
    output.table(
        ["", "subject", "finding"], [("ok" if f.exit_code == 0 else "!!", f.subject, f.detail) for f in findings]
    )
    return max(finding.exit_code for finding in findings)
