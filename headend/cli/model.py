"""`headend model`: the kinds of meter that are known."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from headend.cli import at_link
from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|show|test", required=True)
    verbs.add_parser("list", help="all models", description="All models that are shipped.", parents=[common()])
    show = verbs.add_parser("show", help="what one gives", description="What a model gives.", parents=[common()])
    show.add_argument("model", metavar="MODEL", help="a name, or a .toml file")
    show.add_argument("--plan", action="store_true", help="the requests that read everything it gives")
    test = verbs.add_parser(
        "test",
        help="decode golden frames, or try a meter",
        description="Decode a model's golden frames, or with --link see whether a meter's values can be so.",
        parents=[common()],
    )
    test.add_argument("model", metavar="MODEL", nargs="*", help="names or .toml files (default: all)")
    at_link.add_options(test)
    test.add_argument("--address", metavar="A", help="with --link: hold one model against the meter at this address")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return {"list": _list, "show": _show, "test": _test}[arguments.verb](arguments, output)


def _list(_arguments: argparse.Namespace, output: Output) -> int:
    from protocols import models

    heads = [models.load(name) for name in models.names()]
    for model in heads:
        if output.as_json:
            head = model.head
            output.document(
                {
                    "name": head.name,
                    "title": head.title,
                    "maker": head.maker,
                    "protocol": head.protocol,
                    "quantities": [quantity.name for quantity in model.quantities],
                    "source": head.source,
                }
            )
    output.table(
        ["model", "protocol", "title", "quantities>", "golden>"],
        [(m.head.name, m.head.protocol, m.head.title, len(m.quantities), len(m.head.golden)) for m in heads],
    )
    return 0


def _show(arguments: argparse.Namespace, output: Output) -> int:
    from protocols import models

    model = models.load(arguments.model)
    plan = model.plan(model.quantities)
    quantities = [(q.name, q.name_zh, str(q.obis), str(q.unit)) for q in model.quantities]
    if output.as_json:
        document = {
            "name": model.head.name,
            "title": model.head.title,
            "maker": model.head.maker,
            "protocol": model.head.protocol,
            "source": model.head.source,
            "quantities": [
                {"name": name, "name_zh": zh, "obis": obis, "unit": unit} for name, zh, obis, unit in quantities
            ],
        }
        if arguments.plan:
            document["plan"] = [
                {"item": r.label, **_request(r), "quantities": [q.name for q in r.quantities]} for r in plan
            ]
        output.document(document)
        return 0
    output.text(f"{model.head.name}: {model.head.title} ({model.head.maker}), {model.head.protocol}")
    output.text(f"source: {model.head.source}")
    output.table(["quantity", "名称", "OBIS", "unit"], quantities)
    if arguments.plan:
        rows = [(r.label, *_request(r).values(), ", ".join(q.name for q in r.quantities)) for r in plan]
        output.table(["request", *(f"{key}>" for key in (_request(plan[0]) if plan else {})), "gives"], rows)
    return 0


def _request(read: Any) -> dict[str, int]:
    """Of a Modbus read: where, how many registers, and the bytes of its RTU answer."""
    from protocols.modbus import RegisterRead, rtu

    if not isinstance(read, RegisterRead):
        return {}
    request = read.request
    size = request.reply_size + rtu.OVERHEAD
    return {"function": request.function, "address": request.address, "count": request.count, "bytes": size}


def _test(arguments: argparse.Namespace, output: Output) -> int:
    from headend.metering.golden import check
    from protocols import models

    if arguments.link or arguments.address:
        return asyncio.run(_live(arguments, output))
    names = arguments.model or models.names()
    results = [result for name in names for result in check(models.load(name))]
    for result in results:
        if output.as_json:
            output.document(
                {"model": result.model, "golden": result.number, "ok": not result.problem, "problem": result.problem}
            )
    output.table(["model", "golden>", "result"], [(r.model, r.number, r.problem or "ok") for r in results])
    broken = sum(bool(result.problem) for result in results)
    output.text(f"{len(results)} golden conversations of {len(names)} models, {broken} broken")
    return 1 if broken else 0


async def _live(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.metering.live import check_live
    from protocols import models

    if not arguments.link or not arguments.address or len(arguments.model) != 1:
        raise UsageFault("a meter is tried with --link URL, --address A and one MODEL")
    model = models.load(arguments.model[0])
    address = model.check_address(arguments.address)
    line = at_link.line_of(arguments, model.head.protocol)
    try:
        found = await check_live(line, address, model)
    finally:
        await line.close()
    hint = f"looks like word order {found.order.value}" if found.order is not None else None
    if output.as_json:
        output.document(
            {
                "model": model.head.name,
                "address": address,
                "values": [
                    {
                        "item": judged.value.part.item,
                        "name": judged.value.part.name,
                        "value": str(judged.value),
                        "unit": str(judged.value.part.unit),
                        "quality": judged.value.quality.name.lower(),
                        "problem": judged.problem,
                    }
                    for judged in found.values
                ],
                "errors": [{"item": label, "kind": e.label, "message": str(e)} for label, e in found.failures],
                "hint": hint,
            }
        )
    rows = [(j.value.part.item, j.value.part.name, str(j.value), j.value.part.unit, j.problem) for j in found.values]
    output.table(["item", "name", "value>", "unit", "problem"], rows)
    for label, error in found.failures:
        output.text(f"{label}: {error}")
    if hint:
        output.text(hint)
    output.text(f"{len(found.values)} values, {found.problems} problems")
    return 1 if found.problems else 0
