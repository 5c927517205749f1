"""A fleet that pushes, as a scenario states it: who publishes what, when, and how badly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from protocols.errors import ModelError
from protocols.links.url import parse_broker
from protocols.push.topic import TopicTemplate

EMBEDDED: Final = "mqtt://embedded"
_MOST_METERS: Final = 9_999_999
_MOST_IN_FLIGHT: Final = 60_000
_DAY_S: Final = 86_400
_MOST_W: Final = 2 * 2060 * 210 // 100
"""What a customer may draw whose load grew to twice."""
_MOST_SHOWN_W: Final = 79_000


class Digits(NamedTuple):
    """How a quantity is shown: `decimals` of its unit, and the item of DL/T 645-2007 that holds it."""

    decimals: int
    item: str


QUANTITIES: Final[Mapping[str, Digits]] = {
    "active_energy_import": Digits(2, "00010000"),
    "voltage_l1": Digits(1, "02010100"),
    "current_l1": Digits(3, "02020100"),
    "active_power": Digits(4, "02030000"),
    "frequency": Digits(2, "02800002"),
}
_QUANTITIES: Final = ("active_energy_import", "voltage_l1", "current_l1", "active_power")


class PushOutage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Gateways without a network: a `share` of them from `at` (a moment with its offset, or seconds after the fleet's
    `start`) for `seconds`. What they would have sent they send within `catch_up_s` seconds afterwards."""

    at: float | datetime
    seconds: float
    share: float = 1.0
    catch_up_s: float = 60.0

    def span(self, since: datetime) -> tuple[datetime, datetime]:
        """From when to when, if the fleet starts at `since`."""
        at = self.at
        start = at.astimezone(UTC) if isinstance(at, datetime) else since + timedelta(seconds=at)
        return start, start + timedelta(seconds=self.seconds)


