"""`headend meter exchange | suspend | resume | remove | scrap | multiplier | history`: a meter's life."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.config import Config
    from protocols.model import Quantity
    from storage.registry import Registry
    from storage.topology import Topology

REGISTERS = """\
A register is QUANTITY=VALUE, the quantity by name or OBIS code, the value as the meter shows it, before the multiplier:
  --final active_energy_import=20451.37 --initial active_energy_import=0.03
A time without offset is in the configuration's time zone. What is told is kept with the name of who said so (--by).
"""
_STEPS = {
    "suspend": ("suspended", "Out of collection for a while: neither read nor expected from then on."),
    "resume": ("active", "In collection (again), or into service: read and expected from then on."),
    "scrap": ("scrapped", "A meter that was removed, or never used, is gone for good."),
}


def add_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    exchanged = verb(
        "exchange", "Another meter takes a meter's place, in one step.", epilog=REGISTERS, formatter_class=raw
    )
    exchanged.add_argument("old", metavar="OLD")
    exchanged.add_argument("new", metavar="NEW", help="a planned or removed meter, or with --address a new one")
    _when(exchanged)
    _registers(exchanged, "final", "of OLD; may be repeated")
    _registers(exchanged, "initial", "of NEW, of the same quantities")
    exchanged.add_argument("--address", metavar="A", help="of a new meter")
    exchanged.add_argument("--model", metavar="M", help="of a new meter (default: OLD's)")
    exchanged.add_argument("--line", metavar="LINE", help="of a new meter (default: OLD's)")
    exchanged.add_argument("--link", metavar="URL", help="where the line is, if it is new")
    exchanged.add_argument("--multiplier", metavar="N", help="of a new meter (default: OLD's at that time)")
    for name, (_, sentence) in _STEPS.items():
        stepped = verb(name, sentence)
        stepped.add_argument("meter", metavar="METER", nargs="+")
        _when(stepped)
    removed = verb("remove", "A meter leaves its point for good.", epilog=REGISTERS, formatter_class=raw)
    removed.add_argument("meter", metavar="METER")
    _when(removed)
    _registers(removed, "final", "may be repeated")
    multiplied = verb("multiplier", "CT ratio times PT ratio from a moment on.", epilog=REGISTERS, formatter_class=raw)
    multiplied.add_argument("meter", metavar="METER")
    multiplied.add_argument("multiplier", metavar="N")
    _when(multiplied)
    _registers(multiplied, "register", "at that moment; may be repeated")
    told = verb("history", "What became of a meter: states, stays, exchanges, multipliers, registers.")
    told.add_argument("meter", metavar="METER")


def _when(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", metavar="T", help="ISO 8601 (default: now)")
    parser.add_argument("--by", metavar="NAME", help="who says so (default: the user)")
    parser.add_argument("--reason", metavar="TEXT", default="")


def _registers(parser: argparse.ArgumentParser, name: str, sentence: str) -> None:
    parser.add_argument(f"--{name}", metavar="Q=V", action="append", default=[], help=f"a register {sentence}")
    if name == "initial":
        return
    parser.add_argument(
        "--source", choices=["read", "manual", "estimated"], default="manual", help="of the registers (default: manual)"
    )
    if name == "final":
        parser.add_argument("--force", action="store_true", help="take a register below the last known; needs --reason")


@dataclass
class _Open:
    config: Config
    registry: Registry
    topology: Topology

    def at(self, arguments: argparse.Namespace) -> datetime:
        from headend.errors import UsageFault
        from headend.local_time import instant

        now = datetime.now(UTC)
        found = instant(arguments.at, self.config.zone, now)
        if found > now:
            raise UsageFault(f"--at {found.isoformat()} is yet to come: the registry is told what happened")
        return found


async def _open(arguments: argparse.Namespace, stack: AsyncExitStack) -> _Open:
    from headend.config import load
    from headend.place import store
    from storage.topology import Topology

    config = load(arguments.config)
    opened = await stack.enter_async_context(store(config))
    return _Open(config, opened.registry, await stack.enter_async_context(Topology(opened.conninfo)))


def _stated(texts: Iterable[str]) -> dict[Quantity, Decimal]:
    from headend.errors import UsageFault
    from headend.registry.network_rows import exact
    from protocols.quantities import quantity

    found: dict[Quantity, Decimal] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageFault(f"{text!r} is no register, expected QUANTITY=VALUE")
        what = quantity(name.strip())
        if what in found:
            raise UsageFault(f"{what.name} is stated twice")
        try:
            found[what] = exact(value.strip(), what.decimals)
        except ValueError as error:
            raise UsageFault(f"{what.name}: {error}") from None
    return found


def _by(arguments: argparse.Namespace) -> str:
    import getpass

    return arguments.by or getpass.getuser()


def _removal(arguments: argparse.Namespace, meter: str, at: datetime) -> Any:
    from storage.exchange import Removal
    from storage.topology_entries import RegisterSource

    return Removal(
        meter=meter, at=at, final=_stated(arguments.final), source=RegisterSource(arguments.source),
        actor=_by(arguments), reason=arguments.reason, force=arguments.force,
    )  # fmt: skip


async def exchange(arguments: argparse.Namespace, output: Output) -> int:
    from headend.registry.files import one_meter
    from storage.entries import Additions
    from storage.exchange import NewExchange

    async with AsyncExitStack() as stack:
        known = await _open(arguments, stack)
        at = known.at(arguments)
        new: Any = arguments.new
        lines: tuple[Any, ...] = ()
        if arguments.address:
            old = await known.registry.meter(arguments.old)
            there = Additions(
                lines=tuple(await known.registry.lines()),
                meters=tuple(meter for meter in await known.registry.meters() if meter.name != old.name),
            )
            multiplier = arguments.multiplier or format(await known.topology.multiplier_at(old.id, at), "f")
            cells = {
                "address": arguments.address,
                "model": arguments.model or old.model,
                "line": arguments.line or old.line,
                "link": arguments.link,
                "multiplier": multiplier,
            }
            made = one_meter(there, arguments.new, cells)
            (new,), lines = made.meters, made.lines
        removal = _removal(arguments, arguments.old, at)
        initial = _stated(arguments.initial)
        done = await known.topology.exchange(
            NewExchange(old=removal, new=new, initial=initial, source=removal.source, lines=lines)
        )
    where = " and ".join(
        filter(None, [done.point and f"at point {done.point}", done.measures and f"for {done.measures}"])
    )
    output.text(f"{done.new} takes the place of {done.old} {where} from {done.at.isoformat()}")
    if done.later:
        output.text(f"{done.later} later captures of {done.old} count for nobody")
    if output.as_json:
        output.document({
            "old": done.old, "new": done.new, "at": done.at, "point": done.point, "measures": done.measures,
            "later_captures": done.later,
        })  # fmt: skip
    return 0


async def step(arguments: argparse.Namespace, output: Output) -> int:
    from storage.topology_entries import MeterState, StateChange

    state = MeterState(_STEPS[arguments.verb][0])
    async with AsyncExitStack() as stack:
        known = await _open(arguments, stack)
        at = known.at(arguments)
        changes = [
            StateChange(meter=name, state=state, start=at, actor=_by(arguments), reason=arguments.reason)
            for name in arguments.meter
        ]
        await known.topology.change_states(changes)
    for change in changes:
        _say_state(change.meter, state, at, output)
    return 0


def _say_state(meter: str, state: str, at: datetime, output: Output, **more: Any) -> None:
    output.text(f"{meter} is {state} from {at.isoformat()}")
    if output.as_json:
        output.document({"meter": meter, "state": str(state), "from": at, **more})


async def remove(arguments: argparse.Namespace, output: Output) -> int:
    async with AsyncExitStack() as stack:
        known = await _open(arguments, stack)
        at = known.at(arguments)
        later = await known.topology.remove(_removal(arguments, arguments.meter, at))
    _say_state(arguments.meter, "removed", at, output, later_captures=later)
    return 0


async def multiplier(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.registry.cells import WrongCell, positive
    from storage.entries import Additions
    from storage.topology_entries import Edge, MultiplierChange, RegisterMark, RegisterSource

    try:
        value = positive({"multiplier": arguments.multiplier}, "multiplier")
    except WrongCell as error:
        raise UsageFault(str(error)) from None
    if value is None:
        raise UsageFault("multiplier: is empty")
    who = {"actor": _by(arguments), "reason": arguments.reason}
    async with AsyncExitStack() as stack:
        known = await _open(arguments, stack)
        at = known.at(arguments)
        marks = tuple(
            RegisterMark(
                meter=arguments.meter, time=at, quantity=quantity, edge=edge, value=register,
                source=RegisterSource(arguments.source), **who,
            )
            for quantity, register in _stated(arguments.register).items()
            for edge in Edge
        )  # fmt: skip
        change = MultiplierChange(meter=arguments.meter, start=at, multiplier=value, **who)
        await known.registry.add(Additions(multipliers=(change,), registers=marks))
    output.text(f"{arguments.meter} is multiplied with {value:f} from {at.isoformat()}")
    if output.as_json:
        output.document({"meter": arguments.meter, "multiplier": value, "from": at})
    return 0


async def history(arguments: argparse.Namespace, output: Output) -> int:
    async with AsyncExitStack() as stack:
        known = await _open(arguments, stack)
        name = (await known.registry.meter(arguments.meter)).name
        stays = [stay for stay in await known.registry.installations() if stay.meter == name]
        rows: list[dict[str, Any]] = [
            *({"time": s.start, "what": "state", "value": str(s.state), "by": s.actor, "reason": s.reason}
              for s in await known.topology.states([name])),
            *({"time": s.start, "what": "stands at", "value": s.point} for s in stays),
            *({"time": s.end, "what": "leaves", "value": s.point} for s in stays if s.end),
            *({"time": t.start, "what": "measures", "value": t.area or t.feeder, "to": t.end}
              for t in await known.topology.totals([name])),
            *({"time": x.at, "what": "exchange", "value": f"{x.old} -> {x.new}", "by": x.actor, "reason": x.reason}
              for x in await known.topology.exchanges([name])),
            *({"time": m.start, "what": "multiplier", "value": m.multiplier, "by": m.actor, "reason": m.reason}
              for m in await known.topology.multipliers([name])),
            *({"time": r.time, "what": f"{r.edge} register", "value": r.value, "quantity": r.quantity.name,
               "unit": str(r.quantity.unit), "source": str(r.source), "by": r.actor, "reason": r.reason}
              for r in await known.topology.registers([name])),
        ]  # fmt: skip
    rows.sort(key=lambda row: row["time"])
    for row in rows if output.as_json else ():
        output.document({"meter": name} | row)
    zone = known.config.zone
    output.table(
        ["time", "what", "value", "quantity", "by", "reason"],
        [
            (
                row["time"].astimezone(zone),
                row["what"],
                row["value"],
                row.get("quantity"),
                row.get("by"),
                row.get("reason"),
            )
            for row in rows
        ],
    )
    return 0


VERBS = {
    "exchange": exchange,
    "suspend": step,
    "resume": step,
    "scrap": step,
    "remove": remove,
    "multiplier": multiplier,
    "history": history,
}
