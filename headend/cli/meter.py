"""`headend meter`: the registry of meters, lines and usage points."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from headend.cli import at_link, dlt645_scan, meter_files, meter_life
from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(
        dest="verb",
        metavar="list|show|add|unknown|exchange|suspend|resume|remove|scrap|multiplier|history|import|export|scan",
        required=True,
    )

    def verb(name: str, sentence: str, **more: Any) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()], **more)

    listed = verb("list", "All meters, or those of one line.")
    listed.add_argument("--line", metavar="LINE", help="only the meters of this line")
    shown = verb("show", "One meter with its line, usage point and latest values.")
    shown.add_argument("meter", metavar="METER")
    added = verb("add", "Add one meter, and its line if it is new.")
    added.add_argument("meter", metavar="METER", help="its name")
    added.add_argument("--address", required=True, metavar="A", help="12 digits, or a Modbus unit")
    added.add_argument("--model", required=True, metavar="M", help="a model's name or .toml file")
    added.add_argument("--line", required=True, metavar="LINE", help="the line's name")
    added.add_argument("--link", metavar="URL", help="where the line is, if it is new")
    added.add_argument("--framing", choices=["rtu", "tcp"], default="", help="of a new Modbus line")
    added.add_argument(
        "--window", default="", metavar="N", help="requests in flight on a new Modbus TCP line (default: 1)"
    )
    added.add_argument("--multiplier", default="1", metavar="N", help="CT ratio times PT ratio (default: 1)")
    unknown = verb("unknown", "Meters that publish and are not in the registry, the latest first.")
    unknown.add_argument("--push", metavar="NAME", help="only of this source")
    raw = argparse.RawDescriptionHelpFormatter
    meter_files.add_verbs(verb)
    meter_life.add_verbs(verb)
    sentence = "Ask a line who is there, and which models fit. Reads only, changes nothing."
    scanned = verb("scan", sentence, epilog=dlt645_scan.EPILOG, formatter_class=raw)
    at_link.add_options(scanned, timeout="200ms", latency="100ms", retries=0)
    scanned.set_defaults(timeout=None, latency=None, retries=None)  # each protocol has patience of its own
    scanned.add_argument("--protocol", choices=["dlt645", "modbus"], default="modbus", help="(default: modbus)")
    scanned.add_argument("--units", metavar="SPANS", default="1-247", help="Modbus units to ask (default: 1-247)")
    dlt645_scan.add_options(scanned)


def run(arguments: argparse.Namespace, output: Output) -> int:
    verbs = {
        "list": _list,
        "show": _show,
        "add": _add,
        "unknown": _unknown,
        "import": meter_files.import_,
        "export": meter_files.export,
        **meter_life.VERBS,
        "scan": _scan,
    }
    return asyncio.run(verbs[arguments.verb](arguments, output))


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store

    async with store(load(arguments.config)) as opened:
        known = opened.registry
        meters = await known.meters()
    meters = [meter for meter in meters if arguments.line in (None, meter.line)]
    for meter in meters if output.as_json else ():
        output.document(_told(meter))
    rows = [(m.name, m.address, m.model, m.line, format(m.multiplier, "f"), str(m.state)) for m in meters]
    output.table(["meter", "address", "model", "line", "multiplier>", "state"], rows)
    return 0


def _told(meter: Any) -> dict[str, Any]:
    return {
        "name": meter.name,
        "address": meter.address,
        "model": meter.model,
        "line": meter.line,
        "multiplier": meter.multiplier,
        "state": str(meter.state),
        "created": meter.created,
    }


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.privacy.access import record
    from headend.stored import latest_of

    config = load(arguments.config)
    async with store(config) as opened:
        known = opened.registry
        meter = await known.meter(arguments.meter)
        line = next(line for line in await known.lines() if line.id == meter.line_id)
        points = [i for i in await known.installations() if i.meter == meter.name]
        await record(config, opened.conninfo, "meter show", [meter.id])
        latest = await latest_of(opened.reader, meter.id)
    document = _told(meter) | {
        "url": line.url,
        "protocol": line.protocol,
        "points": [{"name": p.point, "from": p.start, "to": p.end} for p in points],
        "latest": latest,
    }
    if output.as_json:
        output.document(document)
        return 0
    for key, value in document.items():
        if key not in ("points", "latest"):
            output.text(f"{key + ':':12} {value}")
    output.table(["usage point", "from", "to"], [(p.point, p.start, p.end) for p in points])
    rows = [(v["name"], v["value"], v["unit"], v["quality"], v["time"], v["age_s"]) for v in latest]
    output.table(["quantity", "value>", "unit", "quality", "time", "age s>"], rows, title="latest values")
    return 0


async def _add(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.registry.files import one_meter
    from storage.entries import Additions

    async with store(load(arguments.config)) as opened:
        known = opened.registry
        there = Additions(lines=tuple(await known.lines()), meters=tuple(await known.meters()))
        new = one_meter(there, arguments.meter, vars(arguments))
        await known.add(new)
    output.text(f"added meter {new.meters[0].name} on line {new.meters[0].line}")
    if output.as_json:
        output.document({"added": {"lines": len(new.lines), "meters": len(new.meters)}})
    return 0


async def _unknown(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.dead_letters import DeadLetters

    async with store(load(arguments.config)) as opened, DeadLetters(opened.conninfo) as letters:
        found = await letters.unknown(arguments.push)
    rows = [(u.key, u.push, str(u.state), u.times, u.first, u.last) for u in found]
    names = ["meter", "push", "state", "times", "first", "last"]
    for row in rows if output.as_json else ():
        output.document(dict(zip(names, row, strict=True)))
    output.table(["meter", "push", "state", "times>", "first", "last"], rows)
    return 0


async def _scan(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.metering.scan import SCANS, units
    from protocols.modbus.scan import Presence

    if not arguments.link:
        raise UsageFault("meter scan needs --link URL")
    if arguments.protocol == "dlt645":
        return await dlt645_scan.scan(arguments, output)
    dlt645_scan.check_none(arguments)
    arguments.timeout, arguments.latency = arguments.timeout or "200ms", arguments.latency or "100ms"
    arguments.retries = arguments.retries or 0
    scan = SCANS.get(arguments.protocol)
    if scan is None:
        raise UsageFault(f"{arguments.protocol} lines cannot be scanned yet: expected --protocol {' or '.join(SCANS)}")
    wanted = units(arguments.units)
    line = at_link.line_of(arguments, arguments.protocol)
    rows, there, counted = [], 0, 0
    try:
        async for found in scan(line, wanted):
            counted += 1
            if found.presence is Presence.SILENT and not found.said:
                continue
            there += found.presence not in (Presence.SILENT, Presence.UNREACHABLE)
            rows.append(found)
            if output.as_json:
                output.document(_scanned(found))
    finally:
        await line.close()
    for found in rows:
        output.text(f"unit {found.unit}: {found.presence}{''.join(f'; {text}' for text in found.said)}")
        for number, text in sorted(found.objects.items()):
            output.text(f"  identification {number}: {text.decode('latin-1')!r}")
        for one in found.candidates:
            output.text(f"  {one.model} by {one.grade}: {'; '.join(one.evidence)}" + _counts(one))
        if not found.candidates and found.presence is Presence.ANSWERS:
            output.text("  no model fits")
    output.text(f"{counted} units asked, {there} there")
    return 0 if there else 1


def _counts(candidate: Any) -> str:
    if not candidate.plausible:
        return ""
    return f"; {candidate.plausible} plausible values, {candidate.refused} reads refused"


def _scanned(found: Any) -> dict[str, Any]:
    return {
        "unit": found.unit,
        "presence": str(found.presence),
        "said": found.said,
        "identification": {str(n): text.decode("latin-1") for n, text in sorted(found.objects.items())},
        "models": [
            {
                "model": one.model,
                "by": str(one.grade),
                "evidence": list(one.evidence),
                "plausible": one.plausible,
                "refused": one.refused,
            }
            for one in found.candidates
        ],
    }
