"""`headend meter scan --protocol dlt645`: who is on the line, told as it is found."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headend.cli import at_link
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.metering.meter_search import MeterSearch
    from protocols.dlt645.search import Found
    from protocols.dlt645.services.edition import Edition

EPILOG = """\
DL/T 645 meters are asked by wildcards, in both editions; where several answer at once, by ever longer endings of their
addresses. On a serial line the stated rate is tried first, then 2400, 9600, 4800, 1200, 19200, 600 and 300 with even
parity. Only what has been read at its own whole address is told. Ctrl-C ends it with what was found so far.

examples:
  headend meter scan --link serial:///dev/ttyUSB0 --protocol dlt645
  headend meter scan --link tcp://192.0.2.7:4001 --protocol dlt645 --edition 2007 --max-time 10m --add --line east
"""

_TIMEOUT, _RETRIES = "500ms", 1
_LATENCY, _LATENCY_SERIAL = "500ms", "50ms"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that only DL/T 645 has."""
    parser.add_argument("--edition", choices=["both", "2007", "1997"], default="both", help="of DL/T 645")
    parser.add_argument(
        "--deep", action="store_true", help="believe no clean answer and no silence: slow; rates without parity too"
    )
    parser.add_argument("--max-requests", type=int, metavar="N", help="stop after so many (DL/T 645)")
    parser.add_argument("--max-time", metavar="TIME", help="stop after so long (DL/T 645)")
    parser.add_argument(
        "--resume", metavar="BRANCHES", help="go on where a scan was stopped, or 2007:16 for addresses ending in 16"
    )
    parser.add_argument("--add", action="store_true", help="add the meters found to the registry (DL/T 645)")
    parser.add_argument("--line", metavar="NAME", help="with --add: the line that they stand on")


def check_none(arguments: argparse.Namespace) -> None:
    """Raises `UsageFault` where options are given that only DL/T 645 has."""
    from headend.errors import UsageFault

    for name in ("deep", "max_requests", "max_time", "resume", "add", "line"):
        if getattr(arguments, name):
            raise UsageFault(f"--{name.replace('_', '-')} is for --protocol dlt645")


async def scan(arguments: argparse.Namespace, output: Output) -> int:
    """Exit code 0 where at least one meter was found."""
    from headend.collection.line import Line, LinePath
    from headend.errors import UsageFault

    if arguments.add != bool(arguments.line):
        raise UsageFault("--add and --line NAME go together")
    _patience(arguments)
    path = LinePath("command line", arguments.link, "dlt645", arguments.framing, arguments.echo)

    def opening(url: str) -> Line:
        return at_link.line_at(replace(path, url=url), arguments)

    opening(arguments.link)  # what is wrong with the options is told before anything is asked
    found = _search(arguments, opening)
    if arguments.add:
        await _check_registry(arguments)
    ended = False
    try:
        await _run(found, output)
        ended = True
    finally:
        _clear_progress()
        if ended or found.requests:
            _summary(found, output, "" if ended else "broken off: ", deep=arguments.deep)
    if not found.search.found:
        return _nobody(found, output)
    if arguments.add:
        await _add(arguments, found, output)
    return 0


def _patience(arguments: argparse.Namespace) -> None:
    from protocols.links.url import scheme_of

    serial = scheme_of(arguments.link).split("+")[-1] == "serial"
    arguments.timeout = arguments.timeout or _TIMEOUT
    arguments.latency = arguments.latency or (_LATENCY_SERIAL if serial else _LATENCY)
    arguments.retries = _RETRIES if arguments.retries is None else arguments.retries


def _search(arguments: argparse.Namespace, opening: Any) -> MeterSearch:
    from headend.duration import seconds
    from headend.errors import UsageFault
    from headend.metering.line_rates import rates
    from headend.metering.meter_search import Budget, MeterSearch
    from protocols.dlt645.search import Branch, Search, Terms

    editions: tuple[Edition, ...] = ("2007", "1997") if arguments.edition == "both" else (arguments.edition,)
    pending = [Branch(edition) for edition in editions]
    if arguments.resume:
        pending = [Branch.parse(text) for text in arguments.resume.split(",")]
        editions = tuple(dict.fromkeys(branch.edition for branch in pending))
    try:
        budget = Budget(arguments.max_requests, seconds(arguments.max_time) if arguments.max_time else None)
    except ValueError as error:
        raise UsageFault(str(error)) from error
    if budget.requests is not None and budget.requests < 1:
        raise UsageFault(f"--max-requests is {budget.requests}, expected 1 or more")
    terms = Terms(tries=1 + arguments.retries, doubt=6 if arguments.deep else 1)
    tried = rates(arguments.link, deep=arguments.deep)
    return MeterSearch(tried, opening, Search(pending, terms), editions, budget, stubborn=arguments.deep)


