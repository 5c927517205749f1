"""Events out of the database: who is called by the load of late and by turn, what is ordered, what was delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics.day_types import shipped
from analytics.load_control.event import Event
from analytics.load_control.limits import Proposal
from analytics.load_control.programme import Kind, Programme
from headend.load_control.candidates import candidates
from headend.load_control.limited import orders, wants
from headend.load_control.planning import plan
from headend.load_control.settling import settlement
from headend.safety.function import Function
from protocols.model import Capture
from storage.errors import AlreadyThere, NotFound
from storage.labels import LabelRun, Labels, NewLabel
from storage.load_control import DeliveryRow, LoadControl
from storage.writer import Writer
from tests.headend.load_control.district import command, seen_cut, settle
from tests.storage.captures import capture

pytestmark = pytest.mark.postgres

ZONE = ZoneInfo("Asia/Shanghai")
CN = shipped("cn")
DAY = date(2026, 6, 24)
"""A Wednesday."""
QUARTER = timedelta(minutes=15)
BEGAN = datetime(2026, 6, 1, tzinfo=ZONE)
EVENT = Event(
    "peak-1", "peak", datetime(2026, 6, 24, 14, tzinfo=ZONE), datetime(2026, 6, 24, 15, tzinfo=ZONE), Decimal(5), "hot"
)
PROGRAMME = Programme("peak", Kind.DIRECT, price=Decimal("1.50"))
NOW = datetime(2026, 6, 24, 1, tzinfo=UTC)
COUNT = 6


def registers(meter_id: int, watts: int, *, days: int = 24, off: bool = False) -> list[Capture]:
    """Of a load that never changes, every quarter of an hour; with `off` nothing is used in the hour of the event."""
    found, register = [], 0
    at = BEGAN
    while at <= BEGAN + timedelta(days=days):
        found.append(capture(meter_id, at.astimezone(UTC), values=(register,)))
        if not (off and EVENT.start <= at < EVENT.end):
            register += watts * 10 // 4
        at += QUARTER
    return found


@pytest.fixture
async def store(plain_database: str) -> AsyncIterator[LoadControl]:
    """Six points p0 to p5, of 1 to 6 kW, in one area; p5's meter was not read."""
    ids = await settle(plain_database, COUNT, BEGAN)
    async with Writer(plain_database) as writer:
        for n in range(COUNT - 1):
            await writer.write(registers(ids[f"m{n}"], 1000 * (n + 1), off=n < 2))
    async with LoadControl(plain_database) as opened:
        await opened.add_programme("peak", 'name = "peak"', "li")
        await opened.change_members("peak", [f"p{n}" for n in range(COUNT)], joined=True, by="li")
        yield opened


async def planned(store: LoadControl, conninfo: str, event: Event = EVENT, programme: Programme = PROGRAMME):  # type: ignore[no-untyped-def]
    return plan(event, programme, await candidates(store, conninfo, programme, event, ZONE, CN, NOW))


async def test_loads_of_like_days_are_what_can_be_given(store: LoadControl, plain_database: str) -> None:
    found = await candidates(store, plain_database, PROGRAMME, EVENT, ZONE, CN, NOW)
    assert [(c.point, c.meter, c.area, c.available_w) for c in found] == [
        ("p0", "m0", "TR01", 1000), ("p1", "m1", "TR01", 2000), ("p2", "m2", "TR01", 3000),
        ("p3", "m3", "TR01", 4000), ("p4", "m4", "TR01", 5000), ("p5", "m5", "TR01", None),
    ]  # fmt: skip


async def test_an_event_becomes_a_cut_and_what_gives_it_back(store: LoadControl, plain_database: str) -> None:
    made = await planned(store, plain_database)
    assert made.missing_w == 0
    assert dict(made.left_out)["p5"] == "its load is not known"
    cut, back = made.orders
    assert (cut.key, cut.function, cut.not_before) == ("peak-1.1.cut", Function.TRIP, EVENT.start)
    assert cut.expires == EVENT.end - timedelta(minutes=15)
    assert (back.function, back.not_before, back.meters) == (Function.CLOSE, EVENT.end, cut.meters)


async def test_who_opted_out_is_protected_or_was_called_is_not_called(store: LoadControl, plain_database: str) -> None:
    await store.change_members("peak", ["p4"], joined=False, by="li", event="peak-1", reason="asked by telephone")
    await store.change_members("peak", ["p3"], joined=False, by="li")
    async with store.use() as connection:
        await connection.execute(
            "INSERT INTO protection_entry (category, point, evidence, by) VALUES ('medical', 'p2', 'letter', 'li')"
        )
    first = await planned(store, plain_database)
    assert [c.point for c in first.rounds[0].choice.members] in (["p0", "p1"], ["p1", "p0"])
    assert dict(first.left_out) == {
        "p2": "protected: medical", "p4": "opted out of the event", "p5": "its load is not known",
    }  # fmt: skip
    assert first.missing_w == 2000
    await store.add_event(first.row("li", NOW), first.calls, first.left_out)
    with pytest.raises(AlreadyThere):
        await store.add_event(first.row("li", NOW), first.calls, first.left_out)
    again = Event("peak-2", "peak", EVENT.start, EVENT.end, Decimal(1))
    assert dict((await planned(store, plain_database, again)).left_out)["p0"] == "called at that time already"
    await store.cancel("peak-1", "it rains", "li")
    assert dict((await planned(store, plain_database, again)).left_out).get("p0") in (None, "not needed")
    assert (await store.event("peak-1")).cancelled == "it rains"
    assert [c.point for c in await store.called("peak-1")] == ["p0", "p1"]


