"""What a simulated meter kept, asked for by moments: every value is what the meter's truth was then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from protocols import models
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.recall.own_time import meant, shown
from protocols.dlt645.services.write import Write
from protocols.dlt645.wire import Wire
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from protocols.recall import RecallPlan, Remembered, Wanted
from tests.simulators.dlt645.lab import Lab, lab
from tests.simulators.meters import NOON

MODEL = models.load("dlt645_2007")
ZONE = ZoneInfo("Asia/Shanghai")
IMPORT = BY_NAME["active_energy_import"]
T1 = BY_NAME["active_energy_import_t1"]
VOLTAGE = BY_NAME["voltage_l1"]
DEMAND = BY_NAME["active_demand_import_max"]
OWN_REPEATED = datetime.fromisoformat("2026-10-25T02:30")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def wanting(moments: list[datetime], *quantities: Quantity) -> Wanted:
    return dict.fromkeys(moments, quantities)


def planned(wanted: Wanted, now: datetime = NOON, without: tuple[str, ...] = ()) -> RecallPlan:
    return MODEL.recall(wanted, ZONE, now, without)


async def recalled(line: Lab, plan: RecallPlan) -> tuple[dict[datetime, dict[Quantity, int | None]], set[datetime]]:
    """Everything that the plan's reads give, in steps, and what the meter has not."""
    found: dict[datetime, dict[Quantity, int | None]] = {}
    absent: set[datetime] = set()
    for read in plan.reads:
        answer = await line.run(read.exchange(line.station.address, Wire()))
        for one in answer.found:
            found.setdefault(one.time, {}).update(steps(one))
        absent.update(answer.absent)
    return found, absent


def steps(one: Remembered) -> dict[Quantity, int | None]:
    return {value.part.quantity: value.steps for value in one.values if value.part.quantity}


def truth(line: Lab, quantity: Quantity, moment: datetime) -> int:
    """As the meter shows it: to its own two, one or four digits."""
    value = line.meter.value(quantity, moment)
    assert value is not None
    return quantity.steps(value)


async def test_a_day_of_quarter_hours_comes_from_load_records() -> None:
    midnight = local("2026-11-22T00:00")
    quarters = [midnight + timedelta(minutes=15 * number) for number in range(48)]
    async with lab() as line:
        plan = planned(wanting(quarters, IMPORT, VOLTAGE))
        assert not plan.beyond
        assert {read.kind for read in plan.reads} == {"load_record_1", "load_record_4"}
        assert len(plan.reads) == 8, "twelve records a conversation, two classes"
        assert [max(read.moments) for read in plan.reads] == sorted((max(r.moments) for r in plan.reads), reverse=True)
        found, absent = await recalled(line, plan)
        assert not absent
        for moment in quarters:
            assert found[moment][IMPORT] == truth(line, IMPORT, moment)
            assert found[moment][VOLTAGE] == truth(line, VOLTAGE, moment)


async def test_midnights_with_rates_and_demand_come_from_daily_freezes() -> None:
    days = [local(f"2026-11-{day:02d}T00:00") for day in (12, 20, 22)]
    async with lab() as line:
        plan = planned(wanting(days, IMPORT, T1, DEMAND))
        assert [read.kind for read in plan.reads] == ["freeze_day"] * 3
        assert [read.moments[0] for read in plan.reads] == sorted(days, reverse=True)
        found, absent = await recalled(line, plan)
        assert not absent
        for day in days:
            assert found[day][IMPORT] == truth(line, IMPORT, day)
            assert found[day][T1] == truth(line, T1, day)
            assert found[day][DEMAND] is not None


async def test_a_freeze_is_found_where_the_count_is_off_by_some() -> None:
    """Asked late: the meter has frozen since the plan was made."""
    day = local("2026-11-20T00:00")
    async with lab() as line:
        plan = planned(wanting([day], T1))
        line.wait(days=3)
        found, absent = await recalled(line, plan)
        assert (found[day][T1], absent) == (truth(line, T1, day), set())


