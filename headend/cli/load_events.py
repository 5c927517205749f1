"""`headend load event`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from analytics.day_types import Calendar
    from analytics.load_control.programme import Programme
    from analytics.load_control.settlement import Delivery
    from headend.api.client import Client
    from headend.config import Config
    from headend.load_control.planning import Plan, Wanted
    from storage.load_control import LoadControl


async def event(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.load_control.programme import ProgrammeFault
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from storage.load_control import LoadControl

    config = load(arguments.config)
    verbs: Any = {"plan": _plan, "propose": _plan, "list": _list, "show": _show, "cancel": _cancel, "settle": _settle}
    async with store(config) as opened, LoadControl(opened.conninfo) as kept:
        try:
            return int(await verbs[arguments.what](arguments, output, config, kept, opened.conninfo))
        except ProgrammeFault as error:
            raise UsageFault(str(error)) from error


async def programme_of(kept: LoadControl, name: str) -> Programme:
    """Raises `NotFound`, `ProgrammeFault`."""
    from analytics.load_control.programme import parse
    from storage.errors import NotFound

    found = await kept.programmes(name)
    if not found:
        raise NotFound(f"no programme {name!r} (see headend load programme set)")
    return parse(found[0].document, f"programme {name}")


def calendar_of(config: Config) -> Calendar:
    from headend.validation.settings import rules_of

    return rules_of(config.vee, config.folder).calendar


async def draft(api: Client, orders: Sequence[Wanted]) -> list[dict[str, Any]]:
    """Ask for them at the daemon; the same key again is the same order."""
    return [
        await api.post(
            "/v1/commands",
            {
                "function": order.function, "meters": list(order.meters), "reason": order.reason,
                "notice": order.notice, "not_before": order.not_before.isoformat(),
                "expires": order.expires.isoformat(),
            },
            key=order.key,
        )
        for order in orders
    ]  # fmt: skip


async def _plan(arguments: argparse.Namespace, output: Output, config: Config, kept: LoadControl, conninfo: str) -> int:
    from analytics.load_control.event import check, parse
    from headend.api.client import Client
    from headend.load_control.candidates import candidates
    from headend.load_control.planning import plan
    from storage.errors import AlreadyThere

    events = parse(arguments.text, arguments.file)
    now, areas = datetime.now(UTC), set(await kept.areas())
    plans = []
    for one in events:
        programme = await programme_of(kept, one.programme)
        check(one, programme, now, areas)
        if arguments.what == "propose" and await kept.events(one.id):
            raise AlreadyThere(f"event {one.id!r} was proposed before: name it otherwise, or cancel it")
        found = await candidates(kept, conninfo, programme, one, config.zone, calendar_of(config), now)
        plans.append(plan(one, programme, found))
    drafted: list[dict[str, Any]] = []
    if arguments.what == "propose":
        async with Client.of(config, url=arguments.api, token_file=arguments.token_file) as api:
            for made in plans:
                drafted += await draft(api, made.orders)
                await kept.add_event(made.row(arguments.by, now), made.calls, made.left_out)
    for made in plans:
        _tell(made, output, [order for order in drafted if order["id"].startswith(f"{made.event.id}.")])
    return 0


def _tell(made: Plan, output: Output, drafted: Sequence[dict[str, Any]]) -> None:
    event = made.event
    if output.as_json:
        output.document({
            "event": event.id, "programme": event.programme, "start": event.start, "end": event.end, "kw": event.kw,
            "missing_w": made.missing_w,
            "rounds": [
                {"start": r.start, "end": r.end, "available_w": r.choice.available_w,
                 "points": [m.point for m in r.choice.members]}
                for r in made.rounds
            ],
            "left_out": [{"point": point, "why": why} for point, why in made.left_out],
            "orders": [{"id": order["id"], "state": order["state"], "needs": order["needs"]} for order in drafted],
        })  # fmt: skip
        return
    output.table(
        ["round>", "from", "to", "points>", "kW>", "lacks kW>"],
        [
            (n, r.start, r.end, len(r.choice.members), r.choice.available_w / 1000, r.choice.missing_w / 1000)
            for n, r in enumerate(made.rounds, 1)
        ],
        title=f"{event.id}: {event.kw} kW by {event.programme}",
    )
    output.table(["not called", "why"], made.left_out)
    if drafted:
        output.table(
            ["order", "state", "needs"], [(o["id"], o["state"], " ".join(o["needs"])) for o in drafted], title="drafted"
        )


async def _list(arguments: argparse.Namespace, output: Output, config: Config, kept: LoadControl, _: str) -> int:
    rows = await kept.events()
    if output.as_json:
        for row in rows:
            output.document({name: getattr(row, name) for name in row.__slots__})
    output.table(
        ["event", "programme", "from", "to", "kW>", "calls>", "settled>", "state"],
        [
            (r.id, r.programme, r.start.astimezone(config.zone), r.end.astimezone(config.zone), r.kw, r.calls,
             r.settled, "" if r.cancelled is None else f"cancelled: {r.cancelled}")
            for r in rows
        ],
    )  # fmt: skip
    return 0


async def _show(arguments: argparse.Namespace, output: Output, config: Config, kept: LoadControl, _: str) -> int:
    row = await kept.event(arguments.event)
    calls, out = await kept.called(row.id), await kept.left_out(row.id)
    if output.as_json:
        output.document({
            **{name: getattr(row, name) for name in row.__slots__},
            "called": [{name: getattr(call, name) for name in call.__slots__} for call in calls],
            "left_out": [{"point": point, "why": why} for point, why in out],
        })  # fmt: skip
    output.table(
        ["round>", "from", "to", "point", "meter", "W>", "order"],
        [
            (c.round, c.start.astimezone(config.zone), c.end.astimezone(config.zone), c.point, c.meter, c.available_w,
             c.order_key)
            for c in calls
        ],
    )  # fmt: skip
    output.table(["not called", "why"], out)
    return 0


async def _cancel(arguments: argparse.Namespace, output: Output, config: Config, kept: LoadControl, _: str) -> int:
    """First the orders, so that nothing is sent of an event that says it is cancelled. What was cut already is given
    back by the orders that stand."""
    from headend.api.client import Client

    await kept.event(arguments.event)
    recalled = []
    async with Client.of(config, url=arguments.api, token_file=arguments.token_file) as api:
        for key in sorted({call.order_key for call in await kept.called(arguments.event)}):
            order = await api.post(f"/v1/commands/{key}/recall", {"why": arguments.why})
            recalled.append({"id": order["id"], "state": order["state"]})
    await kept.cancel(arguments.event, arguments.why, arguments.by)
    output.table(["order", "state"], [(order["id"], order["state"]) for order in recalled])
    if output.as_json:
        output.document({"event": arguments.event, "orders": recalled})
    return 0


async def _settle(
    arguments: argparse.Namespace, output: Output, config: Config, kept: LoadControl, conninfo: str
) -> int:
    from headend.load_control.settling import settlement
    from storage.load_control import DeliveryRow

    row = await kept.event(arguments.event)
    programme = await programme_of(kept, row.programme)
    found = await settlement(kept, conninfo, programme, row.id, config.zone, calendar_of(config))
    version = None
    if not arguments.dry_run:
        rows = [DeliveryRow(d.point, n, d.baseline, d.used, d.amount, d.reason) for n, d in found]
        version = await kept.settle(row.id, rows, programme.currency, arguments.by)
    if arguments.output:
        _save(arguments.output, [d for _, d in found])
    total = sum((d.amount for _, d in found), start=programme.price * 0)
    if output.as_json:
        output.document({
            "event": row.id, "version": version, "amount": total, "currency": programme.currency,
            "deliveries": [
                {"point": d.point, "round": n, "baseline_kwh": d.baseline, "used_kwh": d.used,
                 "delivered_kwh": d.delivered, "delivered_kw": d.delivered_kw, "amount": d.amount,
                 "settled": d.is_settled, "reason": d.reason}
                for n, d in found
            ],
        })  # fmt: skip
    output.table(
        ["point", "round>", "baseline kWh>", "used kWh>", "delivered kW>", "amount>", "open because"],
        [(d.point, n, d.baseline, d.used, d.delivered_kw, d.amount, d.reason) for n, d in found],
        title=f"{row.id}: {total} {programme.currency}",
    )
    return 0


def _save(path: str, deliveries: Sequence[Delivery]) -> None:
    from analytics.load_control.settlement import write

    with open(path, "w", encoding="utf-8", newline="") as file:
        write(deliveries, file)
