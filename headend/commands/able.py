"""Whether the meters of an order are of kinds that can do it: asked of their models before the order is drawn up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headend.collection.survey import MeterPath
from headend.safety.decision import Decision, Reason
from headend.safety.function import Function
from headend.safety.order import Order, Target
from headend.secrets.safe import CONTROL
from headend.sending.ways import is_possible
from protocols import models
from protocols.errors import ModelError
from storage import commands
from storage.commands import Connection
from storage.statements import load

SQL: Final = load("world")
SECRETS: Final = load("secrets")
RULE: Final = "able"


async def unable(connection: Connection, order: Order) -> Decision | None:
    """What speaks against it, meter by meter; None where nothing does. All models are asked for in one question."""
    rows = await commands.rows(connection, SQL["kinds"], meters=[target.meter for target in order.targets])
    kinds: Mapping[str, str] = dict(rows)
    told = [(target.meter, why) for target in order.targets if (why := _why(order, target, kinds.get(target.meter)))]
    if order.function is Function.CHANGE_PASSWORD:
        told += [(meter, "no password is known of it") for meter in await _locked_out(connection, order)]
    return Decision(tuple(Reason(RULE, "S1", why, meter=meter) for meter, why in told)) if told else None


async def _locked_out(connection: Connection, order: Order) -> list[str]:
    """Meters of which no password is kept that could be changed."""
    meters = [target.meter for target in order.targets]
    known = {row[0] for row in await commands.rows(connection, SECRETS["known"], meters=meters, kind=CONTROL)}
    return [meter for meter in meters if meter not in known]


def _why(order: Order, target: Target, kind: str | None) -> str:
    if kind is None:
        return "no model is known of it"
    try:
        model = models.load(kind)
    except ModelError as error:
        return str(error)
    return is_possible(MeterPath(0, target.meter, target.address, model), order, target)