class PushTotals(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The last meter of every gateway is the total meter of its others, the gateway their area: what they really use
    and what is lost (`loss_w` always, `loss_share` of the load), divided by `ratio`."""

    ratio: int = 1
    loss_w: int = 0
    loss_share: float = 0.0

    @property
    def loss_ppm(self) -> int:
        return round(self.loss_share * 1_000_000)


class PushTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`meters` behind gateways of `per_gateway`; a gateway publishes a message a slot. `spread_s`: within so many
    seconds after the slot's beginning all have published once; 0: as soon as it goes. `duplicates`, `reorder` and
    `late` are shares of the messages: sent twice; sent after the gateway's next one; sent up to `late_s` later.
    `slots`: so many and no more, 0 for ever. `paced` false: slots follow each other without waiting."""

    name: str
    broker: str
    meters: int
    topic: str = "hes/{line}/up"
    payload: Literal["batch", "json", "frames", "hex"] = "batch"
    per_gateway: int = 50
    quantities: list[str] = msgspec.field(default_factory=lambda: list(_QUANTITIES))
    every_s: int = 900
    spread_s: float = 600.0
    start: datetime | None = None
    slots: int = 0
    paced: bool = True
    duplicates: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    late_s: float = 1800.0
    outage: list[PushOutage] = []
    connections: int = 1
    in_flight: int = 2000
    accounts: str = ""
    totals: PushTotals | None = None
    feeder: str = ""

    @property
    def gateways(self) -> int:
        return -(-self.meters // self.per_gateway)

    def gateway_name(self, gateway: int) -> str:
        """Counted from 0, named from 1: it is the meters' line."""
        return f"{self.name}-g{gateway + 1:06d}"

    def meter_name(self, meter: int) -> str:
        """Counted from 0, named from 1."""
        return f"{self.name}-{meter + 1:07d}"

    def meters_of(self, gateway: int) -> range:
        """Counted from 0."""
        first = gateway * self.per_gateway
        return range(first, min(first + self.per_gateway, self.meters))

    def is_customer(self, meter: int) -> bool:
        """Counted from 0; else it is a total meter."""
        return self.totals is None or meter != self.meters_of(meter // self.per_gateway)[-1]


def push_problems(table: PushTable) -> Iterator[tuple[str, str]]:
    """What types cannot say: key, and what was expected."""
    if not table.name:
        yield "name", "expected a name"
    if not 1 <= table.meters <= _MOST_METERS:
        yield "meters", f"{table.meters}, expected 1 to {_MOST_METERS}"
    if table.per_gateway < 1:
        yield "per_gateway", f"{table.per_gateway}, expected at least 1"
    if table.every_s < 1 or _DAY_S % table.every_s:
        yield "every_s", f"{table.every_s}, expected whole seconds of which a day is a multiple"
    elif not 0 <= table.spread_s <= table.every_s:
        yield "spread_s", f"{table.spread_s:g}, expected 0 to every_s ({table.every_s})"
    if table.start is not None and table.start.tzinfo is None:
        yield "start", "expected a moment with its offset"
    yield from _totals_problems(table)
    if table.slots < 0 or (not table.paced and not table.slots):
        yield "slots", "expected at least 0, and with paced = false how many"
    for key in ("duplicates", "reorder", "late"):
        if not 0 <= getattr(table, key) <= 1:
            yield key, f"{getattr(table, key):g}, expected a share from 0 to 1"
    if table.late_s < 0:
        yield "late_s", f"{table.late_s:g}, expected seconds from 0 on"
    if not 1 <= table.connections <= table.gateways:
        yield "connections", f"{table.connections}, expected 1 to the number of gateways ({table.gateways})"
    if not 1 <= table.in_flight <= _MOST_IN_FLIGHT:
        yield "in_flight", f"{table.in_flight}, expected 1 to {_MOST_IN_FLIGHT}"
    for name in table.quantities:
        if name not in QUANTITIES:
            yield "quantities", f"{name!r}, expected some of {', '.join(QUANTITIES)}"
    if not table.quantities or len(set(table.quantities)) < len(table.quantities):
        yield "quantities", "expected at least one, and none twice"
    try:
        fields = TopicTemplate(table.topic).fields
        if not {"meter", "address"}.isdisjoint(fields) and table.per_gateway != 1:
            yield "topic", "{meter} and {address} want per_gateway = 1"
    except ModelError as error:
        yield "topic", str(error)
    if table.broker != EMBEDDED:
        try:
            parse_broker(table.broker)
        except ModelError as error:
            yield "broker", str(error)
    for index, outage in enumerate(table.outage):
        if isinstance(outage.at, datetime) and outage.at.tzinfo is None:
            yield f"outage[{index}].at", "expected a moment with its offset, or seconds after the start"
        elif not isinstance(outage.at, datetime) and outage.at < 0:
            yield f"outage[{index}].at", f"{outage.at:g}, expected seconds from 0 on"
        if outage.seconds <= 0 or outage.catch_up_s < 0 or not 0 <= outage.share <= 1:
            yield f"outage[{index}].seconds", "seconds is above 0, catch_up_s at least 0, share from 0 to 1"


def _totals_problems(table: PushTable) -> Iterator[tuple[str, str]]:
    totals = table.totals
    if totals is None:
        if table.feeder:
            yield "feeder", "goes with totals"
        return
    if table.meters % table.per_gateway == 1 or table.per_gateway == 1:
        yield "totals", "expected at least two meters a gateway, the last is the total meter"
    if totals.ratio < 1 or totals.loss_w < 0 or not 0 <= totals.loss_share < 1:
        yield "totals", "ratio is at least 1, loss_w at least 0, loss_share from 0 to below 1"
    least = -(-int((table.per_gateway * _MOST_W + totals.loss_w) * (1 + totals.loss_share)) // _MOST_SHOWN_W)
    if totals.ratio < least:
        yield "totals.ratio", f"{totals.ratio}, expected at least {least} for what {table.per_gateway} meters may draw"
