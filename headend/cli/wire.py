"""`headend wire replay`: a wire log decoded again, and held against what was decoded or stored then."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.wire.replay import Decoded

_EPILOG = """\
FILE is a wire log of the daemon (headend run --wire-log DIR) or of headend simulate. Rows with hidden passwords are
passed over. Exit code 0 where nothing differs, 1 where something does or nothing could be decoded.

examples:
  headend wire replay logs/east.jsonl --json > east.expected
  headend wire replay logs/east.jsonl --against east.expected
  headend wire replay logs/east.jsonl --model dlt645_2007 --stored
"""
_BEFORE: Final = timedelta(days=1)
_AFTER: Final = timedelta(hours=1)


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="replay", required=True)
    replay = verbs.add_parser(
        "replay",
        help="decode a wire log again",
        description="Decode a wire log again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )
    replay.add_argument("files", nargs="+", metavar="FILE")
    replay.add_argument("--model", metavar="M", help="whose formats and registers they are")
    replay.add_argument("--against", metavar="FILE", help="hold it against what --json printed before")
    replay.add_argument("--stored", action="store_true", help="hold it against the readings in the database")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_replay(arguments, output))


async def _replay(arguments: argparse.Namespace, output: Output) -> int:
    from headend.wire.replay import collected, decoded, differences
    from headend.wire.rows import by_line, read_rows
    from protocols import models
    from protocols.dlt645.model import Dlt645Model

    model = models.load(arguments.model) if arguments.model else None
    found: list[Decoded] = []
    problems: list[str] = []
    for line, rows in by_line(row for file in arguments.files for row in read_rows(Path(file))).items():
        mine = decoded(line, rows, model)
        found += mine
        if isinstance(model, Dlt645Model):
            problems += _contradictions(mine, await collected(line, rows, model))
    for one in found:
        if output.as_json:
            output.document(one.told())
    rows_shown = [
        (one.line, one.time, one.address, one.item, ", ".join(f"{k} {v}" for k, v in one.values.items()) or one.problem)
        for one in found
    ]
    output.table(["line", "time", "address", "item", "said"], rows_shown)
    if arguments.against:
        problems += differences(found, _expected(Path(arguments.against)))
    if arguments.stored:
        problems += await _not_stored(arguments, found)
    for problem in problems:
        print(f"headend: {problem}", file=sys.stderr)
    output.text(f"{len(found)} answers decoded, {len(problems)} differences")
    return 1 if problems or not found else 0


def _contradictions(codec: list[Decoded], collector: list[Decoded]) -> list[str]:
    """Values of the collector that the codec does not have of the same answer."""
    told: dict[tuple[str, str], list[dict[str, str | None]]] = {}
    for one in codec:
        told.setdefault((one.address, one.item), []).append(one.values)
    return [
        f"{one.line} {one.time.isoformat()} {one.address} {one.item}: the collector reads {one.values}"
        for one in collector
        if one.values and one.values not in told.get((one.address, one.item), ())
    ]


def _expected(path: Path) -> list[Decoded]:
    """Raises `UsageFault`."""
    from headend.errors import UsageFault
    from headend.wire.replay import Decoded

    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Decoded(**(row | {"time": datetime.fromisoformat(row["time"])})) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise UsageFault(f"{path}: not what --json prints: {error}") from error


async def _not_stored(arguments: argparse.Namespace, found: list[Decoded]) -> list[str]:
    """Values of stored quantities that no reading of the meter around that time has."""
    from decimal import Decimal

    from headend.config import load
    from headend.place import store
    from protocols.errors import ModelError
    from protocols.quantities import quantity

    problems = []
    async with store(load(arguments.config)) as opened:
        meters = {(meter.line, meter.address): meter for meter in await opened.registry.meters()}
        for one in found:
            meter = meters.get((one.line, one.address))
            if meter is None:
                problems.append(f"{one.line} {one.address}: no such meter in the registry")
                continue
            for name, text in one.values.items():
                try:
                    wanted = quantity(name)
                except ModelError:
                    continue
                if text is None:
                    continue
                stored = await opened.reader.readings([meter.id], one.time - _BEFORE, one.time + _AFTER, [wanted])
                if Decimal(text) not in {reading.value for reading in stored}:
                    problems.append(f"{meter.name} {one.time.isoformat()}: {name} {text} is not stored")
    return problems
