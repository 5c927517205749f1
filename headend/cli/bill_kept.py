"""`headend bill list`, `show` and `diff`: the bills that are kept."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headend.cli.bill_order import given_away
from headend.cli.bill_shown import show_lines, show_registers
from headend.cli.output import Output

if TYPE_CHECKING:
    from storage.bills import Contents, KeptBill


async def listed(arguments: argparse.Namespace, output: Output) -> int:
    from headend.billing.cycles import cycle_of
    from headend.config import load
    from headend.place import store
    from storage.bills import Bills

    cycle = None if arguments.cycle is None else cycle_of(arguments.cycle)
    async with store(load(arguments.config)) as opened, Bills(opened.conninfo) as bills:
        found = await bills.bills(
            points=arguments.points, cycle=cycle, superseded=arguments.superseded, limit=arguments.limit
        )
    for bill in found if output.as_json else ():
        output.document(_head(bill))
    rows = [
        (b.id, b.cycle.strftime("%Y-%m"), b.point, b.version, b.tariff, b.energy, b.estimated, b.total, b.currency,
         b.actor, "superseded" if b.superseded else "")
        for b in found
    ]  # fmt: skip
    heading = ["id>", "cycle", "point", "version>", "tariff", "kWh>", "estimated>", "total>", "", "by", ""]
    output.table(heading, rows)
    return 0


async def show(arguments: argparse.Namespace, output: Output) -> int:
    ((bill, contents),) = await _kept(arguments, arguments.id)
    if arguments.tariff_text:
        return await _show_tariff(arguments, bill, output)
    told = {
        "determinants": contents.determinants, "registers": contents.registers, "lines": contents.lines,
        "context": contents.context, **contents.carried, "difference": contents.difference,
    }  # fmt: skip
    if output.as_json:
        output.document(_head(bill) | told)
        return 0
    output.text(f"{bill.cycle:%Y-%m}, version {bill.version} by {bill.actor}, {bill.made.isoformat()}: {bill.reason}")
    show_registers(contents.registers, output)
    show_lines(_spelt(bill) | told, output)
    if contents.difference is not None:
        output.text(f"to the version before, {contents.difference['amount']} {bill.currency}:")
        _changes(contents.difference, output)
    return 0


async def _show_tariff(arguments: argparse.Namespace, bill: KeptBill, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.bills import Bills

    async with store(load(arguments.config)) as opened, Bills(opened.conninfo) as bills:
        tariff = await bills.tariff(bill.tariff_digest)
    if output.as_json:
        output.document({"tariff": tariff.name, "sha256": bill.tariff_digest, "text": tariff.text})
    output.text(tariff.text)
    return 0


async def diff(arguments: argparse.Namespace, output: Output) -> int:
    from headend.billing.difference import difference

    (old, before), (new, after) = await _kept(arguments, arguments.old, arguments.new)
    found = dict(difference(before.lines, after.lines, (before.registers, after.registers)))
    if output.as_json:
        output.document({"old": _head(old), "new": _head(new), **found})
        return 0
    output.text(f"{old.point}, {old.cycle:%Y-%m}, version {old.version}: {old.total:f} {old.currency}")
    output.text(f"{new.point}, {new.cycle:%Y-%m}, version {new.version}: {new.total:f} {new.currency}")
    _changes(found, output)
    output.text(f"difference of the lines: {found['amount']} {new.currency}")
    return 0


def _changes(found: dict[str, Any], output: Output) -> None:
    def formula(line: dict[str, Any] | None) -> str:
        return "" if line is None else str(line["formula"])

    def read(use: dict[str, Any] | None) -> str:
        if use is None:
            return ""
        return f"{use['start']['value']} to {use['stop']['value']} ({use['start']['type']}, {use['stop']['type']})"

    output.table(
        ["line", "from", "before", "after", "amount>"],
        [(c["label"], c["from"], formula(c["before"]), formula(c["after"]), c["amount"]) for c in found["lines"]],
    )
    output.table(
        ["meter", "register", "before", "after"],
        [(c["meter"], c["register"], read(c["before"]), read(c["after"])) for c in found["registers"]],
    )


async def _kept(arguments: argparse.Namespace, *ids: int) -> list[tuple[KeptBill, Contents]]:
    """The bills named by their numbers. Raises `NotFound`."""
    from headend.config import load
    from headend.place import store
    from storage.bills import Bills
    from storage.errors import NotFound

    config = load(arguments.config)
    async with store(config) as opened, Bills(opened.conninfo) as bills:
        heads = {bill.id: bill for bill in await bills.bills(ids=ids)}
        contents = await bills.contents(ids)
        for number in ids:
            if number not in heads:
                raise NotFound(f"no bill with number {number}")
            await given_away(config, opened, heads[number].point, f"{heads[number].cycle:%Y-%m}")
    return [(heads[number], contents[number]) for number in ids]


def _spelt(bill: KeptBill) -> dict[str, Any]:
    """What the lines' heading says, as `Bill.content` spells it."""
    return {
        "point": bill.point, "tariff": bill.tariff, "from": bill.start.isoformat(), "to": bill.end.isoformat(),
        "total": format(bill.total, "f"), "currency": bill.currency,
    }  # fmt: skip


def _head(bill: KeptBill) -> dict[str, Any]:
    return {
        "id": bill.id, "point": bill.point, "cycle": bill.cycle.strftime("%Y-%m"), "version": bill.version,
        "from": bill.start, "to": bill.end, "tariff": bill.tariff, "tariff_sha256": bill.tariff_digest,
        "currency": bill.currency, "total": bill.total, "sum": bill.exact, "arrears": bill.arrears,
        "energy": bill.energy, "estimated": bill.estimated, "completeness": bill.completeness, "by": bill.actor,
        "reason": bill.reason, "made": bill.made, "superseded": bill.superseded,
    }  # fmt: skip
