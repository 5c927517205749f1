"""Thefts and honest changes of a scenario: what meters show, what is true, what total meters see, what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from protocols.quantities import BY_NAME
from simulators.deeds import COLUMNS
from simulators.fleet import Fleet
from simulators.meter import VirtualMeter
from simulators.registry import write_registry
from simulators.scenario import Scenario, ScenarioError, parse
from simulators.truth import STOLEN, Truth
from tests.simulators.meters import EVENING
from tests.simulators.test_upsets import Clock, told

ENERGY = BY_NAME["active_energy_import"]
EAST = """
tick_s = 600
[[bus]]
name = "east"
protocol = "dlt645"
carrier = "tcp://127.0.0.1:0"
meters = 6
load = "shop"
"""
SHOP = (
    EAST
    + """
[[bus]]
name = "shop"
protocol = "modbus"
carrier = "tcp://127.0.0.1:0"
meters = 2
"""
)
HOMES = EAST.replace('load = "shop"', 'load = "home"\nphases = 1')
AREA = """
[[area]]
name = "A1"
feeder = "F1"
total = "east-006"
members = ["east", "shop-001"]
ratio = 3
loss_w = 50
loss_share = 0.02
"""
DRAWN = '[[theft]]\nkind = "bypass"\nshare = 0.5\nfrom = 0\n'
DAY = timedelta(days=1)


def theft(kind: str, more: str = "", meter: str = "east-002", begin: str = "600") -> str:
    return f'\n[[theft]]\nkind = "{kind}"\nmeter = ["{meter}"]\nfrom = {begin}\n{more}\n'


def change(kind: str, more: str = "", meter: str = "east-002", begin: str = "600") -> str:
    return theft(kind, more, meter, begin).replace("[[theft]]", "[[change]]")


def kept(text: str, folder: Path) -> Scenario:
    made = parse(text, str(folder / "lab.toml"))
    return msgspec.structs.replace(made, truth="truth.csv", events="events.jsonl", conduct="conduct.csv")


def named(fleet: Fleet, name: str) -> VirtualMeter:
    (found,) = [meter for meter in fleet.meters if meter.name == name]
    return found


def value(meter: VirtualMeter, name: str, at: datetime) -> Decimal:
    found = meter.value(BY_NAME[name], at)
    assert found is not None
    return found


def gained(meter: VirtualMeter, begin: datetime, end: datetime) -> int:
    """Watt-seconds that its import register counted."""
    after, before = (sum(meter.counters("import", meter.second(at))) for at in (end, begin))
    return after - before


def used(meter: VirtualMeter, begin: datetime, end: datetime) -> int:
    after, before = (sum(meter.past.used("import", meter.second(at))) for at in (end, begin))
    return after - before


START = EVENING + timedelta(seconds=600)
END = START + timedelta(hours=5)


def of_split(meter: VirtualMeter, phase: int) -> int:
    return meter.load.split[phase - 1]


@pytest.mark.parametrize(
    ("kind", "more", "counted"),
    [
        ("bypass", "share = 0.4", lambda m: 60),
        ("slowed_register", "share = 0.25", lambda m: 75),
        ("phase_reversal", "phase = 2", lambda m: 100 - 2 * of_split(m, 2)),
        ("current_missing", "phase = 3", lambda m: 100 - of_split(m, 3)),
        ("phase_missing", "phase = 1", lambda m: 100 - of_split(m, 1)),
    ],
)
async def test_a_register_counts_what_physics_leaves_it(
    tmp_path: Path, kind: str, more: str, counted: Callable[[VirtualMeter], int]
) -> None:
    clock = Clock()
    async with Fleet(kept(EAST + theft(kind, more), tmp_path), clock) as fleet:
        for seconds in (300, 900, 20_000):
            clock.to(seconds)
            fleet.clock()
        thief, honest = named(fleet, "east-002"), named(fleet, "east-001")
        whole = used(thief, START, END)
        per_cent = counted(thief)
        assert abs(gained(thief, START, END) - whole * per_cent // 100) <= 4
        assert gained(thief, EVENING, START) == used(thief, EVENING, START)
        assert gained(honest, EVENING, END) == used(honest, EVENING, END)
    truth = Truth.load(tmp_path / "truth.csv")
    at = EVENING + timedelta(seconds=19_000)
    stolen = truth.at("east-002", STOLEN, at)
    assert stolen is not None
    edge = thief.refreshed(at)
    meant = used(thief, START, edge) - gained(thief, START, edge)
    assert stolen == Decimal(meant * 10_000 // 3_600_000).scaleb(-4) > 0
    assert truth.at("east-002", STOLEN, START) == 0
    with pytest.raises(LookupError):
        truth.at("east-001", STOLEN, at)


async def shown(
    folder: Path, text: str, names: list[str], name: str = "east-002"
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """What the meter shows beside what it would show if nobody did anything."""
    found = []
    for scenario in (EAST if "phases" not in text else HOMES, text):
        clock = Clock()
        async with Fleet(parse(scenario, str(folder / "lab.toml")), clock) as fleet:
            clock.to(1200)
            now = fleet.clock()
            found.append({one: value(named(fleet, name), one, now) for one in names})
    return found[0], found[1]


async def test_a_reversed_current_is_seen_and_a_lost_voltage_leaves_the_current(tmp_path: Path) -> None:
    names = ["active_power", "active_power_l2", "current_l2", "voltage_l2", "status_word_2", "status_word_5"]
    honest, thief = await shown(tmp_path, EAST + theft("phase_reversal", "phase = 2"), names)
    assert thief["active_power_l2"] == -honest["active_power_l2"] < 0
    assert thief["active_power"] == honest["active_power"] - 2 * honest["active_power_l2"]
    assert thief["current_l2"] == honest["current_l2"]
    assert int(thief["status_word_2"]) & 0b10
    _, open_lead = await shown(tmp_path, EAST + theft("phase_missing", "phase = 2"), names)
    assert open_lead["voltage_l2"] == open_lead["active_power_l2"] == 0
    assert open_lead["current_l2"] == honest["current_l2"] > 0
    assert int(open_lead["status_word_5"]) & 1, "voltage lost, L2"
    _, shorted = await shown(tmp_path, EAST + theft("current_missing", "phase = 2"), names)
    assert shorted["current_l2"] == shorted["active_power_l2"] == 0 < shorted["voltage_l2"]


async def test_a_slow_register_has_current_without_energy_and_a_bypass_hides_it(tmp_path: Path) -> None:
    names = ["active_power", "current_l1"]
    honest, slowed = await shown(tmp_path, EAST + theft("slowed_register", "share = 0.5"), names)
    assert slowed == honest
    _, bypassed = await shown(tmp_path, EAST + theft("bypass", "share = 0.5"), names)
    assert abs(bypassed["current_l1"] * 2 - honest["current_l1"]) <= Decimal("0.01")


async def test_a_home_tells_by_its_neutral_and_is_dark_without_one(tmp_path: Path) -> None:
    names = ["current_l1", "current_neutral"]
    honest, bypassed = await shown(tmp_path, HOMES + theft("bypass", "share = 0.8"), names)
    assert bypassed["current_neutral"] == honest["current_neutral"] > bypassed["current_l1"]
    clock = Clock()
    async with Fleet(kept(HOMES + theft("neutral_missing", "to = 7200"), tmp_path), clock) as fleet:
        clock.to(3600)
        thief, now = named(fleet, "east-002"), fleet.clock()
        assert value(thief, "voltage_l1", now) == 0
        assert not thief.era(now).awake
        clock.to(7201)
        fleet.clock()
        begin, end = START, EVENING + timedelta(seconds=7200)
        assert gained(thief, begin, end) == 0 < used(thief, begin, end)
        assert thief.era(fleet.clock()).awake


async def test_swapped_meters_measure_each_other(tmp_path: Path) -> None:
    text = EAST + theft("meter_swap", 'with = "east-003"\nto = 18000')
    clock = Clock()
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        clock.to(20_000)
        fleet.clock()
        one, other = named(fleet, "east-002"), named(fleet, "east-003")
        end = EVENING + timedelta(seconds=18_000)
        assert gained(one, START, end) == used(other, START, end)
        assert gained(other, START, end) == used(one, START, end)
        assert gained(one, end, end + DAY) == used(one, end, end + DAY)
    truth = Truth.load(tmp_path / "truth.csv")
    stolen = [truth.at(name, STOLEN, end) or Decimal(0) for name in ("east-002", "east-003")]
    assert abs(stolen[0] + stolen[1]) <= Decimal("0.0001")
    assert min(stolen) < 0 < max(stolen)


async def test_a_theft_of_the_night_is_over_by_day(tmp_path: Path) -> None:
    clock = Clock()
    text = EAST + theft("bypass", 'share = 0.5\nhours = "21:00-06:00"\nto = 2026-11-25T12:00:00+08:00')
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        for hours in range(0, 80, 5):
            clock.to(hours * 3600)
            fleet.clock()
        thief = named(fleet, "east-002")

        def at(day: int, hour: int) -> datetime:
            return datetime(2026, 11, day, hour, tzinfo=UTC) - timedelta(hours=8)

        night, day = (at(23, 21), at(24, 6)), (at(24, 6), at(24, 21))
        assert abs(gained(thief, *night) - used(thief, *night) // 2) <= 4
        assert gained(thief, *day) == used(thief, *day)
        later = at(25, 21), at(25, 23)
        assert gained(thief, *later) == used(thief, *later), "it is over"


async def test_meters_write_down_what_they_notice(tmp_path: Path) -> None:
    clock = Clock()
    text = EAST + theft("phase_missing", "phase = 2\nto = 4000")
    text += theft("bypass", "share = 0.3\ncovers = false", "east-003")
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        clock.to(5000)
        now = fleet.clock()
        journal = fleet.station("east-002").memory(now).journal
        assert (journal.count("03300E"), journal.count("030102")) == (1, 1), "terminal cover, voltage lost L2"
        lost = journal.last("030102")
        assert lost is not None
        assert lost["end"] is not None
        assert fleet.station("east-003").memory(now).journal.count("03300E") == 0
    assert [(row["event"], row["meter"]) for row in told(tmp_path)] == [
        ("theft_begins", "east-002"), ("theft_begins", "east-003"), ("theft_stops", "east-002"),
    ]  # fmt: skip


async def test_what_began_before_the_start_is_in_the_load_records(tmp_path: Path) -> None:
    """And in the truth from its first row on."""
    clock = Clock()
    text = EAST + theft("slowed_register", "share = 0.5", begin=str(-10 * 86_400))
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        now = fleet.clock()
        thief = named(fleet, "east-002")
        stamps = fleet.station("east-002").memory(now).profile.stamps(1, 0, 5000, None, now)
        begin = EVENING - 10 * DAY
        first = next(stamp for stamp in stamps if stamp.at >= begin)
        whole = used(thief, first.at, stamps[-1].at)
        assert abs(gained(thief, first.at, stamps[-1].at) - whole // 2) <= 8
        assert gained(thief, stamps[0].at, begin) == used(thief, stamps[0].at, begin)
    stolen = Truth.load(tmp_path / "truth.csv").at("east-002", STOLEN, EVENING)
    assert stolen is not None
    assert stolen > 1


@pytest.mark.parametrize(
    ("kind", "more", "factor"),
    [("vacancy", "", 0.05), ("efficiency", "share = 0.3", 0.7), ("growth", "share = 0.5", 1.5)],
)
async def test_honest_changes_are_counted(tmp_path: Path, kind: str, more: str, factor: float) -> None:
    clock = Clock()
    async with Fleet(kept(EAST + change(kind, more), tmp_path), clock) as fleet:
        meter = named(fleet, "east-002")
        usual = used(meter, START, END)
        clock.to(20_000)
        fleet.clock()
        assert gained(meter, START, END) == used(meter, START, END)
        assert used(meter, START, END) / usual == pytest.approx(factor, rel=1e-4)
        assert meter.stolen(END) is None


async def test_tenants_are_others_and_roofs_give_back_in_the_sun(tmp_path: Path) -> None:
    clock = Clock()
    text = EAST + change("tenant") + change("rooftop", meter="east-003")
    noon = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        usual = used(named(fleet, "east-002"), START, END)
        clock.to((noon - EVENING).total_seconds())
        now = fleet.clock()
        assert used(named(fleet, "east-002"), START, END) != usual
        roof = named(fleet, "east-003")
        assert value(roof, "active_power", now) < 0
        before, after = (sum(roof.counters("export", roof.second(at))) for at in (START, now))
        assert after > before


async def test_a_total_meter_sees_what_is_used_and_what_is_lost(tmp_path: Path) -> None:
    clock = Clock()
    text = SHOP + AREA + theft("bypass", "share = 0.6") + change("vacancy", meter="shop-001")
    text += '\n[[outage]]\nat = 1200\nseconds = 600\nmeter = ["east-001"]\n'
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        for seconds in (0, 599, 601, 1201, 1801, 3600, 20_000):
            clock.to(seconds)
            fleet.clock()
        total = named(fleet, "east-006")
        members = [named(fleet, name) for name in (*(f"east-00{n}" for n in range(1, 6)), "shop-001")]
        for begin, end in ((EVENING, START), (START, END)):
            taken = sum(used(member, begin, end) for member in members)
            meant = taken * 1.02 + 50 * (end - begin).total_seconds()
            assert abs(gained(total, begin, end) * 3 - meant) < 30
        watts = [m.snapshot(END).watts if m.name != "east-002" else sum(m.snapshot(END).drawn) for m in members]
        assert abs(total.snapshot(END).watts * 3 - (sum(watts) * 1.02 + 50)) < 10
        write_registry(fleet, tmp_path / "registry")
    truth = Truth.load(tmp_path / "truth.csv")
    for seconds in (0, 599, 700, 1300, 1900, 19_000):
        at = EVENING + timedelta(seconds=seconds)
        assert truth.at("east-006", "active_energy_import", at) == total.value(ENERGY, at)

    def rows(name: str) -> list[list[str]]:
        return list(csv.reader((tmp_path / "registry" / name).read_text().splitlines()))[1:]

    since = EVENING.isoformat(timespec="seconds")
    assert rows("totals.csv") == [["east-006", since, "A1"]]
    assert rows("area_feeders.csv") == [["A1", "F1", since]]
    assert [row[0] for row in rows("area_points.csv")] == [f"P-{m.name}" for m in members]
    assert {row[0]: row[4] for row in rows("meters.csv")}["east-006"] == "3"
    assert "P-east-006" not in {row[0] for row in rows("points.csv")}


async def test_meters_hang_since_a_moment_that_is_stated(tmp_path: Path) -> None:
    hung = "2026-10-01T00:00:00+08:00"
    async with Fleet(kept(f"hung = {hung}\n" + SHOP + AREA, tmp_path), Clock()) as fleet:
        write_registry(fleet, tmp_path)
    for name, column in (("meters.csv", "created"), ("points.csv", "from"), ("totals.csv", "from")):
        rows = list(csv.DictReader((tmp_path / name).read_text().splitlines()))
        assert {row[column] for row in rows} == {hung}
    with pytest.raises(ScenarioError, match="hung: expected a moment with its offset"):
        parse("hung = 2026-10-01T00:00:00\n" + SHOP, "lab.toml")


def test_who_is_drawn_follows_from_the_seed(tmp_path: Path) -> None:
    text = SHOP + AREA + '[[theft]]\nkind = "bypass"\narea = "A1"\nmeters = 2\nshare = 0.5\nfrom = 0\n'
    text += '[[theft]]\nkind = "slowed_register"\narea = "east"\nmeters = 2\nshare = 0.5\nfrom = 0\n'

    def drawn(scenario: str) -> list[str]:
        return [deed.customer.name for deed in Fleet(parse(scenario, "lab.toml"), Clock()).deeds]

    found = drawn(text)
    assert found == drawn(text)
    assert len(set(found)) == 4
    assert "east-006" not in found
    assert any(drawn(f"seed = {seed}\n" + text) != found for seed in range(2, 6))


async def test_the_conduct_is_told(tmp_path: Path) -> None:
    text = SHOP + AREA + theft("phase_reversal", 'phase = 3\nhours = "08:00-18:00"\nto = 2026-12-01T00:00:00+08:00')
    async with Fleet(kept(text + change("efficiency", "share = 0.25", "shop-002"), tmp_path), Clock()):
        pass
    rows = list(csv.reader((tmp_path / "conduct.csv").read_text().splitlines()))
    assert rows[0] == list(COLUMNS)
    begin = START.isoformat()
    assert rows[1:] == [
        ["east-002", "260000100002", "A1", "theft", "phase_reversal", begin, "2026-11-30T16:00:00+00:00",
         "08:00-18:00", "", "3", ""],
        ["shop-002", "2", "", "change", "efficiency", begin, "", "", "0.25", "", ""],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (theft("magic"), r"theft\[0\].kind: 'magic', expected one of bypass, "),
        (change("bypass"), r"change\[0\].kind: 'bypass', expected one of vacancy, "),
        (theft("bypass"), r"theft\[0\].share: none, expected 0.001 to 1"),
        (theft("bypass", "share = 1.2"), r"theft\[0\].share: 1.2, expected 0.001 to 1"),
        (theft("bypass", "share = 0"), r"theft\[0\].share: 0, expected"),
        (theft("phase_missing", "share = 0.5"), r"theft\[0\].share: phase_missing has none"),
        (theft("phase_missing", "phase = 4"), r"theft\[0\].phase: 4, expected 1 to 3"),
        (theft("bypass", "share = 0.5\nphase = 1"), r"theft\[0\].phase: 1, expected .* one phase"),
        (theft("bypass", 'share = 0.5\nhours = "25:00-26:00"'), r"theft\[0\].hours: .*such as 21:00-06:00"),
        (theft("bypass", "share = 0.5\nmeters = 2"), r"theft\[0\].meter: expected either"),
        (theft("bypass", "share = 0.5", begin="2026-11-22T10:00:00"), r"theft\[0\].from: expected a moment with"),
        (theft("bypass", "share = 0.5\nto = 600"), r"theft\[0\].to: .*expected after"),
        (theft("bypass", "share = 0.5", "east-009"), r"theft\[0\].meter: no meter 'east-009'"),
        (theft("bypass", "share = 0.5", "east-006"), r"theft\[0\].meter: no meter 'east-006' that may"),
        (theft("bypass", "share = 0.5") + theft("phase_missing", begin="900"), r"theft\[1\].meter: .*struck already"),
        (theft("neutral_missing"), r"theft\[0\].meter: east-002 has 3 phase"),
        (theft("meter_swap"), r"theft\[0\].with: expected the other meter"),
        (theft("meter_swap", 'with = "east-002"'), r"theft\[0\].with: 'east-002', expected another meter"),
        (theft("meter_swap", 'with = "east-003"') + change("vacancy", meter="east-003"), r"change\[0\].*struck"),
        (DRAWN + 'area = "A9"\nmeters = 1', r"theft\[0\].area: no area, bus"),
        (DRAWN + 'area = "A1"\nmeters = 7', r"theft\[0\].meters: 7, but 6 of"),
        (theft("bypass", "share = 0.5") + '[[exchange]]\nat = 900\nmeter = "east-002"\naddress = "99"\n',
         r"theft\[0\].meter: .*is exchanged at"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: {reason}"):
        Fleet(parse(SHOP + AREA + text, "lab.toml"), Clock())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"east-006"', '"east-066"', r"area\[0\].total: no meter 'east-066'"),
        ('["east", "shop-001"]', '["west"]', r"area\[0\].members: no bus or meter 'west'"),
        ('["east", "shop-001"]', '["east-006"]', r"area\[0\].members: 'east-006' is a total meter"),
        ('["east", "shop-001"]', '["east", "east-001"]', r"area\[0\]: east-001 is of A1 already"),
        ('["east", "shop-001"]', "[]", r"area\[0\].members: expected names"),
        ("ratio = 3", "ratio = 0", r"area\[0\].ratio: ratio is at least 1"),
        ('"A1"', '""', r"area\[0\].name: expected a name"),
    ],
)
def test_areas_that_are_none(old: str, new: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: {reason}"):
        Fleet(parse(SHOP + AREA.replace(old, new), "lab.toml"), Clock())


def test_a_total_meter_must_be_able_to_show_it() -> None:
    text = EAST.replace("meters = 6", "meters = 60").replace('load = "shop"', 'load = "works"') + AREA
    with pytest.raises(ScenarioError, match=r"area\[0\].ratio: 3, up to \d+ W are more than east-006 can show"):
        Fleet(parse(text.replace(', "shop-001"', ""), "lab.toml"), Clock())
