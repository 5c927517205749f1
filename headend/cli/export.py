"""`headend export --verify`: are files for a billing system sound, and what their manifest says."""

from __future__ import annotations

import argparse
from pathlib import Path

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from analytics.billing.exports.formats import CHECKS

    parser.add_argument(
        "--verify", metavar="PATH", type=Path, required=True, help="a batch's folder or manifest, or a single file"
    )
    parser.add_argument("--format", choices=sorted(CHECKS), help="of a single file (default: what it looks like)")


def run(arguments: argparse.Namespace, output: Output) -> int:
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
