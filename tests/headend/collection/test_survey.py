"""One meter, one moment: what came is stored under its slot, what did not is missed for the right reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from headend.collection.line import Line, LinePath
from headend.collection.survey import UTC, MeterPath, Survey, gather, missed, survey, task_of
from protocols import models
from protocols.dlt645.items import item
from protocols.errors import NoAnswer, Refused
from protocols.model import Quality, Source, Value
from protocols.quantities import BY_NAME, HOME
from protocols.stored_value import stored
from protocols.timing import Timing
from tests.headend.bus import EXPORT, IMPORT, VOLTAGE, Bus, data, meter, path
from tests.headend.conftest import Plug
from tests.headend.virtual_time import START, Clock, virtually

TIMING = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=1, late=1.0)
NAMES = ("active_energy_import", "active_energy_export", "voltage_l1")
WANTED = [BY_NAME[name] for name in NAMES]
GOOD = {IMPORT: data(IMPORT, 12345678), EXPORT: data(EXPORT, 100), VOLTAGE: data(VOLTAGE, 2301)}
HOLE = (None, Quality.GOOD)


def cells(result: Survey) -> dict[str, object]:
    """Quantity to (steps, quality), for all that was captured."""
    found: dict[str, object] = {}
    for quantity in BY_NAME.values():
        layout, position = HOME[quantity.id]
        for capture in result.captures:
            cell = (capture.values[position], capture.quality[position])
            if capture.layout == layout.id and cell != HOLE:
                found[quantity.name] = cell
    return found


def reasons(result: Survey) -> dict[int, str]:
    return {miss.layout: miss.reason for miss in result.misses}


@pytest.fixture
def bus(plug: Plug) -> Bus:
    found = Bus({"000000000001": GOOD})
    plug("bus", found)
    return found


async def surveyed(period_s: int = 900, before_end: float | None = None, names: tuple[str, ...] = NAMES) -> Survey:
    """Survey meter 1 at the slot that begins now, or `before_end` seconds before it is over."""
    slot = START if before_end is None else START + timedelta(seconds=before_end - period_s)
    line = Line(path("bus"), TIMING)
    task = task_of(models.load("dlt645_2007"), [BY_NAME[name] for name in names], period_s)
    result = await survey(line, meter(1), task, slot, Clock())
    await line.close()
    for capture in result.captures:
        assert (capture.meter_id, capture.time, capture.source) == (1, slot, Source.PULL)
        assert START <= capture.received < slot + timedelta(seconds=period_s)
    for miss in result.misses:
        assert (miss.meter_id, miss.time) == (1, slot)
        assert miss.received >= START
    return result


@virtually
async def test_values_are_grouped_by_their_layouts(bus: Bus) -> None:
    result = await surveyed()
    assert cells(result) == {
        "active_energy_import": (1234567800, Quality.GOOD),
        "active_energy_export": (10000, Quality.GOOD),
        "voltage_l1": (230100, Quality.GOOD),
    }
    assert [capture.layout for capture in result.captures] == [1, 4]
    assert (result.misses, result.errors, result.readings) == ([], [], 3)
    assert sorted(code for _, code in bus.asked) == sorted([IMPORT, EXPORT, VOLTAGE])


@virtually
async def test_a_demand_comes_with_its_time_in_one_answer(bus: Bus) -> None:
    bus.meters["000000000001"]["01010000"] = data("01010000", 12345, "2026-02-14T10:15")
    result = await surveyed(names=("active_demand_import_max", "active_demand_import_max_time"))
    moment = int(datetime(2026, 2, 14, 10, 15, tzinfo=UTC).timestamp())
    assert cells(result) == {
        "active_demand_import_max": (1234500, Quality.GOOD),
        "active_demand_import_max_time": (moment, Quality.GOOD),
    }
    assert [capture.layout for capture in result.captures] == [7, 9]
    assert (result.misses, [code for _, code in bus.asked]) == ([], ["01010000"])


@virtually
async def test_a_demand_of_no_time(bus: Bus) -> None:
    bus.meters["000000000001"]["01010000"] = data("01010000", 0, "0000000000")
    result = await surveyed(names=("active_demand_import_max", "active_demand_import_max_time"))
    assert cells(result) == {
        "active_demand_import_max": (0, Quality.GOOD),
        "active_demand_import_max_time": (None, Quality.NOT_AVAILABLE),
    }
    assert result.misses == []


@virtually
async def test_an_unreadable_time_costs_the_demand_too(bus: Bus) -> None:
    bus.meters["000000000001"]["01010000"] = bytes.fromhex("4523010010213126")
    result = await surveyed(names=("active_demand_import_max", "active_demand_import_max_time"))
    assert (result.captures, reasons(result)) == ([], {7: "bad_answer", 9: "bad_answer"})


@virtually
async def test_a_refused_item_costs_its_own_values_only(bus: Bus) -> None:
    bus.meters["000000000001"][EXPORT] = 0x02
    result = await surveyed()
    assert set(cells(result)) == {"active_energy_import", "voltage_l1"}
    assert reasons(result) == {1: "refused"}
    assert [type(error) for error in result.errors] == [Refused]


@virtually
async def test_an_answer_that_is_none_costs_its_own_values_only(bus: Bus) -> None:
    bus.meters["000000000001"][VOLTAGE] = b"\x0a\x0b"
    result = await surveyed()
    assert set(cells(result)) == {"active_energy_import", "active_energy_export"}
    assert reasons(result) == {4: "bad_answer"}
    assert [capture.layout for capture in result.captures] == [1]


@virtually
async def test_silence_ends_the_meters_turn(bus: Bus) -> None:
    bus.meters.clear()
    result = await surveyed()
    assert result.captures == []
    assert reasons(result) == {1: "no_answer", 4: "no_answer"}
    assert len(bus.asked) == 2, "one item, asked twice; the others are not tried"


@virtually
async def test_silence_after_a_value_and_a_refusal(bus: Bus) -> None:
    _first, second, third = task_of(models.load("dlt645_2007"), WANTED, 900).reads
    bus.meters["000000000001"][second.label] = 0x02
    bus.answers_left = 2
    result = await surveyed()
    assert result.readings == 1
    assert [type(error) for error in result.errors] == [Refused, NoAnswer]
    lacking = {quantity.name: "refused" for quantity in second.quantities}
    lacking |= {quantity.name: "no_answer" for quantity in third.quantities}
    assert reasons(result) == {
        layout: next(lacking[name] for name in names if name in lacking)
        for layout, names in {1: NAMES[:2], 4: NAMES[2:]}.items()
        if set(names) & set(lacking)
    }


@virtually
async def test_a_line_that_cannot_be_opened(bus: Bus) -> None:
    bus.unplugged = True
    result = await surveyed()
    assert (result.captures, reasons(result)) == ([], {1: "unreachable", 4: "unreachable"})


@virtually
async def test_a_line_that_goes_away_in_the_middle(bus: Bus) -> None:
    bus.delay_s["000000000001"] = 0.1
    line = Line(path("bus"), TIMING)
    task = task_of(models.load("dlt645_2007"), WANTED, 900)
    await line.run(models.load("dlt645_2007").read(IMPORT).exchange("000000000001", line.wire))
    bus.unplugged = True
    result = await survey(line, meter(1), task, START, Clock())
    assert reasons(result) == {1: "link_closed", 4: "link_closed"}
    assert not line.is_open


@virtually
async def test_not_available_is_the_meters_word_and_no_miss(bus: Bus) -> None:
    bus.meters["000000000001"][EXPORT] = b"\xff" * 4
    result = await surveyed()
    assert cells(result)["active_energy_export"] == (None, Quality.NOT_AVAILABLE)
    assert (result.misses, result.readings) == ([], 3)


@virtually
async def test_what_an_answer_leaves_out_is_missed_as_not_given(bus: Bus) -> None:
    block = "0001FF00"
    bus.meters["000000000001"] = {block: data(block, 100, 60, 40)}
    result = await surveyed(names=tuple(f"active_energy_import{rate}" for rate in ("", "_t1", "_t2", "_t3", "_t4")))
    assert set(cells(result)) == {"active_energy_import", "active_energy_import_t1", "active_energy_import_t2"}
    assert reasons(result) == {1: "not_given"}
    assert [capture.layout for capture in result.captures] == [1]


@virtually
async def test_an_answer_after_the_slot_is_missed_as_late(bus: Bus) -> None:
    bus.delay_s["000000000001"] = 0.3
    result = await surveyed(before_end=0.5)
    assert result.readings == 1
    assert set(reasons(result).values()) == {"late"}
    assert len(bus.asked) == 2, "nothing is asked once the slot is over"


@virtually
async def test_nothing_is_asked_when_the_slot_is_over(bus: Bus) -> None:
    result = await surveyed(before_end=0.0)
    assert (bus.asked, result.captures, reasons(result)) == ([], [], {1: "late", 4: "late"})


def test_a_survey_that_was_not_begun() -> None:
    task = task_of(models.load("dlt645_2007"), WANTED, 900)
    result = missed(meter(7), task, START, "late", START)
    assert [(m.meter_id, m.layout, m.reason) for m in result.misses] == [(7, 1, "late"), (7, 4, "late")]
    assert result.readings == 0


def test_a_task_holds_what_the_model_can_give() -> None:
    model = models.load("eastron_sdm630")
    lacking = next(quantity for quantity in BY_NAME.values() if quantity not in model.quantities)
    assert task_of(model, [lacking, BY_NAME["voltage_l1"]], 60).wanted == (BY_NAME["voltage_l1"],)
    empty = task_of(model, [lacking], 60)
    assert (empty.wanted, empty.reads) == ((), ())


@virtually
async def test_an_address_that_the_line_cannot_carry_costs_its_meter_only(plug: Plug) -> None:
    plug("bus", Bus({}))
    line = Line(LinePath("rtu", "bus://", "modbus", "rtu"), TIMING)
    model = models.load("eastron_sdm630")
    nobody = MeterPath(1, "m1", "0", model)  # the broadcast, which is a good address over TCP alone
    result = await survey(line, nobody, task_of(model, [BY_NAME["voltage_l1"]], 60), START, Clock())
    await line.close()
    assert (result.captures, reasons(result)) == ([], {4: "model"})


PART = item(IMPORT).parts[0][0]  # two decimals, stored with four


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, (0, Quality.GOOD)),
        (-5, (-500, Quality.GOOD)),
        (92233720368547758, (9223372036854775800, Quality.GOOD)),
        (-92233720368547758, (-9223372036854775800, Quality.GOOD)),
        (92233720368547759, (None, Quality.OUT_OF_RANGE)),
        (-92233720368547759, (None, Quality.OUT_OF_RANGE)),
        (10**60, (None, Quality.OUT_OF_RANGE)),
        (None, (None, Quality.NOT_AVAILABLE)),
    ],
)
def test_what_63_bits_cannot_hold_is_out_of_range(number: int | None, expected: tuple[int | None, Quality]) -> None:
    energy = BY_NAME["active_energy_import"]
    assert stored(Value(PART, number, None, Quality.GOOD), energy, UTC, START) == expected


def test_out_of_range_is_captured_as_such() -> None:
    result, quantity = Survey(), BY_NAME["active_energy_import"]
    value = Value(PART, 10**30, None, Quality.GOOD)
    gather(result, meter(1), [quantity], {quantity: (value, START)}, {}, "not_given", START, START)
    assert (result.misses, result.readings) == ([], 1)
    assert cells(result) == {"active_energy_import": (None, Quality.OUT_OF_RANGE)}
