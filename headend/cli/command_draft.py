"""`headend command trip|close|...|write`: what is asked of which meters, as the API wants it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.command_shown import show_order
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.api.client import Client

FUNCTIONS: Final = {
    "trip": "cut supply",
    "trip-reclose": "cut supply, and the meter gives it back by itself",
    "limit-load": "a lower limit, above which the meter cuts by itself",
    "raise-limit": "a higher limit, above which the meter cuts by itself",
    "close": "give supply back at once",
    "permit-close": "let the customer close by the meter's key",
    "alarm": "warn at the meter",
    "alarm-off": "end the warning",
    "protect": "the meter itself refuses to be cut",
    "unprotect": "the meter may be cut again",
    "freeze": "the meter keeps its registers as they are at once",
    "reset-demand": "the greatest demand begins anew",
    "set-time": "the meter's clock is put right, by a step a day",
    "write": "write a parameter or a table of the tariff, and read it back",
    "change-password": "a new password that nobody sees: made, sealed, told and proved by the daemon",
}
_SPELLED: Final = {"write": "write_parameter"}
_PLACES: Final = {
    "area": "of an area",
    "feeder": "of a feeder",
    "line": "of a line",
    "model": "of a model",
    "tariff": "of usage points with that tariff",
}
_LIMITS: Final = ("limit-load", "raise-limit")
_MOST_N2: Final = 0xFF


def add_drafts(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    made = {name: _draft(verb(name, f"{sentence}: draft an order")) for name, sentence in FUNCTIONS.items()}
    made["trip-reclose"].add_argument("--minutes", metavar="N", type=int, required=True, help="5, 10, ... 1275")
    for name in _LIMITS:
        made[name].add_argument("--kw", metavar="N", required=True, help="the limit, such as 5.5")
    made["write"].add_argument("--item", metavar="DI", help="of DL/T 645: an identifier, a name or an OBIS code")
    for name in ("write", "reset-demand"):
        made[name].add_argument("--point", metavar="NAME", help="of Modbus: a register that the model lets be written")
        made[name].add_argument(
            "--value", metavar="V", action="extend", nargs="+", default=[], help="one for each part, in their order"
        )


def _draft(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_argument("meters", metavar="METER", nargs="*")
    made.add_argument("--meters-file", metavar="FILE", help="names of meters, one a line")
    for name, sentence in _PLACES.items():
        made.add_argument(f"--{name}", metavar="NAME", help=f"all {sentence}; of several of these, all must hold")
    made.add_argument("--reason", metavar="CODE", required=True, help="such as non_payment, payment, move_out, danger")
    made.add_argument("--notice", metavar="REF", default="", help="the notice or the law that it rests on")
    made.add_argument("--not-before", metavar="T", help="ISO 8601 (default: now)")
    made.add_argument("--expires", metavar="T", help="ISO 8601 (default: as the policy says)")
    made.add_argument("--key", metavar="KEY", help="the same order again, not another one")
    made.add_argument("--operator", metavar="CODE", help="eight digits that the meter records")
    return made


async def draft(arguments: argparse.Namespace, output: Output, api: Client) -> int:
    from headend.errors import UsageFault

    meters = list(arguments.meters)
    if arguments.meters_file:
        text = await asyncio.to_thread(Path(arguments.meters_file).read_text, encoding="utf-8")
        meters += [line.strip() for line in text.splitlines() if line.strip()]
    where = {name: value for name in _PLACES if (value := getattr(arguments, name)) is not None}
    if not meters and not where:
        raise UsageFault("which meters? METER..., --meters-file FILE or --area, --feeder, --line, --model, --tariff")
    function = _SPELLED.get(arguments.verb, arguments.verb.replace("-", "_"))
    body: dict[str, Any] = {
        "function": function, "meters": meters, "reason": arguments.reason, "notice": arguments.notice,
        "not_before": time_of(arguments, arguments.not_before), "expires": time_of(arguments, arguments.expires),
        "parameters": parameters(arguments),
    }  # fmt: skip
    if where:
        body["where"] = where
    return show_order(await api.post("/v1/commands", body, key=arguments.key), output)


def parameters(arguments: argparse.Namespace) -> dict[str, str]:
    """Raises `UsageFault` for what cannot be written so."""
    told = {"operator": arguments.operator} if arguments.operator else {}
    if arguments.verb == "trip-reclose":
        return told | {"n2": _n2(arguments.minutes)}
    if arguments.verb in _LIMITS:
        return told | {"kw": _kw(arguments.kw)}
    if arguments.verb in ("write", "reset-demand"):
        return told | _written(arguments)
    return told


def _n2(minutes: int) -> str:
    from headend.commands.meant import RECLOSE_MINUTES
    from headend.errors import UsageFault

    count, rest = divmod(minutes, RECLOSE_MINUTES)
    if rest or not 0 < count <= _MOST_N2:
        raise UsageFault(f"--minutes {minutes}: expected a multiple of {RECLOSE_MINUTES} up to {_MOST_N2 * 5}")
    return str(count)


def _kw(text: str) -> str:
    from decimal import Decimal, InvalidOperation

    from headend.errors import UsageFault

    try:
        kw = Decimal(text)
    except InvalidOperation:
        kw = Decimal(0)
    if not kw.is_finite() or kw <= 0:
        raise UsageFault(f"--kw {text}: expected a number of kW above 0, such as 5.5")
    return f"{kw:f}"


def _written(arguments: argparse.Namespace) -> dict[str, str]:
    from headend.errors import UsageFault
    from headend.frames.items import is_secret
    from headend.frames.spelling import data_of, item_of
    from protocols.errors import ModelError

    code, point, values = getattr(arguments, "item", None), arguments.point, arguments.value
    if point is not None and code is None and len(values) == 1:
        return {"point": point, "value": values[0]}
    if arguments.verb == "reset-demand" and point is None and not values:
        return {}
    if code is None or point is not None or not values:
        raise UsageFault("what to write? --item DI --value V... or --point NAME --value V")
    if is_secret(code.strip().upper()):
        raise UsageFault("a password does not belong into an order")
    try:
        item = item_of(code, "2007")
        return {"item": item.code, "data": data_of(item, values).hex().upper()}
    except (ModelError, ValueError) as error:
        raise UsageFault(str(error)) from error


def time_of(arguments: argparse.Namespace, text: str | None) -> str | None:
    """ISO 8601; without offset in the configuration's zone."""
    from headend.config import Config, load
    from headend.local_time import instant

    if text is None:
        return None
    config = Config() if hasattr(arguments, "api") else load(arguments.config)
    return instant(text, config.zone, datetime.now(UTC)).isoformat()
