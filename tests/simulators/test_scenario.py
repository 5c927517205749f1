"""Scenario files: what is wrong is told with file, key and expectation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocols.quantities import quantity
from simulators.demo import demo_cast, demo_scenario
from simulators.fleet import plan
from simulators.scenario import Scenario, ScenarioError, load, parse, standard_offset_s

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUS = '[[bus]]\nprotocol = "dlt645"\ncarrier = "pty"\nmeters = 2\n'
MODBUS = '[[bus]]\nprotocol = "modbus"\ncarrier = "tcp://127.0.0.1:0"\nframing = "tcp"\nmeters = 2\n'


def planned(text: str) -> list[str]:
    """Names and addresses of all meters."""
    return [f"{m.name} {m.address}" for bus in plan(parse(text, "lab.toml"), NOW) for m in bus.meters]


def test_a_small_scenario() -> None:
    assert planned(BUS + MODBUS) == [
        "bus-1-001 260000100001",
        "bus-1-002 260000100002",
        "bus-2-001 1",
        "bus-2-002 2",
    ]


def test_buses_can_be_repeated() -> None:
    text = BUS.replace('"pty"', '"pty:///tmp/{bus}"') + 'name = "east"\nrepeat = 3\n'
    scenario = parse(text, "lab.toml")
    buses = plan(scenario, NOW)
    assert [bus.name for bus in buses] == ["east-1", "east-2", "east-3"]
    assert len({meter.address for bus in buses for meter in bus.meters}) == 6


def test_addresses_can_be_given() -> None:
    assert planned(BUS.replace("meters = 2", 'addresses = ["7", "123456789012"]')) == [
        "bus-1-001 000000000007",
        "bus-1-002 123456789012",
    ]


def test_meters_follow_from_seed_and_name_alone() -> None:
    """Another bus before them changes nothing but their addresses."""
    item = quantity("active_energy_import")

    def values(text: str) -> list[object]:
        buses = {bus.name: bus for bus in plan(parse(text, "lab.toml"), NOW)}
        return [meter.value(item, NOW) for meter in buses["b"].meters]

    named = BUS + 'name = "b"\n'
    assert values(named) == values(BUS + named)
    assert values(named) != values("seed = 2\n" + named)
    assert len(set(values(named))) == 2


def test_clocks_are_wrong_within_the_spread() -> None:
    text = BUS.replace("meters = 2", "meters = 50") + "clock_spread_s = 30\n"
    offsets = [m.clock_offset_s for bus in plan(parse(text, "lab.toml"), NOW) for m in bus.meters]
    assert min(offsets) >= -30
    assert max(offsets) <= 30
    assert len(set(offsets)) > 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed = [", "not TOML"),
        ("seed = 1\n", "bus: expected at least one"),
        ('path = "x"\n' + BUS, "unknown key path"),
        ("bus = []\n", "bus: expected at least one"),
        ("speed = 1\n" + BUS, "unknown field `speed`"),
        (BUS + 'colour = "red"\n', r"bus\[0\]: Object contains unknown field `colour`"),
        ('seed = "1"\n' + BUS, "seed: Expected `int`"),
        (BUS.replace("dlt645", "dlms"), r"bus\[0\].protocol: Invalid enum value"),
        ("tick_s = 0\n" + BUS, "tick_s: 0, expected whole seconds"),
        ('timezone = "Moon/Base"\n' + BUS, "timezone: 'Moon/Base' is no time zone"),
        (BUS + BUS.replace("meters", 'name = "bus-1"\nmeters'), r"bus\[1\].name: 'bus-1' stands twice"),
        (BUS.replace("meters = 2", ""), r"bus\[0\].meters: expected either"),
        (BUS + 'addresses = ["1"]\n', r"bus\[0\].meters: expected either"),
        (BUS.replace("meters = 2", "meters = -1"), r"bus\[0\].meters: expected either"),
        (MODBUS.replace("meters = 2", "meters = 248"), r"bus\[0\].meters: 248, expected at most 247"),
        (BUS.replace("meters = 2", 'addresses = ["1", "1"]'), r"bus\[0\].addresses: one stands twice"),
        (BUS.replace("meters = 2", 'addresses = ["1"]\nrepeat = 2'), r"bus\[0\].addresses: the same on several"),
        (BUS + "repeat = 0\n", r"bus\[0\].repeat: 0, expected"),
        (BUS + 'load = "castle"\n', r"bus\[0\].load: 'castle', expected one of home, shop, works, roof"),
        (BUS + "tick_s = -1\n", r"bus\[0\].tick_s: "),
        (BUS + "turnaround_s = -0.1\n", r"bus\[0\].turnaround_s: "),
        (BUS + "baud = -1\n", r"bus\[0\].turnaround_s: "),
        (BUS + "capture = 1.5\n", r"bus\[0\].capture: "),
        (BUS + "phases = 2\n", r"bus\[0\].phases: Invalid enum value"),
        (MODBUS + "phases = 1\n", r"bus\[0\].phases: a Modbus meter"),
        (MODBUS + "quirks = { fe = 1 }\n", r"bus\[0\].quirks: is a matter of DL/T 645"),
        (BUS + 'framing = "tcp"\n', r"bus\[0\].framing: is a matter of Modbus"),
        (BUS + "quirks = { fe = 8 }\n", r"bus\[0\].quirks: fe is 8"),
        (BUS + "quirks = { fee = 1 }\n", r"bus\[0\].quirks: Object contains unknown field `fee`"),
        (BUS + 'faults = "nois:0.1"\n', r"bus\[0\].faults: unknown fault 'nois'"),
        (MODBUS + 'faults = "corrupt:0.1"\n', r"bus\[0\].faults: Modbus TCP has no check sum"),
        (BUS.replace('"pty"', '"smoke"'), r"bus\[0\].carrier: .*expected pty, tcp"),
        (BUS.replace('"pty"', '"pty://here"'), r"bus\[0\].carrier: .*pty:///path"),
        (BUS.replace('"pty"', '"tcp://127.0.0.1"'), r"bus\[0\].carrier: .*expected a port"),
        (BUS.replace('"pty"', '"tcp://127.0.0.1:0/x"'), r"bus\[0\].carrier: .*unexpected path"),
        (BUS.replace('"pty"', '"dial://127.0.0.1:0"'), r"bus\[0\].carrier: .*no port"),
        (BUS.replace('"pty"', '"dial://127.0.0.1:7?register=re:x"'), r"bus\[0\].carrier: .*expected text or hex"),
        (BUS.replace('"pty"', '"dial://127.0.0.1:7?heart=x"'), r"bus\[0\].carrier: .*unknown parameter 'heart'"),
        (BUS.replace('"pty"', '"mqtt://host/up"'), r"bus\[0\].carrier: .*'down' is missing"),
        (BUS.replace('"pty"', '"mqtt://h/up?down=d"') + "repeat = 2\n", r"bus\[0\].carrier: the same for several"),
    ],
)
def test_a_wrong_file_says_where_and_what(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: .*{reason}"):
        parse(text, "lab.toml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BUS + 'model = "nonesuch"\n', r"bus\[0\].model: unknown model 'nonesuch'"),
        (BUS + 'model = "eastron_sdm630"\n', r"bus\[0\].model: eastron_sdm630 speaks modbus"),
        (BUS.replace("meters = 2", 'addresses = ["12x"]'), r"bus\[0\].addresses: not a DL/T 645 address"),
        (BUS.replace("meters = 2", 'addresses = ["999999999999"]'), r"bus\[0\].addresses: .*no single meter's"),
        (BUS.replace("meters = 2", 'addresses = ["AAAAAAAAAAAA"]'), r"bus\[0\].addresses: .*no single meter's"),
        (MODBUS.replace("meters = 2", 'addresses = ["256"]'), r"bus\[0\].addresses: Modbus address '256'"),
        (BUS.replace("meters = 2", 'addresses = ["1"]') * 2, "address 000000000001 is that of bus-1-001 already"),
    ],
)
def test_what_the_meters_themselves_refuse(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: .*{reason}"):
        plan(parse(text, "lab.toml"), NOW)


def test_a_file_is_read_and_its_truth_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text('truth = "t.csv"\n' + BUS)
    assert load(str(path)).truth_path == tmp_path / "t.csv"
    with pytest.raises(ScenarioError, match=r"nofile\.toml: No such file"):
        load(str(tmp_path / "nofile.toml"))


def test_meters_keep_standard_time() -> None:
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert standard_offset_s("Europe/Berlin", july) == standard_offset_s("Europe/Berlin", NOW) == 3600
    assert standard_offset_s("Asia/Shanghai", july) == 8 * 3600


@pytest.mark.parametrize("meters", [1, 8, 9, 50, 63, 1000, 10_000])
def test_the_demo_has_as_many_meters_as_asked(meters: int) -> None:
    scenario = demo_scenario(meters, dtu="127.0.0.1:7")
    cast = demo_cast(scenario)
    there = {meter.name for bus in plan(scenario, NOW) for meter in bus.meters}
    assert len(there - {cast.new}) == meters
    assert {cast.old, cast.new, cast.dead or cast.old} <= there
    if meters >= 9:
        schemes = {bus.carrier.partition(":")[0] for bus in scenario.bus}
        assert schemes == {"pty", "tcp", "dial", "mqtt"}
        assert {(bus.protocol, bus.framing) for bus in scenario.bus} == {
            ("dlt645", "rtu"),
            ("modbus", "rtu"),
            ("modbus", "tcp"),
        }
    assert len(scenario.bus) <= max(9, meters // 5 + 1)


def test_the_demo_follows_from_its_seed() -> None:
    def energies(scenario: Scenario) -> list[object]:
        item = quantity("active_energy_import")
        return [meter.value(item, NOW) for bus in plan(scenario, NOW) for meter in bus.meters]

    assert energies(demo_scenario(20, 5)) == energies(demo_scenario(20, 5)) != energies(demo_scenario(20, 6))
    with pytest.raises(ValueError, match="0 meters"):
        demo_scenario(0)
