"""`headend read`: a meter now, from the registry or by its link."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from headend.cli.at_link import add_options, line_at, line_of
from headend.cli.output import Output

EPILOG = """\
ITEM is an OBIS code (1-0:1.8.0), a quantity's name (active_energy_import), a data identifier (00010000; 9010 of the
1997 edition) or a register of the model (input:52). Without ITEM a meter of the registry is read by its plans.

While a daemon runs, it reads a METER of the registry for us, before all that it does by plan; the options of timing
are then its own. Where none runs, or with --direct, the line is opened here: a serial port or a DTU has one owner.

LINK is a URL: serial:///dev/ttyUSB0?baudrate=2400&parity=E, tcp://host:port, tcp-listen://host:port?register=ID,
mqtt://host:port/up/topic?down=down/topic&payload=hex

examples:
  headend read --link serial:///dev/ttyUSB0 --protocol dlt645 --address 123456789012 00010000
  headend read --link serial:///dev/ttyUSB0?baudrate=1200 --protocol dlt645 --edition 1997 --address 123456789012 9010
  headend read --link tcp://192.0.2.7:502 --protocol modbus --model eastron_sdm630 --address 1 active_power
  headend read METER-0001 voltage_l1 1-0:1.8.0
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "headend read METER [ITEM ...]\n"
        "       headend read --link URL --protocol dlt645|modbus [--edition 1997] --address A [--model M] ITEM ..."
    )
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("words", nargs="*", metavar="METER ITEM", help="the meter's name (not with --link), then items")
    add_options(parser)
    parser.add_argument("--protocol", choices=["dlt645", "modbus"], help="with --link")
    parser.add_argument("--edition", choices=["2007", "1997"], help="of DL/T 645 (default: the model's, else 2007)")
    parser.add_argument("--model", metavar="M", help="a model's name or .toml file (see headend model list)")
    parser.add_argument("--address", metavar="A", help="the meter's address: 12 digits, or a Modbus unit")
    parser.add_argument("--direct", action="store_true", help="open the line here, although a daemon may be working it")
    parser.add_argument("--wait", metavar="TIME", default="60s", help="for the daemon's answer (default: 60s)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_read(arguments, output))


async def _read(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import ServiceFault, UsageFault
    from headend.metering.adhoc import address_for, document, model_for, read_now, reads_for
    from protocols.errors import LinkUnreachable
    from protocols.links.url import scheme_of

    if arguments.link:
        if arguments.direct:
            raise UsageFault("--direct goes with a METER of the registry: --link is always direct")
        if not arguments.protocol or not arguments.address:
            raise UsageFault("--link needs --protocol and --address")
        if not arguments.words:
            raise UsageFault("no ITEM: name at least one item to read, such as 00010000 or active_energy_import")
        model = model_for(arguments.protocol, arguments.model, arguments.edition)
        address, items = address_for(model, arguments.address), arguments.words
        line = line_of(arguments, arguments.protocol)
    else:
        from headend.registry.known import meter_path

        if not arguments.words:
            raise UsageFault("name a METER of the registry, or give --link, --protocol and --address")
        await _record(arguments.config, arguments.words)
        if not arguments.direct:
            asked = await _by_daemon(arguments)
            if asked is not None:
                return _show(output, asked)
        path, meter, planned = await meter_path(arguments.config, arguments.words[0])
        model, address, items = meter.model, meter.address, arguments.words[1:] or planned
        line = line_at(path, arguments)
    reads = reads_for(model, items)
    try:
        answers, elapsed = await read_now(line, address, reads)
    except LinkUnreachable as error:
        if scheme_of(line.path.url).startswith("mqtt"):
            raise ServiceFault(str(error)) from error
        raise
    finally:
        await line.close()
    return _show(output, document(address, answers, elapsed))


async def _record(path: str, words: list[str]) -> None:
    """Who reads a meter of the registry is written down, where that is asked for."""
    from headend.config import load

    config = load(path)
    if not config.privacy.access_log:
        return
    from headend.place import store
    from headend.privacy.access import record

    async with store(config) as opened:
        meter = await opened.registry.meter(words[0])
        await record(config, opened.conninfo, "read", [meter.id], items=words[1:] or None)


async def _by_daemon(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """What the daemon that works the meter's line has read for us; None where no daemon lives."""
    from datetime import timedelta

    from headend.duration import seconds
    from headend.errors import UsageFault
    from headend.requests.asking import ask

    try:
        patience = timedelta(seconds=seconds(arguments.wait))
    except ValueError as error:
        raise UsageFault(f"--wait: {error}") from error
    return await ask(arguments.config, arguments.words[0], arguments.words[1:], patience)


def _show(output: Output, document: dict[str, Any]) -> int:
    values, failed = document["values"], document.get("errors", [])
    if output.as_json:
        output.document(document)
    elif values:
        rows = [(v["item"], v["name"], v["obis"], v["value"], v["unit"], v["quality"]) for v in values]
        output.table(["item", "name", "OBIS", "value>", "unit", "quality"], rows)
    for error in failed:
        print(f"headend: {error['item']}: {error['message']}", file=sys.stderr)
    return 1 if failed else 0
