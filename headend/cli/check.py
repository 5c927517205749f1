"""`headend check`: verify configuration, database, lines and models."""

from __future__ import annotations

import argparse
import asyncio

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--links", action="store_true", help="open every line's link, too (brokers are always tried)")
    parser.add_argument(
        "--upgrade", action="store_true", help="tell which migrations `headend init` would apply; nothing is changed"
    )
    parser.epilog = "Every finding is told; the exit code is the gravest: 3 before 2 before 1."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run((_upgrade if arguments.upgrade else _check)(arguments, output))


async def _upgrade(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.migrate import pending

    config = load(arguments.config)
    async with store(config) as opened:
        found = await pending(opened.conninfo)
    if output.as_json:
        output.document(
            {
                "level": found.level.value,
                "applied": found.applied,
                "pending": list(found.steps),
                "new": found.vocabulary,
            }
        )
    output.text(f"{config.path} is well formed; database: {found.level.value}, {found.applied} migrations applied")
    for step in found.steps:
        output.text(f"pending: {step}")
    if found.vocabulary:
        output.text(f"pending: {found.vocabulary} new quantities and layouts")
    if found.steps or found.vocabulary:
        output.text("take a backup, stop the daemons, then `headend init` applies them; there is no way back")
    else:
        output.text("nothing is pending")
    return 0


async def _check(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.health.finding import Finding
    from headend.health.inspection import inspect

    config = load(arguments.config)
    findings = [Finding("configuration", f"{config.path} is well formed")]
    findings += [finding async for finding in inspect(config, links=arguments.links)]
    for finding in findings if output.as_json else ():
        output.document({
            "subject": finding.subject, "ok": finding.exit_code == 0, "severity": finding.severity,
            "detail": finding.detail, "remedy": finding.remedy or None,
        })  # fmt: skip
    marks = {"ok": "ok", "warning": "!", "error": "!!"}
    output.table(
        ["", "subject", "finding", "what to do"],
        [(marks[f.severity], f.subject, f.detail, f.remedy) for f in findings],
    )
    return max(finding.exit_code for finding in findings)