async def test_a_call_that_never_came_about_is_no_turn(store: LoadControl, plain_database: str) -> None:
    made = await planned(store, plain_database)
    await store.add_event(made.row("li", NOW), made.calls, made.left_out)
    called = made.rounds[0].choice.members[0].point
    assert called in await store.calls(BEGAN)
    seen_cut(plain_database, made.orders[0].key, [called], at=EVENT.start, state="rejected")
    assert called not in await store.calls(BEGAN)


async def test_labels_keep_members_out_and_let_them_in(store: LoadControl, plain_database: str) -> None:
    def labelled(point: str, label: str, value: str) -> NewLabel:
        return NewLabel(
            point=point, label=label, value=value, rule=label, version="1", evidence={},
            expires=NOW + timedelta(days=30),
        )  # fmt: skip

    async with Labels(plain_database) as labels:
        given = [labelled("p1", "outage_sensitive", "registered"), labelled("p3", "flexible_load", "6.0")]
        await labels.keep(
            LabelRun(
                valid_from=NOW - timedelta(days=1),
                version="1",
                judged={one.label: [one.point] for one in given},
                labels=given,
            )
        )
    found = {c.point: c.excluded for c in await candidates(store, plain_database, PROGRAMME, EVENT, ZONE, CN, NOW)}
    assert {name: why for name, why in found.items() if why} == {"p1": "labelled outage_sensitive: registered"}
    flexible = replace(PROGRAMME, only=("flexible_load",), leave_out=())
    found = {c.point: c.excluded for c in await candidates(store, plain_database, flexible, EVENT, ZONE, CN, NOW)}
    assert [name for name, why in found.items() if not why] == ["p3"]
    assert found["p1"] == "not labelled flexible_load"


async def test_what_was_delivered_is_settled(store: LoadControl, plain_database: str) -> None:
    for out in ("p2", "p3", "p4"):
        await store.change_members("peak", [out], joined=False, by="li")
    made = await planned(store, plain_database)
    await store.add_event(made.row("li", NOW), made.calls, made.left_out)
    ((_, early), *_) = await settlement(store, plain_database, PROGRAMME, "peak-1", ZONE, CN)
    assert (early.amount, early.reason) == (Decimal("0.00"), "it was not seen to be cut: there is no command")
    (cut, _) = made.orders
    seen_cut(plain_database, cut.key, ["p0", "p1"], at=EVENT.start)
    found = await settlement(store, plain_database, PROGRAMME, "peak-1", ZONE, CN)
    assert [(n, d.point, d.baseline, d.used, d.amount, d.reason) for n, d in found] == [
        (1, "p0", Decimal("1.0000"), Decimal("0.0000"), Decimal("1.50"), ""),
        (1, "p1", Decimal("2.0000"), Decimal("0.0000"), Decimal("3.00"), ""),
    ]
    rows = [DeliveryRow(d.point, n, d.baseline, d.used, d.amount, d.reason) for n, d in found]
    assert await store.settle("peak-1", rows, "CNY", "li") == 1
    assert await store.settle("peak-1", rows, "CNY", "li") == 2
    assert (await store.event("peak-1")).settled == 2


async def test_names_that_are_not_there(store: LoadControl) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        await store.change_members("peak", ["p1", "nobody"], joined=True, by="li")
    with pytest.raises(NotFound, match="no event"):
        await store.cancel("nothing", "", "li")
    assert DAY.weekday() == 2


@pytest.mark.parametrize(
    ("hour", "minute", "limit", "wanted"),
    [
        (0, 20, {"limit_kw": Decimal("2.5")}, {}),
        (0, 50, {"limit_kw": Decimal("2.5")}, {"p2": "warn", "p3": "warn", "p4": "warn"}),
        (12, 0, {"limit_kw": Decimal("4.5")}, {"p4": "cut"}),
        (14, 30, {"limit_kw": Decimal("0.5"), "limit_to": time(14, 30)}, {}),
        (12, 0, {"kind": Kind.ENERGY_LIMIT, "limit_kwh": Decimal("2500")}, {"p3": "warn", "p4": "cut"}),
    ],
)
async def test_limits_are_judged_by_the_stored_registers(
    store: LoadControl, plain_database: str, hour: int, minute: int, limit: dict[str, Any], wanted: dict[str, str]
) -> None:
    """Loads of 1 to 5 kW that never change, on the 24th day of the month; p5 was not read."""
    programme = replace(Programme("peak", Kind.POWER_LIMIT), **limit)
    now = datetime(2026, 6, 24, hour, minute, tzinfo=ZONE)
    found = {one.point: one for one in await wants(store, plain_database, programme, ZONE, now)}
    assert {name: one.wants for name, one in found.items() if one.wants is not Proposal.NOTHING} == wanted
    assert found["p5"].told is None
    if found["p4"].wants is Proposal.CUT:
        (order,) = orders(programme, list(found.values()), now)
        assert (order.function, order.meters) == (Function.TRIP, ("m4",))
        command(plain_database, "o1", "p4", "trip", "released", at=now)
        waiting = {o.point: o for o in await wants(store, plain_database, programme, ZONE, now)}
        assert waiting["p4"].why_not == "order o1 waits"
        command(plain_database, "o2", "p4", "trip", "rejected", at=now)
        command(plain_database, "o3", "p4", "trip", "verified", at=now)
        later = {o.point: o for o in await wants(store, plain_database, programme, ZONE, now + timedelta(hours=1))}
        given_back = programme.kind is Kind.POWER_LIMIT
        assert later["p4"].wants is (Proposal.GIVE_BACK if given_back else Proposal.NOTHING)
