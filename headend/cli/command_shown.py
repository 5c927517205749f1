"""Orders and lists of the API as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client


async def rows_told(output: Output, api: Client, path: str, columns: list[str]) -> int:
    rows = [row async for row in api.items(path)]
    for row in rows if output.as_json else ():
        output.document(row)
    output.table(columns, [tuple(_cell(row[name]) for name in columns) for row in rows])
    return 0


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def show_order(order: dict[str, Any], output: Output) -> int:
    if output.as_json:
        output.document(order)
    order_told(order, output)
    return 0


def order_told(order: dict[str, Any], output: Output) -> None:
    """What an approver is to see."""
    output.text(f"{order['id']}  {states_of(order)}  {order['function']} for {order['reason']}")
    for line in order["means"]:
        output.text(line)
    output.text(f"by {order['requester']} ({order['source']}), {order['notice'] or 'no notice'}")
    output.text(f"from {order['not_before']} to {order['expires']}")
    unknown = f" and {order['unknown_loads']} of unknown load" if order["unknown_loads"] else ""
    areas = ", ".join(f"{area} {count}" for area, count in order["areas"].items())
    output.text(f"{order['meters']} meters, {order['watts'] / 1e6:.3f} MW{unknown}: {areas}")
    for label in order["labels"]:
        output.text(f"  {label}")
    if order["meters"] > len(order["labels"]):
        output.text(f"  and {order['meters'] - len(order['labels'])} more: headend command show --meters")
    for approval in order["approvals"]:
        good = "" if approval["counts"] else ", which is not good any more"
        over = ", over caps" if approval["over_caps"] else ""
        output.text(f"approved by {approval['by']} until {approval['expires']}{over}{good}")
    if order["paused"]:
        output.text("paused: nothing of it is sent")
    if order["needs"]:
        output.text(f"needs: {', '.join(order['needs'])}")
    output.text(f"digest {order['digest']}")
    output.text(f"bound  {order['bound']}")


def states_of(order: dict[str, Any]) -> str:
    if len(order["states"]) == 1:
        return str(order["state"])
    return ", ".join(f"{count} {state}" for state, count in order["states"].items())


def where_told(area: str) -> str:
    return "everywhere" if area == "*" else f"area {area}"