async def test_a_settlement_where_no_freeze_goes_back_so_far() -> None:
    first = local("2026-06-01T00:00")
    async with lab() as line:
        plan = planned(wanting([first], IMPORT, T1))
        assert [read.kind for read in plan.reads] == ["settlement"]
        assert "0001FF06" in plan.reads[0].label
        found, absent = await recalled(line, plan)
        assert not absent
        assert found[first][IMPORT] == truth(line, IMPORT, first)
        assert found[first][T1] == truth(line, T1, first)


async def test_settlements_are_of_the_day_that_the_meter_is_set_to() -> None:
    first = local("2026-09-01T00:00")
    async with lab() as line:
        plan = planned(wanting([first], T1), without=("freeze_day",))
        await line.order(Write("04000B01", standard_item("04000B01").encode(["25T00"]), "0000CAFE"))
        assert await recalled(line, plan) == ({}, {first})


def test_what_no_memory_holds_is_said() -> None:
    status = BY_NAME["status_word_3"]
    quarter, odd = local("2026-11-22T10:15"), local("2026-11-22T10:17")
    old, ahead = local("2020-05-02T00:00"), local("2026-11-23T00:00")
    plan = planned({quarter: [IMPORT, status], odd: [IMPORT], old: [IMPORT], ahead: [IMPORT]})
    assert plan.beyond == {
        quarter: frozenset({status}),
        odd: frozenset({IMPORT}),
        old: frozenset({IMPORT}),
        ahead: frozenset({IMPORT}),
    }
    assert [read.moments for read in plan.reads] == [(quarter,)]


def test_another_memory_is_asked_where_one_was_refused() -> None:
    hour = local("2026-11-22T10:00")
    assert [read.kind for read in planned(wanting([hour], IMPORT)).reads] == ["load_record_4"]
    plan = planned(wanting([hour], IMPORT), without=("load_record_4",))
    assert [read.kind for read in plan.reads] == ["freeze_hour"]
    assert planned(wanting([hour], IMPORT), without=("load_record_4", "freeze_hour")).beyond


async def test_what_the_meter_did_not_keep_is_absent() -> None:
    async with lab() as line:
        line.wait(hours=2)
        before, during = NOON.replace(minute=15, second=0), NOON.replace(minute=45, second=0)
        line.now = NOON
        line.happen("power_down", seconds=3600)
        line.wait(hours=2)
        after = NOON.replace(minute=0, second=0) + timedelta(hours=2)
        plan = planned(wanting([before, during, after], IMPORT), line.now)
        found, absent = await recalled(line, plan)
        assert set(found) == {before, after}
        assert during in absent or during not in found


async def test_a_meter_that_refuses_a_memory_says_so() -> None:
    async with lab() as line:
        read = planned(wanting([local("2026-11-22T10:00")], IMPORT), without=("load_record_4",)).reads[0]
        found, _ = await recalled(line, RecallPlan((read,), {}))
        assert found[local("2026-11-22T10:00")][IMPORT] == truth(line, IMPORT, local("2026-11-22T10:00"))


def test_the_repeated_hour_is_told_by_what_is_wanted_and_a_missing_one_is_nothing() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert shown(first, berlin) == shown(second, berlin) == OWN_REPEATED
    assert meant(OWN_REPEATED, berlin, frozenset({second})) == second
    assert meant(OWN_REPEATED, berlin) is None
    assert meant(datetime.fromisoformat("2026-03-29T02:30"), berlin) is None
    assert meant(datetime.fromisoformat("2026-03-29T03:30"), berlin) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keeps", "told"),
    [
        ("daily = 63", "daily is 63"),
        ("load_minutes = 0", "load_minutes is 0"),
        ("load_minutes = 7", "divide a day"),
        ("load_classes = [7]", "load_classes of 1 to 6"),
        ('daily_at = "24:00"', "daily_at such as 00:00"),
        ('settlement_at = "31T00"', "settlement_at such as 01T00"),
    ],
)
def test_bad_keeps_name_the_key(keeps: str, told: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("models") / "one.toml"
    file.write_text(
        '[model]\nname = "one"\ntitle = "One"\nmaker = "m"\nprotocol = "dlt645"\nsource = "s"\n'
        f'[dlt645]\nitems = ["00010000"]\n[dlt645.keeps]\n{keeps}\n'
    )
    with pytest.raises(ModelError, match=told):
        models.load(str(file))