async def _run(found: MeterSearch, output: Output) -> None:
    from headend.metering.meter_search import Hailed

    async for event in found.run():
        if isinstance(event, Hailed):
            _progress(f"{event.rate.name}: {event.said}")
            continue
        for meter in event.found:
            _clear_progress()
            _tell(meter, found.rate.name, output)
        _progress(f"{event.edition} ..{event.ending}: {len(found.search.found)} found, {found.requests} requests")


def _tell(meter: Found, rate: str, output: Output) -> None:
    value = meter.value
    if output.as_json:
        evidence: dict[str, Any] = {
            "item": meter.item,
            "name": value.part.name,
            "value": None if value.number is None and value.text is None else str(value),
            "unit": str(value.part.unit),
            "meter_number": meter.number,
            "hex": meter.answer.hex().upper(),
        }
        if rate:
            evidence["rate"] = rate
        output.document({"address": meter.address, "edition": meter.edition, "evidence": evidence})
        return
    number = f", meter number {meter.number}" if meter.number and meter.number != meter.address else ""
    output.text(f"{meter.address}  {meter.edition}  {value.part.name} {value} {value.part.unit}".rstrip() + number)


def _summary(found: MeterSearch, output: Output, first: str, *, deep: bool) -> None:
    """For people; on stderr where the results are for programs."""
    file = sys.stderr if output.as_json else sys.stdout
    count = len(found.search.found)
    at = f" at {found.rate.name}" if found.rate.name and count else ""
    asked = f"{found.requests} requests, {found.seconds:.0f} s"
    print(f"{first}{count} meter{'' if count == 1 else 's'} found{at}; {asked}", file=file)
    for (edition, ending), why in sorted(found.search.puzzles.items()):
        where = ending if len(ending) == 12 else f"addresses ending in {ending}" if ending else "all"
        print(f"  not made out: {where} ({edition}): {why}", file=file)
    if found.spent:
        print(f"  stopped: {found.spent} spent", file=file)
    if (found.spent or first) and found.search.pending:
        print(f"  to go on: --resume {','.join(map(str, found.search.pending))}", file=file)
    elif count and not deep:
        print("  a strong meter can drown another with the same last two digits: --deep looks behind it", file=file)
    file.flush()


def _nobody(found: MeterSearch, output: Output) -> int:
    from protocols.dlt645.search import Hail

    noise = found.search.noise or any(hailed.said is not Hail.SILENCE for hailed in found.hailed)
    tried = ", ".join(hailed.rate.name for hailed in found.hailed)
    reason = "only noise" if noise else "silence"
    if found.spent:
        reason += f", and {found.spent} spent"
    elif noise:
        reason += ": several meters that cannot be told apart, a wrong rate, or a bad line"
    puzzles = [
        {"edition": edition, "ending": ending, "why": why}
        for (edition, ending), why in sorted(found.search.puzzles.items())
    ]
    said = f"no meter found{f' at {tried}' if tried else ''}: {reason}"
    output.failure(said, "noise" if noise else "no_answer", **({"puzzles": puzzles} if puzzles else {}))
    return 1


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    _progress("")


# -- into the registry


async def _check_registry(arguments: argparse.Namespace) -> None:
    """What would keep the meters from being added is told before anything is asked."""
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from protocols.links.query import redacted

    async with store(load(arguments.config)) as opened:
        lines = {line.name: line for line in await opened.registry.lines()}
    line = lines.get(arguments.line)
    if line is not None and (line.url, line.protocol) != (arguments.link, "dlt645"):
        raise UsageFault(f"line {line.name!r} is known, of {line.protocol}, at {redacted(line.url)}")


async def _add(arguments: argparse.Namespace, found: MeterSearch, output: Output) -> None:
    """All that the line does not have yet, as LINE-ADDRESS; an address once, the newer edition first."""
    from headend.config import load
    from headend.place import store
    from headend.registry.files import one_meter
    from storage.entries import Additions

    async with store(load(arguments.config)) as opened:
        known = opened.registry
        there = Additions(lines=tuple(await known.lines()), meters=tuple(await known.meters()))
        stands = {meter.address for meter in there.meters if meter.line == arguments.line}
        new = Additions()
        for edition, address in sorted(found.search.found, reverse=True):
            if address in stands:
                continue
            stands.add(address)
            cells = {
                "address": address,
                "model": f"dlt645_{edition}",
                "line": arguments.line,
                "link": found.rate.url,
                "framing": "",
                "multiplier": "1",
            }
            one = one_meter(
                Additions(lines=(*there.lines, *new.lines), meters=(*there.meters, *new.meters)),
                f"{arguments.line}-{address}",
                cells,
            )
            new = Additions(lines=(*new.lines, *one.lines), meters=(*new.meters, *one.meters))
        if new.meters:
            await known.add(new)
    said = f"added {len(new.meters)} of {len(found.search.found)} to line {arguments.line}"
    print(said, file=sys.stderr if output.as_json else sys.stdout)
